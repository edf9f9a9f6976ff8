#!/usr/bin/env bash
# The recipes of docs/guide/plugins_in_cpp.md, each served by the host and asked for what it
# promises.
source "$(dirname "${BASH_SOURCE[0]}")/../integration/common.sh"

listener() { # NAME SETTINGS [MORE]
    echo "  { \"name\": \"$1\", \"listen\": \"127.0.0.1:0\", \"plugin\": \"$1\","
    echo "    \"settings\": { $2 },"
    echo "    \"framing\": { \"type\": \"delimiter\", \"delimiter\": \"\\n\" },"
    echo "    \"limits\": { \"send_queue_bytes\": 65536, \"max_send_bytes\": 65536 },"
    echo "    \"executor_threads\": 4, \"executor_queue\": 1${3-} }"
}
{
    echo "{ \"plugin_directory\": \"$plugin_directory\", \"shutdown\": { \"drain_ms\": 20000 },"
    echo "  \"listeners\": ["
    listener large_replies '' && echo ,
    listener out_of_order '' && echo ,
    listener timeouts '"name_ms": 300, "line_ms": 600' && echo ,
    listener blocking '' && echo ,
    listener broadcasting '' && echo ,
    listener looking_up '' && echo ,
    listener shutdown ''
    echo "] }"
} >it.json
start_host it || finish

ask() { # LISTENER TEXT LINES: as ask_port
    ask_port "$(port_of it "$1")" "$2" "$3"
}
exec 9<>"/dev/tcp/127.0.0.1/$(port_of it large_replies)"
printf 'whole 5000000\nstream 5000000\nwhole 3\nstream 20000000\nwhole 1000\n' >&9
timeout 60 head -c 30001003 <&9 >large.txt
exec 9>&-
same 'large replies and streams, one after the other' wswsw "$(tr -s ws <large.txt)"
same 'the replies are whole' 5001003 "$(tr -cd w <large.txt | wc -c | tr -d ' ')"
same 'the streams are whole' 25000000 "$(tr -cd s <large.txt | wc -c | tr -d ' ')"

same 'replies in another order' $'fast\nslow' "$(ask out_of_order 'slow 700\nfast 10\n' 2)"
printf 'gone 100\n' >"/dev/tcp/127.0.0.1/$(port_of it out_of_order)" # nobody waits for this one

answer=$(ask timeouts '' 0 2>/dev/null)
if [ -z "$answer" ] && eventually 5 grep -q 'no timer' it.log; then
    echo 'timers: this host has none'
else
    same 'no name in time' 'who are you?' "$answer"
    same 'a name, a line, and then nothing' $'hello ann\nann: hi\ngoodbye ann' \
        "$(ask timeouts 'ann\nhi\n' 0)"
fi

# Four calls of 200 ms each run at once. Another listener, which is asked meanwhile, answers too.
for i in 1 2 3 4; do ask blocking "$i\n" 1 >"blocked$i.txt" & asking[i]=$!; done
same 'another listener answers meanwhile' quick "$(ask out_of_order 'quick 0\n' 1)"
wait "${asking[@]}"
same 'what the library said' $'value of 1\nvalue of 2\nvalue of 3\nvalue of 4' \
    "$(cat blocked?.txt | sort)"
same 'one after the other' $'value of a\nvalue of b' "$(ask blocking 'a\nb\n' 2)"

exec 7<>"/dev/tcp/127.0.0.1/$(port_of it broadcasting)"
exec 8<>"/dev/tcp/127.0.0.1/$(port_of it broadcasting)"
printf 'watch tea\nwatch milk\n' >&7
printf 'watch tea\n' >&8
read -r -t 30 line <&7 && read -r -t 30 line <&7 && read -r -t 30 line <&8
printf 'set milk none\nset tea 3 cups\nforget tea\nset tea 4 cups\n' >&8
same 'who watches a name is told' $'milk=none\ntea=3 cups\ntea=4 cups' \
    "$(timeout 30 head -n 3 <&7)"
same 'so is the setter, before its answer' $'set\ntea=3 cups\nset\nforgotten\nset' \
    "$(timeout 30 head -n 5 <&8)"
exec 7>&- 8>&-

same 'a literal address, a name, and what is none' $'127.0.0.1:80\nno name\n[::1]:443' \
    "$(ask looking_up '127.0.0.1:80\nno port\n[::1]:443\n' 3)"
address=$(ask looking_up 'localhost:5000\n' 1)
if [[ " $address " == *' 127.0.0.1:5000 '* ]]; then
    ok 'the addresses of localhost'
else
    fail "localhost has the addresses \"$address\"" it.log
fi

# A host of its own, because the address of its upstream must be known before.
upstream() { # PORT
    echo ", \"upstreams\": { \"backend\": { \"address\": \"127.0.0.1:$1\","
    echo "    \"framing\": { \"type\": \"delimiter\", \"delimiter\": \"\\n\" } } }"
}
first_pid=$host_pid
{
    echo "{ \"plugin_directory\": \"$plugin_directory\", \"listeners\": ["
    listener retrying '' "$(upstream "$(port_of it broadcasting)")"
    echo "] }"
} >up.json
{
    echo "{ \"plugin_directory\": \"$plugin_directory\", \"listeners\": ["
    listener retrying '' "$(upstream 1)"
    echo "] }"
} >down.json
for there in up down; do
    start_host "$there" || finish
    exec 9<>"/dev/tcp/127.0.0.1/$(port_of "$there" retrying)"
    printf 'set tea 1\nset tea 2\n' >&9
    case $there in
    up) expected=$'set\nset' ;;
    *) expected=$'the backend is down\nthe backend is down' ;;
    esac
    same "two questions to a backend that is $there" "$expected" "$(timeout 60 head -n 2 <&9)"
    exec 9>&-
    ! stop_host "$there" $stop_signal || ok "its host ends in order"
done
same 'it was tried four times for each' 8 "$(grep -c 'connect to 127.0.0.1:1: ' down.log)"
host_pid=$first_pid

exec 7<>"/dev/tcp/127.0.0.1/$(port_of it shutdown)" 8<>"/dev/tcp/127.0.0.1/$(port_of it shutdown)"
printf 'begin\n' >&7
printf 'begin\ncommit\n' >&8
read -r -t 30 line <&7 && same 'a transaction has begun' begun "$line"
read -r -t 30 line <&8 && read -r -t 30 line <&8 && same 'another one is over' committed "$line"
# A reply that has begun, of a plugin without on_drain: the stop waits for all of it.
exec 6<>"/dev/tcp/127.0.0.1/$(port_of it large_replies)"
printf 'whole 30000000\n' >&6
timeout 30 head -c 1000 <&6 >begun.txt
kill "-$stop_signal" "$host_pid"
same 'the idle peer is told' goodbye "$(timeout 30 cat <&8)"
printf 'begin\ncommit\n' >&7
same 'the busy one may commit' $'not now\ncommitted' "$(timeout 30 cat <&7)"
timeout 60 cat <&6 >rest.txt
same 'a reply that had begun comes whole' 30000000 "$(cat begun.txt rest.txt | wc -c | tr -d ' ')"
exec 6>&- 7>&- 8>&-
wait_gone "$host_pid" 60
same 'the host ends in order' 0 "$code"
if grep -q 'listener=shutdown no new transactions' it.log; then
    ok 'on_stop was called'
else
    fail 'on_stop was not called' it.log
fi
finish
