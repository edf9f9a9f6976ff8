#!/usr/bin/env bash
# Out of descriptors: clients wait, one line says why, and service resumes when descriptors come back.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

cat >it.json <<JSON
{ "plugin_directory": "$plugin_directory",
  "listeners": [ { "name": "it", "listen": "127.0.0.1:0", "plugin": "echo" } ] }
JSON
ulimit -n 60
ulimit -Hn 60 # and it cannot be raised
start_host it || finish
port=$(port_of it it)
if grep -q 'may have only 60 descriptors' it.log; then ok 'the start warns'; else fail 'the start does not warn' it.log; fi

# 40 clients in two shells, that has a limit of its own as well; the host has descriptors for fewer.
hold() { # COUNT: opens them, says so, and holds until it is killed
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
sleep 0.5 # several rests of the acceptor: they must not write a line each
if [ "$(grep -c 'cannot accept: ' it.log)" -eq 1 ]; then ok 'said once'; else fail 'said more than once in a moment' it.log; fi
kill "$first" "$second"
if timeout 60 "${client[@]}" 127.0.0.1 "$port" --message back --connections 8 --count 20 --quiet >client.out 2>&1; then
    ok 'service resumes'
else
    fail 'service does not resume' client.out it.log
fi
! stop_host it $stop_signal || ok 'and it stops in order'
finish
