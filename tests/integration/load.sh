#!/usr/bin/env bash
# The client's verified load against echo: 200 connections x 500 messages of 1 to 60,000 bytes, 8 in
# flight on each; under Wine 64 x 100. With a sanitizer 40 x 50: it is several times slower, and
# races and wrong memory also show in a few thousand messages.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

connections=200 count=500
if [ -n "$emulator" ]; then connections=64 count=100; fi
if [ -n "$sanitized" ]; then connections=40 count=50; fi
for ports in shared per_core io_uring; do
    case $ports in
    io_uring) # if it is not available the host runs on epoll: io_uring.sh
        if [ -n "$emulator" ]; then continue; fi
        io='"backend": "io_uring"' ;;
    *) io="\"ports\": \"$ports\"" ;;
    esac
    cat >"$ports.json" <<JSON
{ "plugin_directory": "$plugin_directory",
  "io": { $io },
  "listeners": [ { "name": "it", "listen": "127.0.0.1:0", "plugin": "echo" } ],
  "shutdown": { "drain_ms": 5000 } }
JSON
    start_host $ports || continue
    "${client[@]}" 127.0.0.1 "$(port_of $ports it)" --size 1-60000 --connections $connections \
        --count $count --depth 8 \
        --timeout 120s >"$ports.client" 2>&1
    code=$?
    value() { tr -d '\r' <"$ports.client" | sed -n "s/^$1  *//p"; }
    if [ $code -ne 0 ] || [ "$(value received)" != $((connections * count)) ] ||
        [ "$(value wrong)" != 0 ] || [ "$(value lost)" != 0 ]; then
        fail "$ports: the client's exit code is $code" "$ports.client" "$ports.log"
    else
        ok "$ports: $(value received) replies, none wrong or lost, $(value messages_per_second) messages/s, p99 $(value latency_p99_us) us"
    fi
    stop_host $ports $stop_signal
done
finish
