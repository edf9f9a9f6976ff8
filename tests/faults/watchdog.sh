#!/usr/bin/env bash
# A callback that takes too long is reported while it runs, with the stack of its thread, and again
# when it returns. New clients go to other workers meanwhile. Callbacks that are quick, and those of
# a process that was suspended, are never reported.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

limit_ms=1000
# stuck NAME PORTS FAULT [MEMBERS]: a host of two workers, with a client whose on_data does that.
stuck() {
    config "$1" "{ \"name\": \"it\", \"listen\": \"127.0.0.1:0\",
          \"plugin\": \"crashes$plugin\"${4:-}, \"settings\": { \"in\": \"on_data\", \"fault\": \"$3\" } }" \
        "\"io\": { \"ports\": \"$2\", \"threads\": 2 }, \"shutdown\": { \"drain_ms\": 0 }"
    start_host "$1" || return 1
    exec 7<>"/dev/tcp/127.0.0.1/$(port_of "$1" it)"
    printf 'crash' >&7
    begun=${EPOCHREALTIME/./}
    eventually 60 logged "$1" 'the last line before the fault'
}
logged() { tr -d '\r' <"$1.log" | grep -q -- "$2"; } # NAME PATTERN
let_it_go_on() { [ "$(ask_port "$(port_of "$1" it)" 'go on\n' 1)" = 'go on' ]; } # NAME
plugin=
call='conn=[0-9a-f]* plugin "crashes", listener "it": on_data of connection [0-9a-f]*'

# reports NAME: it does within 1.5 times the limit, and a moment for the log and this script.
reports() {
    if ! eventually 30 logged "$1" " $call has not returned for [0-9]* ms; its stack:\$"; then
        fail "$1: no report" "$1.log"
        return 1
    fi
    took_ms=$(((${EPOCHREALTIME/./} - begun) / 1000))
    if [ "$took_ms" -lt "$limit_ms" ] || [ "$took_ms" -gt $((limit_ms * 3 / 2 + 500)) ]; then
        fail "$1: the report came after $took_ms ms" "$1.log"
    elif ! eventually 10 logged "$1" "#[0-9]* crashes\\$module+0x[0-9a-f]*\$"; then
        fail "$1: the stack has no place in the plugin" "$1.log"
    else
        ok "$1: reported after $took_ms ms"
    fi
}

for ports in per_core shared; do
    stuck $ports $ports waits || continue
    reports $ports
    # The other worker serves every new client, or this would wait for ever.
    for number in 1 2 3 4 5 6; do
        answer=$(ask_port "$(port_of $ports it)" 'hello\n' 1)
        [ "$answer" = hello ] || fail "$ports: client $number got \"$answer\"" $ports.log
    done
    let_it_go_on $ports
    if eventually 30 logged $ports " $call returned after about [0-9]* ms\$"; then
        ok "$ports: new clients were served, and the return is reported"
    else
        fail "$ports: the return is not reported" $ports.log
    fi
    exec 7>&-
    ! stop_host $ports $stop_signal || ok "$ports: and it stops in order"
done

# Unwind tables that are wrong end the walk of the stack, and not the process.
if [ -z "$emulator" ] && [ "$(uname -m)" = x86_64 ]; then
    stuck wrong_tables per_core wrong_tables && reports wrong_tables
    let_it_go_on wrong_tables
    if eventually 30 logged wrong_tables " $call returned after about [0-9]* ms\$"; then
        ok 'wrong_tables: the callback goes on'
    else
        fail 'wrong_tables: the return is not reported' wrong_tables.log
    fi
    exec 7>&-
    stop_host wrong_tables $stop_signal
fi

# One that never returns is reported once.
stuck endless per_core endless && reports endless
sleep 1 # in which nothing more may come
if [ "$(count_in_log endless 'has not returned for')" = 1 ]; then
    ok 'endless: reported once'
else
    fail 'endless: reported again' endless.log
fi
kill "-$stop_signal" "$host_pid"
wait_gone "$host_pid" 30
[ "$code" -eq 1 ] && ok 'endless: the stop gives up' || fail "endless: exit code $code" endless.log
exec 7>&-

# Off, and off by default for callbacks that may block.
quiet() { # NAME
    sleep 1.5 # in which nothing may come
    let_it_go_on "$1" && got_answer || fail "$1: no answer" "$1.log"
    if logged "$1" 'has not returned'; then
        fail "$1: reported" "$1.log"
    else
        ok "$1: not reported"
    fi
    exec 7>&-
    ! stop_host "$1" $stop_signal || ok "$1: and it stops in order"
}
got_answer() { # the connection goes on after the callback
    printf 'again' >&7
    [ "$(timeout 20 head -c 5 <&7)" = again ]
}
stuck off per_core waits ', "watchdog_ms": 0' && quiet off
plugin='#blocking'
stuck blocking per_core waits && quiet blocking
call=${call/crashes/crashes#blocking}
stuck blocking_set per_core waits ', "watchdog_ms": 1000' && reports blocking_set
let_it_go_on blocking_set && got_answer
exec 7>&-
stop_host blocking_set $stop_signal
plugin=

# A process that stands still, in the middle of callbacks that take 300 ms of their own.
if [ -z "$emulator" ]; then
    config suspended '{ "name": "it", "listen": "127.0.0.1:0", "plugin": "stalls",
        "settings": { "every_ms": 1, "for_ms": 300 } }' \
        '"io": { "threads": 2 }, "log": { "level": "debug" }'
    start_host suspended
    start_load suspended "$(port_of suspended it)" --size 64 --connections 2 $for_long
    eventually 60 has_clients suspended 2 || fail 'suspended: the clients do not come' suspended.log
    for round in 1 2 3; do
        sleep 0.7 # somewhere in a callback
        kill -STOP "$host_pid"
        sleep 1.5
        kill -CONT "$host_pid"
    done
    sleep 0.7
    if logged suspended 'has not returned'; then
        fail 'suspended: reported' suspended.log
    else
        ok 'suspended: not reported'
    fi
    ! load_was_right suspended "$load_pid" || ok 'suspended: and every reply came'
    stop_host suspended $stop_signal
fi
finish
