#!/usr/bin/env bash
# docs/guide/rust.md, word for word: guide.py makes a script of it, which runs in a home of its own
# with the programs of this build.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../integration/common.sh"
source "$here/cargo.sh"
need_cargo
need python3
need nc
need cmake

mkdir -p home/portico/build
ln -s "$(cd "$bin/.." && pwd)" home/portico/build/linux
# Its port may be in use here: any free one, which the host's log names.
serve() {
    sed -i 's/"127.0.0.1:5004"/"127.0.0.1:0"/' host.json
    "$@" >host.out 2>host.log &
    host_pid=$!
    eventually 60 is_ready_or_gone host "$host_pid"
    port=$(port_of host shout)
    nc() { timeout 10 nc "${@/#5004/$port}"; }
    client() { timeout 60 "$HOME/portico/build/linux/bin/client" "${@/#5004/$port}"; }
}
if ! python3 "$here/guide.py" "$root/docs/guide/rust.md" >steps.sh; then
    fail 'the guide has no steps'
    finish
fi
sed -i 's|^~/portico/build/linux/bin/client |client |' steps.sh
(
    export RUSTUP_HOME=${RUSTUP_HOME:-$HOME/.rustup}
    export HOME=$work/home CARGO_HOME=$work/cargo
    host_pid=
    trap '[ -z "$host_pid" ] || kill "$host_pid" 2>/dev/null' EXIT
    cd "$HOME" || exit
    set -e
    source "$work/steps.sh"
    kill -TERM "$host_pid"
    wait "$host_pid"
    host_pid=
) >steps.log 2>&1
code=$?
if [ "$code" -eq 0 ]; then
    ok 'every command of the guide succeeds'
else
    fail "a command of the guide fails with $code" steps.log home/shout/host.log
fi
if grep -qx 'HELLO!!!' steps.log && grep -q 'listener=shout .* 100 lines' home/shout/host.log; then
    ok 'the protocol answers as the guide says'
else
    fail 'the protocol does not answer as the guide says' steps.log home/shout/host.log
fi
if [ "$(awk '$1 == "received" { print $2 }' steps.log)" = 6400 ]; then
    ok 'the client has its answers'
else
    fail 'the client has not all answers' steps.log
fi
finish
