# shellcheck shell=bash disable=SC2154
# What the scripts that build Rust have in common: copies, so that nothing appears in the tree, and
# a cargo that asks nobody. Sourced after integration/common.sh.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

need_cargo() {
    need cargo
    need rustc
}

# The crate beside the headers, as in the tree.
copy_crate() {
    mkdir -p sdk
    cp -r "$root/sdk/rust" "$root/sdk/include" sdk/
    rm -rf sdk/rust/target
}

# cargo_in FOLDER ARGUMENT...: the output is in cargo.log. A warning of the oldest compiler is an
# error; later ones warn of more from time to time.
cargo_in() {
    local folder=$1
    shift
    (
        export CARGO_TARGET_DIR="$work/target" CARGO_HOME="$work/cargo" CARGO_NET_OFFLINE=true
        if [[ $(rustc --version) == 'rustc 1.63.'* ]]; then export RUSTFLAGS='-D warnings'; fi
        cd "$folder" && cargo "$@"
    ) >"$work/cargo.log" 2>&1
}
