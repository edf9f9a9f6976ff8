#!/usr/bin/env bash
# The proof that the simulation bites, and tests of unusual timing do: plants one defect after the other into a copy of the sources, and lets
# the simulation, or the tests, look for it.
#
#   defects.sh --work DIRECTORY [--seeds N] [--lanes J] [--only NAME] [--markdown FILE]
#
# A defect is a patch of tests/sim/defects, with a sentence above it that says what is wrong. Each lane has a copy of the sources and a clean build of
# it; a defect starts from both, so that only what includes the patched file is compiled, and no trace of one is left for the next. Not found within N
# seeds (10,000) is a failure, and so is a patch that no longer applies.
#
# What only a real backend has cannot be found by the simulation. Such a patch has a second line,
#
#     found by: TARGET "tests"
#
# and the named tests of that program (the narrow_... of tests/sim/CMakeLists.txt) must pass without the defect and fail with it. Where they
# say that there is no io_uring, a defect of a file of io_uring is not looked for.
#
# `--only` takes several names, with commas between them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

work='' seeds=10000 lanes=$(nproc) only='' markdown=''
while [ $# -gt 0 ]; do
    case $1 in
    --work) work=$2 ;;
    --seeds) seeds=$2 ;;
    --lanes) lanes=$2 ;;
    --only) only=$2 ;;
    --markdown) markdown=$2 ;;
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
results=$work/results
rm -rf "$results"
mkdir -p "$results"

defects=()
for patch in tests/sim/defects/*.patch; do
    name=$(basename "$patch" .patch)
    [ -n "$only" ] && [[ ",$only," != *",$name,"* ]] || defects+=("$name")
done
[ ${#defects[@]} -gt 0 ] || { echo "defects.sh: there is no defect $only" >&2; exit 2; }

# tests_for NAME: "TARGET tests", or nothing where the simulation is to find it.
tests_for() { sed -nE '1,3s/^found by: ([a-z_]+) "(.*)"$/\1 \2/p' "tests/sim/defects/$1.patch"; }

# Those that tests find come first: only one lane looks for them.
by_tests=() by_seeds=()
for name in "${defects[@]}"; do
    if [ -n "$(tests_for "$name")" ]; then by_tests+=("$name"); else by_seeds+=("$name"); fi
done

launcher=()
if command -v ccache >/dev/null; then launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi

# prepare LANE: the sources as they are now, and a clean build. What an earlier run has built of the same sources is kept: a file that has not
# changed keeps the time that it had there.
prepare() {
    local lane=$work/lane$1
    rm -rf "$lane/before"
    [ ! -e "$lane/source" ] || mv "$lane/source" "$lane/before"
    mkdir -p "$lane/source"
    git ls-files -z --cached --others --exclude-standard -- CMakeLists.txt CMakePresets.json cmake sdk host client plugins tests |
        while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done |
        tar -c --null -T - | tar -x -m -C "$lane/source"
    [ ! -e "$lane/before" ] || (
        cd "$lane/source"
        find . -type f | while IFS= read -r file; do
            if cmp -s "$file" "$lane/before/$file"; then touch -r "$lane/before/$file" "$file"; fi
        done
    )
    cmake -S "$lane/source" -B "$lane/clean" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_FLAGS_RELWITHDEBINFO="-O1 -DNDEBUG" \
        ${launcher[@]+"${launcher[@]}"}
    cmake --build "$lane/clean" --target $(targets_of "$1")
}

# The first lane has those that tests find, and builds these tests; what the simulation finds is for whichever lane is free.
is_for() { # LANE NAME
    [ "$1" -eq 0 ] || [ -z "$(tests_for "$2")" ]
}
targets_of() { # LANE
    local name
    echo sim
    for name in "${defects[@]}"; do
        if is_for "$1" "$name"; then tests_for "$name" | cut -d ' ' -f 1; fi
    done | sort -u
}

# run_tests LANE NAME: the defect's tests, as they are built now. 124: they do not end.
run_tests() {
    local target filter
    read -r target filter <<<"$(tests_for "$2")"
    timeout 120 "$work/lane$1/clean/bin/$target" "$filter" </dev/null
}

# find_by_... LANE NAME: what found it, "seeds<TAB>what was said"; the build is planted.
find_by_seeds() {
    local found said
    if "$work/lane$1/clean/bin/sim" --seeds "$seeds" --jobs 1 --quiet >"$results/$2.log" 2>&1; then
        printf '\tnot found\n'
        return
    fi
    found=$(sed -nE 's/^seed ([0-9]+) of commit.*/\1/p' "$results/$2.log" | head -n 1)
    said=$(sed -nE 's/^the simulation failed: //p; s/^portico: (assertion failed: .*) \(.*/\1/p; s/.*(signal [0-9]+).*/\1/p' "$results/$2.log" | head -n 1)
    printf '%s\t%s\n' "$found" "$said"
}
find_by_tests() {
    if run_tests "$1" "$2" >"$results/$2.log" 2>&1; then
        printf '\tnot found\n'
    else
        printf 'test\t%s\n' "$(tests_for "$2" | sed -E 's/^narrow_([a-z_]+) (.*)$/\1: \2/')"
    fi
}

# look LANE NAME: one result, "seeds<TAB>what the simulation said", seeds empty when it found nothing.
look() {
    local lane=$work/lane$1 name=$2 patch=$PWD/tests/sim/defects/$2.patch target=sim found_by=find_by_seeds files
    if [ -n "$(tests_for "$name")" ]; then
        target=$(tests_for "$name" | cut -d ' ' -f 1) found_by=find_by_tests
        if ! run_tests "$1" "$name" >"$results/$name.log" 2>&1; then
            printf '\tits tests fail without it too: %s\n' "$results/$name.log" >"$results/$name"
            return
        elif grep -q 'SKIPPED: io_uring:' "$results/$name.log" && grep -q '^+++ b/host/io/uring_' "$patch"; then
            printf 'none\tnot looked for: there is no io_uring\n' >"$results/$name"
            return
        fi
    fi
    # The build must be where it was made; the clean one comes back for the next.
    mv "$lane/clean" "$lane/kept"
    cp -a "$lane/kept" "$lane/clean"
    mapfile -t files < <(sed -n 's|^+++ b/||p' "$patch")
    (cd "$lane/source" && tar -cf "$lane/unpatched.tar" "${files[@]}")
    if ! (cd "$lane/source" && GIT_CEILING_DIRECTORIES=$lane git apply "$patch"); then
        printf '\tthe patch does not apply\n' >"$results/$name"
    elif ! cmake --build "$lane/clean" --target "$target" >"$results/$name.log" 2>&1; then
        printf '\tit does not build: %s\n' "$results/$name.log" >"$results/$name"
    else
        "$found_by" "$1" "$name" >"$results/$name"
    fi
    rm -rf "$lane/clean"
    mv "$lane/kept" "$lane/clean"
    tar -xf "$lane/unpatched.tar" -C "$lane/source"
}

run_lane() { # LANE
    local name
    prepare "$1" >"$work/lane$1.log" 2>&1 || {
        tail -n 30 "$work/lane$1.log" >&2
        return 1
    }
    for name in ${by_tests[@]+"${by_tests[@]}"} ${by_seeds[@]+"${by_seeds[@]}"}; do
        # Whoever makes the folder has it.
        if is_for "$1" "$name" && mkdir "$results/.$name" 2>/dev/null; then look "$1" "$name"; fi
    done
}

pids=()
for ((lane = 0; lane < lanes; ++lane)); do
    mkdir -p "$work/lane$lane"
    run_lane "$lane" &
    pids+=($!)
done
status=0
for pid in "${pids[@]}"; do wait "$pid" || status=1; done

missed=0
printf '%-30s %6s  %s\n' defect seeds "found by"
[ -z "$markdown" ] || printf '| defect | what is wrong | seeds | found by |\n|---|---|---:|---|\n' >"$markdown"
for name in "${defects[@]}"; do
    found='' said='the lane ended early'
    [ ! -s "$results/$name" ] || IFS=$'\t' read -r found said < <(sed 's/^\t/-\t/' "$results/$name")
    [ "$found" != - ] || found=''
    [ -n "$found" ] || missed=$((missed + 1))
    printf '%-30s %6s  %s\n' "$name" "${found:--}" "$said"
    [ -z "$markdown" ] || printf '| %s | %s | %s | %s |\n' "$name" "$(head -n 1 "tests/sim/defects/$name.patch")" "$found" "$said" >>"$markdown"
done
echo "${#defects[@]} defects, $missed not found (by seeds: within $seeds)"
[ $missed -eq 0 ] && [ $status -eq 0 ]
