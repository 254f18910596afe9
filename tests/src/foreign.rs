//! Third-party clients. A test whose program is not installed is skipped with a message; in CI it
//! fails.

use std::env;
use std::ffi::OsString;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;

use crate::LIMIT;

/// Whether the program is installed.
pub fn is_installed(program: &str, package: &str) -> bool {
    let found = Command::new("sh")
        .args(["-c", &format!("command -v {program}")])
        .stdout(Stdio::null())
        .status()
        .unwrap();
    if !found.success() {
        assert!(env::var("CI").is_err(), "{program} is missing: apt-get install {package}");
        eprintln!("skipped: {program} (of the package {package}) is not installed");
    }
    found.success()
}

/// The Python that has `module`: `python3`, or the program that `PORTCULLIS_PYTHON` names.
pub fn python_with(module: &str) -> Option<String> {
    let python = env::var_os("PORTCULLIS_PYTHON").unwrap_or_else(|| OsString::from("python3"));
    let import = format!("import {module}");
    let found = Command::new(&python)
        .args(["-c", &import])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !found {
        let missing = format!("no Python with the module {module}; PORTCULLIS_PYTHON says which to take");
        assert!(env::var("CI").is_err(), "{missing}");
        eprintln!("skipped: {missing}");
    }
    found.then(|| python.into_string().expect("a path in UTF-8"))
}

/// Whether Node.js is installed and has the module: it looks in the folders that `NODE_PATH` names.
pub fn has_node_module(module: &str) -> bool {
    let found = Command::new("node")
        .args(["-e", &format!("require.resolve('{module}')")])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !found {
        let missing = format!("no Node.js with the module {module}; NODE_PATH says where to look");
        assert!(env::var("CI").is_err(), "{missing}");
        eprintln!("skipped: {missing}");
    }
    found
}

/// Runs a client, and returns its standard output and whether it succeeded. If it failed, its
/// standard error is printed.
///
/// If `listens`, its standard input stays open until it exits, for clients that exit at the end of
/// their input.
pub fn run(program: &str, args: &[&str], input: &str, listens: bool) -> (String, bool) {
    let mut client = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let output = read_in_background(client.stdout.take().unwrap());
    let errors = read_in_background(client.stderr.take().unwrap());
    let mut stdin = client.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    let stdin = listens.then_some(stdin);
    let text = output.recv_timeout(LIMIT);
    if text.is_err() {
        let _ = client.kill();
    }
    drop(stdin);
    let status = client.wait().unwrap();
    if !status.success() {
        eprint!("{}", errors.recv_timeout(LIMIT).unwrap_or_default());
    }
    (text.expect("in time"), status.success())
}

/// Reads to the end on another thread.
fn read_in_background(mut from: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (tx, rx) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        let _ = tx.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    rx
}
