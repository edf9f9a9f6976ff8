#!/usr/bin/env bash
# The process may get little more memory: single connections are closed, each with a line that says
# why, and the others and the host go on. Once the limit is lifted, everything is as before.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
need prlimit

# One arena serves all threads. glibc reserves 64 MiB of address space for each further one, at a
# moment that depends on which threads meet in malloc, and the limit would leave some of them
# nothing.
export MALLOC_ARENA_MAX=1

framing='"framing": { "type": "length_prefix", "max_bytes": 16777216 }'
for ports in shared per_core; do
    config $ports "{ \"name\": \"small\", \"listen\": \"127.0.0.1:0\", \"plugin\": \"echo\" },
        { \"name\": \"large\", \"listen\": \"127.0.0.1:0\", \"plugin\": \"echo\", $framing }" \
            "\"io\": { \"ports\": \"$ports\" }, \"log\": { \"level\": \"debug\" }"
    start_host $ports || continue
    small=$(port_of $ports small) large=$(port_of $ports large)
    before=$(descriptors_of "$host_pid")
    # The buffers that the small clients need exist before the limit is set.
    start_load warm "$small" --size 1-2000 --connections 8 --count 200 --depth 4
    load_is_right warm "$load_pid"
    start_load beside_$ports "$small" --size 1-2000 --connections 8 --depth 4 $for_long
    beside_pid=$load_pid
    small_clients() { [ "$(grep -c 'listener=small .* connected' $ports.log)" -ge 16 ]; }
    eventually 60 small_clients || fail "$ports: the clients beside are not connected" $ports.log
    used_kib=$(awk '/^VmSize:/ { print $2 }' "/proc/$host_pid/status")
    limit_bytes=$((used_kib * 1024 + 64 * 1024 * 1024))
    prlimit --pid "$host_pid" --as=$limit_bytes: || fail "$ports: the limit cannot be set"

    # Echoes of up to 16 MB on 24 connections at once do not fit into 64 MiB.
    start_load too_much "$large" --framing length_prefix:4 --size 8M-16000000 --connections 24 \
        --count 3 --depth 2 --timeout 60s
    wait_gone "$load_pid" 120
    if [ "$code" -eq 3 ] && [ "$(value too_much wrong)" = 0 ] &&
        [ "$(value too_much connections_broken)" -gt 0 ]; then
        broken=$(value too_much connections_broken)
        ok "$ports: $broken of 24 connections end, $(value too_much received) replies, none wrong"
    else
        fail "$ports: the limit was not felt, or replies were wrong: the client ended with $code" \
            too_much.load $ports.log
    fi
    if eventually 60 grep -q ' warn listener=large conn=.* closed: out of memory' $ports.log; then
        ok "$ports: the log: $(grep -m 1 'out of memory' $ports.log | cut -d' ' -f2-)"
    else
        fail "$ports: the log does not say why" $ports.log
    fi
    ! load_was_right beside_$ports "$beside_pid" ||
        ok "$ports: beside them $(value beside_$ports received) replies, none wrong or lost"
    eventually 60 has_descriptors "$host_pid" "$before" ||
        fail "$ports: $(descriptors_of "$host_pid") descriptors, $before before" $ports.log

    prlimit --pid "$host_pid" --as=unlimited: || fail "$ports: the limit cannot be lifted"
    start_load again_$ports "$large" --framing length_prefix:4 --size 8M-16000000 --connections 8 \
        --count 2 --timeout 60s
    ! load_is_right again_$ports "$load_pid" ||
        ok "$ports: with the limit lifted the same messages come back"
    ! stop_host $ports $stop_signal || ok "$ports: and it stops in order"
done
finish
