# shellcheck shell=bash disable=SC2034,SC2154
# Configuring and building a preset. Sourced by ./dev.

declare -A title=([linux]="Linux" [asan]="Linux with ASan and UBSan" [tsan]="Linux with TSan" [windows]="Windows (cross build)"
    [clang]="Linux with Clang" [coverage]="coverage on Linux" [coverage-windows]="coverage on Windows" [fuzz]="fuzzing"
    [bench]="Linux, with benchmarks" [bench-windows]="Windows (cross build), with benchmarks")

needs_of() { # PRESET
    case $1 in
    bench) echo native bench python ;;
    bench-windows) echo native windows bench python ;;
    *windows) echo native windows ;;
    clang) echo native clang ;;
    valgrind) echo native valgrind ;; *) echo native ;; esac
}

programs=(host client echo ack)

build() { # PRESET TARGET...: without targets, everything
    local preset=$1 what="for ${title[$1]:-$1}" options=()
    shift
    [ $# -eq 0 ] || what="$* $what"
    # shellcheck disable=SC2046 # two words are meant
    need $(needs_of "$preset")
    # Who builds everything once, as CI does, is quicker with PORTICO_UNITY=ON in the environment.
    # (The fuzzers replace single files of a library.)
    [ -z "${PORTICO_UNITY-}" ] || [ "$preset" = fuzz ] || options=("-DPORTICO_UNITY=$PORTICO_UNITY")
    if command -v ccache >/dev/null; then options+=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
    quietly "building $what" configure_and_build "$preset" "$*" ${options[@]+"${options[@]}"}
}

configure_and_build() { # PRESET "TARGET..." OPTION...
    local preset=$1 targets=$2
    shift 2
    # shellcheck disable=SC2086 # the targets are words
    cmake --preset "$preset" "-DPORTICO_ALL_TESTS=$all_tests" "$@" && cmake --build --preset "$preset" -j "$(nproc)" ${targets:+--target $targets}
}

version() { sed -nE 's/^project\(portico VERSION ([0-9.]+).*/\1/p' CMakeLists.txt; }

verb_build() {
    local preset=linux targets=("${programs[@]}")
    while [ $# -gt 0 ]; do
        case $1 in
        --windows) preset=windows ;;
        --preset) preset=${2:?--preset needs a name}; shift ;;
        --tests) targets=() ;;
        *) die "build: unknown option $1; see ./dev help" ;;
        esac
        shift
    done
    case $preset in bench* | fuzz) targets=() ;; esac # these are asked for because of what else they have
    build "$preset" ${targets[@]+"${targets[@]}"}
    say "built: build/$preset/bin"
}
