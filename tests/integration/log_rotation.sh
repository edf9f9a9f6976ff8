#!/usr/bin/env bash
# Files of the log that are rotated by their size: no line is lost, with one host and with two that
# share a file, and if a file cannot be rotated.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

visits=200
# A connection for each message.
load() { # NAME
    timeout 100 "${client[@]}" 127.0.0.1 "$(port_of "$1" it)" --message x --connections 10 \
        --count $((visits / 10)) --messages-per-connection 1 --quiet >"$1.client" 2>&1
}
lines_of() { cat "$1" "$1".[0-9]* 2>/dev/null | grep -c "$2"; } # FILE PATTERN
has_lines() { [ "$(lines_of "$1" "$2")" -ge "$3" ]; }           # FILE PATTERN COUNT

# ---- both files, by size
log_config size '"file": "size.txt", "access": "size.access", "level": "debug",
                 "rotate": { "max_bytes": 5000, "keep": 100 }'
if start_host size; then
    load size || fail 'size: it does not serve' size.client
    ! stop_host size $stop_signal || ok 'size: it stops'
    if [ "$(lines_of size.access ' messages=1 ')" -eq $visits ]; then
        ok "size: the access files have all $visits lines"
    else
        fail "size: $(lines_of size.access ' messages=1 ') access lines of $visits" size.access
    fi
    if [ "$(lines_of size.txt ' connected')" -eq $visits ] &&
        [ "$(lines_of size.txt '')" -eq "$(grep -c '' size.log)" ]; then
        ok 'size: the other files have what standard error has'
    else
        fail 'size: lines are missing in the files' size.txt
    fi
    for file in size.txt size.access; do
        if [ -e $file.2 ] && [ "$(find . -name "$file*" -size +5000c | wc -l)" -eq 0 ]; then
            ok "size: no file of $file is larger than max_bytes"
        else
            fail "size: $file is not rotated, or too late: $(ls -l $file*)"
        fi
    done
    if [ "$(tr -d '\r' <size.txt | tail -n 1 | grep -c ' stopped$')" -eq 1 ]; then
        ok 'size: the newest lines are in the file itself'
    else
        fail 'size: the end is not in the file' size.txt
    fi
fi

# ---- as many as are kept; and renamed by somebody else meanwhile
log_config kept '"access": "kept.access", "rotate": { "max_bytes": 2000, "keep": 2 }'
if start_host kept; then
    load kept || fail 'kept: it does not serve' kept.client
    eventually 20 test -e kept.access.2 || fail 'kept: not rotated' kept.log
    if [ -z "$emulator" ]; then
        mv kept.access kept.moved
        kill -USR1 "$host_pid"
        if eventually 20 test -e kept.access; then
            ok 'kept: a file that was renamed is opened again, with rotation too'
        else
            fail 'kept: it is not opened again' kept.log
        fi
    fi
    load kept || fail 'kept: it does not serve' kept.client
    ! stop_host kept $stop_signal || ok 'kept: it stops'
    if [ -e kept.access.1 ] && [ -e kept.access.2 ] && [ ! -e kept.access.3 ]; then
        ok 'kept: two older files, and no third'
    else
        fail "kept: $(ls kept.access*)"
    fi
fi

# ---- two hosts with one file
for name in one two; do
    log_config $name '"access": "shared.access", "rotate": { "max_bytes": 3000, "keep": 100 }'
done
if start_host one; then
    one_pid=$host_pid
    if start_host two; then
        load one &
        load_pid=$!
        load two || fail 'shared: two does not serve' two.client
        wait "$load_pid" || fail 'shared: one does not serve' one.client
        ! stop_host two $stop_signal || ok 'shared: two stops'
    fi
    host_pid=$one_pid
    ! stop_host one $stop_signal || ok 'shared: one stops'
    whole=$(cat shared.access* | grep -cE '^20.*Z info listener=it conn=.* messages=1 .*closed: ')
    if [ "$whole" -eq $((2 * visits)) ] && [ -e shared.access.3 ]; then
        ok "shared: all $whole lines of both are there, and none is cut"
    else
        fail "shared: $whole lines of $((2 * visits))" shared.access
    fi
    if grep -q 'cannot be' one.log two.log; then fail 'shared: trouble' one.log two.log; fi
fi

# ---- a file that cannot be rotated
not_rotated() { # NAME
    if start_host "$1"; then
        load "$1" || fail "$1: it does not serve" "$1.client"
        eventually 20 has_lines "$1"/it.access ' messages=1 ' $visits
        ! stop_host "$1" $stop_signal || ok "$1: it stops"
        if [ "$(grep -c ' messages=1 ' "$1"/it.access)" -eq $visits ]; then
            ok "$1: the file that is there has every line"
        else
            fail "$1: lines are missing" "$1"/it.access
        fi
        if [ "$(grep -c 'warn log.access cannot be rotated (.*): it grows' "$1.log")" -eq 1 ]; then
            ok "$1: said once"
        else
            fail "$1: not said, or more than once" "$1.log"
        fi
    fi
}
mkdir -p blocked/it.access.1/in_the_way
log_config blocked '"access": "blocked/it.access", "rotate": { "max_bytes": 2000, "keep": 1 }'
not_rotated blocked
if [ -z "$emulator" ]; then
    mkdir read_only
    : >read_only/it.access
    log_config read_only '"access": "read_only/it.access",
               "rotate": { "max_bytes": 2000, "keep": 1 }'
    if [ "$(id -u)" -ne 0 ]; then
        chmod 555 read_only
        not_rotated read_only
        chmod 755 read_only
    elif command -v setpriv >/dev/null; then
        # Root may write into any folder, so another account serves.
        chmod 755 . read_only
        chmod 666 read_only/it.access
        host=(setpriv --reuid 65534 --clear-groups "${host[@]}")
        not_rotated read_only
    fi
fi
finish
