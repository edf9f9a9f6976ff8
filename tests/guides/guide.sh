#!/usr/bin/env bash
# A guide that makes a protocol, word for word: steps.py makes a script of it, which runs in a home
# of its own. GUIDE is its name in docs/guide. The programs are those of this build, and for the
# guides that begin with `portico new-plugin` those that are installed in PREFIX.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../integration/common.sh"
root=$(cd "$here/../.." && pwd)
need python3
need nc
need cmake

mkdir -p home/portico/build home/bin
ln -s "$(cd "$bin/.." && pwd)" home/portico/build/linux
if [ -n "${PREFIX:-}" ]; then
    ln -s "$PREFIX/lib/portico/host" home/bin/portico
    ln -s "$PREFIX/lib/portico/client" home/bin/portico-client
fi
case $GUIDE in
rust)
    need cargo
    need rustc
    least=(3 8) port=5004 listener=shout received=6400 answer='HELLO!!!'
    ;;
first_protocol_c | first_protocol_cpp)
    least=(2 12) port=5100 listener=counter received=10000 answer='3'
    ;;
packaging_a_plugin) least=(1 6) port=5100 listener=counter received=0 answer= ;;
esac

steps=$work/steps
# Its port may be in use here: any free one, which the host's log names.
serve() {
    [ -z "$host_pid" ] || kill "$host_pid"
    sed -i "s/\"127.0.0.1:$port\"/\"127.0.0.1:0\"/" host.json
    "$@" >host.out 2>host.log &
    host_pid=$!
    eventually 60 is_ready_or_gone host "$host_pid"
    free=$(port_of host "$listener")
    nc() { timeout 10 nc "${@/#$port/$free}"; }
    client() { timeout 60 "$HOME/portico/build/linux/bin/client" "${@/#$port/$free}"; }
}
if ! python3 "$here/steps.py" "$root/docs/guide/$GUIDE.md" "${least[@]}" >"$steps"; then
    fail 'the guide has no steps'
    finish
fi
sed -i -E 's#^(~/portico/build/linux/bin/client|portico-client) #client #' "$steps"
(
    export RUSTUP_HOME=${RUSTUP_HOME:-$HOME/.rustup}
    export HOME=$work/home CARGO_HOME=$work/cargo PATH=$work/home/bin:$PATH CMAKE_GENERATOR=Ninja
    host_pid=
    trap '[ -z "$host_pid" ] || kill "$host_pid" 2>/dev/null' EXIT
    cd "$HOME" || exit
    set -e
    source "$steps"
    if [ -n "$host_pid" ]; then
        kill -TERM "$host_pid"
        wait "$host_pid"
        host_pid=
        cp host.log "$work/host.log"
    fi
) >steps.log 2>&1
code=$?
if [ "$code" -eq 0 ]; then
    ok 'every command of the guide succeeds'
else
    fail "a command of the guide fails with $code" steps.log home/*/host.log
fi
if [ -n "$answer" ]; then
    if grep -qx "$answer" steps.log && grep -q "listener=$listener .* 100 lines" host.log; then
        ok 'the protocol answers as the guide says'
    else
        fail 'the protocol does not answer as the guide says' steps.log host.log
    fi
    if [ "$(awk '$1 == "received" { print $2 }' steps.log)" = "$received" ]; then
        ok 'the client has its answers'
    else
        fail 'the client has not all answers' steps.log
    fi
fi
finish
