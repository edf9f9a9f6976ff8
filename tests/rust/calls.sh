#!/usr/bin/env bash
# Every function of the Rust crate on a real host: the plugin of calls/, asked line by line, on the
# backend that the host chooses, and on epoll as well.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../integration/common.sh"
source "$here/cargo.sh"
need_cargo

copy_crate
mkdir -p tests/rust plugins
cp -r "$here/calls" tests/rust/
if ! cargo_in tests/rust/calls build --release; then
    fail 'the plugin does not build' cargo.log
    finish
fi
cp target/release/libcalls.so plugins/calls.so

configuration() { # BACKEND COUNT
    cat <<JSON
{ "plugin_directory": "$PWD/plugins", "io": { "backend": "$1", "threads": 2 },
  "listeners": [ { "name": "calls", "listen": "127.0.0.1:0", "plugin": "calls",
                   "framing": { "type": "delimiter", "delimiter": "\n" },
                   "settings": { "flag": true, "ratio": 0.25, "name": "ann", "count": $2,
                                 "list": [1, 2], "object": { "a": 1, "b": { "c": 2 } } } } ] }
JSON
}
says() { # WHAT COMMAND EXPECTED: on connection 7
    printf '%s\n' "$2" >&7
    same "$1" "$3" "$(next 7)"
}
logged() { # WHAT PATTERN
    if eventually 20 grep -q "$2" it.log; then ok "$1"; else fail "$1: not in the log" it.log; fi
}

drive() { # BACKEND
    configuration "$1" 4 >it.json
    start_host it || finish
    port=$(port_of it calls)
    exec 7<>"/dev/tcp/127.0.0.1/$port" 8<>"/dev/tcp/127.0.0.1/$port"
    says 'settings' settings 'true 0.25 ann 4 2 a,b true'
    printf 'join abc\n' >&8
    same 'join' 'Ok(())' "$(next 8)"
    says 'a broadcast' 'say abc' said
    same 'it comes to the member' abc "$(next 8)"
    printf 'leave abc\nlist\n' >&8
    same 'leave' 'Ok(())' "$(next 8)"
    same 'the list of connections' '2 true' "$(next 8)"
    says 'a series' 'count one' 'Ok(())'
    says 'another one' 'count two' 'Ok(())'
    says 'one too many' 'count three' 'LIMIT (-9)'
    says 'where it runs' where 'Some(true) true Some(true) 0'
    says 'a handle of nothing' gone 'Err(GONE (-2)) Err(GONE (-2)) true'
    says "a thread's post" 'thread hello' hello
    says 'blocking work' 'work done' done
    says "the instance's" 'instance-work made' made
    printf 'pause paused\nlist\n' >&7
    same 'a pause' paused "$(next 7)"
    same 'and what comes after it' '2 true' "$(next 7)"
    says 'a periodic timer' tick ticked
    printf 'owned 3000000\n' >&7
    same 'a send without a copy' o "$(timeout 30 head -c 3000000 <&7 | tr -s o)"
    same 'and its end' '' "$(next 7)"
    says 'a close after a reply' close bye
    same 'is the end' '' "$(timeout 30 cat <&7)"
    exec 7>&-
    logged 'three ticks' 'closed: plugin, 3 ticks, (Ok(()), Err(GONE (-2)))'
    exec 7<>"/dev/tcp/127.0.0.1/$port"
    printf 'fly\n' >&7
    logged 'an error names its reason' 'on_data failed: no fly'
    exec 7>&-
    if command -v nc >/dev/null; then
        answer=$(printf 'half' | timeout 30 nc -N 127.0.0.1 "$port")
        same 'an end with a rest' 'end 4 true' "$answer"
    fi
    logged 'what create posted has run' 'posted by create'
    logged 'its timer too' 'timer of create'
    exec 8>&-
    ! stop_host it $stop_signal || ok 'the host stops in order'
    logged 'on_stop joins the threads' 'joined 1, deadline later: true'
}

drive auto
if [ "$(uname)" = Linux ]; then drive epoll; fi

wrong() { # COUNT PATTERN: on standard error of the check
    configuration auto "$1" >wrong.json
    "${host[@]}" check wrong.json >wrong.txt 2>&1
    if grep -q "$2" wrong.txt; then
        ok "a mistake is named: $2"
    else
        fail "a mistake is not named: $2" wrong.txt
    fi
}
wrong 3 'count.*found an odd number, expected an even one'
wrong 10 'count.*1 to 9'
wrong '4, "other": 1' 'other'
wrong '4, "name": 7' 'name'
finish
