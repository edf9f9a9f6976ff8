#!/usr/bin/env bash
# A listener that is drained closes its port and its connections; the others go on. Undone, it
# listens on the same port. A stop may come at any time.
source "$(dirname "${BASH_SOURCE[0]}")/admin_common.sh"
need python3

refuses() { ! (exec 7<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
is() { [ "$(state_of "$1")" = "$2" ]; }

for backend in "${backends[@]}"; do
    config it "$backend"
    start_host it || finish
    port=$(port_of it admin)
    echo_port=$(port_of it it)
    for round in 1 2; do
        exec 8<>"/dev/tcp/127.0.0.1/$echo_port"
        printf 'hello\n' >&8
        same "$backend $round: it serves" hello "$(next 8)"
        same "$backend $round: drain" 202 "$(post_status /api/drain '{"listener": "it"}')"
        same "$backend $round: its connection ends" '' "$(timeout 30 cat <&8)"
        exec 8>&-
        if eventually 20 is it drained; then
            ok "$backend $round: it is drained"
        else
            fail "$backend $round: it is not drained" it.log
        fi
        if refuses "$echo_port"; then
            ok "$backend $round: its port is closed"
        else
            fail "$backend $round: its port is open" it.log
        fi
        same "$backend $round: the other listener serves" x \
            "$(ask_port "$(port_of it other)" 'x\n' 1)"
        same "$backend $round: it is still ready" 200 "$(status /ready)"
        same "$backend $round: undo" 202 \
            "$(post_status /api/drain '{"listener": "it", "undo": true}')"
        same "$backend $round: it listens again" listening "$(state_of it)"
        same "$backend $round: and serves" hello "$(ask_port "$echo_port" 'hello\n' 1)"
    done

    # Somebody takes the port meanwhile.
    post /api/drain '{"listener": "it"}' >/dev/null
    eventually 20 is it drained || fail "$backend: it is not drained" it.log
    python3 -c 'import socket, sys, time
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", int(sys.argv[1])))
s.listen()
print("taken", flush=True)
time.sleep(60)' "$echo_port" >"taken.$backend" &
    taker=$!
    started_pids+=("$taker")
    eventually 20 grep -qs taken "taken.$backend"
    post /api/drain '{"listener": "it", "undo": true}' >error.json
    if json 'd["error"]' <error.json | grep -q "cannot listen on 127.0.0.1:$echo_port"; then
        ok "$backend: the port is taken, and the answer says so"
    else
        fail "$backend: a taken port" error.json it.log
    fi
    same "$backend: it stays drained" drained "$(state_of it)"
    kill "$taker"
    wait "$taker" 2>/dev/null

    # All of them, and a stop while they are drained.
    same "$backend: all" 202 "$(post_status /api/drain '{"all": true}')"
    eventually 20 is other drained
    stop_host it "$stop_signal" && ok "$backend: it stops while it is drained"
done
finish
