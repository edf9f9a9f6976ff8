#!/usr/bin/env bash
# Proves that the simulation, and tests of unusual timing, find defects. Plants one defect after the
# other into a copy of the sources and lets the simulation, or the tests, look for it.
#
#   defects.sh --work DIRECTORY [--seeds N] [--jobs J] [--only NAME] [--markdown FILE] [--record]
#
# A defect is a patch of tests/sim/defects, with a sentence above it that describes the defect. Each
# starts from the same copy of the sources and the same clean build, so only what includes the
# patched file is compiled, and no trace of a defect is left for the next. While one is built, up to
# J others (one for each processor) that are already built are searched for. A defect not found
# within N seeds (10,000) is a failure, and so is a patch that no longer applies.
#
# A second line may name the seed that found it last:
#
#     seed: N
#
# The seeds around that one are run first. If they find nothing, because the world now draws
# differently, all N seeds are searched. So the line saves time and hides nothing. --record searches
# from the first seed on and writes these lines.
#
# The simulation cannot find a defect that only a real backend has. Such a patch has the line
#
#     found by: TARGET "tests"
#
# instead. The named tests of that program (the narrow_... of tests/sim/CMakeLists.txt) must pass
# without the defect and fail with it. If they report that there is no io_uring, defects in its
# files are skipped.
#
# `--only` takes several names, with commas between them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

work='' seeds=10000 jobs=$(nproc) only='' markdown='' record=''
window=25 # seeds before and after the recorded one
while [ $# -gt 0 ]; do
    case $1 in
    --work) work=$2 ;;
    --seeds) seeds=$2 ;;
    --jobs) jobs=$2 ;;
    --only) only=$2 ;;
    --markdown) markdown=$2 ;;
    --record)
        record=yes
        shift
        continue
        ;;
    *)
        echo "defects.sh: $1 is unknown" >&2
        exit 2
        ;;
    esac
    shift 2
done
[ -n "$work" ] || { echo "defects.sh: --work is missing" >&2; exit 2; }
mkdir -p "$work"
work=$(cd "$work" && pwd)
results=$work/results source=$work/source clean=$work/clean
rm -rf "$results" "$work"/lane*
mkdir -p "$results"

defects=()
for patch in tests/sim/defects/*.patch; do
    name=$(basename "$patch" .patch)
    [ -n "$only" ] && [[ ",$only," != *",$name,"* ]] || defects+=("$name")
done
[ ${#defects[@]} -gt 0 ] || { echo "defects.sh: there is no defect $only" >&2; exit 2; }

# tests_for NAME: "TARGET tests", or nothing if the simulation is to find it.
tests_for() { sed -nE '2,4s/^found by: ([a-z_]+) "(.*)"$/\1 \2/p' "tests/sim/defects/$1.patch"; }
seed_of() { sed -nE '2,4s/^seed: ([0-9]+)$/\1/p' "tests/sim/defects/$1.patch"; } # or nothing

# The long searches come first, so that none of them is left at the end: unknown seeds, then high
# ones. Defects that tests find are built and run in between, because these tests mostly wait.
mapfile -t defects_in_order < <(
    for name in "${defects[@]}"; do
        seed=$(seed_of "$name")
        printf '%s %s\n' "${seed:-$seeds}" "$name"
    done | sort -k1,1nr -k2,2 | cut -d ' ' -f 2
)

launcher=()
if command -v ccache >/dev/null; then
    launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
fi

targets() {
    local name
    echo sim
    for name in "${defects[@]}"; do tests_for "$name" | cut -d ' ' -f 1; done | sort -u
}

# The sources as they are now, and a clean build. Keeps what an earlier run has built from the same
# sources: an unchanged file keeps the time that it had there.
prepare() {
    # A run that was stopped left its planted build in place of the clean one.
    [ ! -e "$work/kept" ] || { rm -rf "$clean" && mv "$work/kept" "$clean"; }
    rm -rf "$work/before"
    [ ! -e "$source" ] || mv "$source" "$work/before"
    mkdir -p "$source"
    git ls-files -z --cached --others --exclude-standard -- \
        CMakeLists.txt CMakePresets.json cmake sdk host client plugins examples tests bench/micro \
        bench/servers/plugins |
        while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done |
        tar -c --null -T - | tar -x -m -C "$source"
    [ ! -e "$work/before" ] || (
        cd "$source"
        find . -type f | while IFS= read -r file; do
            if cmp -s "$file" "$work/before/$file"; then touch -r "$work/before/$file" "$file"; fi
        done
    )
    cmake -S "$source" -B "$clean" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo \
        -DCMAKE_CXX_FLAGS_RELWITHDEBINFO="-O1 -DNDEBUG" ${launcher[@]+"${launcher[@]}"}
    # shellcheck disable=SC2046 # the targets are words
    cmake --build "$clean" --target $(targets)
}

# run_tests NAME: runs the defect's tests as they are built now. 124: they do not end.
run_tests() {
    local target filter
    read -r target filter <<<"$(tests_for "$1")"
    timeout 120 "$clean/bin/$target" "$filter" --abort </dev/null
}

# simulate NAME FIRST COUNT: true if they found nothing.
simulate() {
    "$results/$1.sim" --first "$2" --seeds "$3" --jobs 1 --quiet >"$results/$1.log" 2>&1
}

# Writes "seed<TAB>message" of the find to results/NAME; the seed is empty if nothing found it.
find_by_seeds() { # NAME
    local name=$1 seed found said first
    seed=$(seed_of "$name")
    [ -z "$record" ] || seed=''
    if [ -n "$seed" ]; then
        first=$((seed > window ? seed - window : 1))
        # One run is nearly always enough.
        ! simulate "$name" "$seed" 1 ||
            ! simulate "$name" "$first" $((seed + window + 1 - first)) || seed=''
    fi
    if [ -z "$seed" ] && simulate "$name" 1 "$seeds"; then
        printf '\tnot found\n' >"$results/$name"
    else
        found=$(sed -nE 's/^seed ([0-9]+) of commit.*/\1/p' "$results/$name.log" | head -n 1)
        said=$(sed -nE 's/^the simulation failed: //p; s/^portico: (assertion failed: .*) \(.*/\1/p
            s/.*(signal [0-9]+).*/\1/p' "$results/$name.log" | head -n 1)
        printf '%s\t%s\n' "$found" "$said" >"$results/$name"
    fi
    rm -f "$results/$name.sim"
}
find_by_tests() { # NAME
    if run_tests "$1" >"$results/$1.log" 2>&1; then
        printf '\tnot found\n'
    else
        printf 'test\t%s\n' "$(tests_for "$1" | sed -E 's/^narrow_([a-z_]+) (.*)$/\1: \2/')"
    fi >"$results/$1"
}

# plant NAME: builds the defect, and runs its tests, or copies the simulation to results/NAME.sim.
plant() {
    local name=$1 patch=$PWD/tests/sim/defects/$1.patch target=sim files
    if [ -n "$(tests_for "$name")" ]; then
        target=$(tests_for "$name" | cut -d ' ' -f 1)
        if ! run_tests "$name" >"$results/$name.log" 2>&1; then
            printf '\tits tests fail without it too: %s\n' "$results/$name.log" >"$results/$name"
            return
        elif grep -q 'SKIPPED: io_uring:' "$results/$name.log" &&
            grep -q '^+++ b/host/io/uring/' "$patch"; then
            printf 'none\tnot looked for: there is no io_uring\n' >"$results/$name"
            return
        fi
    fi
    # The build must be in the folder where it was made; the clean one is put back for the next.
    mv "$clean" "$work/kept"
    cp -a "$work/kept" "$clean"
    mapfile -t files < <(sed -n 's|^+++ b/||p' "$patch")
    (cd "$source" && tar -cf "$work/unpatched.tar" "${files[@]}")
    if ! (cd "$source" && GIT_CEILING_DIRECTORIES=$work git apply "$patch"); then
        printf '\tthe patch does not apply\n' >"$results/$name"
    elif ! cmake --build "$clean" --target "$target" >"$results/$name.log" 2>&1; then
        printf '\tit does not build: %s\n' "$results/$name.log" >"$results/$name"
    elif [ "$target" = sim ]; then
        cp "$clean/bin/sim" "$results/$name.sim"
    else
        find_by_tests "$name"
    fi
    rm -rf "$clean"
    mv "$work/kept" "$clean"
    tar -xf "$work/unpatched.tar" -C "$source"
}

prepare >"$work/prepare.log" 2>&1 || {
    tail -n 30 "$work/prepare.log" >&2
    exit 1
}
running=0
for name in "${defects_in_order[@]}"; do
    plant "$name"
    [ -e "$results/$name.sim" ] || continue
    if [ $running -ge "$jobs" ]; then
        wait -n || true
        running=$((running - 1))
    fi
    find_by_seeds "$name" &
    running=$((running + 1))
done
wait

# record_seed NAME SEED: writes the second line of the patch.
record_seed() {
    local patch=tests/sim/defects/$1.patch
    [ "$(seed_of "$1")" != "$2" ] || return 0
    sed -i -E '2,4{/^seed: [0-9]+$/d}' "$patch"
    sed -i "1a seed: $2" "$patch"
}

missed=0 moved=0
printf '%-30s %6s  %s\n' defect seeds "found by"
[ -z "$markdown" ] ||
    printf '| defect | what is wrong | seeds | found by |\n|---|---|---:|---|\n' >"$markdown"
for name in "${defects[@]}"; do
    found='' said='it was not looked for'
    [ ! -s "$results/$name" ] || IFS=$'\t' read -r found said < <(sed 's/^\t/-\t/' "$results/$name")
    [ "$found" != - ] || found=''
    [ -n "$found" ] || missed=$((missed + 1))
    if [[ $found =~ ^[0-9]+$ ]]; then
        if [ -n "$record" ]; then record_seed "$name" "$found"; fi
        [[ "$(seed_of "$name")" =~ ^($found)?$ ]] || moved=$((moved + 1))
    fi
    printf '%-30s %6s  %s\n' "$name" "${found:--}" "$said"
    [ -z "$markdown" ] || printf '| %s | %s | %s | %s |\n' "$name" \
        "$(head -n 1 "tests/sim/defects/$name.patch")" "$found" "$said" >>"$markdown"
done
echo "${#defects[@]} defects, $missed not found (by seeds: within $seeds)"
[ $moved -eq 0 ] || echo \
    "$moved of them at another seed than the patch says: --record writes the lines anew"
[ $missed -eq 0 ]
