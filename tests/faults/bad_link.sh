#!/usr/bin/env bash
# A link with loss, delay, reordering and doubled packets between client and host, each in a network
# name space of its own: every byte arrives as it was sent, clients that vanish are noticed, and a
# stop in mid-traffic ends in order. Skipped if name spaces or TUN interfaces are not permitted.
script=$(realpath "${BASH_SOURCE[0]}")
source "$(dirname "${BASH_SOURCE[0]}")/bad_link_common.sh"
start_wire

for ports in shared per_core; do
    config $ports '{ "name": "it", "listen": "10.90.0.2:0", "plugin": "echo" }' \
        "\"io\": { \"ports\": \"$ports\" }, \"log\": { \"level\": \"debug\" }, \"shutdown\": { \"drain_ms\": 30000 }"
    start_host $ports || continue
    port=$(port_of $ports it)
    "${client[@]}" 10.90.0.2 "$port" --size 1-60000 --connections 20 --count 8 --depth 4 \
        --timeout 60s >$ports.load 2>&1 &
    load_pid=$!
    started_pids+=("$load_pid")
    ! load_is_right $ports "$load_pid" ||
        ok "$ports: $(value $ports received) replies, none wrong or lost"
    eventually 60 all_are_closed $ports || fail "$ports: connections are left" $ports.log

    "${client[@]}" 10.90.0.2 "$port" --size 1-60000 --connections 20 \
        --depth 4 $for_long >killed.load 2>&1 &
    load_pid=$!
    started_pids+=("$load_pid")
    eventually 60 has_clients $ports 40 ||
        fail "$ports: the clients to be killed do not come" $ports.log
    kill -KILL "$load_pid"
    wait "$load_pid" 2>/dev/null
    if eventually 60 all_are_closed $ports; then
        ok "$ports: killed clients are noticed"
    else
        fail "$ports: killed clients are left" $ports.log
    fi

    "${client[@]}" 10.90.0.2 "$port" --size 1-60000 --connections 20 \
        --depth 4 $for_long >stopped.load 2>&1 &
    load_pid=$!
    started_pids+=("$load_pid")
    eventually 60 has_clients $ports 60 ||
        fail "$ports: the clients of the stop do not come" $ports.log
    ! stop_host $ports $stop_signal || ok "$ports: it stops in order, in mid-traffic"
    wait_gone "$load_pid" 60
    if [ "$code" -ne 3 ] || [ "$(value stopped wrong)" != 0 ]; then
        fail "$ports: the client's exit code is $code" stopped.load
    fi
done

kill -TERM "$wire_pid"
wait_gone "$wire_pid" 30
if grep -qE '^carried [1-9][0-9]* lost [1-9][0-9]* overtaken [1-9][0-9]* doubled [1-9]' \
    wire.out; then
    ok "the wire: $(last_line wire.out)"
else
    fail 'the wire was not bad' wire.out wire.err
fi
finish
