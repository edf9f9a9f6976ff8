# shellcheck shell=bash disable=SC2034,SC2154
# Portico beside bare loops, Asio and libuv. Sourced by ./dev.
source tools/dev/test.sh

verb_bench() {
    local option options=()
    build bench
    for option in "$@"; do
        if [ "$option" = --windows ]; then build bench-windows; else options+=("$option"); fi
    done
    bench/suite/run.py ${options[@]+"${options[@]}"}
}
