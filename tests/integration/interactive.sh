#!/usr/bin/env bash
# The article's client, at a terminal: it asks for a message, a number of threads and a number of
# sends, and prints each reply.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
[ -z "$emulator" ] || skip 'a terminal of Linux is no console of Windows'
need script

cat >echo.json <<JSON
{ "plugin_directory": "$plugin_directory", "listeners": [ { "name": "it", "listen": "127.0.0.1:0",
  "plugin": "echo" } ] }
JSON
start_host echo || finish
port=$(port_of echo it)

# A pseudo-terminal: typed text goes through `keys`, and `screen` has what the terminal shows,
# including the typed text.
mkfifo keys
script -qefc "'${client[0]}' 127.0.0.1 $port" /dev/null <keys >screen 2>&1 &
pid=$!
started_pids+=("$pid")
exec 3>keys

shows() { grep -qF -- "$1" screen; }
asks() { # QUESTION ANSWER
    if eventually 30 shows "$1"; then ok "asks: $1"; else fail "does not ask: $1" screen; fi
    printf '%s\n' "$2" >&3
}
asks 'Enter the message: ' 'Grüße, World'
asks 'Enter the number of threads: ' 'two'
asks 'Please enter a number from 1 to ' '2'
asks 'Enter the number of times each thread sends: ' '3'
wait_gone "$pid" 60
exec 3>&-
if [ "$code" -eq 0 ]; then ok 'ends with 0'; else fail "ends with $code" screen; fi
tr -d '\r' <screen >lines
for thread in 1 2; do
    for number in 1 2 3; do
        line="Server sent the following message: $number. Thread $thread - Grüße, World"
        if [ "$(grep -cxF -- "$line" lines)" -eq 1 ]; then
            ok "$line"
        else
            fail "not once: $line" lines
        fi
    done
done
if [ "$(grep -c '^Server sent' lines)" -eq 6 ] &&
    [ "$(tail -n 1 lines)" = 'Sent 6 messages and received 6 replies.' ]; then
    ok 'six replies, and the sum'
else
    fail 'other than six replies and the sum' lines
fi

# The input ends before all questions are answered.
printf 'Hello\n' | "${client[@]}" 127.0.0.1 "$port" --interactive >screen 2>&1
code=$?
if [ "$code" -eq 2 ] && grep -q 'the input ended before the questions were answered' screen; then
    ok 'an early end is said'
else
    fail "an early end: $code" screen
fi

stop_host echo TERM
finish
