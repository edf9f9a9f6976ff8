#!/usr/bin/env bash
# examples/tcp_proxy in front of the echo plugin, driven by the client and by nc: verified load, a
# slow reader, ends of streams, servers that are down, limits, and the PROXY header. On the backend
# that the host chooses, and on Linux on epoll as well.
source "$(dirname "${BASH_SOURCE[0]}")/../integration/common.sh"
need nc

connections=200 count=100 megabytes=50
if [ -n "$emulator" ]; then connections=64 count=20 megabytes=10; fi
if [ -n "$sanitized" ]; then connections=40 count=20 megabytes=10; fi

# An upstream of the listener "NAME", whose settings name it: listener NAME UPSTREAM-KEYS.
listener() {
    echo "{ \"name\": \"$1\", \"listen\": \"127.0.0.1:0\", \"plugin\": \"tcp_proxy\",
            \"settings\": { \"upstream\": \"backend\" },
            \"limits\": { \"send_queue_bytes\": 262144 },
            \"upstreams\": { \"backend\": { $2 } } }"
}
serve() { # BACKEND
    cat >origin.json <<JSON
{ "plugin_directory": "$plugin_directory", "io": { "threads": 1 },
  "listeners": [ { "name": "echo", "listen": "127.0.0.1:0", "plugin": "echo",
                   "limits": { "send_queue_bytes": 262144 } } ] }
JSON
    start_host origin || finish
    origin_pid=$host_pid
    local echo_address
    echo_address="\"address\": \"127.0.0.1:$(port_of origin echo)\""
    cat >it.json <<JSON
{ "plugin_directory": "$plugin_directory",
  "io": { "backend": "$1", "threads": 2 },
  "listeners": [
    $(listener through "$echo_address, \"limits\": { \"send_queue_bytes\": 262144 }"),
    $(listener narrow "$echo_address, \"limits\": { \"connections\": 1 }"),
    $(listener named "$echo_address, \"send_proxy\": \"v1\""),
    $(listener down '"address": "127.0.0.1:1"') ] }
JSON
    start_host it || finish
}
same() { # WHAT EXPECTED FOUND
    if [ "$2" = "$3" ]; then
        ok "$1"
    else
        fail "$1: expected \"$2\", found \"${3:0:300}\"" it.log
    fi
}
# The most memory that the host has had, in MiB.
peak_of() { awk '/^VmHWM/ { print int($2 / 1024) }' "/proc/$1/status"; }

load() {
    "${client[@]}" 127.0.0.1 "$(port_of it through)" --size 1-60000 --connections $connections \
        --count $count --depth 8 --timeout 120s >client.txt 2>&1
    local code=$?
    value() { tr -d '\r' <client.txt | sed -n "s/^$1  *//p"; }
    if [ $code -ne 0 ] || [ "$(value received)" != $((connections * count)) ] ||
        [ "$(value wrong)" != 0 ] || [ "$(value lost)" != 0 ]; then
        fail "the client's exit code is $code" client.txt it.log
    else
        ok "$(value received) replies through the proxy, none wrong or lost"
    fi
}
# Its reader sleeps, so both directions fill up; nothing is lost, and nothing is hoarded.
slow_reader() {
    local before
    [ -n "$emulator" ] || before=$(peak_of "$host_pid")
    same 'a slow reader gets all' $((megabytes * 1000000)) "$(
        head -c $((megabytes * 1000000)) /dev/zero | timeout 120 nc -N 127.0.0.1 "$1" |
            { sleep 2; wc -c; } | tr -d ' '
    )"
    if [ -z "$emulator$sanitized" ]; then
        local more=$(($(peak_of "$host_pid") - before))
        if [ "$more" -le 8 ]; then
            ok "and costs $more MiB at most"
        else
            fail "a slow reader costs $more MiB" it.log
        fi
    fi
}
ends() {
    same 'an end of stream is handed on, and the answer comes back' 'over and out' \
        "$(printf 'over and out' | timeout 30 nc -N 127.0.0.1 "$(port_of it through)")"
    same 'a server that is down ends the client' '' \
        "$(printf 'hello' | timeout 30 nc -N 127.0.0.1 "$(port_of it down)")"
    if eventually 10 grep -q 'connect to 127.0.0.1:1: ' it.log; then
        ok 'the log says why'
    else
        fail 'the log does not say why' it.log
    fi
}
limit() {
    local port
    port=$(port_of it narrow)
    exec 7<>"/dev/tcp/127.0.0.1/$port"
    printf 'first\n' >&7
    local line=
    read -r -t 30 -u 7 line
    same 'the one connection of a narrow upstream' 'first' "$line"
    same 'the next client is turned away' '' \
        "$(printf 'second\n' | timeout 30 nc -N 127.0.0.1 "$port" 2>/dev/null)"
    exec 7>&-
    second_comes() {
        [ "$(printf 'second\n' | timeout 30 nc -N 127.0.0.1 "$port" 2>/dev/null)" = second ]
    }
    if eventually 20 second_comes; then
        ok 'and comes when the place is free'
    else
        fail 'the place does not become free' it.log
    fi
}
header() {
    local port found expected
    port=$(port_of it named)
    found=$(printf 'hello' | timeout 30 nc -N 127.0.0.1 "$port" | tr '\r\n' '| ')
    expected="^PROXY TCP4 127\\.0\\.0\\.1 127\\.0\\.0\\.1 [0-9]+ $port\\| hello\$"
    if [[ $found =~ $expected ]]; then
        ok 'the server is told for which client the connection is'
    else
        fail "the server is told \"$found\"" it.log
    fi
}

drive() { # BACKEND
    serve "$1"
    load
    slow_reader "$(port_of it through)"
    ends
    limit
    header
    ! stop_host it $stop_signal || ok 'the proxy stops in order'
    kill "-$stop_signal" "$origin_pid"
    wait_gone "$origin_pid" 60
    same 'and so does the server behind it' 0 "$code"
}
drive auto
if [ -z "$emulator" ] && [ "$(uname)" = Linux ]; then drive epoll; fi

cat >wrong.json <<JSON
{ "plugin_directory": "$plugin_directory",
  "listeners": [ { "name": "it", "listen": "127.0.0.1:0", "plugin": "tcp_proxy",
                   "settings": { "upstream": "nobody" } } ] }
JSON
"${host[@]}" check wrong.json >wrong.txt 2>&1
if grep -q 'upstream.*found "nobody", expected a name' wrong.txt; then
    ok 'a setting that names no upstream is found by the check'
else
    fail 'a setting that names no upstream is not found' wrong.txt
fi
finish
