#!/usr/bin/env bash
# The Debian packages.
#
#   debian.sh --extract DIST VERSION   unpacks them here: what they have, and that it runs
#   debian.sh --bare DIST VERSION      installs them on a bare Debian 12 in a folder of its own,
#                                      uses them as an operator and as plugin authors in C, C++ and
#                                      Rust do, and removes them (needs root, debootstrap and a
#                                      mirror)
set -euo pipefail
export LC_ALL=C.UTF-8

mode=$1 dist=$(cd "$2" && pwd) version=$3
host_deb=$dist/portico_${version}_amd64.deb dev_deb=$dist/portico-dev_${version}_amd64.deb
work=$(mktemp -d /var/tmp/portico-packages.XXXXXX)
ok() { echo "ok: $1"; }
fail() {
    echo "FAILED: $1" >&2
    exit 1
}
same() { # WHAT EXPECTED FOUND
    [ "$2" = "$3" ] || fail "$1: expected \"$2\", found \"$3\""
    ok "$1"
}

# ---- unpacked

has() { # FILE...
    local file
    for file in "$@"; do
        [ -e "$work/all$file" ] || [ -L "$work/all$file" ] || fail "there is no $file"
    done
    ok "it has $*"
}

extract() {
    local page warnings program
    trap 'rm -rf "$work"' EXIT
    mkdir "$work/control"
    dpkg-deb -x "$host_deb" "$work/all"
    dpkg-deb -x "$dev_deb" "$work/all"
    dpkg-deb -e "$host_deb" "$work/control"
    has /usr/lib/portico/{host,client,plugins/echo.so,plugins/ack.so}
    has /usr/include/portico/{portico.h,plugin.hpp,testkit.hpp,embed.h,server.hpp}
    has /usr/lib/cmake/portico/portico-config.cmake /usr/lib/cmake/portico-host \
        /usr/lib/libportico.so /usr/share/portico/rust/Cargo.toml
    has /usr/share/doc/portico/html/index.html /usr/share/doc/portico/html/sdk/index.html
    has /usr/lib/systemd/system/portico.service
    same 'all of /etc is configuration' "$(sort "$work/control/conffiles")" \
        "$(cd "$work/all" && find etc -type f -printf '/%p\n' | sort)"
    same 'portico is on the PATH' ../lib/portico/host "$(readlink "$work/all/usr/bin/portico")"
    same 'portico-client too' ../lib/portico/client \
        "$(readlink "$work/all/usr/bin/portico-client")"
    for program in portico portico-client; do
        page=$work/all/usr/share/man/man1/$program.1.gz
        warnings=$(man --warnings -l "$page" 2>&1 >"$work/$program.text") || fail "man $program"
        same "the man page of $program" '' "$warnings"
    done
    "$work/all/usr/bin/portico-client" --help all | grep -oE -- '^  --[a-z-]+' | tr -d ' ' |
        sort -u >"$work/options"
    while read -r option; do
        grep -qF -- "$option" <(sed 's/\xe2\x80\x90/-/g' "$work/portico-client.text") ||
            fail "the man page does not have $option"
    done <"$work/options"
    ok "it has all $(wc -l <"$work/options") options"
    same 'it runs' "portico $version" "$("$work/all/usr/bin/portico" --version)"
    "$work/all/usr/bin/portico" check --no-ports "$work/all/etc/portico/host.json" >/dev/null ||
        fail 'the configuration is wrong'
    ok 'its configuration is fine'
    if find "$work/all" -not -type l -perm /022 | grep .; then fail 'others may write it'; fi
}

# ---- on a system of its own

base=${PORTICO_BARE_DEBIAN:-/var/tmp/portico-bare-debian-12}
root=$work/root

# A bare Debian, made once. Each run works on a layer above it.
make_base() {
    [ -e "$base/.complete" ] && return
    local mirror
    mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -1)
    [ -n "$mirror" ] || mirror=$(awk '$1 == "deb" { print $2; exit }' /etc/apt/sources.list)
    rm -rf "$base"
    debootstrap --variant=minbase bookworm "$base" "$mirror" >"$work/debootstrap.log" 2>&1 ||
        fail "debootstrap: $(tail -n 3 "$work/debootstrap.log")"
    touch "$base/.complete"
}
take_down() {
    local mounted
    for mounted in dev proc ''; do umount -l "$root/$mounted" 2>/dev/null || true; done
    rm -rf --one-file-system "$work"
}
raise() {
    mkdir -p "$root" "$work/upper" "$work/over"
    mount -t overlay overlay \
        -o "lowerdir=$base,upperdir=$work/upper,workdir=$work/over" "$root"
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount --make-rslave "$root/dev"
    cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
    # As this machine reaches its mirror.
    cp -a /etc/apt/apt.conf.d/. "$root/etc/apt/apt.conf.d/"
    cp -a /usr/local/share/ca-certificates "$root/usr/local/share/" 2>/dev/null || true
    cp "$host_deb" "$dev_deb" "$root/root/"
}
in_root() { # COMMAND...
    chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}
install_in_root() { # PACKAGE...
    in_root apt-get install -y -qq --no-install-recommends "$@" >"$work/apt.log" 2>&1 ||
        fail "apt-get install $*: $(tail -n 5 "$work/apt.log")"
}
listing() { (cd "$root" && find etc usr lib* -xdev | sort); }

serve_and_load() {
    cat >"$root/root/serve.sh" <<'SH'
set -e
cd /
portico >/tmp/out 2>/tmp/log &
pid=$!
n=0
until grep -q ' ready' /tmp/log; do
    n=$((n + 1))
    [ $n -lt 600 ] && kill -0 $pid || { cat /tmp/log; exit 1; }
    sleep 0.1
done
portico-client 127.0.0.1 5002 --size 1-60000 --connections 50 --count 100 --depth 8
kill $pid
wait $pid
tail -n 1 /tmp/log
SH
    in_root sh /root/serve.sh >"$work/serve.log" 2>&1 || fail "serving: $(tail "$work/serve.log")"
    grep -q ' stopped$' "$work/serve.log" || fail "the end: $(tail "$work/serve.log")"
    ok 'portico serves /etc/portico/host.json, and portico-client gets its 5,000 replies'
}

new_plugin() { # LANGUAGE: runs the commands that new-plugin prints
    local started=$SECONDS
    in_root sh -ec "cd /root; portico new-plugin greeter_$1 --$1 | sed -n 's/^    //p' >steps
        cat steps; . ./steps" >"$work/$1.log" 2>&1 ||
        fail "a plugin in $1: $(tail -n 30 "$work/$1.log")"
    grep -E 'serve.* (Passed|ok)' "$work/$1.log" >/dev/null ||
        fail "a plugin in $1 was not served: $(tail -n 30 "$work/$1.log")"
    [ $((SECONDS - started)) -lt 60 ] || fail "a plugin in $1 took $((SECONDS - started)) s"
    ok "a plugin in $1, made, verified and served in $((SECONDS - started)) s"
}

bare() {
    trap take_down EXIT
    make_base
    raise
    in_root apt-get update -qq >"$work/apt.log" 2>&1 ||
        fail "apt-get update: $(tail "$work/apt.log")"
    listing >"$work/before"
    install_in_root "/root/$(basename "$host_deb")"
    same 'the program' "portico $version" "$(in_root portico --version)"
    in_root portico check >"$work/check.log" 2>&1 || fail "check: $(cat "$work/check.log")"
    ok "portico check: $(cat "$work/check.log")"
    serve_and_load
    # What an administrator changes stays.
    echo '// changed' >>"$root/etc/portico/host.json"
    in_root dpkg --force-confold -i "/root/$(basename "$host_deb")" >/dev/null 2>&1 ||
        fail 'installing it again'
    same 'a changed configuration stays' '// changed' "$(tail -n 1 "$root/etc/portico/host.json")"

    install_in_root "/root/$(basename "$dev_deb")" gcc libc6-dev
    new_plugin c
    install_in_root g++
    new_plugin cpp
    install_in_root cargo
    new_plugin rust

    in_root dpkg -r portico-dev portico >/dev/null 2>&1 || fail 'removing them'
    same 'the configuration survives a removal' '// changed' \
        "$(tail -n 1 "$root/etc/portico/host.json")"
    in_root dpkg -P portico-dev portico >/dev/null 2>&1 || fail 'purging them'
    same 'nothing is left' '' \
        "$(listing | grep -i portico | comm -13 "$work/before" - || true)"
}

case $mode in
--extract) extract ;;
--bare) bare ;;
*) fail "debian.sh: $mode is unknown" ;;
esac
