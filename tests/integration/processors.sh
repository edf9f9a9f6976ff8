#!/usr/bin/env bash
# Without "threads" the host has one for each processor that the process may use: those that it is
# bound to, within the quota of its control group. Parts that this machine does not permit report
# it.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
need taskset

# says NAME PATTERN COMMAND...: the first line of a host started by the command matches.
says() {
    local name=$1 pattern=$2
    shift 2
    printf '{ "plugin_directory": "%s", "io": { %s }, "listeners": [ { "listen": "127.0.0.1:0", "plugin": "echo" } ] }\n' \
        "$plugin_directory" '"backend": "auto"' >"$name.json"
    local plain=("${host[@]}")
    host=("$@" "${host[@]}")
    if start_host "$name"; then
        stop_host "$name" $stop_signal
        if tr -d '\r' <"$name.log" | grep -qE "portico [^:]*: $pattern"; then
            ok "$name: $(tr -d '\r' <"$name.log" |
                grep -oE '[0-9]+( of [0-9]+)? processors, [0-9]+ worker threads')"
        else
            fail "$name: the log does not say \"$pattern\"" "$name.log"
        fi
    fi
    host=("${plain[@]}")
}

may_use=$(nproc)
each=1
if [ -n "$emulator" ]; then each=2; fi # two threads a processor on a shared port
first=$(taskset -cp $$ | sed 's/.*: *\([0-9]*\).*/\1/')

# The tests themselves may run within a quota, which nproc does not know.
says unbound "[0-9]+( of [0-9]+)? processors, [0-9]+ worker threads" env
read -r processors workers < <(tr -d '\r' <unbound.log |
    sed -nE 's/.*: ([0-9]+)( of [0-9]+)? processors, ([0-9]+) worker threads.*/\1 \3/p')
if [ "${processors:-0}" -lt 1 ] || [ "$processors" -gt "$may_use" ] ||
    [ "$workers" -ne $((each * processors)) ]; then
    fail "unbound: at most $may_use processors were expected, with $each worker threads each" \
        unbound.log
fi
says bound "1( of [0-9]+)? processors, $each worker threads" taskset -c "$first"

# A control group of the test's own, below its present one. The host is put into it before it
# starts; the test removes it.
group=
leave_group() {
    if [ -n "$group" ]; then rmdir "$group"; fi
}
trap 'end_all; leave_group' EXIT
make_group() { # PARENT FILE QUOTA
    [ -w "$1/cgroup.procs" ] && mkdir "$1/portico_test_$$" 2>/dev/null || return 1
    group=$1/portico_test_$$
    [ -w "$group/$2" ] && echo "$3" >"$group/$2" 2>/dev/null
}
cpu_mount=$(awk '/ - cgroup [^ ]* ([^ ]*,)?cpu(,|$)/ { print $5; exit }' /proc/self/mountinfo)
cpu_group=$(sed -n 's/^[0-9]*:\([^:]*,\)*cpu\(,[^:]*\)*:\(.*\)/\3/p' /proc/self/cgroup)
unified_mount=$(awk '/ - cgroup2 / { print $5; exit }' /proc/self/mountinfo)
unified_group=$(sed -n 's/^0::\(.*\)/\1/p' /proc/self/cgroup)
if [ "$may_use" -lt 2 ]; then
    echo 'not tried: one processor alone cannot be shared out by a quota'
elif [ -n "$emulator" ]; then
    echo 'not tried: what runs in the emulator does not see control groups'
elif [ -n "$cpu_mount" ] && make_group "$cpu_mount$cpu_group" cpu.cfs_quota_us 50000 ||
    { leave_group; group=; [ -n "$unified_mount" ] &&
    make_group "$unified_mount$unified_group" cpu.max '50000 100000'; }; then
    says quota "1 of [0-9]+ processors, 1 worker threads" \
        bash -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$group"
else
    echo 'not tried: no control group with a quota can be made here'
fi
finish
