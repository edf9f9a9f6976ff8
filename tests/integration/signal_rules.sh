#!/usr/bin/env bash
# The host's treatment of signals beyond the first orderly stop: those that were ignored when it
# started, and those that come twice. And the signals of programs that a plugin starts.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

config() { # NAME PLUGIN DRAIN_MS
    cat >"$1.json" <<JSON
{ "plugin_directory": "$plugin_directory",
  "listeners": [ { "name": "it", "listen": "127.0.0.1:0", "plugin": "$2",
                   "framing": { "type": "delimiter", "delimiter": "\n" } } ],
  "log": { "level": "debug" }, "shutdown": { "drain_ms": $3 } }
JSON
}
open_client() { exec 7<>"/dev/tcp/127.0.0.1/$1"; }
close_client() { exec 7>&-; }
has_client() { grep -q ' client .* connected' "$1.log"; }
is_draining() { grep -q ' draining$' "$1.log"; }
# Brings the host into the middle of a drain, with a client that does not go.
start_draining() { # NAME DRAIN_MS SIGNAL
    config "$1" never_drains "$2"
    start_host "$1" || return
    open_client "$(port_of "$1" it)"
    eventually 60 has_client "$1" || fail "$1: no client" "$1.log"
    kill "-$3" "$host_pid"
    eventually 60 is_draining "$1" || fail "$1: SIG$3 does not begin a drain" "$1.log"
}
# Checks that the drain goes on to its deadline.
drains_on() { # NAME WHAT
    wait_gone "$host_pid" 60
    if [ "$code" -eq 0 ] && [[ $(last_line "$1.log") == *" stopped" ]] &&
        grep -q 'cut 1 connections' "$1.log"; then
        ok "$2"
    else
        fail "$2: exit code $code" "$1.log"
    fi
    close_client
}

# ---- signals that were ignored at the start: by nohup, trap and "&"
# PID SigIgn|SigCgt NUMBER
takes() {
    [ $((0x$(awk -v of="$2:" '$1 == of { print $2 }' "/proc/$1/status") >> ($3 - 1) & 1)) -eq 1 ]
}
host_as_it_is=("${host[@]}")
for signal in HUP INT TERM USR1; do
    host=(env --ignore-signal=$signal "$bin/host")
    config "ignored_$signal" echo 5000
    start_host "ignored_$signal" || continue
    if takes "$host_pid" SigIgn "$(kill -l $signal)"; then
        ok "SIG$signal stays ignored"
    else
        fail "SIG$signal does not stay ignored" "ignored_$signal.log"
    fi
    kill -$signal "$host_pid"
    open_client "$(port_of "ignored_$signal" it)"
    echo hello >&7
    if IFS= read -r -t 60 line <&7 && [ "$line" = hello ]; then
        ok 'and it serves on'
    else
        fail 'it serves no more' "ignored_$signal.log"
    fi
    close_client
    if [ $signal = TERM ]; then
        stop_host ignored_TERM HUP
    else
        stop_host "ignored_$signal" TERM
    fi
done
host=(nohup "$bin/host")
config nohup echo 5000
if start_host nohup; then
    if takes "$host_pid" SigIgn 1; then
        ok 'nohup is heeded'
    else
        fail 'nohup is not heeded' nohup.log
    fi
    ! stop_host nohup TERM || ok 'and SIGTERM stops it in order'
fi
host=("${host_as_it_is[@]}")

# ---- signals that come again
start_draining hangups 1500 HUP
kill -HUP "$host_pid"
sleep 1.1 # SIGHUP never counts, however late it comes
kill -HUP "$host_pid"
drains_on hangups 'SIGHUP again and again: the drain goes on'
start_draining closing 1000 TERM
kill -HUP "$host_pid"
kill -TERM "$host_pid"
drains_on closing 'SIGTERM, SIGHUP and SIGTERM at once: the drain goes on'
start_draining impatient 60000 TERM
sleep 1.1 # the rule's second
kill -TERM "$host_pid"
wait_gone "$host_pid" 30
if [ "$code" -eq 130 ]; then
    ok 'a second SIGTERM after a second ends at once'
else
    fail "impatient: exit code $code" impatient.log
fi
close_client
start_draining twice 60000 INT
kill -INT "$host_pid"
wait_gone "$host_pid" 30
if [ "$code" -eq 130 ]; then
    ok 'a second SIGINT ends at once'
else
    fail "twice: exit code $code" twice.log
fi
close_client

# ---- programs that a plugin starts
config children starts_programs 5000
for blocked in '' TERM,INT,HUP,USR1; do
    host=(env --default-signal=INT ${blocked:+"--block-signal=$blocked"} "$bin/host")
    start_host children || continue
    open_client "$(port_of children it)"
    for how in fork spawn; do
        echo $how >&7
        while IFS= read -r -t 60 line <&7 &&
            [ "$line" != end ]; do echo "$line"; done >children.$how
        if [ "$(awk '$1 == "SigBlk:" { print $2 }' children.$how)" = 0000000000000000 ]; then
            ok "a child by $how${blocked:+, of a host that began with signals blocked,} has no signal blocked"
        else
            fail "a child by $how begins with signals blocked" children.$how
        fi
        ignored=$((0x$(awk '$1 == "SigIgn:" { print $2 }' children.$how)))
        for signal in HUP INT TERM PIPE USR1 USR2 XFSZ; do
            if [ $((ignored >> ($(kill -l $signal) - 1) & 1)) -ne 0 ]; then
                fail "it ignores SIG$signal" children.$how
            fi
        done
    done
    close_client
    ! stop_host children TERM || ok 'and the host stops'
done
finish
