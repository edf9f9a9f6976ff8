#!/usr/bin/env bash
# Dialogues (--script), messages from a file, replies that end by silence and replies compared with
# a pattern: with a server that speaks first and last, and with the host.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
need socat

# A server whose protocol has a greeting, several lines for one command, and an end that the server
# announces.
cat >talker.sh <<'SERVER'
printf '220 ready\r\n'
while IFS= read -r line; do
    line=${line%$'\r'}
    case $line in
    HELO*) printf '250-hello %s\r\n250 OK\r\n' "${line#HELO }" ;;
    SLOW*) printf 'part one, '; sleep 0.05; printf 'part two' ;;
    QUIT) printf '221 bye\r\n'; exit 0 ;;
    *) printf '500 what?\r\n' ;;
    esac
done
SERVER
socat -d -d "TCP-LISTEN:0,bind=127.0.0.1,fork" "SYSTEM:bash '$work/talker.sh'" 2>socat.log &
started_pids+=($!)
listens() { grep -q 'listening on' socat.log; }
eventually 30 listens || fail 'socat does not listen' socat.log
port=$(sed -n 's/.*listening on .*:\([0-9]*\)$/\1/p' socat.log)

run() { # NAME EXIT_CODE ARGUMENT...
    ran=$1 expected=$2
    shift 2
    timeout 120 "${client[@]}" 127.0.0.1 "$port" --timeout 30s "$@" >"$ran.client" 2>&1
    code=$?
    [ "$code" -eq "$expected" ] ||
        fail "$ran: the client's exit code is $code, not $expected" "$ran.client"
}
value() { tr -d '\r' <"$ran.client" | sed -n "s/^$1  *//p"; }
counts() { # FIGURE NUMBER
    if [ "$(value "$1")" = "$2" ]; then
        ok "$ran: $1 is $2"
    else
        fail "$ran: $1 is \"$(value "$1")\", and should be $2" "$ran.client"
    fi
}
says() { # TEXT
    if grep -qF -- "$1" "$ran.client"; then
        ok "$ran: $1"
    else
        fail "$ran does not say: $1" "$ran.client"
    fi
}

cat >dialogue.json <<'JSON'
{ "reply_framing": "delimiter:\\r\\n",
  "steps": [ { "expect_pattern": "220 *" },
             { "send": "HELO load\\{connection}\r\n" },
               { "expect": "250-hello load\\{connection}" }, { "expect": "250 OK" },
             { "pause": "20ms" },
             { "send": "WHAT \\{time}\r\n" }, { "expect_pattern": "5?? *" },
             { "send": "QUIT\r\n" }, { "expect": "221 bye" } ] }
JSON
run dialogue 0 --script dialogue.json --connections 3 --count 2 --messages-per-connection 1
counts connections_opened 6
counts connections_broken 0
counts sent 18
counts received 24
counts lost 0
counts wrong 0
if awk "BEGIN { exit !($(value seconds) >= 0.04) }"; then
    ok 'dialogue: the pauses were kept'
else
    fail "dialogue: only $(value seconds) s with two pauses of 20 ms" dialogue.client
fi

sed 's/221 bye/221 good-bye/' dialogue.json >wrong.json
run wrong 3 --script wrong.json --connections 2
counts wrong 2
counts connections_broken 2
says 'a wrong reply in the script'
says '  expected 00000000  32 32 31 20 67 6f 6f 64'
says '  came     00000000  32 32 31 20 62 79 65 0d 0a'
sed 's/220 /221 /' dialogue.json >unlike.json
run unlike 3 --script unlike.json
says 'connection 1 message 1: the reply does not match 221 *'

# If no byte shows a reply's end, silence does.
printf '{ "reply_framing": "idle:400ms", "steps": [ { "expect_pattern": "220 ready*" }, { "send": "SLOW\\n" }, { "expect_pattern": "part one, part two" } ] }' >idle.json
run idle 0 --script idle.json --count 1
counts received 2
counts wrong 0

# A script runs to its own end, even if a duration is over in the middle of it.
sed 's/20ms/700ms/' dialogue.json >long.json
run long 0 --script long.json --messages-per-connection 1 --duration 300ms
counts received 4
counts unanswered 0

for broken in '{' '{ "steps": [ { "sent": "x" } ] }'; do
    printf '%s' "$broken" >broken.json
    run broken 1 --script broken.json
    says 'client: --script: "broken.json": '
done
run absent 1 --script 'no such file.json'
says 'client: --script: cannot read "no such file.json"'

# Sends a file's bytes, with all values, to the host's echo; the reply ends by silence.
cat >echo.json <<JSON
{ "plugin_directory": "$plugin_directory",
  "listeners": [ { "name": "it", "listen": "127.0.0.1:0", "plugin": "echo" },
                 { "name": "ack", "listen": "127.0.0.1:0", "plugin": "ack",
                   "framing": { "type": "delimiter", "max_bytes": 4096 } } ] }
JSON
start_host echo || finish
port=$(port_of echo it)
for i in $(seq 0 255); do printf "\\x$(printf %x "$i")"; done >'ö bytes'
run file 0 --message-file 'ö bytes' --connections 2 --count 50 --depth 4
counts received 100
counts bytes_sent 25600
: >empty
run empty 2 --message-file empty
run silence 0 --message-file 'ö bytes' --reply-framing idle:50ms --count 3
counts received 3
run time 0 --message 'at \{time}' --count 20 --depth 3
counts bytes_received 320
port=$(port_of echo ack)
run pattern 0 --message x --framing delimiter --expect 'pattern:Message*' --reply-framing fixed:29 \
    --count 20 --depth 4 --connections 2
counts received 40
run no_pattern 3 --message x --framing delimiter --expect 'pattern:*!' --reply-framing fixed:29 \
    --count 5
counts wrong 5
# The seed makes the messages: a wrong reply shows the received bytes, which were also sent.
port=$(port_of echo it)
seeded() { # SEED
    timeout 120 "${client[@]}" 127.0.0.1 "$port" --message '\{random:16}' --seed "$1" \
        --connect-timeout 20s --expect text:y --framing delimiter 2>&1 | grep '^  came'
}
one=$(seeded 1) again=$(seeded 1) two=$(seeded 2)
if [ -n "$one" ] && [ "$one" = "$again" ] && [ "$one" != "$two" ]; then
    ok 'a seed makes its own messages, and again the same'
else
    fail "seeds: \"$one\", \"$again\", \"$two\""
fi
# A pipe answers the questions.
ran=questions
printf 'Hello\n2\n3\n' |
    timeout 120 "${client[@]}" 127.0.0.1 "$port" --interactive >questions.client 2>&1
says 'Sent 6 messages and received 6 replies.'

stop_host echo $stop_signal
finish
