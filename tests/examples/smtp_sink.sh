#!/usr/bin/env bash
# examples/smtp_sink, driven by curl, by swaks, and by clients of its own (smtp_clients.py): on the
# backend that the host chooses, and on Linux on epoll as well. What a message was is in its line of
# the log, with a checksum of its text.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../integration/common.sh"
need python3
need curl

states='hello mail rcpt data text session'

listener() { # NAME LIMITS TIMEOUTS
    echo "{ \"name\": \"$1\", \"listen\": \"127.0.0.1:0\", \"plugin\": \"smtp_sink\","
    echo "  \"limits\": { \"send_queue_bytes\": 16384 }, \"settings\": {"
    echo "  \"hostname\": \"mx.example\", \"limits\": { $2 }, \"timeouts\": { $3 } } }"
}
serve() { # BACKEND
    local state
    {
        echo "{ \"plugin_directory\": \"$plugin_directory\", \"shutdown\": { \"drain_ms\": 6000 },"
        echo "  \"io\": { \"backend\": \"$1\", \"threads\": 2 }, \"listeners\": ["
        for state in $states; do
            listener "$state" '' "\"${state}_ms\": 300"
            echo ,
        done
        listener small '"message_bytes": 1000, "recipients": 3, "mistakes": 3' ''
        echo ,
        listener smtp '"message_bytes": 6000000' ''
        echo '] }'
    } >it.json
    start_host it || finish
    port=$(port_of it smtp)
}
# came WHAT COUNT RESULT RECIPIENTS TEXT SENDER: so many such messages are in the log. TEXT is a
# file with the text as it was before dots were stuffed, or "any".
came() {
    local line
    line="message [0-9]* $3: recipients=$4 $(digest "$5") from=<$6>"
    if eventually 30 has_logged "$2" "$line"; then
        ok "$1"
    else
        fail "$1: the log does not have $2 lines like $line" it.log
    fi
}
has_logged() { [ "$(tr -d '\r' <it.log | grep -c " $2\$")" -eq "$1" ]; }
digest() { # FILE
    if [ "$1" = any ]; then
        echo 'bytes=[0-9]* lines=[0-9]* crc32=[0-9a-f]*'
        return
    fi
    python3 - "$1" <<'PYTHON'
import pathlib, sys, zlib
text = pathlib.Path(sys.argv[1]).read_bytes()
lines = text.count(b"\r\n")
print(f"bytes={len(text)} lines={lines} crc32={zlib.crc32(text):08x}")
PYTHON
}
run() { # WHAT COMMAND...: in run.txt is what it says
    if timeout 300 "${@:2}" >run.txt 2>&1; then
        ok "$1"
    else
        fail "$1" run.txt it.log
    fi
}
clients() { # ARGUMENT...
    timeout 280 python3 "$here/smtp_clients.py" "$@" >clients.txt 2>&1
    local code=$? line
    while read -r line; do
        [[ $line != 'ok: '* ]] || ok "${line#ok: }"
    done <clients.txt
    [ "$code" -eq 0 ] || fail "clients: $1" clients.txt it.log
}

python3 - <<'PYTHON'
import pathlib
def write(name, text):
    pathlib.Path(name).write_bytes(text)
short = b"Subject: hello\r\n\r\n.\r\n..\r\nhello\r\n"
write("short.txt", short)
write("swaks.txt", short + b"\r\n")  # swaks adds a line
line = b".and so on, for as long as it takes to make a message large enough\r\n"
write("large.txt", (5 * 1024 * 1024 // len(line) + 1) * line)
# What smtp_clients.py sends, before stuffing.
write("tricky.txt", b".\r\n..a\r\n\r\n\r.\n\r\na\n.\n\r\nb\r.\r\r\n.\r\n")
write("fifty.txt", 1000 * b"a line of the message\r\n.with a dot\r\n")
PYTHON

with_curl() {
    local url=smtp://127.0.0.1:$port
    run 'curl sends a message' curl -sS "$url" --mail-from ann@example.org \
        --mail-rcpt bob@example.org --upload-file short.txt
    came 'and it comes' 1 accepted 1 short.txt ann@example.org
    run 'curl sends to several' curl -sS "$url" --mail-from several@example.org \
        --mail-rcpt a@example.org --mail-rcpt b@example.org --mail-rcpt '<"c d"@[192.0.2.1]>' \
        --upload-file short.txt
    came 'and it comes' 1 accepted 3 short.txt several@example.org
    run 'curl sends 5 MB' curl -sS "$url" --mail-from large@example.org \
        --mail-rcpt bob@example.org --upload-file large.txt
    came 'and it comes' 1 accepted 1 large.txt large@example.org
    run 'curl asks whether somebody is here' curl -sS "$url" --mail-rcpt bob
    if grep -q '^252 2.0.0 ' run.txt; then
        ok 'and is told that anybody is'
    else
        fail 'curl is not answered' run.txt
    fi
    timeout 60 curl -sS "smtp://127.0.0.1:$(port_of it small)" --mail-from ann@example.org \
        --mail-rcpt bob@example.org --upload-file large.txt >run.txt 2>&1
    if grep -q 552 run.txt; then
        ok 'a message that is too large is refused before it is sent'
    else
        fail 'a message that is too large is not refused' run.txt
    fi
}
with_swaks() {
    if ! command -v swaks >/dev/null; then
        echo 'swaks is not installed: its part is left out'
        return
    fi
    local mail=(swaks --server "127.0.0.1:$port" --timeout 60 --helo me)
    run 'swaks sends a message' "${mail[@]}" --from swaks@example.org --to bob@example.org \
        --data "@$PWD/short.txt"
    run 'swaks sends pipelined, to several' "${mail[@]}" --from pipeline@example.org --pipeline \
        --to a@example.org,b@example.org --data "@$PWD/short.txt"
    came 'they come' 1 accepted 1 swaks.txt swaks@example.org
    came 'to all' 1 accepted 2 swaks.txt pipeline@example.org
    run 'swaks says HELO' "${mail[@]}" --protocol SMTP --from helo@example.org \
        --to bob@example.org --quit-after RCPT
    if ! timeout 60 "${mail[@]}" --from ann@example.org --to 'no address' >run.txt 2>&1 &&
        grep -q '501 5.1.3' run.txt; then
        ok 'swaks is told of a wrong address'
    else
        fail 'swaks is not told of a wrong address' run.txt
    fi
}
with_clients() {
    clients dialogues "$port" "$(port_of it small)"
    came 'each text that was cut is right' 37 accepted 1 tricky.txt cuts@example.org
    came 'pipelined ones are' 3 accepted 2 tricky.txt pipelined@example.org
    came 'those of 50 clients are' 150 accepted 2 fifty.txt fifty@example.org
    local sender
    for sender in gone half; do
        came "one from $sender is incomplete" 1 incomplete 1 tricky.txt "$sender@example.org"
    done
    # (A reset may overtake what was sent before it.)
    came "one from reset is incomplete" 1 incomplete 1 any reset@example.org
    local arguments=() state
    for state in $states; do arguments+=("$state=$(port_of it "$state")"); done
    clients timeouts "${arguments[@]}"
}
stop_inside() {
    rm -f ready
    timeout 120 python3 "$here/smtp_clients.py" stop "$port" ready >stop.txt 2>&1 &
    local stop_pid=$!
    started_pids+=("$stop_pid")
    eventually 60 test -e ready || fail 'the dialogues do not begin' stop.txt
    ! stop_host it $stop_signal || ok 'the host stops in order'
    if wait "$stop_pid"; then
        ok 'everybody is told'
    else
        fail 'not everybody is told of the stop' stop.txt it.log
    fi
    came 'the last message' 1 accepted 1 tricky.txt last@example.org
    came 'one that came too late' 1 incomplete 1 tricky.txt late@example.org
}
drive() { # BACKEND
    serve "$1"
    with_curl
    with_swaks
    with_clients
    stop_inside
}

drive auto
if [ -z "$emulator" ] && [ "$(uname)" = Linux ]; then drive epoll; fi

cat >wrong.json <<JSON
{ "plugin_directory": "$plugin_directory",
  "listeners": [ { "name": "smtp", "listen": "127.0.0.1:0", "plugin": "smtp_sink",
                   "settings": { "hostname": "no host" } } ] }
JSON
"${host[@]}" check wrong.json >wrong.txt 2>&1
if grep -q 'hostname.*expected a domain' wrong.txt; then
    ok 'a wrong setting is named'
else
    fail 'a wrong setting is not named' wrong.txt
fi
finish
