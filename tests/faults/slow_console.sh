#!/usr/bin/env bash
# Plugins print to a console that somebody holds open and does not read: every client is served, and
# the stop is as usual. What was not printed is counted, and reported when there is room again.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

listeners='{ "name": "echo", "listen": "127.0.0.1:0", "plugin": "echo",
  "settings": { "print": true } },
           { "name": "ack", "listen": "127.0.0.1:0", "plugin": "ack",
             "settings": { "print": true } }'
# Each message takes about 300 bytes of output: enough to fill the pipe and the queue several times.
load_echo() {
    "${client[@]}" 127.0.0.1 "$(port_of "$1" echo)" --size 1000 --connections 4 --count 2000 \
        --timeout 20s >"$1.echo" 2>&1
}
load_ack() {
    "${client[@]}" 127.0.0.1 "$(port_of "$1" ack)" --size 1000 --connections 4 --count 1000 \
        --timeout 20s \
        --expect 'text:Message received successfully' >"$1.ack" 2>&1
}
is_served() {
    if load_echo "$1"; then ok "$1: echo serves"; else fail "$1: echo stands still" "$1.echo"; fi
    if load_ack "$1"; then ok "$1: ack serves"; else fail "$1: ack stands still" "$1.ack"; fi
}
stop_in_time() {
    local begun=$SECONDS
    ! stop_host "$1" $stop_signal || ok "$1: the stop is in order"
    if [ $((SECONDS - begun)) -le 5 ]; then
        ok "$1: and prompt"
    else
        fail "$1: the stop took $((SECONDS - begun)) s" "$1.log"
    fi
}

config stopped "$listeners"
mkfifo stopped.out
exec 7<>stopped.out # open, and never read
if start_host stopped; then
    is_served stopped
    stop_in_time stopped
fi
exec 7>&-

# A console that is read again. The count plus what was printed are all the messages.
config slow "$listeners"
mkfifo slow.out
exec 7<>slow.out
if start_host slow; then
    is_served slow
    timeout 120 cat <&7 >slow.read &
    reader_pid=$!
    started_pids+=("$reader_pid")
    said_dropped() {
        grep -q '^echo: [0-9]* messages were not printed: standard output was too slow' \
            slow.read && grep -q '^ack: ' slow.read
    }
    if eventually 60 said_dropped; then
        ok 'what was dropped is told when there is room again'
    else
        fail 'nothing tells what was dropped' slow.read
    fi
    stop_in_time slow
    kill "$reader_pid"
    printed=$(grep -c \
        '^Thread [1-9][0-9]*: The following message was received: .*\.\.\. (1000 bytes in all).$' \
        <(tr '\r' . <slow.read | sed 's/)$/)./'))
    dropped=$(tr -d '\r' <slow.read |
        sed -n 's/^[a-z]*: \([0-9]*\) messages were not printed.*/\1/p' |
        awk "{ sum += \$1 } END { print sum + 0 }")
    if [ $((printed + dropped)) -eq 12000 ]; then
        ok "$printed lines, each whole, and $dropped dropped: 12000 in all"
    else
        fail "$printed lines and $dropped dropped are not 12000" slow.read
    fi
    if grep -q 'Thread 0:' slow.read; then
        fail 'threads are numbered from 0' slow.read
    else
        ok 'threads are numbered from 1'
    fi
fi
exec 7>&-

# Nobody there at all.
config closed "$listeners"
mkfifo closed.out
exec 7<>closed.out
if start_host closed; then
    exec 7>&- # a pipe without a reader
    is_served closed
    stop_in_time closed
fi
finish
