# shellcheck shell=bash disable=SC2034,SC2154
# Installing the Debian packages that the verbs need. The other verbs call it if something is
# missing. Sourced by ./dev.

# purpose  Debian package  a command or a file that shows that it is there
packages='
native   g++                        g++
native   cmake                      cmake
native   ninja-build                ninja
native   nlohmann-json3-dev         /usr/include/nlohmann/json.hpp
native   libcli11-dev               /usr/include/CLI/CLI.hpp
native   libboost-dev               /usr/include/boost/beast.hpp
native   liburing-dev               /usr/include/liburing.h
native   catch2                     /usr/include/catch2
windows  g++-mingw-w64-x86-64-posix x86_64-w64-mingw32-g++-posix
windows  wine                       wine
windows  wine64                     wineserver
tests    socat                      socat
tests    curl                       curl
tests    netcat-openbsd             nc
tests    redis-tools                redis-cli
tests    swaks                      swaks
tests    iproute2                   ip
tests    libbenchmark-dev           /usr/include/benchmark/benchmark.h
tests    libsqlite3-dev             /usr/include/sqlite3.h
tests    python3                    python3
tests    python3-numpy              /usr/share/doc/python3-numpy
tests    prometheus                 promtool
tests    python3-prometheus-client  /usr/share/doc/python3-prometheus-client
browser  chromium-headless-shell    chromium-headless-shell
rust     cargo                      cargo
rust     rustc                      rustc
valgrind valgrind                   valgrind
valgrind libc6-dbg                  /usr/share/doc/libc6-dbg
clang    clang                      clang++
fuzz     clang                      clang++
fuzz     libclang-rt-14-dev         /usr/share/doc/libclang-rt-14-dev
zip      zip                        zip
zip      unzip                      unzip
docs     doxygen                    doxygen
docs     python3                    python3
docs     python3-markdown-it        /usr/share/doc/python3-markdown-it
debian   dpkg-dev                   dpkg-shlibdeps
debian   file                       file
debian   lintian                    lintian
debian   man-db                     man
debootstrap debootstrap             debootstrap
format   clang-format               clang-format
tidy     clang-tidy                 clang-tidy
coverage gcovr                      gcovr
bench    libasio-dev                /usr/include/asio.hpp
bench    libuv1-dev                 /usr/include/uv.h
bench    libbenchmark-dev           /usr/include/benchmark/benchmark.h
bench    linux-perf                 perf
bench    valgrind                   valgrind
bench    wrk                        wrk
python   python3                    python3
python   python3-numpy              /usr/share/doc/python3-numpy
bench    python3-matplotlib         /usr/share/doc/python3-matplotlib
'

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

apt_install() {
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

purposes() { awk 'NF { print $1 }' <<<"$packages" | sort -u; }

missing_packages() { # PURPOSE...
    local purpose package proof
    while read -r purpose package proof; do
        [[ " $* " == *" $purpose "* ]] || continue
        case $proof in
        /*) [ -e "$proof" ] ;;
        *) command -v "$proof" >/dev/null ;;
        esac || echo "$package"
    done < <(grep -v '^$' <<<"$packages") | sort -u
}

install_packages() { # PACKAGE...
    command -v apt-get >/dev/null ||
        die "missing packages, and no apt-get to install them (names as in Debian): $*"
    [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null ||
        die "missing packages; run as root: apt-get install $*"
    quietly "installing what is missing, with apt-get: $*" apt_install "$@"
}

# need PURPOSE...: for the other verbs. Prints nothing if nothing is missing.
need() {
    local missing
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}"
}

verb_setup() {
    local wanted=() list='' missing known
    mapfile -t known < <(purposes)
    while [ $# -gt 0 ]; do
        case $1 in
        --list) list=yes ;;
        --all) wanted=("${known[@]}") ;;
        *)
            [[ " ${known[*]} " == *" $1 "* ]] ||
                die "setup: unknown purpose $1; there are: ${known[*]}"
            wanted+=("$1")
            ;;
        esac
        shift
    done
    [ ${#wanted[@]} -gt 0 ] || wanted=(native windows tests browser rust)
    mapfile -t missing < <(missing_packages "${wanted[@]}")
    if [ ${#missing[@]} -eq 0 ]; then
        say "nothing is missing for: ${wanted[*]}"
    elif [ -n "$list" ]; then
        say "missing: ${missing[*]}"
    else
        install_packages "${missing[@]}"
        say "installed for: ${wanted[*]}"
    fi
}
