#!/usr/bin/env bash
# Resources that the system may refuse: standard streams, threads, descriptors. Without descriptors
# clients wait, one line gives the reason, and service resumes when descriptors come back.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

cat >it.json <<JSON
{ "plugin_directory": "$plugin_directory",
  "listeners": [ { "name": "it", "listen": "127.0.0.1:0", "plugin": "echo" } ] }
JSON
# The host is started without standard streams: no socket or port may get their numbers, or lines of
# the log or of a plugin would go there.
streams_of() { readlink "/proc/$1/fd/0" "/proc/$1/fd/1" "/proc/$1/fd/2" | tr '\n' ' '; }
lead_nowhere() { [ "$(streams_of "$1")" = '/dev/null /dev/null /dev/null ' ]; }
cat >bare.json <<JSON
{ "plugin_directory": "$plugin_directory", "log": { "level": "debug", "file": "bare.log" },
  "listeners": [ { "name": "it", "listen": "127.0.0.1:0", "plugin": "echo",
    "settings": { "print": true } } ] }
JSON
"${host[@]}" --config bare.json <&- >&- 2>&- &
host_pid=$!
started_pids+=("$host_pid")
if eventually 60 grep -qs ' ready$' bare.log; then
    if lead_nowhere "$host_pid"; then
        ok 'a host without standard streams'
    else
        fail "the host's streams are $(streams_of "$host_pid")"
    fi
    port=$(port_of bare it)
    "${client[@]}" 127.0.0.1 "$port" --message hi --duration 60s <&- >&- 2>&- &
    client_pid=$!
    started_pids+=("$client_pid")
    if eventually 60 grep -q ' client .* connected' bare.log && lead_nowhere "$client_pid"; then
        ok 'a client without standard streams'
    else
        fail "the client's streams are $(streams_of "$client_pid")" bare.log
    fi
    kill -INT "$client_pid"
    wait_gone "$client_pid" 60
    if [ "$code" -eq 130 ]; then
        ok 'it was well until it was interrupted'
    else
        fail "the client's exit code is $code"
    fi
    ! stop_host bare $stop_signal || ok 'the host stops in order'
else
    fail 'a host without standard streams does not start' bare.log
fi

# Too little memory for the stacks of all threads: one line, exit code 2, and nothing is
# half-started. (Sanitizers need more than any limit.)
if [ -z "$sanitized" ]; then
    cat >threads.json <<JSON
{ "plugin_directory": "$plugin_directory", "io": { "ports": "shared", "threads": 1000 },
  "listeners": [ { "name": "it", "listen": "127.0.0.1:0", "plugin": "echo" } ] }
JSON
    (ulimit -s 8192 && ulimit -v 2000000 &&
        exec timeout 60 "${host[@]}" --config threads.json) >threads.out 2>&1
    code=$?
    if [ "$code" -eq 2 ] &&
        grep -q 'threads.json:1: io.threads: only [0-9]* of 1000 threads could be started' \
        threads.out && ! grep -q listening threads.out; then
        ok "too many threads: $(grep -m 1 'io.threads' threads.out | cut -c1-150)"
    else
        fail "too many threads: exit code $code, expected 2 and a line that says why" threads.out
    fi
fi

ulimit -n 60
ulimit -Hn 60 # and it cannot be raised
start_host it || finish
descriptors() { find "/proc/$host_pid/fd" -mindepth 1 | wc -l; }
before=$(descriptors)
port=$(port_of it it)
if grep -q 'may have only 60 descriptors' it.log; then
    ok 'the start warns'
else
    fail 'the start does not warn' it.log
fi

# One client comes before all others: UBSan takes a descriptor when it first looks at an object of
# the host.
"${client[@]}" 127.0.0.1 "$port" --message hi --count 1 >/dev/null 2>&1 ||
    fail 'the first client of all is not served' it.log
is_as_before() { [ "$(descriptors)" -eq "$before" ]; }
eventually 30 is_as_before || fail 'its descriptor does not come back' it.log

# 40 clients in two shells, because a shell has a limit too; the host has descriptors for fewer.
hold() { # COUNT: opens that many, prints so, and holds them until it is killed
    local i fd
    for ((i = 0; i < $1; ++i)); do exec {fd}<>"/dev/tcp/127.0.0.1/$port" || exit 1; done
    echo held
    exec sleep 600
}
hold 40 >held1 2>&1 &
first=$!
hold 40 >held2 2>&1 &
second=$!
started_pids+=("$first" "$second")
eventually 30 grep -q held held1 || fail 'the first clients cannot connect' held1
eventually 30 grep -q held held2 || fail 'the second clients cannot connect' held2
if eventually 30 grep -q 'cannot accept: ' it.log; then
    ok "the log: $(grep -m 1 'cannot accept' it.log | cut -d' ' -f3-)"
else
    fail 'the host does not run out of descriptors, or does not say so' it.log
fi
sleep 0.5 # the acceptor pauses several times: each must not write a line
if [ "$(grep -c 'cannot accept: ' it.log)" -eq 1 ]; then
    ok 'said once'
else
    fail 'said more than once in a moment' it.log
fi

# Descriptors come back, but more clients wait: they get theirs one by one, and each gets its
# replies.
"${client[@]}" 127.0.0.1 "$port" --size 1-5000 --connections 20 --count 50 --timeout 60s \
    --connect-timeout 60s >waiting.out 2>&1 &
waiting=$!
started_pids+=("$waiting")
# COUNT, accepted or not
arrived() {
    local count
    count=$(awk -v port=":$(printf %04X "$port")" 'index($2, port) && $4 == "01"' /proc/net/tcp |
        wc -l)
    [ "$count" -ge "$1" ]
}
eventually 30 arrived 100 || fail 'the clients that are to wait do not arrive'
if is_gone "$waiting"; then fail 'a client was served without a descriptor' waiting.out; fi
kill "$first" "$second"
wait_gone "$waiting" 60
if [ "$code" -eq 0 ]; then
    ok 'clients that waited are served'
else
    fail "clients that waited: exit code $code" waiting.out it.log
fi
if timeout 60 "${client[@]}" 127.0.0.1 "$port" --message back --connections 8 --count 20 \
    --quiet >client.out 2>&1; then
    ok 'service resumes'
else
    fail 'service does not resume' client.out it.log
fi
all_are_back() { [ "$(descriptors)" -eq "$before" ]; }
if eventually 30 all_are_back; then
    ok 'all descriptors are back'
else
    fail "$(descriptors) descriptors, $before before" it.log
fi
! stop_host it $stop_signal || ok 'and it stops in order'
finish
