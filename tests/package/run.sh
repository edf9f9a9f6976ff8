#!/usr/bin/env bash
# All that a plugin author and an operator do, with nothing but what was installed: build
# examples/minimal_c outside of the tree against the SDK, drop the library into the plugin folder,
# configure it, serve it beside echo and ack, stress all three with the client, stop with the
# operator's signal. Prints a table. If anything is wrong, it says what, with the logs, and does not
# exit with 0.
#
#   run.sh --programs DIR --sdk PREFIX --work DIR [--toolchain FILE --emulator wine] [--sdk-only]
#          [--connections N] [--count N]
#
#   --programs   folder with host, client and plugins/; the library is dropped into its plugins/
#   --sdk        prefix of the SDK's installation
#   --work       scratch folder, made anew
#   --toolchain  for cmake: a Windows build; --emulator then runs the programs
#   --sdk-only   build the plugin and check its one exported symbol; start nothing
#
# Needs bash, cmake, ninja and coreutils.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/steps.sh"
export LC_ALL=C.UTF-8 # Wine takes file names in the locale's encoding

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
programs='' sdk='' work='' toolchain='' emulator='' sdk_only='' connections=16 count=500
while [ $# -gt 0 ]; do
    case $1 in
    --programs) programs=$2 ;; --sdk) sdk=$2 ;; --work) work=$2 ;; --toolchain) toolchain=$2 ;;
    --emulator) emulator=$2 ;; --connections) connections=$2 ;; --count) count=$2 ;;
    --sdk-only) sdk_only=1; shift; continue ;;
    *) echo "run.sh: $1 is unknown" >&2; exit 2 ;;
    esac
    shift 2
done
exe='' module=.so stop_signal=TERM
# Wine: SIGINT is Ctrl-C, SIGTERM would end the process unasked
if [ -n "$toolchain" ]; then exe=.exe module=.dll stop_signal=INT; fi

host_pid=''
stop_host_hard() { [ -z "$host_pid" ] || kill -KILL "$host_pid" 2>/dev/null || true; }
trap stop_host_hard EXIT

rm -rf "$work"
mkdir -p "$work/pingpong" "$work/hello" "$work/redis_like" "$work/chat" "$work/smtp_sink" \
    "$work/tcp_proxy"
work=$(cd "$work" && pwd)
sdk=$(cd "$sdk" && pwd)

# build NAME: the project in $work/NAME, against the installed SDK. Leaves NAME.so or NAME.dll in
# its build/, with the one symbol that it may export. A warning is an error.
build() {
    local name=$1 binutils
    quietly "$work/$name.configure.log" cmake -S "$work/$name" -B "$work/$name/build" -G Ninja \
        -DCMAKE_BUILD_TYPE=Release '-DCMAKE_C_FLAGS=-std=c11 -Wall -Wextra -Wpedantic -Werror' \
        "-DCMAKE_PREFIX_PATH=$sdk" ${toolchain:+"-DCMAKE_TOOLCHAIN_FILE=$toolchain"}
    quietly "$work/$name.build.log" cmake --build "$work/$name/build"
    mapfile -t binutils < <(sed -nE 's/^CMAKE_(NM|OBJDUMP):FILEPATH=/-D\1=/p' \
        "$work/$name/build/CMakeCache.txt")
    quietly "$work/$name.exports.log" cmake "-DLIBRARY=$work/$name/build/$name$module" \
        "${binutils[@]}" -P "$root/tests/abi/check_exports.cmake"
}
# printed NUMBER: prints that block of code of the README's chapter on writing a protocol.
printed() {
    awk -v wanted="$1" '/^## /{ here = /Writing a protocol/ } !here { next }
        /^    / { if (!inside) { inside = 1; ++block } } /^[^ ]/ { inside = 0 }
        inside && block == wanted { print substr($0, 5) }' "$root/README.md"
}
echo "building pingpong$module (examples/minimal_c, one C file) against the installed SDK"
cp "$root/examples/minimal_c/pingpong.c" "$root/examples/minimal_c/CMakeLists.txt" \
    "$root/examples/minimal_c/"{host,verify}.json "$work/pingpong/"
# A plugin may ask for the minor version that it was written for.
minor=$(sed -nE 's/^project\(portico VERSION ([0-9]+\.[0-9]+).*/\1/p' "$root/CMakeLists.txt")
sed -i "s/^find_package(portico CONFIG/find_package(portico $minor CONFIG/" \
    "$work/pingpong/CMakeLists.txt"
grep -q "^find_package(portico $minor " "$work/pingpong/CMakeLists.txt" ||
    fail "pingpong does not ask for version $minor"
build pingpong
plugin=$work/pingpong/build/pingpong$module
printed 1 >"$work/hello/hello.c"
printed 2 >"$work/hello/CMakeLists.txt"
build hello # as the README prints it, word for word
cp "$root/examples/redis_like/"*.?pp "$root/examples/redis_like/CMakeLists.txt" "$work/redis_like/"
build redis_like # in C++, with the wrapper
if [ -z "$toolchain" ] && [ -e /usr/include/sqlite3.h ]; then
    mkdir -p "$work/sqlite_kv"
    cp "$root/examples/sqlite_kv/"*.?pp "$root/examples/sqlite_kv/CMakeLists.txt" "$work/sqlite_kv/"
    build sqlite_kv # with a library of its own
fi
cp "$root/examples/chat/chat.c" "$root/examples/chat/CMakeLists.txt" "$work/chat/"
build chat # with an extension
cp "$root/examples/smtp_sink/"*.[ch] "$root/examples/smtp_sink/CMakeLists.txt" "$work/smtp_sink/"
build smtp_sink # of several C files
cp "$root/examples/tcp_proxy/"*.cpp "$root/examples/tcp_proxy/CMakeLists.txt" "$work/tcp_proxy/"
build tcp_proxy # with outbound connections
if [ -n "$sdk_only" ]; then
    echo "built, as are redis_like, chat, smtp_sink, tcp_proxy and the plugin that the README"
    echo "prints; each exports portico_plugin_query alone"
    exit 0
fi

programs=$(cd "$programs" && pwd)
if [ -z "$toolchain" ]; then
    echo "verifying pingpong as its project's tests do"
    quietly "$work/verify.log" ctest --test-dir "$work/pingpong/build" --no-tests=error \
        --output-on-failure
fi
mkdir -p "$programs/plugins" "$programs/config"
cp "$plugin" "$work/redis_like/build/redis_like$module" "$programs/plugins/"
config=$programs/config/demo.json
write_config() { # PORT PORT PORT PORT
    cat >"$config" <<JSON
{
  "listeners": [
    { "name": "echo", "listen": "127.0.0.1:$1", "plugin": "echo" },
    { "name": "ack", "listen": "127.0.0.1:$2", "plugin": "ack" },
    { "name": "pingpong", "listen": "127.0.0.1:$3", "plugin": "pingpong",
      "framing": { "type": "delimiter", "delimiter": "\n" } },
    { "name": "redis_like", "listen": "127.0.0.1:$4", "plugin": "redis_like" }
  ]
}
JSON
}
write_config 0 0 0 0 # any free ports: the log says which

# Programs run in their own folder, so the command lines need no path that another system would
# write differently.
cd "$programs"
host() { $emulator "./host$exe" "$@"; }
client() { $emulator "./client$exe" "$@"; }

echo "checking the configuration, then starting host$exe"
host_log=$work/host.log
quietly "$work/check.log" host check config/demo.json
$emulator "./host$exe" --config config/demo.json >"$work/host.out" 2>"$host_log" &
host_pid=$!
wait_for() { # TEXT SECONDS: until a line of the host's log ends with TEXT
    local deadline=$((SECONDS + $2))
    until grep -qsE "$1"$'\r?$' "$host_log"; do
        kill -0 "$host_pid" 2>/dev/null ||
            fail "host$exe ended before it said \"$1\"" "$host_log" "$work/host.out"
        [ $SECONDS -lt $deadline ] ||
            fail "host$exe did not say \"$1\" within $2 s" "$host_log" "$work/host.out"
        sleep 0.05
    done
}
wait_for ' ready' 60
port_of() { # LISTENER
    sed -nE "s/^.* listener=$1 .*listening on 127\.0\.0\.1:([0-9]+).*$/\1/p" "$host_log" | head -n 1
}

row() { printf '%-10s %12s %10s %8s %8s %14s %10s %10s\n' "$@"; }
printed_head=''
stress() { # LISTENER CLIENT-OPTION...
    local name=$1 port log=$work/client_$1.log status=0
    shift
    port=$(port_of "$name")
    [ -n "$port" ] || fail "the log does not say where \"$name\" listens" "$host_log"
    timeout 300 $emulator "./client$exe" 127.0.0.1 "$port" --connections "$connections" \
        --count "$count" "$@" >"$log" 2>&1 || status=$?
    tr -d '\r' <"$log" >"$log.text"
    figure() { awk -v name="$1" '$1 == name { print $2 }' "$log.text"; }
    if [ -z "$printed_head" ]; then
        printed_head=1
        echo
        row protocol connections messages wrong lost messages/s p50_us p99_us
    fi
    row "$name" "$(figure connections_opened)" "$(figure received)" "$(figure wrong)" \
        "$(figure lost)" \
        "$(figure messages_per_second)" "$(figure latency_p50_us)" "$(figure latency_p99_us)"
    [ $status -eq 0 ] || fail "client$exe against \"$name\" exited with $status" "$log" "$host_log"
    [ "$(figure received)" = $((connections * count)) ] ||
        fail "\"$name\" answered another number of messages than were sent" "$log"
}
stress echo --size 1-16384 --depth 8
stress ack --message 'Hello from the client' --expect 'text:Message received successfully'
stress pingpong --message PING --expect text:PONG --framing 'delimiter:\n' --depth 16
stress redis_like --message PING --expect text:+PONG --framing 'delimiter:\r\n' --depth 16
echo

[ -z "$emulator" ] && how="SIGTERM" || how="Ctrl-C"
kill "-$stop_signal" "$host_pid"
started=$SECONDS
while kill -0 "$host_pid" 2>/dev/null && [ $((SECONDS - started)) -lt 30 ]; do sleep 0.05; done
kill -0 "$host_pid" 2>/dev/null && fail "host$exe is still there 30 s after $how" "$host_log"
status=0
wait "$host_pid" || status=$?
host_pid=''
[ $status -eq 0 ] || fail "host$exe exited with $status after $how, expected 0" "$host_log"
grep -qE ' stopped' "$host_log" || fail "host$exe did not log \"stopped\"" "$host_log"
echo "stopped with $how: every connection closed in order, exit code 0"
write_config 5000 5001 5002 5003
