# shellcheck shell=bash disable=SC2034,SC2154
# Random load and hostile peers for minutes. Sourced by ./dev.

verb_soak() {
    local bin=build/linux/bin minutes=2 seed='' kind backend ports
    while [ $# -gt 0 ]; do
        case $1 in
        --minutes) minutes=${2:?--minutes needs a number}; shift ;;
        --seed) seed=${2:?--seed needs a number}; shift ;;
        *) die "soak: unknown option $1; see ./dev help" ;;
        esac
        shift
    done
    [[ $minutes =~ ^[1-9][0-9]*$ ]] ||
        die "soak: --minutes must be a whole number, not \"$minutes\""
    build linux soak_programs
    for kind in "epoll per_core" "epoll shared" "io_uring per_core"; do
        read -r backend ports <<<"$kind"
        say "soaking for $((minutes * 20)) s ..."
        $bin/soak --host $bin/host --client $bin/client --plugins "$PWD/$bin/test_plugins" --work "build/soak/$backend-$ports" \
            --backend "$backend" --ports "$ports" --seconds $((minutes * 20)) ${seed:+--seed "$seed"} || die "the soak failed"
    done
    say "done"
}
