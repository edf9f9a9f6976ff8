# Two network name spaces with a wire between them, which BAD_WIRE carries: the client is in this
# shell's, at 10.90.0.1, and `host` runs in the other one, at 10.90.0.2. Skips the test if name
# spaces or TUN interfaces are not permitted. `script` is the test itself: it is started again
# inside its name space.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
need ip
need unshare
need nsenter

# This shell's own name space goes with the last process in it. Without root, a user's name space is
# around it.
if [ -z "${BAD_LINK_INSIDE:-}" ]; then
    if [ "$(id -u)" -eq 0 ]; then
        own=(unshare --net)
    else
        own=(unshare --net --user --map-root-user)
    fi
    "${own[@]}" true 2>refused || skip "no network name space of its own: $(tail -n 1 refused)"
    [ -c /dev/net/tun ] || skip 'there is no /dev/net/tun'
    BAD_LINK_INSIDE=1 exec "${own[@]}" "$BASH" "$script" --bin "$bin" --work "$work"
fi

# A process that waits holds the host's name space.
unshare --net bash -c 'echo unshared && exec sleep 600' >unshared &
holder=$!
started_pids+=("$holder")
eventually 30 grep -q unshared unshared || skip 'no second network name space'
there=(nsenter --target "$holder" --net)
link() { # NAME ADDRESS COMMAND...
    local name=$1 address=$2
    shift 2
    "$@" ip tuntap add dev "$name" mode tun && "$@" ip address add "$address/24" dev "$name" &&
        "$@" ip link set "$name" up
}
link wire0 10.90.0.1 env >link.err 2>&1 && link wire1 10.90.0.2 "${there[@]}" >>link.err 2>&1 ||
    skip "no TUN interface: $(tail -n 1 link.err)"
host=("${there[@]}" "${host[@]}")

start_wire() { # Sets wire_pid.
    : >wire.out
    "${BAD_WIRE:?}" 1 wire0 "/proc/$holder/ns/net" wire1 >wire.out 2>wire.err &
    wire_pid=$!
    started_pids+=("$wire_pid")
    eventually 30 grep -q ready wire.out || fail 'the wire does not carry' wire.err
}
