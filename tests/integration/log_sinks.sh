#!/usr/bin/env bash
# Trouble with the log's sinks: nobody reads standard error, or a file is a pipe, is renamed or
# removed, or has a limit on its size. None of that holds up the other sink, the service or the
# stop.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
ulimit -c 0

config() { # NAME LOG-MEMBERS [PLUGIN]
    cat >"$1.json" <<JSON
{ "plugin_directory": "$plugin_directory",
  "listeners": [ { "name": "it", "listen": "127.0.0.1:0", "plugin": "${3:-echo}",
                   "framing": { "type": "delimiter", "delimiter": "\n" } } ],
  "log": { $2 } }
JSON
}
serves() { # NAME LOG WHAT
    if timeout 60 "${client[@]}" 127.0.0.1 "$(port_of_log "$2")" --message x \
        --framing 'delimiter:\n' --connections 10 --count 2 --quiet >"$1.client" 2>&1; then
        ok "$3"
    else
        fail "$3: no" "$1.client" "$2"
    fi
}
port_of_log() { sed -n 's/^.* listening on .*:\([0-9]*\)\r*$/\1/p' "$1" | head -n 1; }
has() { grep -qE -- "$2" "$1" 2>/dev/null; } # FILE PATTERN
milliseconds() { date +%s%3N; }
# stops_soon NAME: it ends with 0 although a sink is stuck. It may take a second for the last lines.
stops_soon() {
    local began
    began=$(milliseconds)
    kill -$stop_signal "$host_pid"
    wait_gone "$host_pid" 60
    local took=$(($(milliseconds) - began))
    if [ "$code" -eq 0 ] && [ $took -lt 5000 ]; then
        ok "$1: it stops within $took ms, exit code 0"
    else
        fail "$1: exit code $code after $took ms" "$1.log"
    fi
}
# FIFO, held open by the caller
fill() { timeout 5 dd if=/dev/zero bs=4096 oflag=nonblock status=none >"$1" 2>/dev/null; }

# ---- standard error is a full pipe that somebody holds open
mkfifo stuck.pipe
exec 9<>stuck.pipe
fill stuck.pipe
config stuck '"level": "debug", "file": "stuck.log", "queue": 16'
"${host[@]}" --config stuck.json >stuck.out 2>stuck.pipe &
host_pid=$!
started_pids+=("$host_pid")
if eventually 60 has stuck.log ' ready'; then
    ok 'stuck: it starts, and log.file says so'
    serves stuck stuck.log 'stuck: it serves'
    if eventually 20 has stuck.log 'standard error takes no more lines'; then
        ok 'stuck: log.file says that lines are dropped'
    else
        fail 'stuck: log.file does not say what is lost' stuck.log
    fi
    stops_soon stuck
    if has stuck.log ' stopped'; then
        ok 'stuck: log.file has the end'
    else
        fail 'stuck: log.file lacks the end' stuck.log
    fi
else
    fail 'stuck: it does not start' stuck.log
fi
# A reader that comes back sees how much it has missed.
config again '"level": "debug", "file": "again.log", "queue": 16'
"${host[@]}" --config again.json >again.out 2>stuck.pipe &
host_pid=$!
started_pids+=("$host_pid")
if eventually 60 has again.log ' ready'; then
    serves again again.log 'again: it serves'
    cat <&9 >again.read &
    reader=$!
    started_pids+=("$reader")
    if eventually 20 has again.read '[0-9]+ lines of the log were dropped: its queue was full'; then
        ok 'again: the reader learns how many lines were dropped'
    else
        fail 'again: drops are not told' again.read
    fi
    stops_soon again
    kill "$reader"
else
    fail 'again: it does not start' again.log
fi
exec 9>&-

# ---- log.file is a pipe
if [ -z "$emulator" ]; then # the emulator has none in the file system
    mkfifo fifo.pipe
    config fifo '"level": "debug", "file": "fifo.pipe"'
    if start_host fifo; then
        ok 'fifo: it starts without a reader'
        exec 8<>fifo.pipe
        fill fifo.pipe
        serves fifo fifo.log 'fifo: with a full pipe it serves'
        stops_soon fifo
        [[ $(last_line fifo.log) == *" stopped" ]] ||
            fail 'fifo: standard error lacks the end' fifo.log
        exec 8>&-
    fi
    if start_host fifo; then
        cat fifo.pipe >fifo.read &
        started_pids+=($!)
        if eventually 20 has fifo.read ' ready'; then
            ok 'fifo: a reader gets the lines'
        else
            fail 'fifo: nothing comes' fifo.read
        fi
        ! stop_host fifo $stop_signal || ok 'fifo: it stops'
        if eventually 20 has fifo.read ' stopped'; then
            ok 'fifo: to the last one'
        else
            fail 'fifo: the end is missing' fifo.read
        fi
    fi
fi

# ---- the file is renamed, or removed
rename() { # FROM TO: like a program of the host's own system
    if [ -n "$emulator" ]; then
        "$emulator" cmd /c "ren $1 $2" >rename.out 2>&1
    else
        mv "$1" "$2"
    fi
}
# NAME: some lines of the log, at this level
visit() { exec 6<>"/dev/tcp/127.0.0.1/$(port_of "$1" it)" && exec 6>&-; }
config rotated '"level": "debug", "file": "rotated.txt"'
if start_host rotated; then
    rename rotated.txt rotated.1 || fail 'rotated: it cannot be renamed' rename.out
    if eventually 3 test -e rotated.txt; then
        ok 'rotated: the file is made anew'
    else
        fail 'rotated: no new file' rotated.log
    fi
    visit rotated
    if eventually 20 has rotated.txt ' connected'; then
        ok 'rotated: lines go there'
    else
        fail 'rotated: lines do not go there' rotated.1
    fi
    if has rotated.1 ' connected'; then
        fail 'rotated: lines still go into the old file' rotated.1
    fi
    rm rotated.txt
    visit rotated
    if eventually 3 test -e rotated.txt; then
        ok 'removed: the file is made anew'
    else
        fail 'removed: no new file' rotated.log
    fi
    if [ -z "$emulator" ]; then
        # Faster than the host would notice without a signal: ten times, each within the signal's
        # own time.
        for i in 1 2 3 4 5 6 7 8 9 10; do
            rename rotated.txt "rotated.was$i"
            kill -USR1 "$host_pid"
            eventually 10 test -e rotated.txt || fail 'SIGUSR1: no new file' rotated.log
        done
        ok 'SIGUSR1 opens the file again'
        kill -USR2 "$host_pid"
        visit rotated
        if eventually 20 has rotated.txt ' connected'; then
            ok 'SIGUSR2 ends nothing'
        else
            fail 'SIGUSR2 ends the host' rotated.log
        fi
    fi
    ! stop_host rotated $stop_signal || ok 'rotated: it stops'
    [[ $(last_line rotated.txt) == *" stopped" ]] ||
        fail 'rotated: the file lacks the end' rotated.txt
fi
if [ -z "$emulator" ]; then
    mkdir -p folder
    config folder '"level": "debug", "file": "folder/it.txt"'
    if start_host folder; then
        mv folder moved
        if eventually 20 has folder.log 'lines still go into the open file'; then
            ok 'folder: it is gone, and that is said'
        else
            fail 'folder: not said' folder.log
        fi
        visit folder
        if eventually 20 has moved/it.txt ' connected'; then
            ok 'folder: lines go on'
        else
            fail 'folder: lines are lost' moved/it.txt
        fi
        mkdir folder
        if eventually 3 test -e folder/it.txt; then
            ok 'folder: it is back, and so is the file'
        else
            fail 'folder: no new file' folder.log
        fi
        ! stop_host folder $stop_signal || ok 'folder: it stops'
        if [ "$(grep -c 'lines still go into' folder.log)" -ne 1 ]; then
            fail 'folder: not said once' folder.log
        fi
    fi

    # ---- a limit on the size of files
    config limited '"level": "debug", "file": "limited.txt"'
    host_as_it_is=("${host[@]}")
    host=(prlimit --fsize=2048 "${host[@]}")
    # Standard error is not a file
    "${host[@]}" --config limited.json 2>&1 >limited.out | cat >limited.log &
    if eventually 60 has limited.log ' ready'; then
        host_pid=$(ps -o pid= -C host -o args= | awk '/limited.json/ { print $1; exit }')
        for i in 1 2 3; do serves limited limited.log 'limited: it serves'; done
        if eventually 20 has limited.log 'log.file cannot be written \(File too large\)'; then
            ok 'limited: said on standard error'
        else
            fail 'limited: not said' limited.log
        fi
        kill -TERM "$host_pid"
        if eventually 20 has limited.log ' stopped'; then
            ok 'limited: it stops in order'
        else
            fail 'limited: it does not stop' limited.log
        fi
    else
        fail 'limited: it does not start' limited.log
    fi
    host=("${host_as_it_is[@]}")

    # ---- programs that a plugin starts get neither the log's file nor anything else of the host
    config inherited '"level": "debug", "file": "inherited.txt"' starts_programs
    if start_host inherited; then
        exec 7<>"/dev/tcp/127.0.0.1/$(port_of inherited it)"
        echo descriptors >&7
        while IFS= read -r -t 60 line <&7 &&
            [ "$line" != end ]; do echo "$line"; done >inherited.list
        exec 7>&-
        if has inherited.list ' 2 -> ' &&
            ! has inherited.list 'inherited.txt|socket:|anon_inode:'; then
            ok 'inherited: nothing but the standard streams'
        else
            fail 'inherited: a child has descriptors of the host' inherited.list
        fi
        ! stop_host inherited $stop_signal || ok 'inherited: it stops'
    fi
fi

if [ -z "$emulator" ]; then
    # ---- the names of the threads, and the lines that scripts wait for at the level error
    config named '"level": "error", "file": "named.txt"'
    if start_host named; then
        names='portico-0 portico-log portico-signals'
        # If there are several workers
        ! grep -qx portico-1 /proc/"$host_pid"/task/*/comm || names+=' portico-accept'
        for name in $names; do
            if grep -qx "$name" /proc/"$host_pid"/task/*/comm; then
                ok "a thread is called $name"
            else
                fail "no thread is called $name"
            fi
        done
        [ -n "$(port_of named it)" ] ||
            fail 'the level error: it does not say where it listens' named.log
        ! stop_host named TERM || ok 'the level error: listening, ready and stopped are said'
    fi
fi
finish
