#!/usr/bin/env bash
# Runs the fuzzers, each for some seconds over its corpus, one a processor at a time. `./dev fuzz`
# builds them and calls this.
#
#   run.sh --bin DIRECTORY --work DIRECTORY --seconds S [--target NAME] [--minimize]
#
# New finds of a run stay in the work directory, and the next run begins with them. --minimize
# merges from there into tests/fuzz/corpus what covers more than the seeds there. A crash leaves its
# input in WORK/crashes and fails the run. The canary, which has a planted defect, must crash.
set -euo pipefail

bin='' work='' seconds='' only='' minimize=''
while [ $# -gt 0 ]; do
    case $1 in
    --bin) bin=$2 ;;
    --work) work=$2 ;;
    --seconds) seconds=$2 ;;
    --target) only=$2 ;;
    --minimize) minimize=yes; shift; continue ;;
    *) echo "fuzz: $1 is unknown" >&2; exit 2 ;;
    esac
    shift 2
done
sources=$(dirname "${BASH_SOURCE[0]}")
canary_seconds=60 # at most; it ends with its crash
mkdir -p "$work/log" "$work/crashes" "$work/failed"
rm -f "$work"/failed/*
export UBSAN_OPTIONS=print_stacktrace=1 \
    ASAN_OPTIONS=detect_stack_use_after_return=1:allocator_may_return_null=1

options_of() { # TARGET
    local name=$1
    printf '%s\n' -max_len=4096 -timeout=25 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$work/crashes/$name-"
    if [ -f "$sources/$name.dict" ]; then printf '%s\n' -dict="$sources/$name.dict"; fi
}

# The value behind "stat::NAME:" in the log.
statistic() { sed -nE "s/^stat::$1: +([0-9]+).*/\1/p" "$2" | tail -n 1; }

run_canary() {
    local log=$work/log/canary.log
    mapfile -t options < <(options_of canary)
    rm -rf "$work/corpus/canary"
    mkdir -p "$work/corpus/canary"
    "$bin/canary" "${options[@]}" -max_total_time=$canary_seconds "$work/corpus/canary" \
        "$sources/corpus/canary" >"$log" 2>&1 || true
    if grep -q 'AddressSanitizer: heap-buffer-overflow' "$log" &&
        grep -q ends_with_checksum "$log"; then
        printf '%-24s the planted defect was found after %s executions\n' canary \
            "$(statistic number_of_executed_units "$log")"
        rm -f "$work"/crashes/canary-*
    else
        printf '%-24s FAILED: the planted defect was not found in %s s; see %s\n' canary \
            $canary_seconds "$log"
        touch "$work/failed/canary"
    fi
}

run_target() { # TARGET
    local name=$1 log=$work/log/$1.log new=$work/corpus/$1 artifact last status=0
    mapfile -t options < <(options_of "$name")
    mkdir -p "$new"
    "$bin/$name" "${options[@]}" -max_total_time="$seconds" "$new" "$sources/corpus/$name" >"$log" \
        2>&1 || status=$?
    last=$(grep -E '^#[0-9]+[[:space:]].* cov: ' "$log" | tail -n 1)
    printf '%-24s %11s executions %7s/s  coverage %5s  features %6s  corpus %5s  new units %5s\n' \
        "$name" \
        "$(statistic number_of_executed_units "$log")" "$(statistic average_exec_per_sec "$log")" \
        "$(sed -nE 's/.* cov: ([0-9]+).*/\1/p' <<<"$last")" \
        "$(sed -nE 's/.* ft: ([0-9]+).*/\1/p' <<<"$last")" \
        "$(sed -nE 's/.* corp: ([0-9]+).*/\1/p' <<<"$last")" "$(statistic new_units_added "$log")"
    [ "$status" -ne 0 ] || return 0
    touch "$work/failed/$name"
    artifact=$(sed -nE 's/.*Test unit written to (.*)/\1/p' "$log" | tail -n 1)
    echo "$name FAILED: $(grep -m 1 -E 'assertion failed|ERROR: (Address|Leak|Undefined|lib)|runtime error|terminate called' "$log" || tail -n 1 "$log")"
    echo "    reproduce: $bin/$name ${artifact:-(no artifact: see the log)}"
    echo "    log:       $log"
}

# Keeps the smallest set that covers the same as everything found, in addition to what is there
# already.
minimize_target() { # TARGET
    local name=$1 log=$work/log/$1.merge.log merged=$work/merged/$1
    [ -d "$work/corpus/$name" ] || return 0
    mapfile -t options < <(options_of "$name")
    rm -rf "$merged"
    mkdir -p "$merged"
    cp "$sources/corpus/$name/"* "$merged/"
    "$bin/$name" "${options[@]}" -set_cover_merge=1 "$merged" "$work/corpus/$name" >"$log" 2>&1 ||
        { tail -n 20 "$log"; return 1; }
    cp -n "$merged/"* "$sources/corpus/$name/"
    printf '%-24s %s units, %s\n' "$name" "$(ls "$sources/corpus/$name" | wc -l)" \
        "$(du -sh --apparent-size "$sources/corpus/$name" | cut -f1)"
}

targets=()
for program in "$bin"/*; do
    name=$(basename "$program")
    if [ "$name" = canary ] || { [ -n "$only" ] && [ "$only" != "$name" ]; }; then continue; fi
    targets+=("$name")
done
[ ${#targets[@]} -gt 0 ] || { [ "$only" = canary ] ||
    { echo "fuzz: no target ${only:-at all} in $bin" >&2; exit 2; }; }

if [ -n "$minimize" ]; then
    for name in "${targets[@]}"; do minimize_target "$name"; done
    exit
fi

if [ -z "$only" ] || [ "$only" = canary ]; then run_canary; fi
slots=$(nproc) running=0
for name in ${targets[@]+"${targets[@]}"}; do
    if [ "$running" -ge "$slots" ]; then
        wait -n
        running=$((running - 1))
    fi
    run_target "$name" &
    running=$((running + 1))
done
wait
failed=$(find "$work/failed" -type f | wc -l)
[ "$failed" -eq 0 ] || { echo "fuzz: $failed failed"; exit 1; }
