//! JSON-RPC clients of other languages call a service over a socket and over standard input and
//! output: `vscode-jsonrpc` of npm, which VS Code uses, and `pygls` and `jsonrpcclient` of PyPI.
//!
//! `vscode-jsonrpc` is found in the folder that `PORTCULLIS_NODE_MODULES` names, the Python modules
//! by `python3` or the program that `PORTCULLIS_PYTHON` names.

#![forbid(unsafe_code)]
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

use portcullis_tests::foreign;

const SERVER: &str = env!("CARGO_BIN_EXE_json_rpc_server");
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/json_rpc_clients");

/// The server on a socket; ended when it is dropped.
struct SocketServer {
    child: Child,
    port: String,
}

impl SocketServer {
    fn new(framing: &str) -> Self {
        let mut child = Command::new(SERVER).args(["tcp", framing]).stdout(Stdio::piped()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self { child, port: port.trim().to_owned() }
    }
}

impl Drop for SocketServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(program: &str, script: &str, args: &[&str]) {
    let script = format!("{FOLDER}/{script}");
    let (output, succeeded) = foreign::run(program, &[&[script.as_str()], args].concat(), "", false);
    assert!(succeeded, "{output}");
    assert!(output.ends_with("done\n"), "{output}");
}

#[test]
fn c20_and_c21_vscode_jsonrpc_over_a_socket() {
    if !foreign::has_node_module("vscode-jsonrpc/node") {
        return;
    }
    let server = SocketServer::new("content-length");
    run("node", "vscode.js", &["socket", &server.port]);
}

#[test]
fn c20_and_c21_vscode_jsonrpc_over_stdio() {
    if foreign::has_node_module("vscode-jsonrpc/node") {
        run("node", "vscode.js", &["stdio", SERVER]);
    }
}

#[test]
fn c20_and_c21_pygls_over_a_socket() {
    let Some(python) = foreign::python_with("pygls") else { return };
    let server = SocketServer::new("content-length");
    run(&python, "pygls_client.py", &["socket", &server.port]);
}

#[test]
fn c20_and_c21_pygls_over_stdio() {
    if let Some(python) = foreign::python_with("pygls") {
        run(&python, "pygls_client.py", &["stdio", SERVER]);
    }
}

#[test]
fn c24_the_calls_before_the_end_of_standard_input_are_answered() {
    let mut server = Command::new(SERVER)
        .args(["stdio", "lines"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = server.stdin.take().unwrap();
    for millis in [60, 30] {
        writeln!(input, r#"{{"jsonrpc":"2.0","method":"sleep","params":[{millis}],"id":{millis}}}"#).unwrap();
    }
    drop(input);
    let mut output = String::new();
    server.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    let mut answers: Vec<_> = output.lines().collect();
    answers.sort_unstable();
    let answer = |millis: u32| format!(r#"{{"jsonrpc":"2.0","result":{millis},"id":{millis}}}"#);
    assert_eq!(answers, [answer(30), answer(60)]);
    assert!(server.wait().unwrap().success());
}

#[test]
fn jsonrpcclient_on_lines() {
    let Some(python) = foreign::python_with("jsonrpcclient") else { return };
    let server = SocketServer::new("lines");
    run(&python, "lines.py", &[&server.port]);
}
