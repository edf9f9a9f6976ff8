# shellcheck shell=bash disable=SC2034,SC2154
# Each fuzzer for some seconds. Sourced by ./dev.

verb_fuzz() {
    local run=(--bin build/fuzz/bin/fuzz --work build/fuzz/work) seconds=10
    while [ $# -gt 0 ]; do
        case $1 in
        --seconds) seconds=${2:?--seconds needs a number}; shift ;;
        --target) run+=(--target "${2:?--target needs a name}"); shift ;;
        --minimize) run+=(--minimize) ;;
        *) die "fuzz: unknown option $1; see ./dev help" ;;
        esac
        shift
    done
    need fuzz
    build fuzz fuzzers
    tests/fuzz/run.sh "${run[@]}" --seconds "$seconds" || die "fuzzing failed"
    say "done"
}
