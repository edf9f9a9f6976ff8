#!/usr/bin/env bash
# A plugin whose callbacks do not return holds up its worker, but not the admin endpoint, which
# names the callback.
source "$(dirname "${BASH_SOURCE[0]}")/admin_common.sh"
need python3

config it
sed -i 's/"plugin": "echo",$/"plugin": "hangs", "settings": { "in": "on_data" },/; s/"threads": 2/"threads": 1/' it.json
start_host it || finish
port=$(port_of it admin)
exec 8<>"/dev/tcp/127.0.0.1/$(port_of it it)"
printf 'hang\n' >&8
is_stuck() {
    local names
    names=$(ask /api/status |
        json '" ".join(w["callback"]["name"] for w in d["workers"] if "callback" in w)')
    [ "$names" = on_data ]
}
if eventually 30 is_stuck; then
    ok 'the status names the callback'
else
    fail 'the status does not name the callback' it.log
fi
same 'it lives' 200 "$(status /live)"
same 'its metrics come' 200 "$(status /metrics)"
same 'a drain is taken' 202 "$(post_status /api/drain '{"listener": "it"}')"
kill -"$stop_signal" "$host_pid"
is_stopping() { [ "$(status /ready)" = 503 ]; }
if eventually 5 is_stopping; then ok 'it is stopping'; else fail 'it is not stopping' it.log; fi
wait_gone "$host_pid" 60
same 'it gives up' 1 "$code"
finish
