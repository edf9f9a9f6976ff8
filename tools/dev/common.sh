# shellcheck shell=bash disable=SC2034,SC2154
# Progress and failures, for every verb. Sourced by ./dev.

say() { printf '[%4d s] %s\n' "$SECONDS" "$1"; }

die() {
    printf '[%4d s] %s\n' "$SECONDS" "$1" >&2
    exit 1
}

# quietly WHAT COMMAND...: prints one line of progress; the command's output goes to a log, whose
# end is shown if it fails.
quietly() {
    local what=$1 log
    shift
    say "$what ..."
    mkdir -p build/log
    log=build/log/$(tr -cs 'A-Za-z0-9\n' '_' <<<"${what:0:60}").log
    "$@" >"$log" 2>&1 && return
    echo "--- the end of $log:" >&2
    tail -n 60 "$log" >&2
    printf '[%4d s] failed: %s\n' "$SECONDS" "$what" >&2
    return 1
}

# on_exit COMMAND: runs it, too, when this script ends.
at_exit=''
on_exit() {
    at_exit+="$1"$'\n'
    trap 'eval "$at_exit"' EXIT
}

all_tests=OFF # ./dev test --all
