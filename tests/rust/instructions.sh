#!/usr/bin/env bash
# How many instructions a message costs more with the least echo in Rust than with the least one in
# C: (I(600) - I(100)) / 32,000 of callgrind's counts, for 64 connections that send 64 bytes each so
# many times, on epoll with one thread. At most 20 more. It measures, and is not part of the suite:
#   ctest --preset linux -C measure -R rust.instructions
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../integration/common.sh"
source "$here/cargo.sh"
need_cargo
need valgrind

copy_crate
mkdir -p tests/rust plugins
cp -r "$here/echo" tests/rust/
cargo_in tests/rust/echo build --release || { fail 'the echo does not build' cargo.log && finish; }
cp target/release/libecho_in_rust.so plugins/echo_in_rust.so
cp "${C_ECHO:-$plugins/echo_in_c.so}" plugins/echo_in_c.so

count() { # PLUGIN COUNT: prints the instructions of a whole run
    cat >count.json <<JSON
{ "plugin_directory": "$PWD/plugins", "io": { "backend": "epoll", "threads": 1 },
  "listeners": [ { "name": "echo", "listen": "127.0.0.1:0", "plugin": "$1" } ] }
JSON
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$bin/host" --config count.json \
        >count.out 2>count.log &
    host_pid=$!
    started_pids+=("$host_pid")
    eventually 120 is_ready_or_gone count "$host_pid"
    timeout 120 "$bin/client" 127.0.0.1 "$(port_of count echo)" --connections 64 --count "$2" \
        --size 64 --threads 1 >client.log 2>&1 || echo 'the client failed' >&2
    kill -TERM "$host_pid"
    wait "$host_pid"
    sed -n 's/^.*Collected : \([0-9]*\).*$/\1/p' count.log
}
message() { # PLUGIN: prints the instructions of a message
    local few many
    few=$(count "$1" 100)
    many=$(count "$1" 600)
    echo $(((many - few) / 32000))
}
c=$(message echo_in_c)
rust=$(message echo_in_rust)
if [ "$c" -gt 0 ] && [ $((rust - c)) -le 20 ]; then
    ok "a message costs $rust instructions in Rust, $c in C"
else
    fail "a message costs $rust instructions in Rust, $c in C: more than 20 more" client.log
fi
finish
