# shellcheck shell=bash disable=SC2034,SC2154
# The simulated worlds, and the defects that they must find. Sourced by ./dev.

verb_sim() {
    local preset=linux run=() seeds=10000 defects=no record='' commit
    while [ $# -gt 0 ]; do
        case $1 in
        --seeds) seeds=${2:?--seeds needs a number}; shift ;;
        --first) run+=(--first "${2:?--first needs a number}"); shift ;;
        --seed) run+=(--seed "${2:?--seed needs a number}"); shift ;;
        --preset) preset=${2:?--preset needs a name}; shift ;;
        --defects) defects=yes ;;
        --record) record=yes ;;
        *) die "sim: unknown option $1; see ./dev help" ;;
        esac
        shift
    done
    if [ $defects = yes ]; then
        need native
        say "planting defects, and looking for them (build/defects) ..."
        tests/sim/defects.sh --work build/defects --seeds "$seeds" --markdown build/defects/table.md \
            ${record:+--record} || die "a planted defect was not found"
        say "done"
        return
    fi
    build "$preset" sim
    commit=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)
    [ -z "$(git status --porcelain -- host sdk tests/sim 2>/dev/null)" ] || commit+=" with changes"
    say "simulating ..."
    "build/$preset/bin/sim" --commit "$commit" --seeds "$seeds" ${run[@]+"${run[@]}"} || die "the simulation failed"
    say "done"
}
