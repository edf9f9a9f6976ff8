# shellcheck shell=bash disable=SC2034,SC2154 What every verb uses: progress, failures, and the
# packages that a fresh Debian 12 lacks. Sourced by ./dev.

say() { printf '[%4d s] %s\n' "$SECONDS" "$1"; }

die() {
    printf '[%4d s] %s\n' "$SECONDS" "$1" >&2
    exit 1
}

# quietly WHAT COMMAND...: one line of progress; what the command prints goes to a log, whose end is
# shown when it fails.
quietly() {
    local what=$1 log
    shift
    say "$what ..."
    mkdir -p build/log
    log=build/log/$(tr -cs 'A-Za-z0-9\n' '_' <<<"${what:0:60}").log
    "$@" >"$log" 2>&1 && return
    echo "--- the end of $log:" >&2
    tail -n 60 "$log" >&2
    printf '[%4d s] failed: %s\n' "$SECONDS" "$what" >&2
    return 1
}

# purpose  Debian package  what shows that it is there (a command or a file)
packages='
native  g++                            g++
native  cmake                          cmake
native  ninja-build                    ninja
native  nlohmann-json3-dev             /usr/include/nlohmann/json.hpp
native  libcli11-dev                   /usr/include/CLI/CLI.hpp
native  liburing-dev                   /usr/include/liburing.h
native  catch2                         /usr/include/catch2
windows g++-mingw-w64-x86-64-posix     x86_64-w64-mingw32-g++-posix
windows wine                           wine
windows wine64                         wineserver
tests   socat                          socat
tests   curl                           curl
tests   netcat-openbsd                 nc
tests   redis-tools                    redis-cli
tests   iproute2                       ip
tests   python3                        python3
tests   python3-numpy                  /usr/share/doc/python3-numpy
valgrind valgrind                     valgrind
valgrind libc6-dbg                    /usr/share/doc/libc6-dbg
fuzz    clang                          clang++
fuzz    libclang-rt-14-dev             /usr/lib/llvm-14/lib/clang/14.0.6/lib/linux/libclang_rt.fuzzer-x86_64.a
zip     zip                            zip
zip     unzip                          unzip
format  clang-format                   clang-format
coverage gcovr                         gcovr
bench   libasio-dev                    /usr/include/asio.hpp
bench   libuv1-dev                     /usr/include/uv.h
bench   libbenchmark-dev               /usr/include/benchmark/benchmark.h
bench   linux-perf                     perf
bench   valgrind                       valgrind
bench   wrk                            wrk
python  python3                        python3
python  python3-numpy                  /usr/share/doc/python3-numpy
bench   python3-matplotlib             /usr/share/doc/python3-matplotlib
'

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

apt_install() {
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

# need PURPOSE...: installs the packages of these purposes that are missing.
need() {
    local purpose package proof missing=()
    while read -r purpose package proof; do
        [[ " $* " == *" $purpose "* ]] || continue
        case $proof in
        /*) [ -e "$proof" ] ;;
        *) command -v "$proof" >/dev/null ;;
        esac || missing+=("$package")
    done < <(grep -v '^$' <<<"$packages")
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null ||
        die "missing packages, and no apt-get to install them (names as in Debian): ${missing[*]}"
    [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null ||
        die "missing packages; run as root: apt-get install ${missing[*]}"
    quietly "installing what is missing: ${missing[*]}" apt_install "${missing[@]}"
}

all_tests=OFF # ./dev test --all
