#!/usr/bin/env bash
# The soak finds what it is there for: each of the planted defects of tests/plugins/soaked.c, by the
# complaint that fits.
source "$(dirname "${BASH_SOURCE[0]}")/../integration/common.sh"

finds() { # DEFECT COMPLAINT
    timeout 120 "$bin/soak" --host "$bin/host" --client "$bin/client" \
        --plugins "$plugins" --work "$PWD/$1" \
        --seed 1 --seconds 40 --cycle-seconds 1 --rest-seconds 3 \
        --plant "$1" >"$1.out" 2>&1
    code=$?
    if [ $code -eq 1 ] && grep -qE "^WRONG: $2" "$1.out"; then
        ok "$1: $(grep -m 1 -E "^WRONG: $2" "$1.out")"
    else
        fail "$1: not found: exit code $code" "$1.out"
    fi
}
finds memory 'the host at rest has .* MiB of memory; after'
finds descriptor 'the host at rest has .* descriptors'
finds thread 'the host at rest has .* threads'
# Whoever gets the changed byte first complains.
finds reply '(an honest client ended with 3|a half-closed connection got .* not those that it sent)'
finish
