# shellcheck shell=bash disable=SC2034,SC2154
# The documentation as HTML. Sourced by ./dev.

make_sdk_pages() {
    rm -rf build/docs/sdk
    mkdir -p build/docs
    VERSION=$(version) OUTPUT=build/docs/sdk doxygen docs/Doxyfile
}

make_html() {
    quietly "making reference pages of the SDK's headers" make_sdk_pages
    quietly "making HTML of the documents" /usr/bin/python3 tools/docs/pages.py build/docs/html \
        --sdk build/docs/sdk
}

make_man_pages() { # BIN: where host and client are
    local name
    mkdir -p build/docs/man
    for name in portico portico-client; do
        /usr/bin/python3 tools/docs/man.py "packaging/man/$name.1.in" --bin "$1" \
            --version "$(version)" >"build/docs/man/$name.1"
    done
}

verb_docs() {
    [ $# -eq 0 ] || die "docs: unknown option $1; see ./dev help"
    need docs
    make_html
    say "made: build/docs/html/index.html"
}
