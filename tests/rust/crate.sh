#!/usr/bin/env bash
# The SDK's Rust crate: its layout against the C headers, its own tests, and that the comparison of
# the layout finds a member that has moved. What a header has new must be in the crate too.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../integration/common.sh"
source "$here/cargo.sh"
need_cargo

copy_crate
# The guide's code is compiled too, as documentation of the crate.
cp "$root/docs/guide/rust.md" sdk/rust/guide.md
cat >>sdk/rust/src/lib.rs <<'RUST'

#[cfg(doctest)]
#[doc = include_str!("../guide.md")]
struct Guide;
RUST
if cargo_in sdk/rust test; then
    ok "the crate's tests: $(grep -c '^test .* ok$' cargo.log)"
else
    fail "the crate's tests" cargo.log
fi
if [ "$(grep -c '^test .* Guide (line .* ok$' cargo.log)" -ne 3 ]; then
    fail "the guide's code: not its three plugins" cargo.log
fi
for count in $(sed -n 's/^test result: ok. \([0-9]*\) passed.*/\1/p' cargo.log); do
    if [ "$count" -eq 0 ]; then fail 'a test program has no tests' cargo.log; fi
done

if RUSTDOCFLAGS='-D warnings' cargo_in sdk/rust doc --no-deps; then
    ok 'its documentation has no dead link'
else
    fail 'its documentation' cargo.log
fi

# Of the headers that the crate mirrors: the core, and the extensions that layout.rs includes.
extensions=$(sed -n 's/^ *for name in \[\(.*\)\] {$/\1/p' sdk/rust/src/layout.rs | tr -d '",')
headers=(sdk/include/portico/*.h)
for name in $extensions; do headers+=("sdk/include/portico/ext/$name.h"); done
defined() { # structures and numbers, but not the opaque one
    sed -nE 's/^typedef struct (portico_[a-z_]+) \{.*/\1/p
        s/^#define (PORTICO_[A-Z0-9_]+) +(\(-?[0-9]+\)|[0-9]+u?|\\)( .*)?$/\1/p' "${headers[@]}" |
        sort
}
mirrored() { grep -rhoE '"(portico|PORTICO)_\w+"' sdk/rust/src/raw | tr -d '"' | sort; }
left_out=$(comm -23 <(defined) <(mirrored))
if [ "$(defined | wc -l)" -gt 80 ] && [ "${#headers[@]}" -ge 14 ] && [ -z "$left_out" ]; then
    ok "it has all that the headers define: $(defined | wc -l) structures and numbers"
else
    fail "sdk/rust/src/raw lacks what the headers define: $left_out"
fi

# planted FILE FROM TO MESSAGE: with this change the crate must not build.
planted() {
    cp "sdk/rust/src/raw/$1" original.rs
    sed -i "s/$2/$3/" "sdk/rust/src/raw/$1"
    if ! cmp -s "sdk/rust/src/raw/$1" original.rs && ! cargo_in sdk/rust build &&
        grep -q "$4" cargo.log; then
        ok "the build fails: $4"
    else
        fail "the build does not find $3 in $1" cargo.log
    fi
    cp original.rs "sdk/rust/src/raw/$1"
}
planted events.rs 'listen_index: u32' 'listen_index: u64' \
    'Rust sees "portico_opened [0-9]*", C sees "portico_opened 16"'
planted codes.rs 'GONE: Code = -2 ' 'GONE: Code = -12 ' \
    'Rust sees "PORTICO_GONE -12", C sees "PORTICO_GONE -2"'
planted extensions.rs 'portico.timer.draft\/1' 'portico.timer\/1' 'C sees "PORTICO_EXT_TIMER'
finish
