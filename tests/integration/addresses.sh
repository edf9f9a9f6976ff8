#!/usr/bin/env bash
# "listen" may be a name with several addresses, of which this machine has some: the host listens on
# those and warns of the others. If it has none, or the address is literal, the host fails as usual.
# The names are in a hosts file of the test's own, in a mount name space of its own.
script=$(realpath "${BASH_SOURCE[0]}")
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
need unshare
need mount
need getent
if [ -z "${ADDRESSES_INSIDE:-}" ]; then
    user=()
    [ "$(id -u)" -eq 0 ] || user=(--user --map-root-user)
    unshare --mount ${user[@]+"${user[@]}"} true 2>refused ||
        skip "no mount name space of its own: $(tail -n 1 refused)"
    own=(unshare --mount ${user[@]+"${user[@]}"}) inside=mount
    # It has a network name space too, so that IPv6 can be switched off.
    if command -v ip >/dev/null &&
        unshare --net ${user[@]+"${user[@]}"} ip link set lo up 2>refused; then
        own+=(--net) inside=net
    fi
    again=("$BASH" "$script" --bin "$bin" --work "$work")
    [ -z "$emulator" ] || again+=(--emulator "$emulator")
    [ -z "$sanitized" ] || again+=(--sanitized)
    ADDRESSES_INSIDE=$inside exec "${own[@]}" "${again[@]}"
fi
[ "$ADDRESSES_INSIDE" != net ] || ip link set lo up
: >refused
cat >hosts <<'END'
127.0.0.1 localhost
::1 localhost
127.0.0.1 partly.test
192.0.2.1 partly.test
192.0.2.1 elsewhere.test
192.0.2.2 elsewhere.test
END
mount --bind hosts /etc/hosts 2>refused || skip "no hosts file of its own: $(tail -n 1 refused)"
getent hosts partly.test | grep -q '127\.0\.0\.1' || skip 'the resolver does not read /etc/hosts'

config() { # NAME LISTEN (an address, or a list in brackets)
    local listen=$2
    [[ "$2" == '["'* ]] || listen="\"$2\""
    printf '{ "plugin_directory": "%s", "listeners": [ { "name": "it", "listen": %s, "plugin": "echo" } ] }\n' "$plugin_directory" "$listen" >"$1.json"
}
plain() { tr -d '\r' <"$1"; }

# partly NAME LISTEN ABSENT: it serves, and reports the address that it does not serve.
partly() {
    config "$1" "$2"
    start_host "$1" || return
    local port
    port=$(port_of "$1" it)
    if [ "$(plain "$1.log" | grep -c 'listening on')" -ne 1 ]; then
        fail "$1: not one address is served" "$1.log"
    elif ! plain "$1.log" |
        grep -qE "warn listener=it cannot (listen on|open a socket for) $3:"; then
        fail "$1: no warning of $3" "$1.log"
    elif ! timeout 60 "${client[@]}" 127.0.0.1 "$port" --message hi --quiet >"$1.client" 2>&1; then
        fail "$1: it does not serve" "$1.client"
    else
        ok "$1: $(plain "$1.log" | grep -m 1 'warn listener=it' | cut -d ' ' -f 4-)"
    fi
    stop_host "$1" $stop_signal
    if ! timeout 60 "${host[@]}" check "$1.json" >"$1.check" 2>&1; then
        fail "$1: a check refuses it" "$1.check"
    elif ! plain "$1.check" | grep -qE "cannot (listen on|open a socket for) $3:"; then
        fail "$1: a check does not warn of $3" "$1.check"
    else
        ok "$1: a check warns, too"
    fi
}
# refused NAME LISTEN EXPECTED: a start and a check refuse it.
refused() {
    config "$1" "$2"
    local mode
    for mode in --config check; do
        timeout 60 "${host[@]}" "$mode" "$1.json" >"$1.out" 2>&1
        code=$?
        if [ "$code" -ne 2 ] || ! grep -qF -- "$3" "$1.out" || grep -q ' ready' "$1.out"; then
            fail "$1 ($mode): exit code $code, expected 2 and \"$3\"" "$1.out"
        else
            ok "$1 ($mode): $(grep -F -m 1 -- "$3" "$1.out" | tr -d '\r' | cut -c1-160)"
        fi
    done
}

partly partly partly.test:0 '192\.0\.2\.1'
refused nowhere elsewhere.test:0 192.0.2.1
refused nowhere elsewhere.test:0 192.0.2.2
refused nowhere elsewhere.test:0 'name an address of this machine'
refused literal 192.0.2.1:0 192.0.2.1
# An entry of a list must have an address here, whatever the others have.
partly list '["partly.test:0"]' '192\.0\.2\.1'
refused list_nowhere '["127.0.0.1:0", "partly.test:0", "elsewhere.test:0"]' \
    'listener "it": listen[2]: cannot listen on 192.0.2.2:0'
refused list_covered '["127.0.0.1:5000", "partly.test:5000"]' \
    'listen[1]: "partly.test:5000" covers 127.0.0.1:5000, and so does listen[0]'

# An address in use is an error, whatever the name's other addresses are.
config first 127.0.0.1:0
if start_host first; then
    port=$(port_of first it)
    refused in_use "partly.test:$port" "cannot listen on 127.0.0.1:$port"
    stop_host first $stop_signal
fi

# Containers often have this: the hosts file names ::1, but IPv6 is switched off.
if [ "$ADDRESSES_INSIDE" = net ] &&
    { echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6; } 2>refused; then
    partly localhost localhost:0 '\[::1\]'
    refused without_ipv6 '[::1]:0' '[::1]:0'
else
    echo "not tried: IPv6 cannot be switched off here: $(tail -n 1 refused)"
fi
finish
