# What the scripts of this folder have in common; see integration/common.sh for the rest.
source "$(dirname "${BASH_SOURCE[0]}")/../integration/common.sh"

# config NAME LISTENERS [MEMBERS]: writes NAME.json. LISTENERS and MEMBERS are JSON without the
# outermost brackets.
config() {
    printf '{ "plugin_directory": "%s",\n  "listeners": [ %s ]%s }\n' "$plugin_directory" "$2" \
        "${3:+, $3}" >"$1.json"
}

# Figures of a running process.
descriptors_of() { find "/proc/$1/fd" -mindepth 1 2>/dev/null | wc -l; }
has_descriptors() { [ "$(descriptors_of "$1")" -eq "$2" ]; }
ticks_of() { awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$1/stat"; }

# is_busy PID: soon it has used another tenth of a second of processor time.
is_busy() {
    local least
    least=$(($(ticks_of "$1") + 10))
    eventually 60 has_worked "$1" "$least"
}
has_worked() { [ "$(ticks_of "$1")" -ge "$2" ]; }

# Lines of NAME's log so far. It needs the level "debug" for connections that closed.
count_in_log() { grep -c -- "$2" "$1.log"; } # NAME PATTERN
has_clients() { [ "$(count_in_log "$1" ' client .* connected')" -ge "$2" ]; }
all_are_closed() {
    [ "$(count_in_log "$1" ' client .* connected')" -eq "$(count_in_log "$1" ' closed: ')" ]
}

# start_load NAME PORT OPTION...: starts the client in the background, with its summary in
# NAME.load; sets load_pid.
start_load() {
    local name=$1
    shift
    "${client[@]}" 127.0.0.1 "$@" >"$name.load" 2>&1 &
    load_pid=$!
    started_pids+=("$load_pid")
}
# A load that goes on until it is interrupted.
for_long="--duration 300s --timeout 60s"
value() { tr -d '\r' <"$1.load" | sed -n "s/^$2  *//p"; } # NAME FIGURE

# load_is_right NAME PID: it ends, and every message of every connection has got its reply, byte for
# byte.
load_is_right() {
    wait_gone "$2" 120
    has_ended_with "$1" 0
}
# load_was_right NAME PID: the same for a long load, which it interrupts.
load_was_right() {
    kill -INT "$2"
    wait_gone "$2" 120
    has_ended_with "$1" 130
}
has_ended_with() { # NAME CODE
    [ "$code" -eq "$2" ] && [ "$(value "$1" wrong)" = 0 ] && [ "$(value "$1" lost)" = 0 ] &&
        [ "$(value "$1" connections_failed)" = 0 ] &&
        [ "$(value "$1" connections_broken)" = 0 ] && [ "$(value "$1" received)" -gt 0 ] && return
    fail "$1: the client's exit code is $code" "$1.load"
    return 1
}
