#!/usr/bin/env bash
# Checks that the servers that Portico is compared with all behave alike: starts each program in
# BIN/peers in each of its modes, has the project's client verify every reply, and checks on Linux
# that SIGTERM ends it with 0.
#     bench/servers/check_peers.sh [--bin build/bench/bin] [--emulator wine] [NAME...]
set -euo pipefail

bin=build/bench/bin emulator='' names=() server='' port=''
while [ $# -gt 0 ]; do
    case $1 in
    --bin) bin=$2; shift ;;
    --emulator) emulator=$2; shift ;;
    *) names+=("$1") ;;
    esac
    shift
done
exe=${emulator:+.exe}
if [ ${#names[@]} -eq 0 ]; then
    for program in "$bin"/peers/*"$exe"; do names+=("$(basename "$program" "$exe")"); done
fi
scratch=$(mktemp -d)
trap '[ -z "$server" ] || kill -KILL "$server" 2>/dev/null; rm -rf "$scratch"' EXIT

# check NAME MODE WHAT CLIENT-OPTION...: with the project's client
check() {
    local name=$1 mode=$2 what=$3
    shift 3
    check_with "$name" "$mode" "$what" \
        ${emulator:+"$emulator"} "$bin/client$exe" 127.0.0.1 PORT "$@"
}

check_flood() { # NAME: with peers that send and do not read, or go
    check_with "$1" echo "peers that do not read" \
        python3 "$(dirname "${BASH_SOURCE[0]}")/flood.py" PORT
}

# start NAME MODE: stores its process in `server` and its port in `port`, which is empty if it does
# not listen
start() {
    port=''
    : >"$scratch/out"
    ${emulator:+"$emulator"} "$bin/peers/$1$exe" --mode "$2" >"$scratch/out" 2>"$scratch/err" &
    server=$!
    for _ in $(seq 600); do
        port=$(sed -nE 's/^listening on 127\.0\.0\.1:([0-9]+)\r?$/\1/p' "$scratch/out")
        if [ -n "$port" ] || ! kill -0 "$server" 2>/dev/null; then break; fi
        sleep 0.05 # between two looks
    done
}

# check_end NAME: Ctrl-C must end it with 0, although a peer that does not read blocks a send
check_end() {
    local name=$1 status=0
    start "$name" echo
    coproc holder { python3 "$(dirname "${BASH_SOURCE[0]}")/flood.py" "$port" --hold 2>&1; }
    if read -r -t 60 line <&"${holder[0]}" && [ "$line" = full ]; then
        kill -INT "$server"
        timeout 20 tail --pid="$server" -f /dev/null || kill -KILL "$server"
        wait "$server" || status=$?
    else
        status=1
        kill -KILL "$server" || true
        wait "$server" || true
    fi
    server=''
    kill "$holder_PID" 2>/dev/null || true
    wait "$holder_PID" 2>/dev/null || true
    report "$name" "an end while a peer does not read" "$status"
}

# report NAME WHAT STATUS
report() {
    if [ "$3" -eq 0 ]; then
        echo "ok      $1, $2"
    else
        echo "FAILED  $1, $2 ($3)"
        failed=1
    fi
}

# check_with NAME MODE WHAT COMMAND...: PORT is replaced
check_with() {
    local name=$1 mode=$2 what=$3 status=0 ended=0
    shift 3
    start "$name" "$mode"
    if [ -n "$port" ]; then
        timeout 300 "${@/#PORT/$port}" >"$scratch/client" 2>&1 </dev/null || status=$?
    else
        cat "$scratch/err"
        status=1
    fi
    kill -TERM "$server" 2>/dev/null || status=1
    wait "$server" 2>/dev/null || ended=$?
    server=''
    if [ -z "$emulator" ] && [ "$ended" -ne 0 ]; then
        echo "ended with $ended"
        status=1
    fi
    [ "$status" -eq 0 ] || [ ! -s "$scratch/client" ] || cat "$scratch/client"
    report "$name" "$what" "$status"
}

failed=0
for name in "${names[@]}"; do
    connections=50 count=200 large=4M
    case $name in
    *one_to_one) connections=1 ;;
    *article_iocp) count=10 large=256K ;; # 256 bytes at a time: that takes long
    esac
    check "$name" echo "echo" --size 1-60000 --connections $connections --count $count --depth 8
    check "$name" echo "large messages" --size $large --connections 1 --count 4 --depth 4
    check_flood "$name"
    case $name in
    peer_*)
        check "$name" lines "lines" --size 64 --framing delimiter \
            --connections 50 --count 2000 --depth 16
        check "$name" work "work of 5 ms" --message "5 ms of work" \
            --connections 10 --count 20 --depth 1
        check "$name" lines "long lines" --size 1-65000 --framing delimiter \
            --connections 20 --count 100 --depth 8
        ;;
    baseline_article_iocp) check_end "$name" ;;
    *)
        check "$name" ack "ack" --message hello --expect "text:Message received successfully" \
            --connections $connections --count 200
        ;;
    esac
done
exit $failed
