#!/usr/bin/env bash
# The Windows console: its close event and its code page. Also the libraries of the programs, and an
# address that is free again after a moment.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
[ -n "$emulator" ] || skip 'there is no Windows console here'
in_console=("$emulator" "${IN_CONSOLE:?}")
program=$(native_path "$bin/host.exe")
client_program=$(native_path "$bin/client.exe")

config() { # NAME LISTEN PLUGIN DRAIN_MS
    cat >"$1.json" <<JSON
{ "plugin_directory": "$plugin_directory",
  "listeners": [ { "name": "it", "listen": "$2", "plugin": "$3" } ],
  "log": { "level": "debug" }, "shutdown": { "drain_ms": $4 } }
JSON
}
has_client() { grep -q ' client .* connected' "$1.log"; }
is_ready() { grep -q ' ready' "$1.log" 2>/dev/null; }

# event NAME NUMBER PLUGIN: sends a host that event, with a client connected. Puts its exit code
# into `code`.
event() {
    config "$1" 127.0.0.1:0 "$3" 60000
    "${in_console[@]}" event "$2" "$1.go" -- "$program" --config "$1.json" >"$1.out" 2>"$1.log" &
    local helper=$!
    started_pids+=("$helper")
    eventually 60 is_ready "$1" || fail "$1: the host does not become ready" "$1.log" "$1.out"
    exec 7<>"/dev/tcp/127.0.0.1/$(port_of "$1" it)"
    eventually 60 has_client "$1" || fail "$1: no client" "$1.log"
    : >"$1.go"
    wait_gone "$helper" 60
    exec 7>&-
}
for kind in close:2 shutdown:6 logoff:5; do
    name=${kind%:*}
    event "$name" "${kind#*:}" echo
    if [ "$code" -eq 0 ] && [[ $(last_line "$name.log") == *" stopped" ]]; then
        ok "$name: it stops in order and ends by itself ($(tr -d '\r' <"$name.out"))"
    else
        fail "$name: it ends with $code" "$name.log" "$name.out"
    fi
done
event hurried 2 never_drains
took=$(tr -d '\r' <hurried.out | sed -n 's/^ended with 0 after \([0-9]*\) ms$/\1/p')
if [ -n "$took" ] && [ "$took" -ge 2000 ] && [ "$took" -lt 4500 ] &&
    [[ $(last_line hurried.log) == *" stopped" ]]; then
    ok "a client that does not go is cut after 2.5 s when the console is closed ($took ms)"
else
    fail 'hurried: it does not end in time' hurried.log hurried.out
fi

# ---- the console's code page
printf '{' >broken.json
# Runs it on a terminal, because Wine makes a console of that.
on_terminal() {
    SHELL=/bin/bash timeout 60 script -qec \
        "'${in_console[0]}' '${in_console[1]}' codepage -- $* >codepage.out 2>codepage.err" \
        /dev/null </dev/null >/dev/null
}
codepage() { # EXPECTED-CODE PROGRAM ARGUMENT...
    local expected=$1 name
    shift
    name=$(basename "$1" .exe)
    on_terminal "$@"
    code=$?
    shift
    local before after
    read -r _ before _ after < <(tr -d '\r' <codepage.out | grep before)
    if [ "$code" -eq "$expected" ] && [ -n "$before" ] && [ "$before" = "$after" ]; then
        ok "$name $*: the code page stays $after"
    else
        fail "$name $*: exit code $code, the code page was $before and is $after" codepage.out \
            codepage.err
    fi
}
if command -v script >/dev/null && on_terminal "$program" --version &&
    grep -q 'before [1-9]' codepage.out; then
    config fine 127.0.0.1:0 echo 5000
    codepage 0 "$program" --version
    codepage 0 "$program" check fine.json
    codepage 2 "$program" check broken.json
    codepage 2 "$program" --wrong
    codepage 0 "$client_program" --version
    codepage 2 "$client_program" --wrong
    codepage 1 "$client_program" 127.0.0.1:1 --connections 1 --size 1 --count 1
else
    echo 'left out: no console can be had here'
    cat codepage.out codepage.err
fi

# ---- the libraries that the programs load
for name in host client; do
    libraries=$(objdump -p "$bin/$name.exe" 2>/dev/null ||
        x86_64-w64-mingw32-objdump -p "$bin/$name.exe")
    libraries=$(sed -n 's/^.*DLL Name: //p' <<<"$libraries")
    if [ -n "$libraries" ] && ! grep -qiE 'shell32|user32|gdi32' <<<"$libraries"; then
        ok "$name: no library of the windowing system: $(tr '\n' ' ' <<<"$libraries")"
    else
        fail "$name: a library of the windowing system is loaded, or none is found: $libraries"
    fi
done

# ---- an address that is free again after a moment
if command -v socat >/dev/null; then
    socat -d -d TCP-LISTEN:0,bind=127.0.0.1,fork SYSTEM:cat 2>socat.log &
    socat_pid=$!
    started_pids+=("$socat_pid")
    listens() { sed -n 's/^.*listening on .*127.0.0.1:\([0-9]*\)$/\1/p' socat.log | grep .; }
    eventually 20 listens >port || fail 'socat does not listen' socat.log
    port=$(listens)
    config freed "127.0.0.1:$port" echo 5000
    config taken "127.0.0.1:$port" echo 5000
    timeout 60 "${host[@]}" --config taken.json >taken.out 2>&1
    code=$?
    if [ "$code" -eq 2 ] && grep -q 'tried again for a while' taken.out; then
        ok "an address that stays in use: $(tr -d '\r' <taken.out | grep listen)"
    else
        fail "an address that stays in use: exit code $code" taken.out
    fi
    # The address becomes free while the host tries. The host's second of trying is also the test's
    # deadline.
    (sleep 1 && kill "$socat_pid") &
    started_pids+=($!)
    if start_host freed; then
        ok 'an address that comes free within 2 s is taken'
        ! stop_host freed INT || ok 'and the host stops'
    fi
fi
finish
