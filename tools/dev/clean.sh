# shellcheck shell=bash disable=SC2034,SC2154
# Removing what was built. Sourced by ./dev.

verb_clean() {
    if [ -d build/wineprefix ] && command -v wineserver >/dev/null; then WINEPREFIX=$PWD/build/wineprefix wineserver -k 2>/dev/null || true; fi
    rm -rf build dist
}
