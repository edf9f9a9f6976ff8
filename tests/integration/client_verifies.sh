#!/usr/bin/env bash
# The client's verification, with a server that drops, doubles, reorders, corrupts and crosses
# replies (unfaithful.c) and counts them: the client's counts must be the same.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

mixed='"drop": 17, "duplicate": 19, "reorder": 23, "corrupt": 29, "cross": 31, "first": 1500'
none='"drop": 0, "duplicate": 0, "reorder": 0, "corrupt": 0, "cross": 0, "first": 1000000'
with() { sed "s/\"$1\": [0-9]*/\"$1\": $2/" <<<"$3"; } # FAULT EVERY SETTINGS
listener() { # NAME FRAMING SETTINGS
    echo "{ \"name\": \"$1\", \"listen\": \"127.0.0.1:0\", \"plugin\": \"unfaithful\",
      \"framing\": $2, \"settings\": { $3 } }"
}
lines='{ "type": "delimiter", "max_bytes": 65536 }'
prefixed='{ "type": "length_prefix", "bytes": 2, "max_bytes": 60000 }'
cat >unfaithful.json <<JSON
{ "plugin_directory": "$plugin_directory",
  "listeners": [ $(listener lines "$lines" "$mixed"), $(listener prefixed "$prefixed" "$mixed"),
                 $(listener late "$lines" "$(with reorder 5 "$(with first 10 "$none")")"),
                 $(listener last "$lines" "$(with drop 10 "$none")"),
                 $(listener nobody "$lines" "$(with drop 1 "$none")") ],
  "io": { "ports": "per_core", "threads": 1 }, "shutdown": { "drain_ms": 5000 } }
JSON
start_host unfaithful || finish

# run LISTENER EXIT_CODE ARGUMENT...: the client's output in LISTENER.client.
run() {
    ran=$1 expected=$2
    port=$(port_of unfaithful "$1")
    shift 2
    timeout 300 "${client[@]}" 127.0.0.1 "$port" "$@" >"$ran.client" 2>&1
    code=$?
    [ "$code" -eq "$expected" ] ||
        fail "$ran: the client's exit code is $code, not $expected" "$ran.client"
}
ask_server() { # FRAMED_QUESTION: dropped, duplicated, reordered, corrupted, crossed
    exec 9<>"/dev/tcp/127.0.0.1/$port" || return 1
    printf "$1" >&9
    read -r -t 60 answer <&9
    exec 9>&-
    read -r dropped duplicated reordered corrupted crossed < <(tr -cd '0-9 \n' <<<"$answer")
}
value() { tr -d '\r' <"$ran.client" | sed -n "s/^$1  *//p"; }
counts() { # FIGURE NUMBER
    if [ "$(value "$1")" = "$2" ]; then
        ok "$ran: $1 is $2"
    else
        fail "$ran: $1 is \"$(value "$1")\", and should be $2" "$ran.client"
    fi
}
says() { # PATTERN
    if grep -qE -- "$1" <(tr -d '\r' <"$ran.client"); then
        ok "$ran: $1"
    else
        fail "$ran does not say: $1" "$ran.client"
    fi
}

total=16000
agree() {
    if [ "$dropped" -lt 100 ] || [ "$duplicated" -lt 100 ] || [ "$reordered" -lt 100 ] ||
        [ "$corrupted" -lt 100 ] || [ "$crossed" -lt 100 ]; then
        fail "$ran: the server did too little: $answer"
    fi
    counts wrong "$corrupted"
    counts duplicate "$duplicated"
    counts reordered "$reordered"
    counts crossed "$crossed"
    counts lost $((dropped + crossed))
    counts late 0
    counts unexpected 0
    counts received $((total - dropped - crossed))
    counts connections_broken 0
    for kind in wrong lost duplicate reordered crossed; do
        says "^client: $kind: connection [0-9]+"
    done
    says '^  expected 00000000  '
    says '^  came     00000000  ([0-9a-f]{2} ){15}[0-9a-f]{2}  \|.{16}\|$'
    says '^ +\^\^$'
}
run lines 3 --size 16-200 --framing delimiter --connections 8 --count 2000 --depth 8
ask_server 'figures\n'
agree
run prefixed 3 --size 8-3000 --framing length_prefix:2 --connections 8 --count 2000 --depth 8 \
    --threads 2
ask_server '\x00\x07figures'
agree

# One message at a time: a reply that waits for the next message waits until the client has given it
# up, and is late.
run late 3 --size 8 --framing delimiter --connections 2 --count 30 --timeout 1s
ask_server 'figures\n'
counts late 4
counts reordered 0
counts lost 0
counts received 60
[ "$reordered" = 4 ] || fail "late: the server says: $answer"
# The last reply does not come. No later one shows that, but the timeout does, and the connection
# ends in order.
run last 3 --size 8-64 --framing delimiter --connections 3 --count 10 --depth 4 --timeout 1s
counts lost 3
counts received 27
counts connections_broken 0
# No reply comes at all: the second silence ends the connection.
run nobody 3 --size 8-64 --framing delimiter --connections 2 --count 1000 --depth 4 --timeout 500ms
counts lost 2000
counts received 0
counts connections_broken 2
says 'no reply within the timeout'

stop_host unfaithful $stop_signal
finish
