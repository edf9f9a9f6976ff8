#!/usr/bin/env bash
# Compares the client's latencies with the server's own timestamps: for each of p50, p90 and p99 the
# median difference of five runs is at most 5 % and 100 us. The server (delays.c) holds each message
# for half a millisecond to three, and answers with the same percentiles of the same messages.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
if [ -n "$sanitized" ]; then skip 'what a sanitizer costs is more than what is measured'; fi

# Both run on one processor, in turns. On a virtual machine, waking another processor takes a tenth
# of a millisecond, several times a message; that is in the client's latency and in no timestamp of
# the server. For the same reason an idle-priority program keeps the processor awake.
processor=$(taskset -cp $$ | sed 's/.*[ ,-]//')
host=(taskset -c "$processor" "${host[@]}") client=(taskset -c "$processor" "${client[@]}")
chrt --idle 0 taskset -c "$processor" bash -c 'while [ $SECONDS -lt 300 ]; do :; done' &
started_pids+=($!)

cat >delays.json <<JSON
{ "plugin_directory": "$plugin_directory",
  "listeners": [ { "name": "it", "listen": "127.0.0.1:0", "plugin": "delays",
    "settings": { "least_us": 500, "span_us": 2500 },
                   "framing": { "type": "delimiter", "max_bytes": 4096 } } ],
  "io": { "ports": "per_core", "threads": 1 }, "shutdown": { "drain_ms": 5000 } }
JSON
start_host delays || finish
port=$(port_of delays it)

ask_server() { # "COUNT P50 P90 P99", in nanoseconds, of the messages since the last question
    exec 9<>"/dev/tcp/127.0.0.1/$port" || return 1
    printf 'figures\n' >&9
    read -r -t 60 answer <&9
    exec 9>&-
    echo "$answer"
}
value() { tr -d '\r' <run.client | sed -n "s/^$1  *//p"; }

# One run; the latencies go to NAME.p50, NAME.p90 and NAME.p99, as "CLIENT SERVER", in microseconds
# and nanoseconds.
run() { # NAME FIGURE ARGUMENT...
    local name=$1 figure=$2 code p
    shift 2
    ask_server >/dev/null
    timeout 120 "${client[@]}" 127.0.0.1 "$port" --size 64 --framing delimiter \
        --timeout 60s "$@" >run.client 2>&1
    code=$?
    # On a busy machine messages may leave late. The lag is not compared, and the client reports it.
    [ "$code" -eq 0 ] || { [ "$code" -eq 5 ] && [ "$figure" = service ]; } ||
        { fail "$name: the client's exit code is $code" run.client; return 1; }
    local count p50 p90 p99
    read -r count p50 p90 p99 < <(ask_server)
    [ "$count" = "$(value received)" ] ||
        { fail "$name: the server has \"$count\" messages" run.client; return 1; }
    for p in p50 p90 p99; do echo "$(value "${figure}_${p}_us") ${!p}" >>"$name.$p"; done
}

check() { # NAME: after five runs
    local p
    for p in p50 p90 p99; do
        # The part of the difference above 5 %, as the median of five.
        awk '{ server = $2 / 1000; difference = $1 - server
               above = (difference < 0 ? -difference : difference) - 0.05 * server
               print above, difference, server }' "$1.$p" | sort -g >"$1.$p.sorted"
        local above difference server
        read -r above difference server < <(sed -n 3p "$1.$p.sorted")
        if [ "$(wc -l <"$1.$p")" -eq 5 ] && awk "BEGIN { exit !($above <= 100) }"; then
            ok "$1: $p is $server us by the server, and $difference us more by the client"
        else
            fail "$1: $p is too far from the server's; above 5 %, difference, server's, in us:" \
                "$1.$p.sorted"
        fi
    done
}

for _ in 1 2 3 4 5; do run closed_loop latency --duration 2s; done
check closed_loop
# One message each 4 ms: seldom enough that none waits for another (the server would not see that
# wait), and often enough that no cache gets cold.
for _ in 1 2 3 4 5; do run open_loop service --duration 3s --rate 250 --depth 100; done
check open_loop

stop_host delays $stop_signal
finish
