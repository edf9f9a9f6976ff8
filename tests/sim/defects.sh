#!/usr/bin/env bash
# Proves that the simulation, and tests of unusual timing, find defects. Plants one defect after the
# other into a copy of the sources and lets the simulation, or the tests, look for it.
#
#   defects.sh --work DIRECTORY [--seeds N] [--jobs J] [--only NAME] [--markdown FILE] [--record]
#
# A defect is a patch of tests/sim/defects, with a sentence above it that describes the defect. All
# are built beside the same clean build (plant.py): only what depends on the patched files is
# compiled. J defects (one for each processor) are built and searched for at a time. A defect not
# found within N seeds (10,000) is a failure, and so is a patch that no longer applies.
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
results=$work/results source=$work/source clean=$work/clean planted=$work/planted
rm -rf "$results" "$planted"
mkdir -p "$results" "$planted"

defects=()
for patch in tests/sim/defects/*.patch; do
    name=$(basename "$patch" .patch)
    [ -n "$only" ] && [[ ",$only," != *",$name,"* ]] || defects+=("$name")
done
[ ${#defects[@]} -gt 0 ] || { echo "defects.sh: there is no defect $only" >&2; exit 2; }

# tests_for NAME: "TARGET tests", or nothing if the simulation is to find it.
tests_for() { sed -nE '2,4s/^found by: ([a-z_]+) "(.*)"$/\1 \2/p' "tests/sim/defects/$1.patch"; }
seed_of() { sed -nE '2,4s/^seed: ([0-9]+)$/\1/p' "tests/sim/defects/$1.patch"; } # or nothing

files_of() { sed -n 's|^+++ b/||p' "tests/sim/defects/$1.patch"; }

# The long ones come first, so that none of them is left at the end: patches of headers, from which
# much must be compiled; then unknown seeds, and high ones.
mapfile -t defects_in_order < <(
    for name in "${defects[@]}"; do
        seed=$(seed_of "$name")
        header=0
        ! files_of "$name" | grep -q '\.hpp$' || header=1
        printf '%s %s %s\n' "$header" "${seed:-$seeds}" "$name"
    done | sort -k1,1nr -k2,2nr -k3,3 | cut -d ' ' -f 3
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
        -DCMAKE_EXPORT_COMPILE_COMMANDS=ON \
        -DCMAKE_CXX_FLAGS_RELWITHDEBINFO="-O1 -DNDEBUG" ${launcher[@]+"${launcher[@]}"}
    # shellcheck disable=SC2046 # the targets are words
    cmake --build "$clean" --target $(targets)
}

# run_tests NAME PROGRAM: runs the defect's tests. 124: they do not end.
run_tests() {
    local target filter
    read -r target filter <<<"$(tests_for "$1")"
    timeout 120 "$2" "$filter" --abort </dev/null
}

# The program with the defect. It stands beside the clean ones, whose folder it may need.
program_of() { printf '%s' "$clean/bin/planted_$1"; }

# simulate NAME FIRST COUNT: true if they found nothing.
simulate() {
    "$(program_of "$1")" --first "$2" --seeds "$3" --jobs 1 --quiet >"$results/$1.log" 2>&1
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
}
find_by_tests() { # NAME
    if run_tests "$1" "$(program_of "$1")" >"$results/$1.log" 2>&1; then
        printf '\tnot found\n'
    else
        printf 'test\t%s\n' "$(tests_for "$1" | sed -E 's/^narrow_([a-z_]+) (.*)$/\1: \2/')"
    fi >"$results/$1"
}

# plant NAME TARGET: builds the defect. Otherwise says in results/NAME why not.
plant() {
    local name=$1 patch=$PWD/tests/sim/defects/$1.patch file
    while IFS= read -r file; do
        mkdir -p "$planted/$name/$(dirname "$file")"
        cp "$source/$file" "$planted/$name/$file"
    done < <(files_of "$name")
    if ! (cd "$planted/$name" && GIT_CEILING_DIRECTORIES=$work git apply "$patch"); then
        printf '\tthe patch does not apply\n' >"$results/$name"
    elif ! tests/sim/plant.py --build "$clean" --source "$source" --planted "$planted/$name" \
        --target "$2" --output "$(program_of "$name")" >"$results/$name.log" 2>&1; then
        printf '\tit does not build: %s\n' "$results/$name.log" >"$results/$name"
    else
        return 0
    fi
    return 1
}

# look_for NAME: builds the defect, and writes to results/NAME whether it is found.
look_for() {
    local name=$1 target
    target=$(tests_for "$name" | cut -d ' ' -f 1)
    if [ -z "$target" ]; then
        ! plant "$name" sim || find_by_seeds "$name"
    elif ! run_tests "$name" "$clean/bin/$target" >"$results/$name.log" 2>&1; then
        printf '\tits tests fail without it too: %s\n' "$results/$name.log" >"$results/$name"
    elif grep -q 'SKIPPED: io_uring:' "$results/$name.log" &&
        files_of "$name" | grep -q '^host/io/uring/'; then
        printf 'none\tnot looked for: there is no io_uring\n' >"$results/$name"
    elif plant "$name" "$target"; then
        find_by_tests "$name"
    fi
    rm -f "$(program_of "$name")"
}

prepare >"$work/prepare.log" 2>&1 || {
    tail -n 30 "$work/prepare.log" >&2
    exit 1
}
running=0
for name in "${defects_in_order[@]}"; do
    if [ $running -ge "$jobs" ]; then
        wait -n || true
        running=$((running - 1))
    fi
    look_for "$name" &
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
