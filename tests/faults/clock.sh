#!/usr/bin/env bash
# The wall clock is stepped by ten years, forwards and backwards, under a host with timers running:
# idle timeouts and the drain's deadline take as long as usual, traffic goes on, and so does the
# log, with the new time. A preloaded library steps the clock of this one process.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

ten_years=$((10 * 365 * 86400))
step() { echo "$1" >shift.new && mv shift.new shift; } # SECONDS from the true time
uptime_ms() { awk '{ printf "%d", $1 * 1000 }' /proc/uptime; }
year_now=$(date -u +%Y)
step 0
export CLOCK_SHIFT_FILE=$PWD/shift
host=(env "LD_PRELOAD=${CLOCK_SHIFT:?}" "${host[@]}")

for ports in shared per_core; do
    step 0
    config $ports '{ "name": "it", "listen": "127.0.0.1:0", "plugin": "echo" },
        { "name": "impatient", "listen": "127.0.0.1:0", "plugin": "echo",
          "limits": { "idle_timeout_ms": 800 } },
        { "name": "stays", "listen": "127.0.0.1:0", "plugin": "never_drains" }' \
        "\"io\": { \"ports\": \"$ports\" }, \"log\": { \"level\": \"debug\" }, \"shutdown\": { \"drain_ms\": 700 }"
    start_host $ports || continue
    start_load $ports "$(port_of $ports it)" --size 1-20000 --connections 10 --depth 4 $for_long
    clients=10
    for seconds in $ten_years -$ten_years; do
        exec 7<>"/dev/tcp/127.0.0.1/$(port_of $ports impatient)"
        begun=$(uptime_ms)
        clients=$((clients + 1))
        eventually 60 has_clients $ports $clients ||
            fail "$ports: the idle client does not come" $ports.log
        step "$seconds"
        IFS= read -r -t 60 -N 1 _ <&7 # until the end of the stream
        took=$(($(uptime_ms) - begun))
        exec 7>&-
        if [ $took -ge 780 ] && [ $took -lt 50000 ] &&
            eventually 60 grep -q 'listener=impatient .*closed: idle' $ports.log; then
            ok "$ports: a step of $seconds s: the idle timeout of 800 ms took $took ms"
        else
            fail "$ports: a step of $seconds s: the idle timeout of 800 ms took $took ms" $ports.log
        fi
    done
    ! load_was_right $ports "$load_pid" ||
        ok "$ports: the clock stepped under $(value $ports received) replies, none wrong or lost"
    exec 7<>"/dev/tcp/127.0.0.1/$(port_of $ports stays)"
    eventually 60 has_clients $ports 13 ||
        fail "$ports: the client that stays does not come" $ports.log
    begun=$(uptime_ms)
    # Steps back once more after the stop has begun, as often as it takes.
    kill -$stop_signal "$host_pid"
    eventually 60 grep -q ' stopping: ' $ports.log
    step $((-2 * ten_years))
    wait_gone "$host_pid" 60
    took=$(($(uptime_ms) - begun))
    exec 7>&-
    if [ "$code" -eq 0 ] && [ $took -ge 680 ] &&
        grep -q 'deadline cut 1 connections' $ports.log; then
        ok "$ports: the drain's deadline of 700 ms took $took ms, exit code 0"
    else
        fail "$ports: the drain took $took ms, exit code $code" $ports.log
    fi
    for year in $((year_now + 10)) $((year_now - 10)) $((year_now - 20)); do
        # Ten years of 365 days are two or three days short.
        if grep -qE "^($year|$((year - 1))|$((year + 1)))-" $ports.log; then
            ok "$ports: the log goes on in $year"
        else
            fail "$ports: no line in $year" $ports.log
        fi
    done
done
finish
