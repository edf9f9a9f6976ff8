# shellcheck shell=bash disable=SC2034,SC2154
# The project's own Wine prefix. Sourced by ./dev.

# A prefix of the project's own, made when first needed. Its server runs from here to the end of
# this script: Debian's would end with the last program, and a program that starts at that moment
# fails with "recvmsg: Connection reset by peer".
start_wine() {
    # If Wine itself ends a program, it prints the reason (err:seh); otherwise it would end in
    # silence.
    export WINEPREFIX=$PWD/build/wineprefix WINEDEBUG=-all,err+seh,err+virtual WINEDLLOVERRIDES="winedbg.exe,winemenubuilder.exe,mscoree,mshtml=d"
    mkdir -p build
    on_exit 'wineserver -k 2>/dev/null || true'
    if [ -d "$WINEPREFIX/drive_c" ]; then
        wineserver -k 2>/dev/null || true
    else
        quietly "making a Wine prefix" wine wineboot --init
    fi
    wineserver -w
    wineserver -p </dev/null >/dev/null 2>&1
    # Wine's own processes start with the first program and stay as long as the server: they must
    # not hold a test's output open.
    wine cmd /c exit </dev/null >/dev/null 2>&1 || true
}
