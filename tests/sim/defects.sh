#!/usr/bin/env bash
# The proof that the simulation bites: plants one defect after the other into a copy of the sources, and lets the simulation look for it.
#
#   defects.sh --work DIRECTORY [--seeds N] [--lanes J] [--only NAME] [--markdown FILE]
#
# A defect is a patch of tests/sim/defects, with a sentence above it that says what is wrong. Each lane has a copy of the sources and a clean build of
# it; a defect starts from both, so that only what includes the patched file is compiled, and no trace of one is left for the next. Not found within N
# seeds (10,000) is a failure, and so is a patch that no longer applies.
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
    [ -n "$only" ] && [ "$name" != "$only" ] || defects+=("$name")
done
[ ${#defects[@]} -gt 0 ] || { echo "defects.sh: there is no defect $only" >&2; exit 2; }

launcher=()
if command -v ccache >/dev/null; then launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi

# prepare LANE: the sources as they are now, with their times, and a clean build. What an earlier run has built and is still right is kept.
prepare() {
    local lane=$work/lane$1
    rm -rf "$lane/source" "$lane/build"
    mkdir -p "$lane/source"
    git ls-files -z --cached --others --exclude-standard -- CMakeLists.txt CMakePresets.json cmake sdk host client plugins tests |
        while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done |
        tar -c --null -T - | tar -x -C "$lane/source"
    cmake -S "$lane/source" -B "$lane/clean" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_FLAGS_RELWITHDEBINFO="-O1 -DNDEBUG" \
        ${launcher[@]+"${launcher[@]}"}
    cmake --build "$lane/clean" --target sim
}

# look LANE NAME: one result, "seeds<TAB>what the simulation said", seeds empty when it found nothing.
look() {
    local lane=$work/lane$1 name=$2 patch=$PWD/tests/sim/defects/$2.patch found said
    # The build must be where it was made; the clean one comes back for the next.
    mv "$lane/clean" "$lane/kept"
    cp -a "$lane/kept" "$lane/clean"
    if ! (cd "$lane/source" && GIT_CEILING_DIRECTORIES=$lane git apply "$patch"); then
        printf '\tthe patch does not apply\n' >"$results/$name"
    elif ! cmake --build "$lane/clean" --target sim >"$results/$name.log" 2>&1; then
        printf '\tit does not build: %s\n' "$results/$name.log" >"$results/$name"
    elif "$lane/clean/bin/sim" --seeds "$seeds" --jobs 1 --quiet >"$results/$name.log" 2>&1; then
        printf '\tnot found\n' >"$results/$name"
    else
        found=$(sed -nE 's/^seed ([0-9]+) of commit.*/\1/p' "$results/$name.log" | head -n 1)
        said=$(sed -nE 's/^the simulation failed: //p; s/^portico: (assertion failed: .*) \(.*/\1/p; s/.*(signal [0-9]+).*/\1/p' "$results/$name.log" | head -n 1)
        printf '%s\t%s\n' "$found" "$said" >"$results/$name"
    fi
    rm -rf "$lane/clean"
    mv "$lane/kept" "$lane/clean"
    while IFS= read -r file; do
        cp -p "$file" "$lane/source/$file"
    done < <(sed -n 's|^+++ b/||p' "$patch")
}

run_lane() { # LANE
    local i
    prepare "$1" >"$work/lane$1.log" 2>&1 || {
        tail -n 30 "$work/lane$1.log" >&2
        return 1
    }
    for ((i = $1; i < ${#defects[@]}; i += lanes)); do look "$1" "${defects[i]}"; done
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
echo "${#defects[@]} defects, $missed not found within $seeds seeds"
[ $missed -eq 0 ] && [ $status -eq 0 ]
