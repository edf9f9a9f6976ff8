#!/usr/bin/env bash
# Counts the instructions of plugin dispatch for one message of 64 bytes with valgrind's callgrind.
#     bench/micro/count_dispatch.sh [--bin build/bench/bin] [--c]
# It gives two figures. The first goes from the completed receive to the plugin's send in the queue,
# with the receive armed again. The second also includes the end of the strand's turn, in which the
# queue is handed to the port and emptied. The port's own functions are left out of both. The
# figures are differences between runs of two lengths, so work that is done once (the first chunk,
# the first slab) is in neither. With --c the plugin is an echo in C (echo_in_c.c) instead of the
# host's own, which uses the C++ wrapper.
set -euo pipefail
bin=build/bench/bin program=dispatch_once
while [ $# -gt 0 ]; do
    case $1 in
    --bin) bin=$2; shift ;;
    --c) program=dispatch_once_c ;;
    *) echo "$0: $1 is unknown" >&2; exit 2 ;;
    esac
    shift
done
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Toggles: counting begins at dispatch_counted, and stops during each of the others.
port=('portico::bench::StillPort::receive(portico::io::ReceiveOperation&)'
    'portico::bench::StillPort::send_at_once(portico::io::SendOperation&)')

instructions() { # MESSAGES TOGGLE...
    local messages=$1 toggles=() toggle
    shift
    for toggle in dispatch_counted "${port[@]}" "$@"; do toggles+=("--toggle-collect=$toggle"); done
    valgrind --tool=callgrind --collect-atstart=no "${toggles[@]}" \
        --callgrind-out-file="$scratch/out" \
        "$bin/micro/$program" "$messages" >"$scratch/log" 2>&1 || {
        cat "$scratch/log" >&2
        exit 1
    }
    sed -nE 's/^(totals|summary): ([0-9]+).*/\2/p' "$scratch/out" | tail -n 1
}

each() { # TOGGLE...
    local few many
    few=$(instructions 1000 "$@")
    many=$(instructions 3000 "$@")
    echo $(((many - few) / 2000))
}

until_queued=$(each 'portico::net::Connection::end_turn()')
echo "receive completed -> on_data -> send queued:   $until_queued instructions a message"
echo "the same, queue handed over and emptied:       $(each) instructions a message"
