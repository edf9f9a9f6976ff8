#!/usr/bin/env bash
# A link with loss, delay, reordering and doubled packets between client and host, each in a network name space of its own: every byte arrives as it
# was sent, clients that vanish are noticed, and a stop in mid-traffic ends in order. Skipped where name spaces or TUN interfaces are not permitted.
script=$(realpath "${BASH_SOURCE[0]}")
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
need ip
need unshare
need nsenter

# This shell's own name space, where the client is; it is gone with the last process in it. Where we are not root, with a user's name space around it.
if [ -z "${BAD_LINK_INSIDE:-}" ]; then
    if [ "$(id -u)" -eq 0 ]; then own=(unshare --net); else own=(unshare --net --user --map-root-user); fi
    "${own[@]}" true 2>refused || skip "no network name space of its own: $(tail -n 1 refused)"
    [ -c /dev/net/tun ] || skip 'there is no /dev/net/tun'
    BAD_LINK_INSIDE=1 exec "${own[@]}" "$BASH" "$script" --bin "$bin" --work "$work"
fi

# The host's name space, held by a process that waits.
unshare --net bash -c 'echo unshared && exec sleep 600' >unshared &
holder=$!
started_pids+=("$holder")
eventually 30 grep -q unshared unshared || skip 'no second network name space'
there=(nsenter --target "$holder" --net)
link() { # NAME ADDRESS COMMAND...
    local name=$1 address=$2
    shift 2
    "$@" ip tuntap add dev "$name" mode tun && "$@" ip address add "$address/24" dev "$name" && "$@" ip link set "$name" up
}
link wire0 10.90.0.1 env >link.err 2>&1 && link wire1 10.90.0.2 "${there[@]}" >>link.err 2>&1 || skip "no TUN interface: $(tail -n 1 link.err)"
"${BAD_WIRE:?}" 1 wire0 "/proc/$holder/ns/net" wire1 >wire.out 2>wire.err &
wire_pid=$!
started_pids+=("$wire_pid")
eventually 30 grep -q ready wire.out || fail 'the wire does not carry' wire.err

host=("${there[@]}" "${host[@]}")
for ports in shared per_core; do
    config $ports '{ "name": "it", "listen": "10.90.0.2:0", "plugin": "echo" }' \
        "\"io\": { \"ports\": \"$ports\" }, \"log\": { \"level\": \"debug\" }, \"shutdown\": { \"drain_ms\": 30000 }"
    start_host $ports || continue
    port=$(port_of $ports it)
    "${client[@]}" 10.90.0.2 "$port" --size 1-60000 --connections 20 --count 8 --depth 4 --timeout 60s >$ports.load 2>&1 &
    load_pid=$!
    started_pids+=("$load_pid")
    ! load_is_right $ports "$load_pid" || ok "$ports: $(value $ports received) replies, none wrong or lost"
    eventually 60 all_are_closed $ports || fail "$ports: connections are left" $ports.log

    "${client[@]}" 10.90.0.2 "$port" --size 1-60000 --connections 20 --depth 4 $for_long >killed.load 2>&1 &
    load_pid=$!
    started_pids+=("$load_pid")
    eventually 60 has_clients $ports 40 || fail "$ports: the clients to be killed do not come" $ports.log
    kill -KILL "$load_pid"
    wait "$load_pid" 2>/dev/null
    if eventually 60 all_are_closed $ports; then ok "$ports: killed clients are noticed"; else fail "$ports: killed clients are left" $ports.log; fi

    "${client[@]}" 10.90.0.2 "$port" --size 1-60000 --connections 20 --depth 4 $for_long >stopped.load 2>&1 &
    load_pid=$!
    started_pids+=("$load_pid")
    eventually 60 has_clients $ports 60 || fail "$ports: the clients of the stop do not come" $ports.log
    ! stop_host $ports $stop_signal || ok "$ports: it stops in order, in mid-traffic"
    wait_gone "$load_pid" 60
    if [ "$code" -ne 3 ] || [ "$(value stopped wrong)" != 0 ]; then fail "$ports: the client's exit code is $code" stopped.load; fi
done

kill -TERM "$wire_pid"
wait_gone "$wire_pid" 30
if grep -qE '^carried [1-9][0-9]* lost [1-9][0-9]* overtaken [1-9][0-9]* doubled [1-9]' wire.out; then
    ok "the wire: $(last_line wire.out)"
else
    fail 'the wire was not bad' wire.out wire.err
fi
finish
