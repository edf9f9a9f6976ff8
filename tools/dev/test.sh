# shellcheck shell=bash disable=SC2034,SC2154
# The suites, and their counts. Sourced by ./dev.

passed=0 failed=0 skipped=0

attribute() { # NAME FILE: of the JUnit report's outermost element
    sed -nE "s/^.*<testsuite .*$1=\"([0-9]+)\".*/\1/p; s/^[[:space:]]+$1=\"([0-9]+)\".*/\1/p" "$2" | head -n 1
}

# begin_build PRESET NICE: builds it beside the tests of the suite before. They mostly wait for
# timers, and do not feel a build of lower priority. It has a process group of its own, which ends
# with this script.
building=''
begin_build() {
    set -m
    (
        renice -n "$2" -p "$BASHPID" >/dev/null 2>&1 || true
        case $1 in
        valgrind) build linux unit_tests ;;
        *) build "$1" ;;
        esac
    ) &
    set +m
    building=$!
}

# end_build: waits for it, and returns its result. Its priority is the usual one now, so that other
# programs do not hold it up. (Only root may raise a priority.)
end_build() {
    local result=0
    renice -n 0 -g "$building" >/dev/null 2>&1 || true
    wait "$building" || result=$?
    building=''
    return $result
}

# suite PRESET CTEST-OPTION...: its tests. It is built.
suite() {
    local preset=$1 report log tests bad off started jobs=$(($(nproc) * 2)) layout=()
    shift
    case $preset in *windows)
        start_wine
        # Wine needs the address 0x7ffe0000. Linux places the heap of a program at random, and that
        # of one Wine process in thousands there: "failed to map the shared user data".
        ! setarch -R true 2>/dev/null || layout=(setarch -R)
        ;;
    esac
    report=$PWD/build/log/$preset.xml log=build/log/test_$preset.log
    rm -f "$report"
    started=$SECONDS
    say "testing: ${title[$preset]} ..."
    # Most tests wait for timers, so there may be more of them than processors. Wine has one server
    # for all.
    case $preset in *windows) jobs=$(nproc) ;; esac
    ${layout[@]+"${layout[@]}"} ctest --preset "$preset" -j "$jobs" --output-junit "$report" "$@" >"$log" 2>&1 || true
    if [ ! -s "$report" ]; then
        tail -n 30 "$log" >&2
        failed=$((failed + 1))
        return 0
    fi
    tests=$(attribute tests "$report") bad=$(attribute failures "$report")
    off=$(($(attribute skipped "$report") + $(attribute disabled "$report")))
    if [ "$bad" -gt 0 ]; then
        echo "--- from $log:" >&2
        grep -vE '^ *[0-9]+/[0-9]+ Test +#[0-9]+: .* Passed |^ +Start +[0-9]+: ' "$log" | tail -n 150 >&2
    fi
    passed=$((passed + tests - bad - off)) failed=$((failed + bad)) skipped=$((skipped + off))
    say "${title[$preset]}: $((tests - bad - off)) passed, $bad failed$([ "$off" -eq 0 ] || echo ", $off skipped"), in $((SECONDS - started)) s"
}

# The unit tests in valgrind's memory checker. It is slow, and the sanitizers find most of what it
# finds, so it is not in every run. Only it finds uninitialised memory. The tests of exhausted
# descriptors are left out: valgrind imitates that limit, and closes a connection that the kernel
# has accepted already.
valgrind_suite() {
    if quietly "testing: unit tests under valgrind" \
        valgrind --quiet --error-exitcode=1 --leak-check=full --errors-for-leak-kinds=all build/linux/bin/unit_tests "~[descriptors]"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
}

verb_test() {
    local presets=() quick=() once=() preset i built
    all_tests=OFF
    while [ $# -gt 0 ]; do
        case $1 in
        --quick) presets+=(linux) quick=(-LE slow) ;;
        --native) presets+=(linux) ;;
        --clang) presets+=(clang) ;;
        --asan) presets+=(asan) ;;
        --tsan) presets+=(tsan) ;;
        --windows) presets+=(windows) ;;
        --valgrind) presets+=(valgrind) ;;
        --all) all_tests=ON ;;
        *) die "test: unknown option $1; see ./dev help" ;;
        esac
        shift
    done
    [ ${#presets[@]} -gt 0 ] || presets=(linux asan tsan windows)
    # Cargo and its libraries are 60 MB to load and 15 s to install, Chromium without a window is
    # 100 MB and 40 s: no more than Wine, so that the suite has them. In a quick run the tests of
    # Rust and of the admin page are left out or skipped without them.
    case " ${quick[*]-} ${presets[*]} " in
    *' -LE '*) ;;
    *' linux '* | *' clang '*) once=(rust browser) ;;
    esac
    # shellcheck disable=SC2046 # words are meant
    need tests ${once[@]+"${once[@]}"} \
        $(for preset in "${presets[@]}"; do needs_of "$preset"; done) # all of them first, in one go
    on_exit '[ -z "$building" ] || kill -- "-$building" 2>/dev/null || true'
    begin_build "${presets[0]}" 0
    for i in "${!presets[@]}"; do
        preset=${presets[i]} built=yes
        end_build || built=no
        [ $((i + 1)) -eq ${#presets[@]} ] || begin_build "${presets[i + 1]}" 10
        # A build that fails counts as one failed test, and the other suites go on.
        if [ $built = no ]; then
            failed=$((failed + 1))
        elif [ "$preset" = valgrind ]; then
            valgrind_suite
        else
            suite "$preset" ${quick[@]+"${quick[@]}"}
        fi
    done
    [ $skipped -eq 0 ] || say "$skipped skipped"
    say "done"
    echo "$passed passed, $failed failed"
    [ $failed -eq 0 ] && [ $passed -gt 0 ]
}
