#!/usr/bin/env bash
# The disk under the log file is full, and nobody gets standard error: the host goes on serving,
# says so once if it can, goes on in the file when there is room again, and stops in order.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

serves() { # WHAT NAME
    start_load "$2" "$(port_of "$2" it)" --size 1-5000 --connections 20 --count 20
    ! load_is_right "$2" "$load_pid" || ok "$1: it serves"
}
listener='{ "name": "it", "listen": "127.0.0.1:0", "plugin": "echo" }'

# A device that is always full.
config full "$listener" '"log": { "level": "debug", "file": "/dev/full" }'
if start_host full; then
    serves 'a full device' full
    ! stop_host full $stop_signal || ok 'a full device: it stops in order'
    if [ "$(count_in_log full 'log.file cannot be written (No space left on device)')" -eq 1 ]; then
        ok 'a full device: said once, on standard error'
    else
        fail 'a full device: not said, or more than once' full.log
    fi
    if [ "$(count_in_log full 'connected')" -eq 20 ]; then
        ok 'and standard error has every line'
    else
        fail 'lines are missing' full.log
    fi
fi

# Standard error is a full device, then a pipe that nobody reads any more. The file still has every
# line.
for kind in full closed; do
    config $kind "$listener" "\"log\": { \"level\": \"debug\", \"file\": \"$kind.log\" }"
    rm -f $kind.log
    if [ $kind = full ]; then
        "${host[@]}" --config $kind.json >$kind.out 2>/dev/full &
    else
        "${host[@]}" --config $kind.json >$kind.out 2> >(exec true) &
    fi
    host_pid=$!
    started_pids+=("$host_pid")
    eventually 60 is_ready_or_gone $kind "$host_pid"
    serves "standard error $kind" $kind
    ! stop_host $kind $stop_signal || ok "standard error $kind: it stops in order"
    if [ "$(count_in_log $kind 'connected')" -eq 20 ]; then
        ok 'and the file has every line'
    else
        fail 'lines are missing' $kind.log
    fi
done

# A disk that fills up and has room again: a small file system of the test's own, which goes with
# its name space.
if [ "$(id -u)" -eq 0 ]; then own=(unshare --mount); else own=(unshare --mount --map-root-user); fi
mkdir -p disk
if ! "${own[@]}" mount -t tmpfs -o size=256k none disk 2>disk.err; then
    echo "not permitted, and so left out: a disk of the test's own ($(tail -n 1 disk.err))"
    finish
fi
# It mounts, says so, and waits; the shell outside reaches the disk through /proc.
"${own[@]}" bash -c 'mount -t tmpfs -o size=256k none disk && echo mounted && exec sleep 600' \
    >mounted 2>&1 &
holder=$!
started_pids+=("$holder")
eventually 30 grep -q mounted mounted || fail 'the disk cannot be mounted' mounted
disk=/proc/$holder/root$PWD/disk
config disk "$listener" "\"log\": { \"level\": \"debug\", \"file\": \"$disk/it.log\" }"
if start_host disk; then
    # Two pages are left, and the log has one of them.
    dd if=/dev/zero of="$disk/filler" bs=4096 count=62 status=none
    is_full() { grep -q 'log.file cannot be written' disk.log; }
    fill() {
        timeout 60 "${client[@]}" 127.0.0.1 "$(port_of disk it)" --message x --connections 50 \
            --quiet && is_full
    }
    if eventually 60 fill; then
        ok 'a disk that fills up: said on standard error'
    else
        fail 'the disk does not fill up' disk.log
    fi
    serves 'a full disk' disk
    rm "$disk/filler"
    serves 'a disk with room again' disk
    ! stop_host disk $stop_signal || ok 'a disk with room again: it stops in order'
    missing=$(sed -n \
        's/^.*log.file can be written again: \([0-9]*\) lines are missing in it$/\1/p' \
        "$disk/it.log")
    # The file and standard error differ in what each says about the other, and in what is missing;
    # one line may be cut.
    whole=$(grep -c -x '20..-..-..T..:..:..\....Z [a-z]* .*' "$disk/it.log")
    all=$(grep -vc 'log.file can' disk.log)
    [ "$(count_in_log disk 'log.file cannot be written')" -eq 1 ] || fail 'not said once' disk.log
    if [ -n "$missing" ] && [ "$(last_line "$disk/it.log")" = "$(last_line disk.log)" ] &&
        [ $((whole - 1 + missing)) -ge "$all" ] &&
        [ $((whole - 1 + missing)) -le $((all + 1)) ]; then
        ok "the file goes on, and says that $missing lines are missing in it"
    else
        fail "the file has $whole lines and says that \"$missing\" are missing, of $all" \
            "$disk/it.log" disk.log
    fi
fi
finish
