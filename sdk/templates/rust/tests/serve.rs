//! verify.json says what the protocol answers. Both tests hold it to that: one in a simulated
//! world, where everything goes wrong, and one over sockets.
//!
//! The programs are those of the host that made this project; PORTICO_PROGRAMS names another
//! folder.

use std::env::{self, consts};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Once;

const PROGRAMS: &str = "@PROGRAMS@";

/// It does not outlive its test, whatever becomes of that.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn program(name: &str) -> Command {
    let folder = env::var("PORTICO_PROGRAMS").unwrap_or_else(|_| PROGRAMS.to_string());
    Command::new(Path::new(&folder).join(format!("{name}{}", consts::EXE_SUFFIX)))
}

/// Puts the plugin where host.json looks for it, and returns its path. Cargo calls it libNAME.so.
fn plugin() -> PathBuf {
    static COPIED: Once = Once::new();
    let name = env!("CARGO_PKG_NAME");
    let plugins = Path::new("target").join("plugins");
    let plugin = plugins.join(format!("{name}{}", consts::DLL_SUFFIX));
    COPIED.call_once(|| {
        let tests = env::current_exe().unwrap();
        let built = tests.parent().unwrap();
        let library = format!("{}{name}{}", consts::DLL_PREFIX, consts::DLL_SUFFIX);
        fs::create_dir_all(&plugins).unwrap();
        let _ = fs::remove_file(&plugin); // a host that still runs keeps the old one
        fs::copy(built.join(library), &plugin).unwrap();
    });
    plugin
}

#[test]
fn verify() {
    let status = program("host")
        .arg("verify")
        .arg(plugin())
        .args(["--script", "verify.json", "--config", "host.json"])
        .status()
        .expect("there is no host: set PORTICO_PROGRAMS");
    assert!(status.success());
}

#[test]
fn serve() {
    plugin();
    // The project's configuration, with a port of the system's choice.
    let text = fs::read_to_string("host.json").unwrap().replace(":5100\"", ":0\"");
    let config = Path::new("target").join("serve.json");
    fs::write(&config, text.replace("target/plugins", "plugins")).unwrap();
    let host = program("host").arg("--config").arg(&config).stderr(Stdio::piped()).spawn();
    let mut host = Served(host.expect("there is no host: set PORTICO_PROGRAMS"));
    let mut log = BufReader::new(host.0.stderr.take().unwrap()).lines();
    let mut port = None;
    for line in log.by_ref() {
        let line = line.unwrap();
        println!("{line}");
        if let Some((_, address)) = line.split_once(" listening on ") {
            port = address.trim().rsplit(':').next().map(str::to_string);
        }
        if line.trim_end().ends_with(" ready") {
            break;
        }
    }
    let status = program("client")
        .args(["127.0.0.1", &port.expect("the host does not listen")])
        .args(["--script", "verify.json", "--connections", "8", "--count", "100"])
        .status()
        .expect("there is no client: set PORTICO_PROGRAMS");
    assert!(status.success());
}
