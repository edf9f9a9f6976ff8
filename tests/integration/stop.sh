#!/usr/bin/env bash
# The operator's signals: a clean stop with clients in mid-traffic, and the ways to leave a drain
# that does not end.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

config() { # NAME PORTS PLUGIN DRAIN_MS
    cat >"$1.json" <<JSON
{ "plugin_directory": "$plugin_directory",
  "io": { "ports": "$2" },
  "listeners": [ { "name": "it", "listen": "127.0.0.1:0", "plugin": "$3" } ],
  "log": { "level": "debug" }, "shutdown": { "drain_ms": $4 } }
JSON
}

# Idle clients that the shell itself holds.
open_idle() { # PORT
    exec 7<>"/dev/tcp/127.0.0.1/$1" 8<>"/dev/tcp/127.0.0.1/$1"
}
close_idle() { exec 7>&- 8>&-; }
has_clients() { [ "$(grep -c ' client .* connected' "$1.log")" -ge "$2" ]; }

signals="TERM INT HUP"
[ -z "$emulator" ] || signals=INT
for ports in shared per_core; do
    for signal in $signals; do
        name=stop_${ports}_$signal
        config "$name" $ports echo 5000
        start_host "$name" || continue
        port=$(port_of "$name" it)
        open_idle "$port"
        "${client[@]}" 127.0.0.1 "$port" --size 1-20000 --connections 16 --duration 60s --depth 4 \
            --timeout 5s >"$name.client" 2>&1 &
        client_pid=$!
        started_pids+=("$client_pid")
        eventually 60 has_clients "$name" 18 ||
            fail "$name: the clients do not come" "$name.log" "$name.client"
        ! stop_host "$name" "$signal" ||
            ok "$name: clients idle and in mid-traffic, exit code 0, \"stopped\" last"
        close_idle
        wait_gone "$client_pid" 60
        # The host closed its connections before their work was done, and the client reports that.
        [ "$code" -eq 3 ] || fail "$name: the client's exit code is $code" "$name.client"
        if grep -qE '^wrong +[1-9]' "$name.client"; then
            fail "$name: wrong replies" "$name.client"
        fi
    done
done

config drain per_core never_drains 300
if start_host drain; then
    open_idle "$(port_of drain it)"
    eventually 60 has_clients drain 2 || fail 'drain: no clients' drain.log
    if stop_host drain $stop_signal; then
        if grep -q "cut 2 connections" drain.log && grep -q 'gone 11' drain.log; then
            ok "a drain that does not end is cut at its deadline, with the number, and exit code 0"
        else
            fail 'drain: the log does not say what was cut' drain.log
        fi
    fi
    close_idle
fi

is_draining() { grep -q ' draining$' <(tr -d '\r' <"$1"); }
config second per_core never_drains 60000
if start_host second; then
    open_idle "$(port_of second it)"
    eventually 60 has_clients second 2 || fail 'second: no clients' second.log
    kill -INT "$host_pid"
    eventually 60 is_draining second.log || fail 'second: on_drain is not called' second.log
    kill -INT "$host_pid"
    wait_gone "$host_pid" 60
    if [ "$code" -eq 130 ]; then
        ok 'a second signal ends at once with 130'
    else
        fail "second: exit code $code" second.log
    fi
    close_idle
fi

finish
