#!/usr/bin/env bash
# The forms of the log's lines: JSON for programs, and priorities for systemd's journal.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
need python3

json_port() { # FILE
    sed -n 's/^.*"text":"listening on [^"]*:\([0-9]*\)"}.*$/\1/p' "$1" | head -n 1
}
has() { grep -qE -- "$2" "$1" 2>/dev/null; } # FILE PATTERN
visit() { # PORT: a connection with one message
    timeout 60 "${client[@]}" 127.0.0.1 "$1" --message x --quiet >visit.out 2>&1
}
ready_in() { # WHAT FILE
    if eventually 60 has "$2" '[ "]ready'; then return 0; fi
    fail "$1: the host does not become ready" "$2"
    return 1
}
stop_it() { # NAME
    kill -$stop_signal "$host_pid"
    wait_gone "$host_pid" 60
    if [ "$code" -eq 0 ]; then ok "$1: it stops"; else fail "$1: exit code $code"; fi
}

# ---- JSON: every line of every place is an object
log_config objects '"level": "debug", "format": "json", "file": "objects.file",
               "access": "objects.access"'
"${host[@]}" --config objects.json >objects.out 2>objects.log &
host_pid=$!
started_pids+=("$host_pid")
if ready_in objects objects.log; then
    visit "$(json_port objects.log)" || fail 'objects: it does not serve' visit.out
    stop_it objects
    if python3 - objects.log objects.file objects.access <<'PY' >objects.read 2>&1
import json
import sys

for name in sys.argv[1:]:
    with open(name, encoding="utf-8", errors="strict") as file:
        lines = [json.loads(line) for line in file]
    is_access = name.endswith("access")
    assert lines, name
    for line in lines:
        assert line["type"] == ("access" if is_access else "log"), line
        assert line["level"] in ("trace", "debug", "info", "warn", "error"), line
        assert len(line["time"]) == len("2026-01-31T12:00:00.123Z"), line
    if is_access:
        (line,) = lines
        assert line["received_bytes"] == line["sent_bytes"] == line["messages"] == 1, line
        assert line["listener"] == "it" and line["plugin"] == "echo", line
        assert isinstance(line["duration_ms"], float) and line["status"] == 0, line
    else:
        assert lines[-1]["text"] == "stopped", lines[-1]
PY
    then
        ok 'objects: a reader of JSON gets every line'
    else
        fail 'objects: a reader of JSON does not get it' objects.read objects.log objects.access
    fi
fi

# ---- the journal
if [ -z "$emulator" ]; then
    for form in text json; do
        mkfifo journal.$form
        log_config $form "\"level\": \"debug\", \"format\": \"$form\", \"file\": \"$form.file\""
        cat journal.$form >$form.log &
        started_pids+=($!)
        # The shell opens the pipe, and then the host finds it under the number of JOURNAL_STREAM.
        JOURNAL_STREAM=$(stat -c %d:%i journal.$form) \
            "${host[@]}" --config $form.json >$form.out 2>journal.$form &
        host_pid=$!
        started_pids+=("$host_pid")
        if ready_in "journal $form" $form.log; then
            if [ $form = text ]; then port=$(port_of text it); else port=$(json_port json.log); fi
            visit "$port" || fail "journal $form: it does not serve" visit.out
            stop_it "journal $form"
            eventually 20 has $form.log '[ "]stopped' || fail "journal $form: no end" $form.log
        fi
    done
    if ! grep -qvE '^<[67]>(debug|info) ' text.log && has text.log '^<7>debug ' &&
        has text.log '^<6>info .*messages=1 '; then
        ok 'journal: each line begins with its priority and has no time'
    else
        fail 'journal: a line has no priority, or a time' text.log
    fi
    if ! grep -qvE '^<[67]>\{"type":"(log|access)","level":"' json.log; then
        ok 'journal: as JSON too'
    else
        fail 'journal: a line of JSON has no priority, or a time' json.log
    fi
    if ! grep -qvE '^20..-..-..T..:..:..\....Z ' text.file; then
        ok 'journal: lines in a file are as ever'
    else
        fail 'journal: a line in the file has no time' text.file
    fi
    # The variable is inherited from a service whose program has redirected its standard error.
    log_config elsewhere '"level": "debug"'
    if JOURNAL_STREAM=1:1 start_host elsewhere; then
        ! stop_host elsewhere $stop_signal || ok 'elsewhere: it stops'
        if grep -q '^<' elsewhere.log; then
            fail 'elsewhere: lines have priorities, but this is no journal' elsewhere.log
        else
            ok 'elsewhere: standard error that is no journal gets lines as ever'
        fi
    fi
fi
finish
