#!/usr/bin/env bash
# examples/redis_like, driven by Redis's own programs: on the backend that the host chooses, and on
# Linux on epoll as well.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../integration/common.sh"
need redis-cli
need redis-benchmark

serve() { # BACKEND
    cat >it.json <<JSON
{ "plugin_directory": "$plugin_directory",
  "io": { "backend": "$1" },
  "listeners": [ { "name": "redis", "listen": "127.0.0.1:0", "plugin": "redis_like",
                   "limits": { "unconsumed_bytes": 16777216, "send_queue_bytes": 65536 } } ] }
JSON
    start_host it || finish
    port=$(port_of it redis)
}
cli() { timeout 60 redis-cli -h 127.0.0.1 -p "$port" "$@" 2>&1; }

drive() {
    same 'PING' PONG "$(cli PING)"
    same 'SET and GET' $'OK\nvalue of two words' "$(cli SET key 'value of two words'; cli GET key)"
    same 'a pipe of inline commands' $'OK\n1\n2\n(nil)' \
        "$(printf 'SET n 0\nINCR n\nINCR n\nGET none\n' | cli --no-raw |
            sed 's/^(integer) //; s/^"\(.*\)"$/\1/')"
    same 'a wrong command' "ERR unknown command 'FLY', with args beginning with: 'a' " \
        "$(cli FLY a | head -n 1)"

    # Expired by its deadline, although nobody touches the key but to look.
    same 'a deadline' $'OK\n1' "$(cli SET short x PX 300; cli EXISTS short)"
    eventually 20 is_expired && ok 'a key expires' || fail 'the key does not expire' it.log

    # A reply far larger than the send queue, to a client that pipelines.
    head -c 3000000 /dev/zero | tr '\0' x >value.txt
    same 'a large value goes in' OK "$(cli -x SET large <value.txt)"
    same 'a large reply comes out' 3000000 "$(cli GET large | tr -d '\n' | wc -c | tr -d ' ')"
    same 'many large replies in a pipeline' 24000000 \
        "$(printf 'GET large\n%.0s' 1 2 3 4 5 6 7 8 | cli | tr -d '\n' | wc -c | tr -d ' ')"
    same 'QUIT closes after the replies' $'$3000000\n+OK' \
        "$(exchange 'GET large\r\nQUIT\r\nGET large\r\n' | tr -d '\r' | cut -c 1-20 | grep -v xxx)"
    same 'a broken command closes' "-ERR Protocol error: invalid multibulk length" \
        "$(exchange '*x\r\n' | tr -d '\r')"
    same 'commands cut anywhere' $'+OK\n$3\nabc' \
        "$(in_bytes $'*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$3\r\nabc\r\nGET k\r\nQUIT\r\n' |
            tr -d '\r' | head -n 3)"

    local pipeline
    for pipeline in 1 16; do
        timeout 120 redis-benchmark -h 127.0.0.1 -p "$port" -c 50 -n 20000 -P "$pipeline" \
            -t ping,set,get,incr --csv >benchmark.txt 2>benchmark.log
        if [ $? -eq 0 ] && [ "$(grep -c '^"' benchmark.txt)" -ge 6 ] &&
            ! grep -qi 'error' benchmark.txt; then
            ok "redis-benchmark -P $pipeline"
        else
            fail "redis-benchmark -P $pipeline" benchmark.txt benchmark.log it.log
        fi
    done
}
is_expired() { [ "$(cli EXISTS short)" = 0 ]; }
exchange() { # TEXT: sends it and prints all that comes until the end
    exec 9<>"/dev/tcp/127.0.0.1/$port"
    printf "$1" >&9
    timeout 60 cat <&9
    exec 9>&-
}
in_bytes() { # TEXT: one byte at a time
    local i
    exec 9<>"/dev/tcp/127.0.0.1/$port"
    for ((i = 0; i < ${#1}; ++i)); do printf '%s' "${1:i:1}" >&9; done
    timeout 60 cat <&9
    exec 9>&-
}

# Against Redis itself. Debian's redis-tools have the server under another name: it goes by the name
# that it is called by.
same_as_redis() {
    local program
    command -v python3 >/dev/null || return 0
    program=$(command -v redis-server || command -v redis-check-rdb) || return 0
    (exec -a redis-server "$program" --port 0 --unixsocket "$PWD/redis.sock" --save '' \
        --appendonly no >redis.log 2>&1) &
    started_pids+=($!)
    if ! eventually 10 test -S redis.sock; then
        echo 'no redis-server: nothing to compare with'
        return 0
    fi
    cli DEL a b c d n key large short k >/dev/null
    if timeout 120 python3 "$here/same_as_redis.py" "$PWD/redis.sock" "$port" >same.log 2>&1; then
        ok "$(cat same.log)"
    else
        fail 'Redis answers otherwise' same.log
    fi
}

serve auto
drive
same_as_redis
! stop_host it $stop_signal || ok 'the host stops in order'
if [ -z "$emulator" ] && [ "$(uname)" = Linux ]; then
    serve epoll
    drive
    ! stop_host it $stop_signal || ok 'the host stops in order, on epoll'
fi
finish
