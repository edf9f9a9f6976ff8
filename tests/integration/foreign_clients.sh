#!/usr/bin/env bash
# Other programs as clients: each must be installed, or its test is skipped.
#   foreign_clients.sh ... with CLIENT (socat, curl, nc, redis-cli, bash) in the environment
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
need "${CLIENT:?}"

cat >it.json <<JSON
{ "plugin_directory": "$plugin_directory",
  "listeners": [
    { "name": "echo", "listen": "127.0.0.1:0", "plugin": "echo" },
    { "name": "ack", "listen": "127.0.0.1:0", "plugin": "ack",
      "settings": { "close_after": true } },
    { "name": "lines", "listen": "127.0.0.1:0", "plugin": "ack",
      "framing": { "type": "delimiter", "delimiter": "\r\n" },
      "settings": { "reply": "+PONG\r\n" } } ] }
JSON
start_host it || finish
echo_port=$(port_of it echo) ack_port=$(port_of it ack) lines_port=$(port_of it lines)

case $CLIENT in
socat)
    same 'socat: no newline, half-close, echo, end' hello \
        "$(printf hello | timeout 60 socat -t 30 - "TCP:127.0.0.1:$echo_port")"
    head -c 3000000 /dev/urandom >in.bin
    timeout 60 socat -t 30 - "TCP:127.0.0.1:$echo_port" <in.bin >out.bin
    if cmp -s in.bin out.bin; then
        ok 'socat: 3 MB through echo'
    else
        fail 'socat: 3 MB came back otherwise' it.log
    fi
    same 'socat: ack that closes' 'Message received successfully' \
        "$(printf x | timeout 60 socat -t 30 - "TCP:127.0.0.1:$ack_port")"
    ;;
curl)
    # telnet: curl sends what it reads. http: echo answers with the request, which is not an HTTP
    # reply, but HTTP/0.9 accepts anything.
    same 'curl: telnet' hello \
        "$(printf hello | timeout 60 curl -s --max-time 5 "telnet://127.0.0.1:$echo_port" |
            head -c 5)"
    answer=$(timeout 60 curl -s --http0.9 --max-time 30 "http://127.0.0.1:$ack_port/")
    same 'curl: HTTP/0.9 against ack that closes' 'Message received successfully' "$answer"
    ;;
nc)
    same 'nc: echo' hello "$(printf hello | timeout 60 nc -N 127.0.0.1 "$echo_port")"
    ;;
redis-cli)
    # An inline command through a pipe: one line, one reply.
    same 'redis-cli: a reply to PING' PONG \
        "$(timeout 60 redis-cli -h 127.0.0.1 -p "$lines_port" --raw PING 2>&1 | head -n 1)"
    ;;
bash)
    exec 9<>"/dev/tcp/127.0.0.1/$echo_port"
    printf hello >&9
    read -r -N 5 -t 60 answer <&9
    exec 9>&-
    same 'bash: /dev/tcp without a newline' hello "$answer"
    ;;
esac
! stop_host it $stop_signal || ok 'and the host stops'
finish
