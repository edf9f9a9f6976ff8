#!/usr/bin/env bash
# Clients whose network is gone say no goodbye. The wire between client and host stops carrying, and
# the host still notices: idle clients by keepalives, those that are owed bytes by the limit on
# unacknowledged time. It drops none of them too early. Skipped if name spaces or TUN interfaces are
# not permitted.
script=$(realpath "${BASH_SOURCE[0]}")
source "$(dirname "${BASH_SOURCE[0]}")/bad_link_common.sh"

# The client stays with its connections; how it ends does not matter.
end_client() {
    kill -KILL "$load_pid" 2>/dev/null
    wait "$load_pid" 2>/dev/null
}
start_clients() { # NAME PORT OPTION...
    local name=$1 port=$2
    shift 2
    "${client[@]}" 10.90.0.2 "$port" "$@" $for_long >"$name.load" 2>&1 &
    load_pid=$!
    started_pids+=("$load_pid")
}
cut_wire() {
    kill -KILL "$wire_pid"
    wait "$wire_pid" 2>/dev/null
}

# notices NAME LEAST_MS MOST_S: all connections are closed, neither earlier nor later.
notices() {
    local begun
    begun=$(date +%s%N)
    if ! eventually "$3" all_are_closed "$1"; then
        fail "$1: vanished clients are left" "$1.log"
        return
    fi
    local after_ms=$((($(date +%s%N) - begun) / 1000000))
    if [ "$after_ms" -lt "$2" ]; then
        fail "$1: clients are given up after $after_ms ms" "$1.log"; return
    fi
    ok "$1: vanished clients are noticed after $after_ms ms"
}

for backend in epoll io_uring shared; do
    io='"backend": "epoll", "ports": "shared"'
    [ $backend = shared ] || io="\"backend\": \"$backend\", \"ports\": \"per_core\""
    rest="\"io\": { $io }, \"log\": { \"level\": \"debug\" }, \"shutdown\": { \"drain_ms\": 0 }"

    # A second of silence and four questions, five seconds in all. Four, because the wire loses some
    # while it carries.
    start_wire
    config idle_$backend '{ "name": "it", "listen": "10.90.0.2:0", "plugin": "echo",
        "limits": { "keepalive_idle_ms": 1000, "keepalive_interval_ms": 1000,
          "keepalive_probes": 4 } }' "$rest"
    start_host idle_$backend || continue
    silent=()
    for _ in 1 2 3 4 5; do
        exec {socket}<>"/dev/tcp/10.90.0.2/$(port_of idle_$backend it)" && silent+=("$socket")
    done
    eventually 60 has_clients idle_$backend 5 ||
        fail "idle_$backend: the clients do not come" idle_$backend.log
    cut_wire
    notices idle_$backend 2000 20
    for socket in "${silent[@]}"; do exec {socket}>&-; done
    stop_host idle_$backend $stop_signal

    # Replies are in flight to all connections except perhaps the newest, which keepalives find.
    start_wire
    config owed_$backend '{ "name": "it", "listen": "10.90.0.2:0", "plugin": "echo",
        "limits": { "keepalive_idle_ms": 1000, "keepalive_interval_ms": 1000,
          "unacknowledged_timeout_ms": 2000 } }' "$rest"
    start_host owed_$backend || continue
    start_clients owed_$backend "$(port_of owed_$backend it)" --connections 5 --size 1000 \
        --depth 100
    eventually 60 has_clients owed_$backend 5 ||
        fail "owed_$backend: the clients do not come" owed_$backend.log
    cut_wire
    notices owed_$backend 1000 30
    end_client
    stop_host owed_$backend $stop_signal
done
finish
