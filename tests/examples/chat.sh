#!/usr/bin/env bash
# examples/chat, driven by nc and by bash: rooms, names, and a reader that is too slow. On the
# backend that the host chooses, and on Linux on epoll as well.
source "$(dirname "${BASH_SOURCE[0]}")/../integration/common.sh"
need nc

serve() { # BACKEND SLOW
    cat >it.json <<JSON
{ "plugin_directory": "$plugin_directory",
  "io": { "backend": "$1", "threads": 2 },
  "listeners": [ { "name": "chat", "listen": "127.0.0.1:0", "plugin": "chat",
                   "framing": { "type": "delimiter", "delimiter": "\n", "max_bytes": 65536 },
                   "limits": { "send_queue_bytes": 262144 },
                   "settings": { "slow": "$2" } } ] }
JSON
    start_host it || finish
    port=$(port_of it chat)
}
# A guest who listens, with nc: what comes to it is in guest.txt.
invite_guest() {
    mkfifo guest.in 2>/dev/null
    nc 127.0.0.1 "$port" <guest.in >guest.txt &
    guest_pid=$!
    started_pids+=("$guest_pid")
    exec 9>guest.in
}
guest_has() { grep -q "^$1\$" guest.txt; }

talk() {
    exec 7<>"/dev/tcp/127.0.0.1/$port" || return
    same 'a welcome' 'welcome to the lobby' "$(next 7)"
    exec 8<>"/dev/tcp/127.0.0.1/$port"
    same 'another one' 'welcome to the lobby' "$(next 8)"
    same 'the others see who comes' 'guest enters' "$(next 7)"
    printf 'NAME ann\r\nhello\n' >&7
    same 'a name' 'guest is now ann' "$(next 8)"
    same 'a line' 'ann: hello' "$(next 8)"
    printf 'JOIN tea\nnobody hears this\nWHO\n' >&7
    same 'who is there' '2 here' "$(next 7)"
    same 'ann goes to another room' 'ann leaves' "$(next 8)"
    invite_guest
    same 'a guest comes to the lobby' 'guest enters' "$(next 8)"
    printf 'NAME bob\nJOIN tea\nhi ann\n' >&8
    same 'bob comes' 'bob enters' "$(next 7)"
    same 'and speaks' 'bob: hi ann' "$(next 7)"
    if eventually 20 guest_has 'bob leaves'; then
        ok 'the guest saw him leave'
    else
        fail 'the guest did not see him leave' guest.txt
    fi
    printf 'QUIT\n' >&8
    same 'bob leaves' 'bob leaves' "$(next 7)"
    same 'and his connection ends' '' "$(timeout 30 cat <&8)"
    exec 8>&-
    printf 'JOIN lobby\n' >&7
    eventually 20 guest_has 'ann enters' || fail 'the guest does not see ann' guest.txt
    kill "$guest_pid" # the guest goes
    exec 9>&-
    same 'somebody goes without a word' 'guest is gone' "$(next 7)"
    rm -f guest.in
}

# A member of the room does not read. Ann says 18 MB, and bob hears all of it (heard.txt).
slow_member() { # SLOW
    exec 9<>"/dev/tcp/127.0.0.1/$port"
    same 'one who will not read' 'guest enters' "$(next 7)"
    exec 8<>"/dev/tcp/127.0.0.1/$port"
    same 'one who reads' 'guest enters' "$(next 7)"
    cat <&8 >heard.txt &
    started_pids+=($!)
    hears 'welcome to the lobby'
    head -c 20000 /dev/zero | tr '\0' x >line.txt
    echo >>line.txt
    local i
    # She waits until he has heard it, so that his queue is never full.
    for ((i = 1; i <= 100; ++i)); do
        cat line.txt line.txt line.txt line.txt line.txt line.txt line.txt line.txt line.txt >&7
        printf 'round %d\n' "$i" >&7
        eventually 30 has_heard "ann: round $i" || break
    done
    same "the reader hears all of it ($1)" 900 "$(grep -c '^ann: x*$' heard.txt)"
}
has_heard() { tail -c 1000 heard.txt | grep -q "^$1\$"; }
hears() { # LINE: it comes to bob
    if eventually 30 has_heard "$1"; then
        ok "he hears: $1"
    else
        fail "he does not hear: $1" heard.txt it.log
    fi
}

drive() { # BACKEND
    serve "$1" abort
    talk
    slow_member abort
    same 'the slow one is thrown out' 1 "$(grep -c '^guest was too slow$' heard.txt)"
    exec 9>&-
    printf 'WHO\n' >&8
    hears '2 here'
    kill "-$stop_signal" "$host_pid"
    hears 'the chat closes'
    exec 7>&- 8>&-
    wait_gone "$host_pid" 60
    same 'the host stops in order' 0 "$code"

    serve "$1" skip
    exec 7<>"/dev/tcp/127.0.0.1/$port"
    same 'a welcome' 'welcome to the lobby' "$(next 7)"
    printf 'NAME ann\n' >&7
    slow_member skip
    # The slow one is still there. It has missed some of 900 lines.
    printf 'WHO\n' >&8
    hears '3 here'
    printf 'QUIT\n' >&7
    hears 'ann leaves'
    exec 7>&- 8>&-
    ! stop_host it $stop_signal || ok 'the host stops in order with it'
    heard=$(timeout 30 cat <&9 2>/dev/null | grep -c '^ann: x')
    if [ "$heard" -gt 5 ] && [ "$heard" -lt 900 ]; then
        ok "it has heard $heard of 900 lines"
    else
        fail "the slow one has heard $heard of 900 lines" it.log
    fi
    exec 9>&-
}

drive auto
if [ -z "$emulator" ] && [ "$(uname)" = Linux ]; then drive epoll; fi

cat >wrong.json <<JSON
{ "plugin_directory": "$plugin_directory",
  "listeners": [ { "name": "chat", "listen": "127.0.0.1:0", "plugin": "chat",
                   "framing": { "type": "delimiter", "delimiter": "\n" },
                   "settings": { "slow": "wait" } } ] }
JSON
"${host[@]}" --config wrong.json >wrong.txt 2>&1
if grep -q 'slow.*expected "skip" or "abort"' wrong.txt; then
    ok 'a wrong setting is named'
else
    fail 'a wrong setting is not named' wrong.txt
fi
finish
