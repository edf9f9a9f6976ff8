#!/usr/bin/env bash
# A plugin's callback, or its blocking work, never returns: the stop is bounded, the log names the
# callback, and the exit code is 1. Another plugin's clients are drained as usual.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

hang() { # NAME PORTS PLUGIN IN
    local name=$1 expected=$4
    config "$name" \
        "{ \"name\": \"it\", \"listen\": \"127.0.0.1:0\", \"plugin\": \"$3\",
          \"settings\": { \"in\": \"$4\" } },
        { \"name\": \"other\", \"listen\": \"127.0.0.1:0\", \"plugin\": \"echo\" }" \
        "\"io\": { \"ports\": \"$2\", \"threads\": 2 }, \"shutdown\": { \"drain_ms\": 500 }, \"log\": { \"level\": \"debug\" }"
    start_host "$name" || return
    exec 7<>"/dev/tcp/127.0.0.1/$(port_of "$name" it)"
    case $4 in
    on_open) ;;
    on_end) printf hello >&7; timeout 20 head -c 5 <&7 >/dev/null; exec 7>&- ;;
    *) printf hello >&7; timeout 20 head -c 5 <&7 >/dev/null; printf hang >&7 ;;
    esac
    case $4 in post*) expected='a posted function' ;; work) expected='blocking work' ;; esac
    case $4 in
    on_drain | on_close | destroy) eventually 60 has_clients "$name" 1 ||
        fail "$name: no client" "$name.log" ;;
    *) eventually 60 grep -q 'listener=it hangs' "$name.log" ||
        fail "$name: it does not hang" "$name.log" ;;
    esac
    local begun=${EPOCHREALTIME/./}
    kill "-$stop_signal" "$host_pid"
    wait_gone "$host_pid" 30
    local took_ms=$(((${EPOCHREALTIME/./} - begun) / 1000))
    exec 7>&-
    if [ "$code" -ne 1 ]; then
        fail "$name: exit code $code" "$name.log"
    elif ! grep -q \
        "error the host no longer waits for plugin \"$3\", listener \"it\": $expected\( of connection [0-9a-f]*\)\? has not returned\( (1 under way, 0 waiting)\)\?$" "$name.log"; then
        fail "$name: the log does not name the callback" "$name.log"
    elif [ "$took_ms" -gt 10000 ] || [ "$took_ms" -lt 1000 ]; then
        fail "$name: the stop took $took_ms ms" "$name.log"
    else
        ok "$name: named, exit code 1, after $took_ms ms"
    fi
}

# A start that does not end: the log can name no connection yet, and nothing listens.
config create \
    '{ "name": "it", "listen": "127.0.0.1:0", "plugin": "hangs", "settings": { "in": "create" } }'
"${host[@]}" --config create.json >create.out 2>create.log &
host_pid=$!
started_pids+=("$host_pid")
eventually 60 grep -q 'listener=it hangs' create.log || fail 'create: it does not hang' create.log
kill "-$stop_signal" "$host_pid"
wait_gone "$host_pid" 30
if [ "$code" -eq 1 ] && grep -q \
    'error the host no longer waits for plugin "hangs", listener "it": create has not returned' \
    create.log; then
    ok 'create: named, exit code 1'
else
    fail "create: exit code $code" create.log
fi

for in in on_open on_data on_end on_drain on_close post post_instance work destroy; do
    hang "$in" per_core hangs $in
done
hang shared shared hangs on_data
hang serial_end shared hangs destroy
hang blocking per_core 'hangs#blocking' on_data
finish
