# shellcheck shell=bash
# How the tests of what was installed run their steps. Sourced by run.sh here and in tests/embed.

fail() { # TEXT LOG...: ends the test; shows how the logs end
    echo "FAILED: $1" >&2
    shift
    for log in "$@"; do
        [ -s "$log" ] || continue
        echo "--- the end of ${log##*/}:" >&2
        tail -n 30 "$log" >&2
    done
    exit 1
}

quietly() { # LOG COMMAND...: its output is shown only if it fails
    local log=$1
    shift
    "$@" >"$log" 2>&1 || fail "$*" "$log"
}
