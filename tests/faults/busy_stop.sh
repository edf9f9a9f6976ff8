#!/usr/bin/env bash
# A stop while 500 connections are busy ends in order, within the drain's time, and no reply that
# comes is wrong.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

for ports in shared per_core; do
    config $ports '{ "name": "it", "listen": "127.0.0.1:0", "plugin": "echo" }' \
        "\"io\": { \"ports\": \"$ports\" }, \"log\": { \"level\": \"debug\" }, \"shutdown\": { \"drain_ms\": 30000 }"
    start_host $ports || continue
    start_load $ports "$(port_of $ports it)" --size 1-20000 --connections 500 --depth 4 $for_long
    eventually 120 has_clients $ports 500 ||
        fail "$ports: the clients do not come" $ports.log $ports.load
    is_busy "$host_pid" || fail "$ports: the host has nothing to do" $ports.log
    if stop_host $ports $stop_signal; then
        if ! grep -q 'draining 500 connections' $ports.log; then
            fail "$ports: not 500 connections when the stop began" $ports.log
        elif grep -q "deadline cut" $ports.log; then
            fail "$ports: connections were cut" $ports.log
        else
            ok "$ports: 500 busy connections drained, none cut, exit code 0, \"stopped\" last"
        fi
    fi
    wait_gone "$load_pid" 120
    # The client's connections end before its work does, and it says so.
    if [ "$code" -eq 3 ] && [ "$(value $ports wrong)" = 0 ] &&
        [ "$(value $ports unexpected)" = 0 ] && [ "$(value $ports received)" -gt 0 ]; then
        ok "$ports: $(value $ports received) replies until then, none wrong"
    else
        fail "$ports: the client's exit code is $code" $ports.load
    fi
done
finish
