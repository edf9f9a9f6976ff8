# shellcheck shell=bash disable=SC2034,SC2154
# Portico beside the article's servers. Sourced by ./dev.

# The presets linux and bench have the same flags, so they share what they build.
share_programs() {
    local file
    mkdir -p build/bench/bin/plugins
    for file in host client plugins/echo.so plugins/ack.so; do
        ln -f "build/linux/bin/$file" "build/bench/bin/$file"
    done
}

verb_compare() {
    local option with_wine=yes measures=yes
    for option in "$@"; do
        case $option in
        --native-only) with_wine='' ;;
        --help | -h | --report) measures='' ;;
        esac
    done
    # shellcheck disable=SC2046 # words are meant
    need python ${measures:+$(needs_of bench)} ${measures:+${with_wine:+$(needs_of bench-windows)}} # all of them first, in one go
    if [ -n "$measures" ]; then
        build linux "${programs[@]}" # for Windows alone as well, because this client measures
        build bench baselines fairness
        share_programs
        [ -z "$with_wine" ] || build bench-windows host echo ack baselines
    fi
    bench/comparison/compare.py "$@"
}
