#!/usr/bin/env bash
# Chaos must find each of the defects planted in tests/plugins/chaotic.c, and report it correctly.
# The three runs go on at once, because a round is mostly waiting.
# shellcheck disable=SC2154 # common.sh sets them
source "$(dirname "${BASH_SOURCE[0]}")/../integration/common.sh"

look() { # DEFECT
    timeout 400 "$bin/chaos" --host "$bin/host" --plugins "$plugins" --work "$PWD/$1" \
        --seed 4 --seconds 1 --plant "$1" >"$1.out" 2>&1 &
    started_pids+=($!)
    pids[$1]=$!
}
finds() { # DEFECT COMPLAINT
    wait "${pids[$1]}"
    code=$?
    if [ $code -eq 1 ] && grep -qE "^VIOLATION \($2\)" "$1.out"; then
        ok "$1: $(grep -m 1 -E "^VIOLATION \($2\)" "$1.out")"
    else
        fail "$1: not found: exit code $code" "$1.out"
    fi
}
declare -A pids
for defect in changes loses spins; do look $defect; done
finds changes 'wrong bytes'
finds loses '(wrong bytes|bytes lost)'
finds spins 'spin'
finish
