# shellcheck shell=bash disable=SC2034,SC2154
# Peers of unusual timing for minutes. Sourced by ./dev.

verb_chaos() {
    local bin=build/linux/bin minutes=2 seed='' kinds=(epoll shared io_uring windows) kind seconds run
    while [ $# -gt 0 ]; do
        case $1 in
        --minutes) minutes=${2:?--minutes needs a number}; shift ;;
        --seed) seed=${2:?--seed needs a number}; shift ;;
        --backend)
            case ${2:-} in
            epoll | shared | io_uring | windows) kinds=("$2") ;;
            *) die "chaos: --backend must be epoll, shared, io_uring or windows" ;;
            esac
            shift
            ;;
        *) die "chaos: unknown option $1; see ./dev help" ;;
        esac
        shift
    done
    [[ $minutes =~ ^[1-9][0-9]*$ ]] ||
        die "chaos: --minutes must be a whole number, not \"$minutes\""
    [[ $seed =~ ^[0-9]*$ ]] || die "chaos: --seed must be a whole number, not \"$seed\""
    build linux chaos_programs
    if [[ " ${kinds[*]} " == *" windows "* ]]; then
        build windows host test_plugin_copies
        start_wine
    fi
    seconds=$((minutes * 60 / ${#kinds[@]}))
    for kind in "${kinds[@]}"; do
        say "chaos on $kind for $seconds s ..."
        run=(--host "$PWD/$bin/host" --plugins "$PWD/$bin/test_plugins")
        case $kind in
        shared) run+=(--backend epoll --ports shared) ;;
        windows)
            run=(--host "$PWD/build/windows/bin/host.exe" --plugins "$PWD/build/windows/bin/test_plugins" --emulator "$(command -v wine)"
                --backend iocp --ports shared)
            ;;
        *) run+=(--backend "$kind" --ports per_core) ;;
        esac
        $bin/chaos "${run[@]}" --work "$PWD/build/chaos/$kind" --seconds "$seconds" ${seed:+--seed "$seed"} ||
            die "chaos on $kind failed"
    done
    say "done"
}
