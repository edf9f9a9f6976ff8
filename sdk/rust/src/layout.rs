//! Compares the structures and numbers of `raw` with the C headers: writes a C program that prints
//! what its compiler sees, runs it, and compares line by line.
//!
//! The build script does so for each build on a machine that has the headers and a C compiler (a
//! cross build cannot run the program); the crate's tests fail without them.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::raw;

/// Where the headers may be: beside the crate in the project's tree, and where both are installed.
fn header_folder() -> Option<PathBuf> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let folders = [here.join("../include"), here.join("../../../include")];
    folders.into_iter().find(|folder| folder.join("portico/portico.h").exists())
}

fn compiler() -> Option<String> {
    let named = env::var("CC").ok();
    let known = ["cc", "gcc", "clang"].iter().map(|name| name.to_string());
    named.into_iter().chain(known).find(|name| {
        Command::new(name).arg("--version").output().map_or(false, |made| made.status.success())
    })
}

/// What Rust sees, a line for each structure, member and number, and the C program that prints the
/// same lines if it sees the same.
fn lines_and_program() -> (String, String) {
    let mut lines = String::new();
    let mut program = String::from("#include <stdio.h>\n#include <portico/portico.h>\n");
    for name in ["connections", "executor", "metrics", "send_owned", "settings", "timer"] {
        let _ = writeln!(program, "#include <portico/ext/{name}.h>");
    }
    program.push_str("int main(void) {\n");
    for structure in raw::all_structures() {
        let c = structure.name;
        let _ = writeln!(lines, "{c} {}", structure.size);
        let _ = writeln!(program, "printf(\"{c} %zu\\n\", sizeof({c}));");
        for member in structure.members {
            let name = member.name;
            let _ = writeln!(lines, "{c}.{name} {} {}", member.offset, member.size);
            let (at, size) =
                (format!("offsetof({c}, {name})"), format!("sizeof((({c} *)0)->{name})"));
            let _ = writeln!(program, "printf(\"{c}.{name} %zu %zu\\n\", {at}, {size});");
        }
    }
    for number in raw::number_list() {
        let name = number.name;
        let _ = writeln!(lines, "{name} {}", number.value);
        let _ = writeln!(program, "printf(\"{name} %lld\\n\", (long long){name});");
    }
    for (name, id) in raw::ids() {
        let _ = writeln!(lines, "{name} {id}");
        let _ = writeln!(program, "printf(\"{name} %s\\n\", {name});");
    }
    program.push_str("return 0;\n}\n");
    (lines, program)
}

/// What the C program prints.
fn run(program: &str, compiler: &str, headers: &Path, work: &Path) -> Result<String, String> {
    let text_of = |what: &str, error: std::io::Error| format!("{what}: {error}");
    let source = work.join("portico_layout.c");
    let executable = work.join("portico_layout");
    fs::write(&source, program).map_err(|error| text_of("writing the C program", error))?;
    let compiled = Command::new(compiler)
        .arg("-std=c11")
        .arg("-I")
        .arg(headers)
        .arg(&source)
        .arg("-o")
        .arg(&executable)
        .output()
        .map_err(|error| text_of(compiler, error))?;
    if !compiled.status.success() {
        return Err(format!("{compiler}: {}", String::from_utf8_lossy(&compiled.stderr)));
    }
    let printed =
        Command::new(&executable).output().map_err(|error| text_of("the C program", error))?;
    Ok(String::from_utf8_lossy(&printed.stdout).replace('\r', ""))
}

/// Compares, with files in the folder `work`. `Ok(false)`: there are no headers, or there is no C
/// compiler.
pub fn compare(work: &Path) -> Result<bool, String> {
    let (headers, compiler) = match (header_folder(), compiler()) {
        (Some(headers), Some(compiler)) => (headers, compiler),
        _ => return Ok(false),
    };
    let (lines, program) = lines_and_program();
    let printed = run(&program, &compiler, &headers, work)?;
    for (ours, theirs) in lines.lines().zip(printed.lines()) {
        if ours != theirs {
            return Err(format!("the layout differs: Rust sees \"{ours}\", C sees \"{theirs}\""));
        }
    }
    if lines.lines().count() != printed.lines().count() {
        return Err("the C program printed another number of lines".to_string());
    }
    Ok(true)
}
