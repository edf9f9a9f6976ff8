#!/usr/bin/env bash
# Blocking work does not slow the host's other listeners: while 64 connections write to sqlite_kv,
# the p99 of an echo on the same host is at most 1.5 times that on a host of its own, with the same
# load on the first one. The medians of seven pairs, measured in turns.
source "$(dirname "${BASH_SOURCE[0]}")/../integration/common.sh"
if [ -n "$sanitized" ]; then skip 'what a sanitizer costs is more than what is measured'; fi
rounds=7

listeners() { # NAME...
    local name separator=
    for name in "$@"; do
        echo "$separator"
        case $name in
        kv) echo "{ \"name\": \"kv\", \"listen\": \"127.0.0.1:0\", \"plugin\": \"sqlite_kv\",
              \"settings\": { \"file\": \"$PWD/keys.db\" },
              \"framing\": { \"type\": \"delimiter\" } }" ;;
        echo) echo '{ "name": "echo", "listen": "127.0.0.1:0", "plugin": "echo" }' ;;
        esac
        separator=,
    done
}
serve() { # FILE LISTENER...
    local file=$1
    shift
    echo "{ \"plugin_directory\": \"$plugin_directory\", \"log\": { \"access\": false },
        \"listeners\": [ $(listeners "$@") ] }" >"$file.json"
    start_host "$file" || finish
}
serve both kv echo
serve alone echo

# The echo's p99 in microseconds, while the same host (`both`) or another one (`alone`) writes.
p99_at() { # HOST
    local writer
    timeout 60 "${client[@]}" 127.0.0.1 "$(port_of both kv)" --connections 64 --duration 4s \
        --message 'SET key\{connection} value' --expect text:OK --framing 'delimiter:\n' \
        >kv.client 2>&1 &
    writer=$!
    timeout 60 "${client[@]}" 127.0.0.1 "$(port_of "$1" echo)" --connections 16 --size 64 \
        --rate 4000 --warm-up 1s --duration 3s >echo.client 2>&1
    wait "$writer" || fail 'the writers are not answered' kv.client both.log
    tr -d '\r' <echo.client | sed -n 's/^latency_p99_us  *//p'
}
for ((round = 0; round < rounds; ++round)); do
    p99_at both >>both.p99
    p99_at alone >>alone.p99
done
median() { sort -g "$1" | sed -n "$(((rounds + 1) / 2))p"; }
figures="p99 of the echo: $(median both.p99) us beside sqlite_kv, $(median alone.p99) us on a host"
figures+=" of its own ($(tr '\n' ' ' <both.p99)against $(tr '\n' ' ' <alone.p99))"
if awk -v both="$(median both.p99)" -v alone="$(median alone.p99)" \
    'BEGIN { exit !(alone > 0 && both <= 1.5 * alone) }'; then
    ok "$figures"
else
    fail "$figures"
fi
finish
