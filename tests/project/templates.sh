#!/usr/bin/env bash
# Makes a project with the installed host, and runs the commands that it prints, word for word: the
# project builds, and passes its own tests. Then what its README says: it is served, and the client
# gets its answers.
#
#   templates.sh --language c|cpp|rust --prefix PREFIX --work DIR [--toolchain FILE --emulator wine]
#
# Needs bash, and cmake and ninja, or cargo.
set -euo pipefail
export LC_ALL=C.UTF-8 # Wine takes file names in the locale's encoding

language='' prefix='' work='' toolchain='' emulator=''
while [ $# -gt 0 ]; do
    case $1 in
    --language) language=$2 ;; --prefix) prefix=$2 ;; --work) work=$2 ;;
    --toolchain) toolchain=$2 ;; --emulator) emulator=$2 ;;
    *) echo "templates.sh: $1 is unknown" >&2; exit 2 ;;
    esac
    shift 2
done
if [ "$language" = rust ] && ! command -v cargo >/dev/null; then
    echo 'SKIPPED: cargo is not installed'
    exit 77
fi
exe=''
[ -z "$emulator" ] || exe=.exe
prefix=$(cd "$prefix" && pwd)
host=("$prefix/lib/portico/host$exe") client=("$prefix/lib/portico/client$exe")
[ -z "$emulator" ] || host=("$emulator" "${host[@]}") client=("$emulator" "${client[@]}")

rm -rf "$work"
mkdir -p "$work"
cd "$work"
pid=''
end() { [ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null || true; }
trap end EXIT
fail() { # WHAT LOG
    echo "FAILED: $1"
    tail -n 60 "$2"
    exit 1
}

export CMAKE_GENERATOR=Ninja CARGO_HOME=$PWD/cargo CARGO_NET_OFFLINE=true
if [ -n "$toolchain" ]; then export CMAKE_TOOLCHAIN_FILE=$toolchain CMAKE_PREFIX_PATH=$prefix; fi
"${host[@]}" new-plugin greeter "--$language" >made.log 2>&1 || fail 'new-plugin' made.log
tr -d '\r' <made.log | sed -n 's/^    //p' >commands
count=$(wc -l <commands)
if [ "$count" -lt 2 ] || [ "$count" -gt 4 ]; then fail 'not three commands' made.log; fi
started=$SECONDS
bash -e commands >commands.log 2>&1 || fail "a command that it prints: $(cat commands)" commands.log
cat commands
case $language in
rust)
    grep -q 'test verify ... ok' commands.log && grep -q 'test serve ... ok' commands.log ||
        fail 'a test did not run' commands.log
    ;;
*)
    grep -q 'verify.greeter .* Passed' commands.log &&
        grep -q 'serve.greeter .* Passed' commands.log || fail 'a test did not run' commands.log
    ;;
esac
if grep -i 'warning' commands.log | grep -v '0 warning'; then fail 'a warning' commands.log; fi
echo "built and tested in $((SECONDS - started)) s"

# As its README says, but on a free port.
cd greeter
sed -i 's/:5100"/:0"/' host.json
${emulator:+"$emulator"} "$prefix/lib/portico/host$exe" --config host.json >host.out 2>host.log &
pid=$!
deadline=$((SECONDS + 60))
until grep -q ' ready' host.log; do
    kill -0 "$pid" 2>/dev/null || fail 'the host ended' host.log
    [ $SECONDS -lt $deadline ] || fail 'the host is not ready' host.log
    sleep 0.05
done
port=$(sed -nE 's/.* listening on .*:([0-9]+).*/\1/p' host.log)
exec 9<>"/dev/tcp/127.0.0.1/$port"
printf 'world\n' >&9
read -r -t 30 answer <&9 || true
exec 9>&-
[ "$answer" = 'hello world' ] || fail "it answers \"$answer\"" host.log
"${client[@]}" 127.0.0.1 "$port" --message world --expect 'text:hello world' \
    --framing 'delimiter:\n' --connections 20 --count 50 >client.log 2>&1 ||
    fail 'the client' client.log
echo "served: world -> $answer"
kill "-$([ -z "$emulator" ] && echo TERM || echo INT)" "$pid"
wait "$pid" || fail 'the host does not stop in order' host.log
pid=''
