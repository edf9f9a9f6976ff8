#!/usr/bin/env bash
# Clients are killed with kill -9 in the middle of messages: the host frees everything that was
# theirs, and another client notices nothing.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

rounds=10
if [ -n "$emulator" ]; then rounds=3; fi

# Sends half a message and never the other half, so it is surely in the middle of one. Waits until
# it is killed.
half_a_message() { # PORT
    exec 9<>"/dev/tcp/127.0.0.1/$1"
    printf '\0\0\x10\0half' >&9
    echo sent
    exec sleep 600
}
# Sends messages without end and never reads an echo. So it is stuck in the middle of one when it is
# killed, and what it has not read turns that into a reset.
messages_without_end() { # PORT
    exec 9<>"/dev/tcp/127.0.0.1/$1"
    echo sent
    exec cat messages /dev/zero >&9
}
{ printf '\0\x0f\x42\x40' && head -c 1000000 /dev/zero; } >message
for ((i = 0; i < 20; ++i)); do cat message; done >messages

# Under Wine the killed clients are Linux programs: Wine 8 now and then keeps a socket of a killed
# Windows program open, and its server has died of it.
for ports in shared per_core; do
    config $ports \
        '{ "name": "it", "listen": "127.0.0.1:0", "plugin": "echo",
          "framing": { "type": "length_prefix", "max_bytes": 1048576 } }' \
        "\"io\": { \"ports\": \"$ports\" }, \"log\": { \"level\": \"debug\" }"
    start_host $ports || continue
    port=$(port_of $ports it)
    before=$(descriptors_of "$host_pid")
    start_load beside_$ports "$port" --framing length_prefix:4 --size 1-20000 --connections 4 \
        --depth 4 $for_long
    beside_pid=$load_pid
    clients=4
    for ((round = 1; round <= rounds; ++round)); do
        killed=()
        for kind in half_a_message messages_without_end messages_without_end \
            messages_without_end; do
            $kind "$port" >sent_${#killed[@]} &
            killed+=($!)
            started_pids+=($!)
        done
        clients=$((clients + 4))
        if [ -z "$emulator" ]; then
            start_load killed "$port" --framing length_prefix:4 --size 1-1000000 --connections 20 \
                --depth 4 $for_long
            killed+=("$load_pid")
            clients=$((clients + 20))
        fi
        eventually 60 has_clients $ports $clients ||
            fail "$ports: the clients of round $round do not come" $ports.log
        for i in 0 1 2 3; do
            eventually 60 grep -q sent sent_$i || fail "$ports: nothing is sent" sent_$i
        done
        is_busy "$host_pid" || fail "$ports: the host has nothing to do" $ports.log
        kill -KILL "${killed[@]}"
        wait "${killed[@]}" 2>/dev/null
    done
    ! load_was_right beside_$ports "$beside_pid" ||
        ok "$ports: beside $((clients - 4)) killed connections $(value beside_$ports received) replies, none wrong or lost"
    if eventually 60 all_are_closed $ports; then
        ok "$ports: every connection is closed"
    else
        fail "$ports: connections are left" $ports.log
    fi
    if [ -z "$emulator" ]; then
        if eventually 60 has_descriptors "$host_pid" "$before"; then
            ok "$ports: as many descriptors as before"
        else
            fail "$ports: $(descriptors_of "$host_pid") descriptors, $before before" $ports.log
        fi
        if grep -q 'closed: reset by the peer' $ports.log; then
            ok "$ports: resets among the ends"
        else
            fail "$ports: no reset was seen" $ports.log
        fi
    fi
    ! stop_host $ports $stop_signal || ok "$ports: and it stops in order"
done
finish
