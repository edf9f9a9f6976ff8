#!/usr/bin/env bash
# The admin endpoint as curl, Prometheus and plain sockets see it, on each backend.
source "$(dirname "${BASH_SOURCE[0]}")/admin_common.sh"
need python3

for backend in "${backends[@]}"; do
    config it "$backend"
    start_host it || finish
    port=$(port_of it admin)
    echo_port=$(port_of it it)

    same "$backend: it lives" live "$(ask /live | tr -d '\n')"
    same "$backend: it is ready" 200 "$(status /ready)"
    same "$backend: nothing is at other paths" 404 "$(status /nothing)"
    same "$backend: a path has its methods" 405 "$(status /metrics --request PUT)"
    same "$backend: HEAD has no body" 200 "$(status / --head)"
    same "$backend: a foreign name is refused" 403 "$(status /live --header 'Host: evil.example')"
    same "$backend: a foreign page is refused" 403 \
        "$(status /live --header 'Origin: http://evil.example')"
    same "$backend: a form cannot post" 415 "$(status /api/drain --data 'all=true')"
    same "$backend: the page is there" text/html \
        "$(ask / --output /dev/null --write-out '%{content_type}' | cut -d';' -f1)"

    # A connection of the service is seen.
    exec 8<>"/dev/tcp/127.0.0.1/$echo_port"
    printf 'hello\n' >&8
    same "$backend: the service serves" hello "$(next 8)"
    ask /api/connections?listener=it >page.json
    same "$backend: its connection is listed" '1 it accepted open 6' \
        "$(python3 - page.json <<'PYTHON'
import json, sys
connections = json.load(open(sys.argv[1]))["connections"]
print(len(connections), *(connections[0][key] for key in (
    "listener", "direction", "state", "received_bytes")))
PYTHON
)"
    ask /api/status >status.json
    same "$backend: the status counts it" "ready listening 1 $echo_port" \
        "$(python3 - status.json <<'PYTHON'
import json, sys
status = json.load(open(sys.argv[1]))
listener = status["listeners"][0]
print(status["host"]["state"], listener["state"], listener["connections"]["open"],
      listener["endpoints"][0]["port"])
PYTHON
)"
    id=$(json 'd["connections"][0]["id"]' <page.json)
    same "$backend: an operator closes it" 202 "$(post_status "/api/connections/$id/close" '{}')"
    same "$backend: its peer sees the end" '' "$(timeout 30 cat <&8)"
    exec 8>&-
    same "$backend: then it is gone" 404 "$(post_status "/api/connections/$id/close" '{}')"

    # Keep-alive and pipelining; a body in chunks; 100 Continue.
    one='HTTP/1.1\r\nHost: localhost\r\n'
    answers=$(ask_port "$port" \
        "GET /live $one\\r\\nGET /ready ${one}Connection: close\\r\\n\\r\\n" 0)
    same "$backend: two requests, two answers" 2 "$(grep -c '^HTTP/1.1 200' <<<"$answers")"
    same "$backend: a body in chunks" '{"level":"info"}' \
        "$(post /api/log-level '{"level": "info"}' --header 'Transfer-Encoding: chunked')"
    same "$backend: 100 Continue" '{"level":"info"}' \
        "$(post /api/log-level '{"level": "info"}' --header 'Expect: 100-continue')"
    same "$backend: no HTTP" '400' "$(ask_port "$port" 'hello\r\n\r\n' 1 | cut -d' ' -f2)"
    same "$backend: too large" 413 \
        "$(head -c 70000 /dev/zero | tr '\0' x |
            status /api/drain --header 'Content-Type: application/json' --data-binary @-)"

    # What Prometheus reads.
    ask /metrics --dump-header head.txt >metrics.txt
    same "$backend: Prometheus's format" 'text/plain; version=0.0.4; charset=utf-8' \
        "$(sed -n 's/^[Cc]ontent-[Tt]ype: \(.*\)\r$/\1/p' head.txt)"
    if command -v promtool >/dev/null; then
        if promtool check metrics <metrics.txt >promtool.txt 2>&1; then
            ok "$backend: promtool accepts it"
        else
            fail "$backend: promtool does not accept it" promtool.txt
        fi
    fi
    ask /metrics --header 'Accept: application/openmetrics-text; version=1.0.0' >open.txt
    same "$backend: OpenMetrics ends" '# EOF' "$(tail -n 1 open.txt)"
    if /usr/bin/python3 -c 'import prometheus_client' 2>/dev/null; then
        same "$backend: its own parser accepts it" fine "$(/usr/bin/python3 -c '
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
list(parse(open("open.txt").read()))
print("fine")' 2>&1 | tail -n 1)"
    fi
    stop_host it "$stop_signal" && ok "$backend: it stops"
done
finish
