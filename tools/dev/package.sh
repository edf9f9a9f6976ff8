# shellcheck shell=bash disable=SC2034,SC2154
# The zip for Windows: the programs, and in sdk/ what plugins and programs that embed the host are
# built with. Sourced by ./dev.

package_folder() {
    local name=$1 stage=build/package/$1
    rm -rf build/package
    mkdir -p "$stage/sdk" "$stage/examples"
    cmake --install build/windows --component programs --strip --prefix build/package/programs
    cmake --install build/windows --component sdk --prefix "$stage/sdk"
    cmake --install build/windows --component embed --strip --prefix "$stage/sdk"
    mv build/package/programs/lib/portico/* "$stage/"
    cp README.md LICENSE "$stage/"
    cp -r examples/chat examples/embed examples/embed_c examples/embed_python examples/minimal_c \
        examples/redis_like examples/smtp_sink examples/sqlite_kv examples/tcp_proxy \
        "$stage/examples/"
    mkdir -p dist
    rm -f "dist/$name.zip"
    (cd build/package && zip -q -r -X "../../dist/$name.zip" "$name")
}

verb_package() {
    local name
    name=portico-$(version)-windows-x64
    need native windows zip
    build windows "${programs[@]}" portico_server_static portico_server_shared portico_embed
    quietly "packing dist/$name.zip" package_folder "$name"
    say "packed: dist/$name.zip ($(du -k "dist/$name.zip" | cut -f1) KiB)"
}
