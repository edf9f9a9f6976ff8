#!/usr/bin/env bash
# Everyday uses of the client. The server is given as one word, the answers come through a pipe, and
# the rate is too high for the server. Results go to a pipe or a device, or to an output that is
# full or closed. The server is not there, restarts, or never completes a reply.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

config() { # NAME PORT
    cat >"$1.json" <<JSON
{ "plugin_directory": "$plugin_directory",
  "listeners": [ { "name": "it", "listen": "127.0.0.1:$2", "plugin": "echo" },
                 { "name": "slow", "listen": "127.0.0.1:0", "plugin": "stalls",
                   "settings": { "every_ms": 200, "for_ms": 150 } },
                 { "name": "waits", "listen": "127.0.0.1:0", "plugin": "echo",
                   "framing": { "type": "length_prefix", "bytes": 4, "max_bytes": 65536 } } ],
  "shutdown": { "drain_ms": 5000 } }
JSON
}
config echo 0
start_host echo || finish
port=$(port_of echo it)
folder=$(native_path "$work")

# run NAME EXIT_CODE ARGUMENT...: output in NAME.out, errors in NAME.err. The client reads this
# function's input.
run() {
    local name=$1 expected=$2
    shift 2
    timeout 120 "${client[@]}" "$@" >"$name.out" 2>"$name.err"
    code=$?
    is_code "$name" "$expected"
}
# With a rate, on a machine that is busy with other tests, the client may report that it lagged.
run_at_rate() { # NAME EXIT_CODE ARGUMENT...
    local name=$1 expected=$2
    shift 2
    timeout 120 "${client[@]}" "$@" >"$name.out" 2>"$name.err"
    code=$?
    [ "$code" -eq 5 ] || is_code "$name" "$expected"
}
is_code() { # NAME EXIT_CODE
    if [ "$code" -eq "$2" ]; then
        ok "$1: ends with $code"
    else
        fail "$1: the exit code is $code, not $2" "$1.out" "$1.err"
    fi
}
says() { # FILE PATTERN
    if grep -qE -- "$2" <(tr -d '\r' <"$1"); then
        ok "$1: $2"
    else
        fail "$1 does not say: $2" "$1"
    fi
}
says_not() { # FILE PATTERN
    if grep -qE -- "$2" <(tr -d '\r' <"$1"); then fail "$1 says: $2" "$1"; else ok "$1: no $2"; fi
}

# ---- the server in one word
run one_word 0 "127.0.0.1:$port" --message hello </dev/null
run one_word_name 0 "localhost:$port" --message hello </dev/null
run no_port 2 127.0.0.1 --message hello </dev/null
says no_port.err '^client: the port is missing: client HOST PORT, or HOST:PORT$'
run two_ports 2 "127.0.0.1:$port" "$port" --message hello </dev/null
says two_ports.err 'has a port, and PORT is another'
if grep -qs '^00000000000000000000000000000001 ' /proc/net/if_inet6; then
    cat >six.json <<JSON
{ "plugin_directory": "$plugin_directory", "listeners": [ { "name": "it", "listen": "[::1]:0",
  "plugin": "echo" } ] }
JSON
    four_pid=$host_pid
    if start_host six; then
        run six 0 "[::1]:$(port_of six it)" --message hello </dev/null
        stop_host six $stop_signal
    fi
    host_pid=$four_pid
fi

# ---- the questions, answered through a pipe
printf 'hi there\n2\n2\n' >answers
run piped 0 127.0.0.1 "$port" <answers
says piped.out 'Enter the number of threads: '
for line in '1. Thread 1 - hi there' '2. Thread 2 - hi there'; do
    says piped.out "Server sent the following message: $line\$"
done
says piped.out '^Sent 4 messages and received 4 replies\.$'
printf 'hi\r\nmany\r\n1\r\n1' >answers # Windows line ends, a mistake, and no line end at the end
run piped_windows 0 "127.0.0.1:$port" <answers
says piped_windows.out '1\. Thread 1 - hi$'
run no_answers 2 127.0.0.1 "$port" </dev/null
says no_answers.err \
    'the input ended before the questions were answered; to skip them, give --message'

# ---- where results go
if [ -n "$emulator" ]; then # its programs cannot recognize Linux's devices, FIFOs and links
    run to_nul 0 127.0.0.1 "$port" --message hello --json NUL --report nul </dev/null
    if ls | grep -qi '^nul'; then fail 'NUL has become a file'; else ok 'NUL is no file'; fi
else
    run to_device 0 127.0.0.1 "$port" --message hello --json /dev/null </dev/null
    if [ -c /dev/null ]; then
        ok '/dev/null is a device as before'
    else
        fail '/dev/null has been replaced' to_device.err
    fi
    mkfifo pipe
    cat pipe >from_pipe &
    reader=$!
    started_pids+=("$reader")
    run to_pipe 0 127.0.0.1 "$port" --message hello --json pipe </dev/null
    if [ -p pipe ]; then wait_gone "$reader" 30; else fail 'the FIFO has been replaced'; fi
    says from_pipe '"schema": "portico-client-run"'
    cat pipe >from_pipe &
    reader=$!
    started_pids+=("$reader")
    run to_pipe 0 127.0.0.1 "$port" --message hello --duration 3s --json kept.json \
        --quiet </dev/null
    run compare_to_pipe 0 compare kept.json kept.json --json pipe </dev/null
    wait_gone "$reader" 30
    says from_pipe '"schema": "portico-client-comparison"'
    echo old >target.html
    ln -s target.html link.html
    run to_link 0 127.0.0.1 "$port" --message hello --report link.html </dev/null
    if [ -L link.html ]; then
        says target.html '^<!doctype html>'
    else
        fail 'the link has been replaced'
    fi
    # If the reader goes before there is anything to read, the client and its summary go on.
    : <pipe &
    started_pids+=("$!")
    run gone_reader 1 127.0.0.1 "$port" --message hello --duration 500ms --json pipe </dev/null
    says gone_reader.err '^client: --json: cannot write "pipe": Broken pipe$'
    says gone_reader.out '^received +[1-9]'
fi

# ---- an output that cannot be written
for name in full closed; do
    for what in run json help interactive compare; do
        case $what in
        run) words=("127.0.0.1:$port" --message hello) ;;
        json) words=("127.0.0.1:$port" --message hello --json -) ;;
        help) words=(--help) ;;
        interactive) words=("127.0.0.1:$port") ;;
        compare) words=(compare --help) ;;
        esac
        printf 'hi\n1\n1\n' >answers
        if [ $name = full ]; then
            timeout 60 "${client[@]}" "${words[@]}" >/dev/full 2>"$name.$what.err" <answers
        else
            timeout 60 "${client[@]}" "${words[@]}" >&- 2>"$name.$what.err" <answers
        fi
        code=$?
        : >"$name.$what.out"
        is_code "$name.$what" 1
        says "$name.$what.err" '^client: cannot write to standard output: '
    done
done
timeout 60 "${client[@]}" "127.0.0.1:$port" --message hello --quiet >/dev/full 2>quiet.err
code=$?
: >quiet.out
is_code quiet 0 # it had nothing to say

# ---- a rate that the server does not keep, and half a message a second
run_at_rate missed 0 127.0.0.1 "$(port_of echo slow)" --message x --rate 50000 --duration 1.5s \
    --timeout 30s --summary plain </dev/null
says missed.err \
    '^client: the rate was missed: [0-9.]+ messages a second left, of 50000 asked for; [0-9]+ never left\.'
run_at_rate missed_fails 4 127.0.0.1 "$(port_of echo slow)" --message x --rate 50000 \
    --duration 1.5s --fail-if 'rate_achieved<47500' </dev/null
run_at_rate half 0 127.0.0.1 "$port" --message x --rate 0.5 --duration 2.5s \
    --json half.json </dev/null
says half.json '"rate": \{'
says half.json '"value": 0\.5'

# ---- the summary for people
run readable 0 127.0.0.1 "$port" --message hello --count 100 --summary readable </dev/null
says readable.out '^received +100$'
says readable.out '^latency_p99 +[0-9.]+ (us|ms|s)$'
says_not readable.out '^lost|^wrong|_us '

# ---- a terminal of 40 columns
if [ -z "$emulator" ] && command -v script >/dev/null; then
    timeout 60 script -qefc \
        "stty cols 40 && '${client[0]}' 127.0.0.1:$port --message hello --connections 4 --duration 2s" /dev/null \
        >narrow.out 2>narrow.err </dev/null
    code=$?
    is_code narrow 0
    # The live view repeats lines between carriage returns.
    widest=$(tr '\r' '\n' <narrow.out | sed 's/\x1b\[[A-Z]//g' |
        awk '{ if (length($0) > most) most = length($0) } END { print most }')
    if [ "$widest" -le 40 ]; then
        ok "narrow: $widest columns"
    else
        fail "narrow: a line has $widest columns" narrow.out
    fi
    says narrow.out '^received +[1-9]'
    says_not narrow.out '^lost'
fi

# ---- files that cannot be compared
run one 0 127.0.0.1 "$port" --message hello --connections 2 --duration 3s \
    --json "$folder/one.json" --quiet </dev/null
run other 0 127.0.0.1 "$port" --message hello --connections 3 --duration 3s \
    --json "$folder/other.json" --quiet </dev/null
run unlike 0 compare "$folder/one.json" "$folder/other.json" --json "$folder/unlike.json" </dev/null
says unlike.err \
    '^client: compare: warning: the settings differ: --connections is 2 in A and 3 in B$'
says unlike.json '"the settings differ: --connections is 2 in A and 3 in B"'
sed 's/"lagged": false/"lagged": true/' one.json >lagged.json
run compare_lagged 5 compare "$folder/one.json" "$folder/lagged.json" </dev/null
says compare_lagged.out '^Nothing follows from this: the client itself lagged in B'
says_not compare_lagged.out '^B is '

# ---- a reply that never comes: the frame's length says 65,280 bytes, and the server waits for them
run endless 3 127.0.0.1 "$(port_of echo waits)" --message '\x00\x00\xff\x00hello' --expect any \
    --reply-framing delimiter --timeout 500ms --duration 500ms </dev/null
says endless.out '^lost +[1-9]'

# ---- nobody listens, on a port that the system may give to the client itself
if [ -z "$emulator" ]; then # Wine's sockets belong to a server outside
    alone() { # COMMAND...: in a network of its own whose sockets have two ports to choose from
        local own=(unshare --net)
        [ "$(id -u)" -eq 0 ] || own=(unshare --net --user --map-root-user)
        "${own[@]}" bash -c \
            'ip link set lo up && echo 40000 40001 >/proc/sys/net/ipv4/ip_local_port_range && exec "$@"' alone "$@"
    }
    if command -v ip >/dev/null && alone true 2>alone.err; then
        for what in plain idle hostile; do
            words=(127.0.0.1 40000 --message hello --connect-timeout 5s)
            [ $what != idle ] || words+=(--idle 2)
            [ $what != hostile ] || words+=(--hostile half_close:2)
            alone timeout 60 "${client[@]}" "${words[@]}" >alone_$what.out 2>alone_$what.err \
                </dev/null
            code=$?
            is_code alone_$what 1
            says alone_$what.err 'refused'
            says alone_$what.out '^received +0$'
            says alone_$what.out '^connections_opened +0$'
            [ $what != idle ] || says alone_$what.out '^idle_opened +0$'
            [ $what != hostile ] || says alone_$what.out '^hostile_opened +0$'
        done
        alone timeout 60 "${client[@]}" compare 127.0.0.1:40000 127.0.0.1:40001 --rounds 6 \
            --message hello >alone_compare.out 2>alone_compare.err </dev/null
        code=$?
        is_code alone_compare 1
        says alone_compare.err 'refused'
    else
        echo "no network of its own here: $(tail -n 1 alone.err)"
    fi
fi

# ---- the server restarts

# Under Wine the port is not free at once; a server of the unit tests is away for long enough.
if [ -z "$emulator" ]; then
    stop_host echo $stop_signal
    config fixed "$port"
    start_host fixed || finish
    timeout 120 "${client[@]}" "127.0.0.1:$port" --message x --connections 4 --depth 100 \
        --rate 200 --duration 5s --reconnect \
        --summary plain --json restart.json >restart.out 2>restart.err </dev/null &
    pid=$!
    started_pids+=("$pid")
    are_connected() {
        [ "$(grep -ci " 0100007F:$(printf %04x "$port") [0-9A-F:]* 01 " /proc/net/tcp)" -ge 4 ]
    }
    eventually 30 are_connected || fail 'restart: the client does not connect' restart.err
    kill -KILL "$host_pid"
    wait_gone "$host_pid" 30
    sleep 0.3 # the outage
    start_host fixed || finish
    wait_gone "$pid" 60
    if [ "$code" -eq 0 ] || [ "$code" -eq 3 ] || [ "$code" -eq 5 ]; then
        ok "restart: ends with $code"
    else
        fail "restart: ends with $code" restart.err
    fi
    says restart.out '^reconnects +4$'
    says restart.out '^outage_seconds +[0-4]\.[0-9]+$'
    says restart.out '^connections_broken +0$'
    says restart.out '^outage_failed +[0-9]+$'
    says restart.json '"outage_seconds": \{'
    sent=$(sed -n 's/^sent  *//p' restart.out) never=$(sed -n 's/^not_sent  *//p' restart.out)
    if [ $((sent + never)) -ge 950 ] && [ $((sent + never)) -le 1000 ]; then
        ok "restart: $sent were sent and $never never"
    else
        fail "restart: $sent + $never" restart.out
    fi

    # Without --reconnect the run ends with the server, and messages due later are never sent. The
    # duration is long, so that even a busy machine sees the connections in time; the run ends
    # early.
    timeout 120 "${client[@]}" "127.0.0.1:$port" --message x --connections 4 --rate 200 \
        --duration 30s \
        --summary plain >gone.out 2>gone.err </dev/null &
    pid=$!
    started_pids+=("$pid")
    eventually 30 are_connected || fail 'gone: the client does not connect' gone.err
    sleep 0.3
    kill -KILL "$host_pid"
    wait_gone "$pid" 60
    is_code gone 3
    never=$(sed -n 's/^not_sent  *//p' gone.out)
    if [ "${never:-0}" -ge 3000 ]; then
        ok "gone: $never were never sent"
    else
        fail "gone: not_sent is \"$never\"" gone.out
    fi
    says gone.err '^client: the rate was missed: '
    finish
fi

stop_host echo $stop_signal
finish
