#!/usr/bin/env bash
# "backend": "io_uring": the host uses it if it is available. If the system refuses it, the host
# uses epoll, and one line gives the reason.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

config() { # NAME BACKEND
    cat >"$1.json" <<JSON
{ "plugin_directory": "$plugin_directory", "io": { "backend": "$2" },
  "listeners": [ { "name": "it", "listen": "127.0.0.1:0", "plugin": "echo" } ] }
JSON
}
serves() { # NAME
    timeout 120 "${client[@]}" 127.0.0.1 "$(port_of "$1" it)" --message hello --connections 20 \
        --count 50 --depth 4 --quiet >"$1.client" 2>&1
}
# NAME BACKEND EXPECTED-BACKEND LEVEL REASON: a host that serves on EXPECTED-BACKEND, and logs
# REASON once, or nothing if it is empty
check() {
    config "$1" "$2"
    start_host "$1" || return
    if grep -q " ports ($3)" "$1.log"; then
        ok "$1: runs on $3"
    else
        fail "$1: does not run on $3" "$1.log"
    fi
    if [ -z "$5" ]; then
        if grep -q 'running on epoll' "$1.log"; then
            fail "$1: gives a reason for nothing" "$1.log"
        else
            ok "$1: has nothing to say about it"
        fi
    elif [ "$(grep -c "$4 running on epoll, because io_uring is not available: .*$5" "$1.log")" \
        -eq 1 ]; then
        ok "$1: $(grep -m 1 'running on epoll' "$1.log" | cut -d' ' -f3-)"
    else
        fail "$1: not one line that says why" "$1.log"
    fi
    if serves "$1"; then ok "$1: serves"; else fail "$1: does not serve" "$1.client" "$1.log"; fi
    ! stop_host "$1" TERM || ok "$1: and stops in order"
}

launcher=$bin/without_io_uring
real=("${host[@]}")
"$launcher" EPERM true || skip 'no seccomp filter can be set here'
for error in EPERM ENOSYS; do
    host=("$launcher" $error "${real[@]}")
    case $error in EPERM) reason='forbids it' ;; *) reason='the kernel has none' ;; esac
    check "$error" io_uring epoll warn "$reason"
done
host=("$launcher" EPERM "${real[@]}")
check automatic auto epoll info 'forbids it'

# The contract suite without io_uring has fewer cases and no failure.
if "$launcher" EPERM "$bin/contract_tests" '[timer]' >contract.out 2>&1 &&
    grep -q 'SKIPPED: io_uring: ' contract.out; then
    ok "contract_tests: $(grep -m 1 SKIPPED contract.out)"
else
    fail 'the contract suite does not skip io_uring' contract.out
fi

host=("${real[@]}")
if grep -q 'SKIPPED: io_uring: ' <("$bin/contract_tests" 'a timer is cancelled' 2>&1); then
    echo 'io_uring cannot be had here: serving on it was not tested'
    finish
fi
check ring io_uring io_uring '' ''

# The host chooses io_uring on its own only if all of it is there.
config chosen auto
start_host chosen || finish
lacks=$(grep -m 1 'running on epoll, because io_uring here has ' chosen.log |
    cut -d' ' -f3-) || true
if grep -q " ports ($([ -n "$lacks" ] && echo epoll || echo io_uring))" chosen.log; then
    ok "chosen: ${lacks:-runs on io_uring}"
else
    fail 'chosen: on the wrong one' chosen.log
fi
if serves chosen; then
    ok 'chosen: serves'
else
    fail 'chosen: does not serve' chosen.client chosen.log
fi
! stop_host chosen TERM || ok 'chosen: and stops in order'
finish
