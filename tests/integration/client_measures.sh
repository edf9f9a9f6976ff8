#!/usr/bin/env bash
# The client's ways of measuring, against the real host: a fixed rate (and how a server's stall
# shows in the latencies), connections that are replaced, idle ones, several threads, source
# addresses; and its messages if one of them is not available.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

cat >echo.json <<JSON
{ "plugin_directory": "$plugin_directory",
  "listeners": [ { "name": "it", "listen": "127.0.0.1:0", "plugin": "echo" },
                 { "name": "framed", "listen": "127.0.0.1:0", "plugin": "echo",
                   "framing": { "type": "delimiter", "max_bytes": 65536 } },
                 { "name": "stalls", "listen": "127.0.0.1:0", "plugin": "stalls",
                   "settings": { "every_ms": 1000, "for_ms": 100 } },
                 { "name": "short", "listen": "127.0.0.1:0", "plugin": "echo",
                   "limits": { "idle_timeout_ms": 300 } } ],
  "io": { "ports": "per_core", "threads": 1 }, "shutdown": { "drain_ms": 5000 } }
JSON
start_host echo || finish
port=$(port_of echo it) short=$(port_of echo short) stalls=$(port_of echo stalls)

# run NAME EXIT_CODE ARGUMENT...: the client's output in NAME.client.
run() {
    local name=$1 expected=$2
    shift 2
    timeout 120 "${client[@]}" 127.0.0.1 "$port" --timeout 60s "$@" >"$name.client" 2>&1
    code=$?
    ran=$name
    is_expected "$expected" "$@" ||
        fail "$name: the client's exit code is $code, not $expected" "$name.client"
}
# With a rate, on a machine that is busy with other tests, the client may report that it lagged.
is_expected() { # EXIT_CODE ARGUMENT...
    [ "$code" -eq "$1" ] || { [ "$code" -eq 5 ] && [ "$1" -eq 0 ] && [[ " $* " == *' --rate '* ]]; }
}
value() { tr -d '\r' <"$ran.client" | sed -n "s/^$1  *//p"; }
whole() { value "$1" | sed 's/\..*//'; }
# expect FIGURE OPERATOR NUMBER: checks a figure of the last run.
expect() {
    if [ -z "$(value "$1")" ] || ! [ "$(whole "$1")" "$2" "$3" ]; then
        fail "$ran: $1 is \"$(value "$1")\", expected $2 $3" "$ran.client"
    else
        ok "$ran: $1 is $(value "$1") ($2 $3)"
    fi
}
all_right() { # COUNT
    expect received -eq "$1"
    expect wrong -eq 0
    expect lost -eq 0
}

run rate 0 --size 1-2000 --connections 10 --depth 50 --rate 500 --count 50
all_right 500
expect rate_achieved -ge 300
expect rate_achieved -le 600 # less if the first ones are late
expect not_sent -eq 0

# The host stands still for half a second in a run of two seconds. With a rate every message that
# was due meanwhile has waited, about a quarter of all. Without a rate only those in flight have
# waited, one for each connection among thousands.
# COUNT
are_connected() {
    [ "$(grep -ci " 0100007F:$(printf %04x "$port") [0-9A-F:]* 01 " /proc/net/tcp)" -ge "$1" ]
}
stall() { # NAME ARGUMENT...
    local name=$1 pid
    shift
    timeout 120 "${client[@]}" 127.0.0.1 "$port" --message x --connections 4 --duration 2s \
        --timeout 60s "$@" >"$name.client" 2>&1 &
    pid=$!
    started_pids+=("$pid")
    eventually 30 are_connected 4 || fail "$name: the client does not connect" "$name.client"
    kill -STOP "$host_pid"
    sleep 0.5 # the stall itself
    kill -CONT "$host_pid"
    wait_gone "$pid" 60
    ran=$name
    is_expected 0 "$@" || fail "$name: the client's exit code is $code" "$name.client"
}
if [ -z "$emulator" ]; then # Wine's host is not the process that was started
    stall open_loop --rate 1000 --depth 1000
    open_code=$code
    open_p90=$(whole latency_p90_us)
    expect latency_max_us -ge 450000
    stall closed_loop
    closed_p90=$(whole latency_p90_us)
    expect latency_max_us -ge 450000
    if [ "$open_p90" -ge 100000 ] && [ "$closed_p90" -lt 100000 ]; then
        ok "a stall of 500 ms is in the p90 of the open loop ($open_p90 us), and not in that of the closed one ($closed_p90 us)"
    else
        fail "the p90 of the open loop is $open_p90 us, of the closed one $closed_p90 us" \
            open_loop.client closed_loop.client
    fi
    # The server was slow, not the client, so the client reports no lag. (It may have lagged on a
    # busy machine, so there are several tries.)
    for _ in 1 2 3 4 5; do
        [ "$open_code" -ne 0 ] || break
        stall open_loop --rate 1000 --depth 1000
        open_code=$code
    done
    if [ "$open_code" -eq 0 ]; then
        ok 'the stall is not taken for a lag of the client'
    else
        fail 'a stall of the server is taken for a lag of the client' open_loop.client
    fi
    # The client itself stands still for a sixth of its run: its figures are invalid, and it reports
    # this.
    timeout 120 "${client[@]}" 127.0.0.1 "$port" --message x --connections 4 --duration 3s \
        --timeout 60s --rate 1000 --depth 1000 >own_stall.client 2>&1 &
    shell=$!
    started_pids+=("$shell")
    eventually 30 are_connected 4 || fail 'own_stall: the client does not connect' own_stall.client
    own=$(pgrep -P "$shell")
    kill -STOP "$own"
    sleep 0.5 # the stall itself
    kill -CONT "$own"
    wait_gone "$shell" 60
    ran=own_stall
    if [ "$code" -eq 5 ]; then
        ok 'own_stall: exit code 5'
    else
        fail "own_stall: the client's exit code is $code, not 5" own_stall.client
    fi
    expect lag_p99_us -ge 200000
    expect lost -eq 0
    # No client can keep this rate: it reports that its figures are worth nothing.
    run too_fast 5 --message x --connections 2 --rate 100000000 --duration 500ms
    expect not_sent -ge 1
    expect sent_late -ge 1
    expect lag_p99_us -ge 1001
    if grep -q '^client: the figures are invalid: ' too_fast.client; then
        ok 'too_fast: it is said'
    else
        fail 'too_fast: it is not said' too_fast.client
    fi
fi

# The server stands still for a tenth of the time. With a rate the 99th percentile is most of a
# stall. Without one hardly a message has met a stall, and the 99th percentile does not show it. The
# time from the send does not show it either: that is coordinated omission.
it=$port port=$stalls
run stalls_open 0 --message x --connections 4 --depth 1 --rate 400 --duration 4500ms
open_p99=$(whole latency_p99_us) service_p50=$(whole service_p50_us)
run stalls_closed 0 --message x --connections 1 --duration 4500ms
closed_p99=$(whole latency_p99_us)
port=$it
if [ "$open_p99" -ge 50000 ] && [ "$closed_p99" -lt 50000 ] && [ "$service_p50" -lt 50000 ]; then
    ok "stalls of 100 ms are in the p99 of the open loop ($open_p99 us), and not in that of the closed one ($closed_p99 us)"
else
    fail "with stalls the p99 of the open loop is $open_p99 us, of the closed one $closed_p99 us" \
        stalls_open.client stalls_closed.client
fi

run poisson 0 --size 100 --connections 10 --depth 50 --rate 500 --arrivals poisson --count 50
all_right 500

# Ten connections begin one after the other within a second, with a message each 20 ms: 50 + 45 +
# 40 + ... + 5 minus what is due before each one's turn, over 2 s.
run ramp 0 --size 100 --connections 10 --depth 50 --rate 500 --ramp-up 1s --duration 2s
expect received -ge 700
expect received -le 800
expect lost -eq 0

# Of 500 messages a second for two seconds, those of the second second count.
run warm_up 0 --size 100 --connections 10 --depth 50 --rate 500 --warm-up 1s --duration 1s
expect warm_up -eq 500
all_right 500
expect sent -eq 500
expect bytes_sent -le 55000

run churn 0 --size 1-2000 --connections 8 --count 55 --depth 4 --messages-per-connection 10
all_right 440
expect connections_opened -eq 48
expect connections_broken -eq 0
expect connections_per_second -ge 1

run idle 0 --size 100 --connections 4 --count 100 --idle 200
all_right 400
expect connections_opened -eq 4
expect idle_opened -eq 200
expect idle_broken -eq 0

# The busy connections last longer than the listener's idle timeout.
it=$port port=$short
run ended_idle 3 --size 100 --connections 1 --rate 50 --depth 100 --count 75 --idle 5
port=$it
all_right 75
expect idle_opened -eq 5
expect idle_broken -eq 5

# Bad clients of every kind, while others are served as usual.
it=$port
for listener in it framed; do
    port=$(port_of echo $listener)
    framing=none
    [ $listener = it ] || framing=delimiter
    run "hostile_$listener" 0 --size 1-2000 --framing $framing --connections 8 --depth 4 \
        --duration 3s \
        --hostile silent:2,slow_reader:2,slow_writer:2,reset:4,half_close:4,oversized:2,garbage:4
    expect received -ge 8
    expect wrong -eq 0
    expect lost -eq 0
    expect connections_broken -eq 0
    expect hostile_opened -ge 20
    expect hostile_failed -eq 0
    [ $listener = it ] || expect hostile_ended -ge 1 # the frame that never ends
done
# The host ends one kind of them every time, because a frame is above the listener's limit.
port=$(port_of echo framed)
run oversized 0 --size 100 --framing delimiter --connections 2 --duration 2s --hostile oversized:3
expect hostile_ended -ge 3
expect hostile_ended -ge $(($(whole hostile_opened) - 3)) # some may still be open at the end
expect lost -eq 0
port=$it

# Over IPv6, if the system has it.
if grep -qs '^00000000000000000000000000000001 ' /proc/net/if_inet6; then
    cat >six.json <<JSON
{ "plugin_directory": "$plugin_directory", "listeners": [ { "name": "it", "listen": "[::1]:0",
  "plugin": "echo" } ] }
JSON
    four_pid=$host_pid
    if start_host six; then
        timeout 120 "${client[@]}" ::1 "$(port_of six it)" --size 1-2000 --connections 8 \
            --count 20 --idle 3 --hostile reset:2 >six.client 2>&1
        code=$?
        ran=six
        [ "$code" -eq 0 ] || fail "six: the client's exit code is $code" six.client
        all_right 160
        expect idle_opened -eq 3
        stop_host six $stop_signal
    fi
    host_pid=$four_pid
fi

# The most memory that the client needs for a connection: with 2,000 connections minus with 1, each
# with 64 bytes and one message in flight.
# A second of its own processor time: 10,000 messages or more
has_talked() { [ "$(awk '{ print $14 + $15 }' "/proc/$1/stat")" -ge 100 ]; }
if [ -z "$emulator$sanitized" ] && { [ "$(ulimit -Hn)" = unlimited ] ||
    [ "$(ulimit -Hn)" -ge 2100 ]; }; then
    # CONNECTIONS: its own memory and its share of the memory that it shares with others, in KiB
    memory_with() {
        local pid own
        timeout 120 "${client[@]}" 127.0.0.1 "$port" --size 64 --connections "$1" --duration 60s \
            --quiet >memory.client 2>&1 &
        pid=$!
        started_pids+=("$pid")
        eventually 60 are_connected "$1" ||
            fail "memory: $1 connections are not there" memory.client
        own=$(pgrep -P "$pid")
        eventually 60 has_talked "$own"
        kib=$(sed -n 's/^Pss: *\([0-9]*\) kB/\1/p' "/proc/$own/smaps_rollup")
        kill -INT "$own"
        wait_gone "$pid" 60
    }
    memory_with 1
    few_kib=$kib
    memory_with 2000
    each_bytes=$(((kib - few_kib) * 1024 / 1999))
    if [ "$each_bytes" -gt 0 ] && [ "$each_bytes" -le 4096 ]; then
        ok "a connection takes $each_bytes bytes of the client's memory"
    else
        fail "a connection takes $each_bytes bytes of the client's memory (more than 4,096)"
    fi
fi

run threads 0 --size 1-20000 --connections 9 --count 40 --depth 4 --threads 3 --idle 7
all_right 360
expect connections_opened -eq 9
expect idle_opened -eq 7

run sources 0 --size 100 --connections 6 --count 20 --messages-per-connection 5 \
    --source 127.0.0.2-127.0.0.4
all_right 120
expect connections_opened -eq 24
run foreign_source 1 --message x --source 192.0.2.1
run other_family 1 --message x --source ::1
for run in foreign_source:192.0.2.1 other_family:IPv6; do
    if grep -q "^client: --source: .*${run#*:}" "${run%%:*}.client"; then
        ok "$run is said"
    else
        fail "$run is not said" "${run%%:*}.client"
    fi
done

stop_host echo $stop_signal
finish
