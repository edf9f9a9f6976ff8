#!/usr/bin/env bash
# If a callback returns an error, its connection is closed. The log names the listener, the callback
# and the status. A flood of errors gives one line and a count.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

cat >it.json <<JSON
{ "plugin_directory": "$plugin_directory",
  "listeners": [ { "name": "one", "listen": "127.0.0.1:0", "plugin": "bad_answers_error" },
                 { "name": "two", "listen": "127.0.0.1:0", "plugin": "bad_answers_error" },
                 { "name": "much", "listen": "127.0.0.1:0", "plugin": "bad_consumes_too_much" } ] }
JSON
lines() { grep -c -- "$1" it.log; } # PATTERN
is_closed() {
    [ "$("${client[@]}" 127.0.0.1 "$(port_of it "$1")" --message hi --connections 40 \
        --timeout 20s 2>&1 | tr -d '\r' | sed -n 's/^received  *//p')" = 0 ]
}
start_host it || finish
begun=$SECONDS
for listener in one two much; do
    is_closed "$listener" || fail "$listener answers" it.log
done
! stop_host it $stop_signal || ok 'the host stops in order'
# If the machine takes ten seconds for this, there are more lines; the numbers are right anyway.
said=$(lines 'warn listener=one conn=[0-9a-f]* on_data returned PORTICO_PROTOCOL_ERROR (-12)')
more=$(tr -d '\r' <it.log | sed -n 's/^.*listener=one.*[ (]\([0-9]*\) more .*$/\1/p' |
    awk '{ sum += $1 } END { print sum + 0 }')
if [ "$said" -ge 1 ] && [ "$said" -le $((1 + (SECONDS - begun) / 10)) ] &&
    [ $((said + more)) -eq 40 ]; then
    ok "40 errors: $said lines, and $more in a count"
else
    fail "40 errors: $said lines, and $more in a count" it.log
fi
if [ "$(lines 'warn listener=two conn=[0-9a-f]* on_data returned')" -ge 1 ]; then
    ok 'each listener has its own'
else
    fail 'the second listener says nothing' it.log
fi
if [ "$(lines 'error listener=much conn=[0-9a-f]* on_data consumed 3 bytes of 2')" -ge 1 ]; then
    ok 'more consumed than offered is told in the same way'
else
    fail 'nothing of the third' it.log
fi
finish
