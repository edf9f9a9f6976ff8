#!/usr/bin/env bash
# A plugin's fault ends the host. The report names the plugin, the function and the connection, and
# has the stack. It is the last thing in the log and in log.file, behind what was logged before, and
# the process ends as it would have without it.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
ulimit -c 0 # the ends are real; their core dumps are of no use here

# crash NAME IN FAULT: serves NAME.json with such a plugin and makes it happen; sets code.
crash() {
    local name=$1 port
    config "$name" "{ \"name\": \"it\", \"listen\": \"127.0.0.1:0\", \"plugin\": \"crashes\",
          \"limits\": { \"send_queue_bytes\": 65536 },
          \"settings\": { \"in\": \"$2\", \"fault\": \"$3\" } }" \
        "\"log\": { \"file\": \"$name.file\" }, \"shutdown\": { \"drain_ms\": 20000 }"
    if [ "$2" = create ]; then
        "${host[@]}" --config "$name.json" >"$name.out" 2>"$name.log" &
        host_pid=$!
        started_pids+=("$host_pid")
    else
        start_host "$name" || return 1
        port=$(port_of "$name" it)
        case $2 in
        on_open) exec 7<>"/dev/tcp/127.0.0.1/$port" ;;
        on_end | on_close | on_drain | on_stop | destroy)
            exec 7<>"/dev/tcp/127.0.0.1/$port"
            printf 'hello' >&7
            timeout 30 head -c 5 <&7 >/dev/null # unread, the reply would make the end a reset
            case $2 in
            on_end | on_close) exec 7>&- ;;
            *) kill "-$stop_signal" "$host_pid" ;;
            esac
            ;;
        *)
            exec 7<>"/dev/tcp/127.0.0.1/$port"
            printf 'crash' >&7
            [ "$2" != on_writable ] || timeout 30 cat <&7 >/dev/null 2>&1
            ;;
        esac
    fi
    wait_gone "$host_pid" 60
    exec 7>&-
}

# Wine and the C++ library add lines of their own.
plain() { tr -d '\r' <"$1" | grep -v '^wine: \|err:\|^Read the Wine\|^terminate called'; }

# reported NAME CALL CAUSE FILE: FILE ends with the report.
reported() {
    local connection='' report
    case $2 in
    create | on_stop | destroy | 'a posted function$') ;;
    *) connection=' of connection [0-9a-f]*' ;;
    esac
    report=$(plain "$4" | grep -A 100 'crash: ')
    head -n 1 <<<"$report" | grep -q \
        "crash: $3, in plugin \"crashes\", listener \"it\": ${2%\$}$connection\$" || return 1
    grep -q '#[0-9]* crashes'"\\$module"'+0x[0-9a-f]*$' <<<"$report" || return 1
    # Nothing but the stack follows, and what was logged before comes before.
    ! tail -n +2 <<<"$report" | grep -qv '#[0-9]* [^ ]*$' || return 1
    plain "$4" | grep -B 100 'crash: ' | grep -q 'the last line before the fault'
}

expect() { # IN CALL FAULT CAUSE CODE
    local name=$1_$3
    crash "$name" "$1" "$3" || return
    if [ -n "$5" ] && [ "$code" -ne "$5" ]; then
        fail "$name: exit code $code instead of $5" "$name.log"
    elif [ "$code" -eq 0 ] || [ "$code" -eq 999 ]; then
        fail "$name: exit code $code" "$name.log"
    elif ! reported "$name" "$2" "$4" "$name.log"; then
        fail "$name: the log lacks the report" "$name.log"
    elif ! reported "$name" "$2" "$4" "$name.file"; then
        fail "$name: log.file lacks the report" "$name.file"
    else
        ok "$name: reported, exit code $code"
    fi
}

exception='uncaught exception std::runtime_error: nobody catches this'
if [ -z "$emulator" ]; then
    at='at address 0x[0-9a-f]*'
    expect on_data on_data stack_overflow "SIGSEGV (11), stack overflow $at" 139
    expect on_data on_data abort 'SIGABRT (6), abort' 134
    expect on_data on_data throw "SIGABRT (6), $exception" 134
    expect on_data on_data division "SIGFPE (8), division by zero $at" 136
    expect on_data on_data double_free 'SIGABRT (6), abort' 134
    expect on_data on_data illegal "SIGILL (4), illegal instruction $at" 132
    [ "$(uname -m)" != x86_64 ] || expect on_data on_data trap 'SIGTRAP (5), trap' 133
    expect on_data on_data null_call 'SIGSEGV (11), invalid memory access at address 0x0' 139
    null_write='SIGSEGV (11), invalid memory access at address 0x0' null_code=139
else
    at='at address 0x[0-9a-f]*'
    # (No overflow: Wine 8 ends the thread, and the process goes on.)
    expect on_data on_data abort 'abort, called by the process itself' ''
    # (A DLL has a C++ library of its own, which knows nothing of the host's handler for the text.)
    expect on_data on_data throw 'abort, called by the process itself' ''
    expect on_data on_data division "exception 0xc0000094, division by zero $at" ''
    expect on_data on_data illegal "exception 0xc000001d, illegal instruction $at" ''
    null_write='exception 0xc0000005, invalid memory access at address 0x0' null_code=5
fi
for in in on_open on_data on_writable on_end on_drain on_close on_stop create destroy; do
    expect $in $in null_write "$null_write" $null_code
done
expect post 'a posted function' null_write "$null_write" $null_code
expect post_instance 'a posted function$' null_write "$null_write" $null_code
expect timer "a timer's function" null_write "$null_write" $null_code
expect work 'blocking work' null_write "$null_write" $null_code
expect done 'the function after a piece of work' null_write "$null_write" $null_code

# A check has no log yet, so its report goes straight to standard error.
config check '{ "name": "it", "listen": "127.0.0.1:0", "plugin": "crashes",
    "settings": { "in": "validate", "fault": "null_write" } }'
"${host[@]}" check check.json >check.out 2>check.log
code=$?
if [ $code -eq $null_code ] && tr -d '\r' <check.log | grep -q \
    "^host: crash: $null_write, in plugin \"crashes\", listener \"it\": validate\$"; then
    ok 'check: reported'
else
    fail "check: exit code $code" check.log
fi

# Nor does a log that is off keep it back.
config off '{ "name": "it", "listen": "127.0.0.1:0", "plugin": "crashes",
    "settings": { "in": "create", "fault": "null_write" } }' \
    '"log": { "level": "off", "file": "off.file" }'
"${host[@]}" --config off.json >off.out 2>off.log
code=$?
for file in off.log off.file; do
    if [ $code -eq $null_code ] && tr -d '\r' <$file | grep -q \
        "^host: crash: $null_write, in plugin \"crashes\", listener \"it\": create\$"; then
        ok "$file: reported without the log"
    else
        fail "$file: exit code $code" $file
    fi
done

# Without a plugin: somebody sends the signal.
if [ -z "$emulator" ]; then
    config sent '{ "name": "it", "listen": "127.0.0.1:0", "plugin": "echo" }'
    start_host sent
    kill -SEGV "$host_pid"
    wait_gone "$host_pid" 30
    sent="crash: SIGSEGV (11), invalid memory access, sent by process $$"
    if [ "$code" -eq 139 ] && grep -q "$sent, in no function of a plugin" sent.log; then
        ok 'a signal from outside: reported'
    else
        fail "a signal from outside: exit code $code" sent.log
    fi
fi
finish
