# The common part of the scripts that run the real programs. Sourced with the arguments of the test:
#
#   SCRIPT.sh --bin DIR --work DIR [--emulator wine] [--sanitized]
#
# Natively everything is a Linux program. With an emulator, host.exe, client.exe and the DLLs run in
# it, and other clients stay native. A test that lacks a program reports it and exits with 77, which
# ctest counts as skipped.
set -uo pipefail
export LC_ALL=C.UTF-8 # Wine takes file names in the locale's encoding

bin= work= emulator= sanitized=
while [ $# -gt 0 ]; do
    case $1 in
    --bin) bin=$2 ;; --work) work=$2 ;; --emulator) emulator=$2 ;;
    --sanitized) sanitized=1; shift; continue ;;
    *) echo "$0: $1 is unknown" >&2; exit 2 ;;
    esac
    shift 2
done
exe= module=.so
if [ -n "$emulator" ]; then exe=.exe module=.dll; fi
host=("$bin/host$exe") client=("$bin/client$exe")
if [ -n "$emulator" ]; then
    host=("$emulator" "${host[@]}") client=("$emulator" "${client[@]}")
else
    # A script's shell starts background programs with Ctrl-C ignored, and the host keeps it
    # ignored.
    host=(env --default-signal=INT "${host[@]}")
fi
plugins=$bin/test_plugins
# A sanitizer's report never gives an exit code that a test expects.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}exitcode=99" \
    TSAN_OPTIONS="${TSAN_OPTIONS:+$TSAN_OPTIONS:}exitcode=99"

rm -rf "$work"
mkdir -p "$work"
cd "$work" || exit 1

failures=0 checks=0
started_pids=()
end_all() {
    local pid
    for pid in ${started_pids[@]+"${started_pids[@]}"}; do
        # If a process has ended, its number may belong to another one.
        if [ "$(ps -o ppid= -p "$pid" | tr -d ' ')" = $$ ]; then kill -KILL "$pid" 2>/dev/null; fi
    done
    wait 2>/dev/null
}
trap end_all EXIT

fail() { # WHAT [FILE...]
    failures=$((failures + 1))
    echo "FAILED: $1"
    shift
    local file
    for file in "$@"; do
        echo "--- the end of $file:"
        tail -n 25 "$file"
    done
}
ok() { # WHAT
    checks=$((checks + 1))
    echo "ok: $1"
}
same() { # WHAT EXPECTED FOUND: what the host (it.log) answers
    if [ "$2" = "$3" ]; then
        ok "$1"
    else
        fail "$1: expected \"$2\", found \"${3:0:300}\"" it.log
    fi
}
finish() {
    if [ "$failures" -ne 0 ]; then
        echo "$failures failed, $checks passed"
        exit 1
    fi
    echo "$checks passed"
    exit 0
}
skip() {
    echo "SKIPPED: $1"
    exit 77
}
need() { command -v "$1" >/dev/null || skip "$1 is not installed"; }

# ask_port PORT TEXT LINES: sends it, and prints so many lines of the answer (0: until the end).
ask_port() {
    exec 9<>"/dev/tcp/127.0.0.1/$1" || return
    printf "$2" >&9
    if [ "$3" = 0 ]; then timeout 60 cat <&9; else timeout 60 head -n "$3" <&9; fi
    exec 9>&-
}

# next FD: the next line that comes there, within 30 s.
next() {
    local line=
    read -r -t 30 -u "$1" line
    echo "$line"
}

# eventually SECONDS COMMAND...: repeats it until it succeeds; a deadline, not a fixed wait.
eventually() {
    local until=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$until" ] || return 1
        sleep 0.02
    done
}

# log_config NAME MEMBERS: makes NAME.json for an echo whose "log" has these members.
log_config() {
    cat >"$1.json" <<JSON
{ "plugin_directory": "$plugin_directory",
  "listeners": [ { "name": "it", "listen": "127.0.0.1:0", "plugin": "echo" } ],
  "log": { $2 } }
JSON
}

# start_host NAME: serves NAME.json, with its log in NAME.log; sets host_pid. Returns after the log
# line "ready".
start_host() {
    # The log is emptied here, because the shell that becomes the host empties it only when it runs.
    # Until then the log of an earlier host of this name would contain "ready".
    : >"$1.log"
    "${host[@]}" --config "$1.json" >"$1.out" 2>"$1.log" &
    host_pid=$!
    started_pids+=("$host_pid")
    eventually 60 is_ready_or_gone "$1" "$host_pid"
    if ! grep -q ' ready$' <(tr -d '\r' <"$1.log"); then
        fail "$1: the host does not become ready" "$1.log"
        return 1
    fi
}
is_ready_or_gone() { grep -q ' ready' "$1.log" 2>/dev/null || ! kill -0 "$2" 2>/dev/null; }

# port_of NAME LISTENER: from the log line that scripts rely on.
port_of() { sed -n "s/^.*listener=$2 listening on .*:\([0-9]*\)\r*$/\1/p" "$1.log" | head -n 1; }

# wait_gone PID SECONDS: puts its exit code into `code`; 999 if it does not end.
wait_gone() {
    code=999
    if eventually "$2" is_gone "$1"; then
        wait "$1"
        code=$?
    fi
}
is_gone() { ! kill -0 "$1" 2>/dev/null || [ "$(ps -o stat= -p "$1" | cut -c1)" = Z ]; }

last_line() { tr -d '\r' <"$1" | tail -n 1; }

# stop_host NAME SIGNAL: stops it and checks its end: exit code 0, "stopped" last.
stop_host() {
    kill "-$2" "$host_pid"
    wait_gone "$host_pid" 60
    if [ "$code" -ne 0 ]; then
        fail "$1: exit code $code after SIG$2" "$1.log"
    elif [[ $(last_line "$1.log") != *" stopped" ]]; then
        fail "$1: the last line of the log is not \"stopped\"" "$1.log"
    else
        return 0
    fi
    return 1
}
stop_signal=TERM
if [ -n "$emulator" ]; then stop_signal=INT; fi # Wine: SIGINT is Ctrl-C, SIGTERM kills

# Paths in the form that the programs understand.
native_path() { if [ -n "$emulator" ]; then echo "z:$1"; else echo "$1"; fi; }
plugin_directory=$(native_path "$plugins")
