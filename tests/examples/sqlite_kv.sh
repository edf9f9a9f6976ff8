#!/usr/bin/env bash
# examples/sqlite_kv, driven over plain sockets and by the client: on the backend that the host
# chooses, and on epoll as well. What was answered with OK survives a host that is killed.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../integration/common.sh"

serve() { # BACKEND
    cat >it.json <<JSON
{ "plugin_directory": "$plugin_directory", "shutdown": { "drain_ms": 20000 },
  "io": { "backend": "$1" },
  "listeners": [ { "name": "kv", "listen": "127.0.0.1:0", "plugin": "sqlite_kv",
                   "settings": { "file": "$PWD/keys.db" }, "executor_threads": 4,
                   "framing": { "type": "delimiter", "delimiter": "\\n" } } ] }
JSON
    start_host it || finish
    port=$(port_of it kv)
}
ask() { # TEXT LINES: sends it and prints so many lines of the answer
    exec 9<>"/dev/tcp/127.0.0.1/$port" || return
    printf "$1" >&9
    timeout 60 head -n "$2" <&9
    exec 9>&-
}

drive() {
    same 'SET and GET' $'OK\nVALUE of two  words\nNONE' \
        "$(ask 'SET key of two  words\nGET key\nGET none\n' 3)"
    same 'lines that end with CR LF' $'OK\nVALUE v' "$(ask 'SET crlf v\r\nGET crlf\r\n' 2)"
    same 'a value without bytes' $'OK\nVALUE ' "$(ask 'SET empty \nGET empty\n' 2)"
    same 'the last SET counts' $'OK\nOK\nVALUE 2' "$(ask 'SET k 1\nSET k 2\nGET k\n' 3)"
    local wrong='ERROR write SET key value, or GET key'
    same 'mistakes' "$wrong"$'\n'"$wrong" "$(ask 'FLY\nGET a b\n' 2)"
    ask 'SET shared value\n' 1 >/dev/null
    local command expected
    for command in 'GET shared|VALUE value' 'SET written by many|OK'; do
        expected=${command#*|}
        if timeout 120 "${client[@]}" 127.0.0.1 "$port" --connections 64 --count 20 \
            --message "${command%|*}" --expect "text:$expected" --framing 'delimiter:\n' \
            >load.log 2>&1; then
            ok "64 connections: ${command%|*}"
        else
            fail "64 connections: ${command%|*}" load.log it.log
        fi
    done
}

serve auto
drive
# A stop waits for the answers that are under way.
exec 9<>"/dev/tcp/127.0.0.1/$port"
printf 'SET last 1\nSET last 2\nSET last 3\n' >&9
timeout 60 head -n 1 <&9 >begun.txt
! stop_host it $stop_signal || ok 'the host stops in order'
exec 9>&-
same 'the first of several was answered' OK "$(cat begun.txt)"

serve epoll
same 'the values are still there' $'VALUE of two  words\nVALUE by many' \
    "$(ask 'GET key\nGET written\n' 2)"
same 'the stop waited for all that had come' 'VALUE 3' "$(ask 'GET last\n' 1)"
drive
# Killed just after the answer.
same 'an answer' OK "$(ask 'SET durable yes\n' 1)"
kill -KILL "$host_pid"
wait_gone "$host_pid" 30
serve epoll
same 'what was answered is there after a crash' 'VALUE yes' "$(ask 'GET durable\n' 1)"
! stop_host it $stop_signal || ok 'the host stops in order, on epoll'

# A file that cannot be opened is the reason why the host does not start.
sed "s|$PWD/keys.db|$PWD/none/keys.db|" it.json >none.json
if ! timeout 60 "${host[@]}" --config none.json >none.log 2>&1 &&
    grep -q 'none/keys.db: unable to open database file' none.log; then
    ok 'a file that cannot be opened is named'
else
    fail 'a file that cannot be opened is not named' none.log
fi
finish
