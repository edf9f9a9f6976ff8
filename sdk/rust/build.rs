//! Compares the layout of the mirrored tables with the C headers before the crate is compiled
//! (`src/layout.rs`). Without the headers, without a C compiler, and in a cross build the build
//! goes on without the comparison.

#[path = "src/layout.rs"]
mod layout;
#[path = "src/raw/mod.rs"]
mod raw;

use std::env;
use std::path::PathBuf;

fn main() {
    for path in ["build.rs", "src/layout.rs", "src/raw", "../include", "../../../include/portico"] {
        if PathBuf::from(path).exists() {
            println!("cargo:rerun-if-changed={path}");
        }
    }
    if env::var("HOST") != env::var("TARGET") {
        return;
    }
    let work = PathBuf::from(env::var("OUT_DIR").expect("cargo sets OUT_DIR"));
    if let Err(what) = layout::compare(&work) {
        eprintln!("{what}");
        std::process::exit(1);
    }
}
