# shellcheck shell=bash disable=SC2034,SC2154
# Lines and branches of host/ and sdk/ that the suites run. Sourced by ./dev.
source tools/dev/test.sh

# count_coverage PRESET GCOV: the suites of the preset, counted, into build/coverage/PRESET.json.
# Programs that a test kills leave no counts.
count_coverage() {
    local preset=$1 gcov=$2
    if [ -d "build/$preset" ]; then find "build/$preset" -name '*.gcda' -delete; fi
    suite "$preset"
    mkdir -p build/coverage
    # Left out: branches of assertions, lines of a failed one, and branches of lines without code
    # (destructors at a closing brace). The edges that exceptions take are marked here, and the
    # table leaves them out after the merge: gcov does not mark them in code that this program never
    # ran, and another may have run it.
    quietly "counting: ${title[$preset]}" gcovr --root . "build/$preset" --gcov-executable "$gcov" --filter host/ --filter sdk/include/ \
        --exclude-unreachable-branches --exclude-branches-by-pattern '.*PORTICO_ASSERT\(' --exclude-lines-by-pattern '.*PORTICO_ASSERT\(!"' \
        --json "build/coverage/$preset.json" -j "$(nproc)"
    tests/coverage/drop_functions.py "build/coverage/$preset.json"
}

verb_coverage() {
    local presets=(coverage coverage-windows) preset reports=() status=0
    case ${1:-} in
    '') ;;
    --native) presets=(coverage) ;;
    *) die "coverage: unknown option $1; see ./dev help" ;;
    esac
    # shellcheck disable=SC2046 # words are meant
    need tests coverage $(for preset in "${presets[@]}"; do needs_of "$preset"; done)
    for preset in "${presets[@]}"; do
        case $preset in
        *windows) count_coverage "$preset" x86_64-w64-mingw32-gcov-posix ;;
        *) count_coverage "$preset" gcov ;;
        esac
        reports+=(--add-tracefile "build/coverage/$preset.json")
    done
    quietly "merging" gcovr --root . "${reports[@]}" --json build/coverage/merged.json
    tests/coverage/table.py build/coverage/merged.json --uncovered >build/coverage/uncovered.txt || true
    tests/coverage/table.py build/coverage/merged.json || status=1
    say "lines and branches that nothing ran: build/coverage/uncovered.txt"
    echo "$passed passed, $failed failed"
    [ $failed -eq 0 ] && [ $status -eq 0 ]
}
