#!/usr/bin/env bash
# examples/rust_upper, built against the SDK's crate and driven over plain sockets and by the
# client: on the backend that the host chooses, and on epoll as well.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../integration/common.sh"
source "$here/../rust/cargo.sh"
need_cargo

copy_crate
mkdir -p plugins
cp -r "$root/examples/rust_upper" example
sed -i "s|path = .*sdk/rust\"|path = \"$PWD/sdk/rust\"|" example/Cargo.toml
if cargo_in example build --release &&
    cp target/release/librust_upper.so plugins/rust_upper.so; then
    ok 'it builds without a warning'
else
    fail 'it does not build' cargo.log
    finish
fi
exports=$(nm -D --defined-only plugins/rust_upper.so 2>/dev/null | awk '{ print $3 }')
case $exports in
'' | portico_plugin_query) ok 'it exports one symbol' ;;
*) fail "it exports $exports" ;;
esac

serve() { # BACKEND IDLE_MS
    cat >it.json <<JSON
{ "plugin_directory": "$PWD/plugins", "io": { "backend": "$1", "threads": 2 },
  "listeners": [ { "name": "rust_upper", "listen": "127.0.0.1:0", "plugin": "rust_upper",
                   "framing": { "type": "delimiter", "delimiter": "\n", "max_bytes": 65536 },
                   "limits": { "send_queue_bytes": 65536, "max_send_bytes": 65536 },
                   "settings": { "idle_ms": $2 } } ] }
JSON
    start_host it || finish
    port=$(port_of it rust_upper)
}
ask() { # TEXT LINES: as ask_port
    ask_port "$port" "$1" "$2"
}

drive() {
    same 'lines in upper case' $'HELLO WORLD\nÉ 1\n' "$(ask 'hello world\nÉ 1\n\n' 3)"$'\n'
    same 'a line that is answered later, and others meanwhile' $'NOW\nTHEN' \
        "$(ask 'later 300 then\nnow\n' 2)"
    # Far larger than the send queue: the next line waits.
    exec 9<>"/dev/tcp/127.0.0.1/$port"
    printf 'repeat 5000000 abc\nnext\n' >&9
    timeout 60 head -c 20000005 <&9 >large.txt
    exec 9>&-
    same 'a large reply is whole' 5000000 "$(grep -c '^ABC$' large.txt)"
    same 'and comes before the next one' NEXT "$(tail -n 1 large.txt)"

    exec 8<>"/dev/tcp/127.0.0.1/$port"
    same 'who makes it panic is cut off' '' "$(ask 'panic\n' 0 2>/dev/null)"
    printf 'still here\n' >&8
    same 'and nobody else' 'STILL HERE' "$(timeout 30 head -n 1 <&8)"
    if grep -q 'on_data panicked at src/lib.rs:[0-9:]*: a client asked for it' it.log; then
        ok 'the log says where the panic was'
    else
        fail 'the log does not say where the panic was' it.log
    fi
    if grep -q 'thread .*panicked' it.log; then
        fail 'the panic was printed past the log' it.log
    fi

    if timeout 120 "${client[@]}" 127.0.0.1 "$port" --connections 64 --count 100 \
        --message 'what a load' --expect 'text:WHAT A LOAD' --framing 'delimiter:\n' --depth 8 \
        >load.log 2>&1; then
        ok '64 connections'
    else
        fail '64 connections' load.log it.log
    fi
    kill "-$stop_signal" "$host_pid"
    same 'everybody is told of the stop' GOODBYE "$(timeout 30 cat <&8)"
    exec 8>&-
    wait_gone "$host_pid" 60
    same 'the host stops in order' 0 "$code"
}

serve auto 0
drive
if [ "$(uname)" = Linux ]; then
    serve epoll 0
    drive
fi

serve auto 400
same 'who says nothing is told so' $'A\nYOU ARE SO QUIET' "$(ask 'a\n' 0)"
! stop_host it $stop_signal || ok 'the host stops in order'

sed 's/"idle_ms": 400/"idle_ms": -1/' it.json >wrong.json
"${host[@]}" check wrong.json >wrong.txt 2>&1
if grep -q 'idle_ms' wrong.txt && grep -q '0 to 3600000' wrong.txt; then
    ok 'a wrong setting is named'
else
    fail 'a wrong setting is not named' wrong.txt
fi
finish
