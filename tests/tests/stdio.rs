//! Standard input and output as a connection: pipes, files, sockets and terminals, what ends the
//! server, and that the process ends while a thread blocks.
//!
//! The server is the program `stdio_server` of this package.

#![forbid(unsafe_code)]
#![cfg(unix)]

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use portcullis::BlockingClient;
use portcullis::prelude::*;
use portcullis_tests::{LIMIT, foreign};
use rustix::process::{Pid, Signal, kill_process};

/// The server in a child process, and the lines of its standard error.
struct Process {
    child: Child,
    errors: mpsc::Receiver<String>,
}

impl Process {
    fn new(args: &[&str], input: impl Into<Stdio>, output: impl Into<Stdio>) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_stdio_server"))
            .args(args)
            .stdin(input)
            .stdout(output)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (tx, errors) = mpsc::channel();
        let from = BufReader::new(child.stderr.take().unwrap());
        thread::spawn(move || {
            for line in from.lines() {
                let _ = tx.send(line.unwrap());
            }
        });
        Self { child, errors }
    }

    fn piped(args: &[&str]) -> (Self, ChildStdin, BufReader<ChildStdout>) {
        let mut process = Self::new(args, Stdio::piped(), Stdio::piped());
        let input = process.child.stdin.take().unwrap();
        let output = process.child.stdout.take().unwrap();
        (process, input, BufReader::new(output))
    }

    fn error(&self) -> String {
        self.errors.recv_timeout(LIMIT).expect("a line on standard error")
    }

    fn until(&self, line: &str) {
        while self.error() != line {}
    }

    fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
    }

    /// Waits for the process to end by itself, and returns the report of the server.
    fn report(mut self) -> String {
        let began = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(began.elapsed() < LIMIT, "the process does not end");
            thread::sleep(Duration::from_millis(5));
        }
        assert!(self.child.wait().unwrap().success());
        loop {
            if let Some(report) = self.error().strip_prefix("report: ") {
                return report.to_owned();
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

fn line(output: &mut impl BufRead) -> String {
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    line
}

#[test]
fn c23_a_pipe_is_a_connection_and_its_end_stops_the_server() {
    for args in [&[][..], &["task"], &["tcp"]] {
        let (process, mut input, mut output) = Process::piped(args);
        for text in ["one", "two"] {
            writeln!(input, "{text}").unwrap();
            assert_eq!(line(&mut output), format!("{text}\n"));
        }
        drop(input);
        assert_eq!(line(&mut output), "");
        process.report();
    }
}

#[test]
fn c23_requests_before_the_end_of_the_input_are_answered() {
    let (process, mut input, mut output) = Process::piped(&[]);
    write!(input, "slow\nlast").unwrap();
    drop(input);
    let mut text = String::new();
    output.read_to_string(&mut text).unwrap();
    assert_eq!(text, "slow\nlast\n");
    process.report();
}

#[test]
fn files_are_read_and_written() {
    let folder = std::env::temp_dir().join(format!("portcullis-stdio-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (input, output) = (folder.join("in"), folder.join("out"));
    let text: String = (0..20_000).map(|n| format!("line {n}\n")).collect();
    std::fs::write(&input, &text).unwrap();
    Process::new(&[], File::open(&input).unwrap(), File::create(&output).unwrap()).report();
    assert_eq!(std::fs::read_to_string(&output).unwrap(), text);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn large_messages_pass_in_both_directions() {
    let (process, mut input, mut output) = Process::piped(&[]);
    let long = "y".repeat(5 << 20);
    let sent = format!("{long}\nrepeat {}\n", 3 << 20);
    thread::spawn(move || input.write_all(sent.as_bytes()).unwrap());
    assert_eq!(line(&mut output), format!("{long}\n"));
    assert_eq!(line(&mut output).len(), (3 << 20) + 1);
    process.report();
}

#[test]
fn sockets_that_do_not_block_are_waited_for() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    theirs.set_nonblocking(true).unwrap();
    let other = theirs.try_clone().unwrap();
    let process = Process::new(&[], OwnedFd::from(theirs), OwnedFd::from(other));
    let mut output = BufReader::new(ours.try_clone().unwrap());
    let mut input = ours;
    let sent = format!("{}\n", "z".repeat(3 << 20));
    let written = sent.clone();
    let writer = thread::spawn(move || {
        input.write_all(written.as_bytes()).unwrap();
        input.shutdown(std::net::Shutdown::Write).unwrap();
    });
    // Neither fits into the buffers of the socket.
    assert_eq!(line(&mut output), sent);
    writer.join().unwrap();
    process.report();
}

#[test]
fn c23_a_signal_ends_the_process_while_a_read_blocks() {
    for args in [&[][..], &["task"]] {
        let (process, mut input, mut output) = Process::piped(args);
        writeln!(input, "one").unwrap();
        assert_eq!(line(&mut output), "one\n");
        process.terminate();
        process.report();
        drop(input);
    }
}

#[test]
fn c23_a_signal_ends_the_process_while_a_write_blocks() {
    for args in [&[][..], &["task"]] {
        let (process, mut input, output) = Process::piped(args);
        // Ten megabytes fit nowhere.
        writeln!(input, "repeat {}", 10 << 20).unwrap();
        let mut output = output.into_inner();
        let mut one = [0];
        output.read_exact(&mut one).unwrap();
        process.terminate();
        process.report();
        drop((input, output));
    }
}

#[test]
fn c23_a_peer_that_reads_no_more_cancels_the_handler() {
    let (process, mut input, output) = Process::piped(&[]);
    writeln!(input, "hang").unwrap();
    process.until("hanging");
    // The end of the input alone does not.
    drop(input);
    assert!(process.errors.recv_timeout(Duration::from_millis(100)).is_err());
    drop(output);
    process.until("dropped");
    process.report();
}

#[test]
fn a_server_may_go_on_for_its_other_listeners() {
    let (process, mut input, mut output) = Process::piped(&["keep", "tcp"]);
    let addr = process.error();
    writeln!(input, "one").unwrap();
    assert_eq!(line(&mut output), "one\n");
    drop(input);
    let mut client = BlockingClient::<String, String, _>::connect(addr, Lines::new()).unwrap();
    assert_eq!(client.call("two".to_owned()).unwrap(), "two");
    process.terminate();
    process.report();
}

#[test]
fn a_terminal_is_a_connection() {
    let Some(python) = foreign::python_with("pty") else { return };
    let script = r#"
import os, pty, subprocess, sys, termios
ours, theirs = pty.openpty()
mode = termios.tcgetattr(theirs)
mode[3] &= ~termios.ECHO
termios.tcsetattr(theirs, termios.TCSANOW, mode)
server = subprocess.Popen([sys.argv[1]], stdin=theirs, stdout=theirs)
os.write(ours, b"one\n")
answer = b""
while not answer.endswith(b"\n"):
    answer += os.read(ours, 100)
assert answer == b"one\r\n", answer
assert os.get_blocking(theirs), "the terminal is shared, and must stay in blocking mode"
os.write(ours, b"\x04")  # Ctrl-D, the end of the input
assert server.wait(20) == 0
"#;
    let (_, succeeded) =
        foreign::run(&python, &["-c", script, env!("CARGO_BIN_EXE_stdio_server")], "", false);
    assert!(succeeded);
}

#[tokio::test]
async fn the_standard_files_have_one_user() {
    struct Nothing;

    #[service]
    impl Nothing {
        #[request]
        async fn handle(&self, line: String) -> String {
            line
        }
    }

    let listen = || Server::new(Nothing).codec(Lines::new()).listen(portcullis::Stdio::new());
    let first = listen().unwrap();
    assert_eq!(listen().unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    drop(first);
    drop(listen().unwrap());
}
