# shellcheck shell=bash disable=SC2034,SC2154
# The packages: a zip for Windows, two Debian packages and a tarball. Sourced by ./dev.
source tools/dev/docs.sh

# What the components programs, sdk and embed consist of.
libraries=(portico_testkit portico_server_static portico_server_shared portico_embed)

windows_zip() { echo "portico-$(version)-windows-x64"; }

pack_windows() {
    local name stage
    name=$(windows_zip)
    stage=build/package/$name
    rm -rf build/package
    mkdir -p "$stage/sdk" "$stage/examples"
    cmake --install build/windows --component programs --strip --prefix build/package/programs
    cmake --install build/windows --component sdk --strip --prefix "$stage/sdk"
    cmake --install build/windows --component embed --strip --prefix "$stage/sdk"
    mv build/package/programs/lib/portico/* "$stage/"
    sed "s/@VERSION@/$(version)/; s/\$/\r/" packaging/windows/README.txt >"$stage/README.txt"
    cp LICENSE "$stage/"
    cp -r build/docs/html "$stage/docs"
    cp -r examples/chat examples/embed examples/embed_c examples/embed_python examples/minimal_c \
        examples/redis_like examples/smtp_sink examples/sqlite_kv examples/tcp_proxy \
        "$stage/examples/"
    mkdir -p dist
    rm -f "dist/$name.zip"
    (cd build/package && zip -q -r -X "../../dist/$name.zip" "$name")
}

pack_linux() {
    make_man_pages build/linux/bin
    (cd build/linux && cpack)
    mkdir -p dist
    rm -rf dist/_CPack_Packages
}

package_windows() {
    need native windows zip docs
    build windows "${programs[@]}" "${libraries[@]}"
    make_html
    quietly "packing dist/$(windows_zip).zip" pack_windows
    packed "dist/$(windows_zip).zip"
}

package_linux() {
    need native docs debian
    build linux "${programs[@]}" "${libraries[@]}"
    make_html
    quietly "packing for Debian, and a tarball" pack_linux
    packed "dist/portico_$(version)_amd64.deb" "dist/portico-dev_$(version)_amd64.deb" \
        "dist/portico-$(version)-linux-x64.tar.gz"
    quietly "lintian: errors of the packages" lintian --fail-on error --no-tag-display-limit \
        "dist/portico_$(version)_amd64.deb" "dist/portico-dev_$(version)_amd64.deb"
    quietly "testing what the packages have" tests/package/debian.sh --extract dist "$(version)"
}

packed() { # FILE...
    local file
    for file in "$@"; do
        say "packed: $file ($(du -k "$file" | cut -f1) KiB)"
    done
}

# On a bare Debian 12 of its own: installs, runs, makes plugins, removes.
test_packages() {
    need debootstrap
    [ "$(id -u)" -eq 0 ] ||
        die "package --test: run it as root, because it makes a system to install in"
    say "testing the packages on a bare Debian 12 ..."
    tests/package/debian.sh --bare dist "$(version)"
}

verb_package() {
    local test='' systems=(windows linux) system
    while [ $# -gt 0 ]; do
        case $1 in
        --windows) systems=(windows) ;;
        --linux) systems=(linux) ;;
        --test) test=yes systems=(linux) ;;
        *) die "package: unknown option $1; see ./dev help" ;;
        esac
        shift
    done
    for system in "${systems[@]}"; do "package_$system"; done
    [ -z "$test" ] || test_packages
}
