#!/usr/bin/env bash
# The host and the client get SIGSTOP, and seconds later SIGCONT: nothing is lost or wrong, and no
# connection counts as idle if its bytes waited while the host stood still.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

for ports in shared per_core; do
    config $ports '{ "name": "it", "listen": "127.0.0.1:0", "plugin": "echo" },
        { "name": "impatient", "listen": "127.0.0.1:0", "plugin": "echo",
          "limits": { "idle_timeout_ms": 1000 } }' \
        "\"io\": { \"ports\": \"$ports\" }, \"log\": { \"level\": \"debug\" }"
    start_host $ports || continue
    start_load patient_$ports "$(port_of $ports it)" --size 1-60000 --connections 50 \
        --depth 8 $for_long
    patient_pid=$load_pid
    start_load impatient_$ports "$(port_of $ports impatient)" --size 1-2000 --connections 200 \
        --depth 2 $for_long
    impatient_pid=$load_pid
    eventually 60 has_clients $ports 250 || fail "$ports: the clients do not come" $ports.log
    is_busy "$host_pid" || fail "$ports: the host has nothing to do" $ports.log
    kill -STOP "$host_pid"
    sleep 2 # the fault itself, not a condition
    kill -CONT "$host_pid"
    is_busy "$host_pid" || fail "$ports: nothing goes on" $ports.log
    ! load_was_right impatient_$ports "$impatient_pid" ||
        ok "$ports: the host stood still for longer than the idle timeout: $(value impatient_$ports received) replies, none wrong or lost"
    kill -STOP "$patient_pid"
    sleep 1
    kill -CONT "$patient_pid"
    is_busy "$patient_pid" || fail "$ports: nothing goes on at the client" $ports.log
    ! load_was_right patient_$ports "$patient_pid" ||
        ok "$ports: host and client stood still: $(value patient_$ports received) replies, none wrong or lost"
    ! stop_host $ports $stop_signal || ok "$ports: and it stops in order"
done
finish
