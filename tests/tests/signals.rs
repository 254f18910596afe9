//! `run_until_signal` and `serve_until_signal` in a child process with real signals (S5, S10); a
//! process that runs out of descriptors (S6); and what a server logs.
//!
//! The child is this test program, started with an environment variable that makes it a server. It
//! prints its address and its log to standard output, and releases its handlers when its standard
//! input says so.

#![forbid(unsafe_code)]
#![cfg(unix)]

use std::fmt::Debug;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use portcullis::Tcp;
use portcullis::prelude::*;
use portcullis_tests::pki::{client_config, server_tls};
use portcullis_tests::{LIMIT, eventually};
use tokio::sync::Semaphore;
use tokio_rustls::rustls::ClientConnection;
use tokio_rustls::rustls::pki_types::ServerName;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata};

const ROLE: &str = "PORTCULLIS_TEST_SERVER";
/// Set for a child with a short grace.
const SHORT: &str = "PORTCULLIS_TEST_SHORT_GRACE";

/// Set for a child that serves on a runtime of its own.
const ON_OWN_RUNTIME: &str = "PORTCULLIS_TEST_OWN_RUNTIME";

/// Whether logging blocks forever.
static LOGGING_BLOCKS: AtomicBool = AtomicBool::new(false);

struct TestService {
    release: Semaphore,
    /// Whether `on(disconnect)` takes all the time that it gets.
    lingers: AtomicBool,
}

#[service]
impl TestService {
    #[request]
    async fn handle(&self, peer: &Peer<String>, line: String) -> Result<String, String> {
        match line.as_str() {
            "hold" => {
                peer.try_send("holding".into()).map_err(|error| error.to_string())?;
                self.release.acquire().await.map_err(|error| error.to_string())?.forget();
                Ok(line)
            }
            "hog" => {
                // Blocks its loop thread until the process ends.
                peer.try_send("hogging".into()).map_err(|error| error.to_string())?;
                tokio::task::yield_now().await;
                loop {
                    thread::park();
                }
            }
            "clog" => {
                LOGGING_BLOCKS.store(true, Ordering::SeqCst);
                Ok("clogged".into())
            }
            "fail" => Err("no such shelf".into()),
            "panic" => panic!("the desk broke"),
            "linger" => {
                self.lingers.store(true, Ordering::SeqCst);
                Ok("lingering".into())
            }
            _ => Ok(line),
        }
    }

    #[on(disconnect)]
    async fn disconnected(&self) {
        if self.lingers.load(Ordering::SeqCst) {
            println!("\nsaying goodbye");
            std::future::pending::<()>().await;
        }
    }
}

/// Prints each event as one line: `log:` for warnings and errors, `info:` for the rest.
struct Log;

impl tracing::Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        struct Line(String);
        impl Visit for Line {
            fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
                self.0.push_str(&format!(" {}: {value:?}", field.name()));
            }
        }
        while LOGGING_BLOCKS.load(Ordering::SeqCst) {
            thread::park();
        }
        let kind = if *event.metadata().level() <= Level::WARN { "log" } else { "info" };
        let mut line = Line(format!("\n{kind}:"));
        event.record(&mut line);
        println!("{}", line.0);
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// Not a test: the code of the child process.
#[test]
fn the_child() {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    tracing::subscriber::set_global_default(Log).unwrap();
    let service = Arc::new(TestService { release: Semaphore::new(0), lingers: AtomicBool::new(false) });
    let server = Server::new(service.clone()).codec(Lines::new());
    let grace = if std::env::var_os(SHORT).is_some() { Duration::from_millis(50) } else { LIMIT };
    let server = server.grace(grace).bind("127.0.0.1:0").unwrap();
    let tls = server_tls().build().unwrap().handshake_timeout(Duration::MAX);
    let server = server.listen(Tcp::new("127.0.0.1:0").tls(tls)).unwrap();
    println!("\nserving on {}", server.local_addr());
    println!("\nin TLS on {}", server.local_addrs()[1]);
    thread::spawn(move || {
        for _ in std::io::stdin().lock().lines() {
            service.release.add_permits(1);
        }
        // The parent has died, so nothing else would end this process.
        std::process::exit(4);
    });
    let served = if std::env::var_os(ON_OWN_RUNTIME).is_some() {
        tokio::runtime::Runtime::new().unwrap().block_on(server.serve_until_signal())
    } else {
        server.run_until_signal()
    };
    let code = match served {
        Ok(report) => {
            println!("\nreport: {report}");
            0
        }
        Err(error) => {
            println!("\nerror: {error}");
            3
        }
    };
    std::process::exit(code);
}

struct Process {
    child: Child,
    stdin: ChildStdin,
    lines: mpsc::Receiver<String>,
    addr: SocketAddr,
}

impl Process {
    /// Starts the child through a shell that runs `first` before.
    fn start(first: &str) -> Self {
        let mut child = Command::new("sh")
            .args(["-c", &format!("{first} exec \"$0\" --exact the_child --nocapture")])
            .arg(std::env::current_exe().unwrap())
            .env(ROLE, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (guard, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if guard.send(line).is_err() {
                    return;
                }
            }
        });
        let mut process = Self { child, stdin, lines, addr: ([0; 4], 0).into() };
        process.addr = process.wait_for_line("serving on ").parse().unwrap();
        process
    }

    /// Waits for a line that begins with `start`, and returns the remainder.
    fn wait_for_line(&self, start: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(LIMIT).expect("it says so in time");
            if let Some(rest) = line.strip_prefix(start) {
                return rest.to_owned();
            }
        }
    }

    fn signal(&self, name: &str) {
        let done = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.child.id())]).status();
        assert!(done.unwrap().success());
    }

    /// The child may be bound but not yet accepting. Signals are handled once it serves, which a
    /// response shows.
    fn connect(&self) -> Talk {
        let stream = TcpStream::connect(self.addr).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.set_write_timeout(Some(LIMIT)).unwrap();
        Talk(BufReader::new(stream))
    }

    fn code(&mut self) -> Option<i32> {
        eventually(|| self.child.try_wait().unwrap().is_some());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Talk(BufReader<TcpStream>);

impl Talk {
    fn send(&mut self, line: &str) {
        self.0.get_mut().write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    fn next(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn call(&mut self, line: &str) -> String {
        self.send(line);
        self.next()
    }
}

#[test]
fn s5_a_signal_lets_a_busy_handler_finish() {
    for name in ["TERM", "INT"] {
        let mut process = Process::start("");
        let (mut idle, mut busy) = (process.connect(), process.connect());
        assert_eq!(idle.call("x"), "x");
        assert_eq!(busy.call("hold"), "holding");
        process.signal(name);
        // The idle session ends at once, and no new one is accepted.
        assert_eq!(idle.next(), "");
        eventually(|| TcpStream::connect(process.addr).is_err());
        process.stdin.write_all(b"go on\n").unwrap();
        assert_eq!(busy.next(), "hold");
        assert_eq!(busy.next(), "");
        assert!(process.wait_for_line("report: ").ends_with(": 2 sessions ended, nothing left"));
        assert_eq!(process.code(), Some(0), "{name}");
    }
}

#[test]
fn s5_signals_stop_a_server_on_a_runtime_of_the_programs_own() {
    let own_runtime = format!("export {ON_OWN_RUNTIME}=1;");
    let mut process = Process::start(&own_runtime);
    let mut busy = process.connect();
    assert_eq!(busy.call("hold"), "holding");
    // An idle session ends when the server stops. A connection before that would be a session, too.
    let mut idle = process.connect();
    assert_eq!(idle.call("x"), "x");
    process.signal("TERM");
    assert_eq!(idle.next(), "");
    eventually(|| TcpStream::connect(process.addr).is_err());
    process.stdin.write_all(b"go on\n").unwrap();
    assert_eq!((busy.next(), busy.next()), ("hold".to_owned(), String::new()));
    assert!(process.wait_for_line("report: ").ends_with(": 2 sessions ended, nothing left"));
    assert_eq!(process.code(), Some(0));

    let mut process = Process::start(&own_runtime);
    let mut busy = process.connect();
    assert_eq!(busy.call("hold"), "holding");
    process.signal("INT");
    process.wait_for_line("info: message: a signal stops the server");
    let began = Instant::now();
    process.signal("TERM");
    ends_at_once(&mut process, 143, began);
}

#[test]
fn s5_a_signal_does_not_wait_for_handshakes() {
    let mut process = Process::start("");
    let addr: SocketAddr = process.wait_for_line("in TLS on ").parse().unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut hello = Vec::new();
    ClientConnection::new(client_config(None, &[]), name).unwrap().write_tls(&mut hello).unwrap();
    // Handshakes that are silent, that have sent a part of the ClientHello, or that wait for the
    // client after the server's part.
    let mut shaking: Vec<_> = [0, 1, hello.len() / 2, hello.len()]
        .into_iter()
        .map(|length| {
            let mut stream = TcpStream::connect(addr).unwrap();
            stream.set_read_timeout(Some(LIMIT)).unwrap();
            stream.write_all(&hello[..length]).unwrap();
            stream
        })
        .collect();
    shaking[3].read_exact(&mut [0; 5]).unwrap();
    assert_eq!(process.connect().call("x"), "x");
    process.signal("TERM");
    assert_eq!(process.code(), Some(0));
    for stream in &mut shaking {
        // A reset if data was left unread, and EOF otherwise.
        let _ = stream.read_to_end(&mut Vec::new());
    }
}

/// Checks that the process ends at once with this exit code.
fn ends_at_once(process: &mut Process, code: i32, since: Instant) {
    assert_eq!(process.code(), Some(code));
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
}

#[test]
fn s5_a_second_signal_ends_the_process() {
    for (first, second, code) in [("TERM", "TERM", 143), ("INT", "TERM", 143), ("TERM", "INT", 130)] {
        let mut process = Process::start("");
        let mut busy = process.connect();
        assert_eq!(busy.call("hold"), "holding");
        process.signal(first);
        process.wait_for_line("info: message: a signal stops the server");
        // The server waits for its handler, and accepts no connection.
        eventually(|| TcpStream::connect(process.addr).is_err());
        assert!(process.child.try_wait().unwrap().is_none());
        let began = Instant::now();
        process.signal(second);
        process.wait_for_line("log: message: a second signal ends the process");
        ends_at_once(&mut process, code, began);
        let mut rest = Vec::new();
        let _ = busy.0.read_to_end(&mut rest);
        assert_eq!(rest, b"");
    }
}

#[test]
fn s5_a_second_signal_does_not_wait_for_hooks() {
    let mut process = Process::start("");
    let mut busy = process.connect();
    assert_eq!(busy.call("linger"), "lingering");
    process.signal("TERM");
    process.wait_for_line("saying goodbye");
    let began = Instant::now();
    process.signal("TERM");
    ends_at_once(&mut process, 143, began);
}

#[test]
fn s5_a_second_signal_does_not_wait_for_a_logger_that_blocks() {
    let mut process = Process::start("");
    let mut busy = process.connect();
    assert_eq!(busy.call("hold"), "holding");
    assert_eq!(process.connect().call("clog"), "clogged");
    process.signal("TERM");
    eventually(|| TcpStream::connect(process.addr).is_err());
    let began = Instant::now();
    process.signal("TERM");
    ends_at_once(&mut process, 143, began);
}

#[test]
fn s10_a_stop_ends_in_time_although_the_logger_blocks() {
    let mut process = Process::start(&format!("{SHORT}=1"));
    assert_eq!(process.connect().call("clog"), "clogged");
    let began = Instant::now();
    process.signal("TERM");
    let report = process.wait_for_line("report: ");
    assert!(report.contains("the event loop is blocked"), "{report}");
    ends_at_once(&mut process, 0, began);
}

/// A child whose loop threads are all blocked by handlers.
fn with_blocked_loop(first: &str) -> (Process, Vec<Talk>) {
    let process = Process::start(first);
    let threads = thread::available_parallelism().unwrap().get().max(2);
    let hogs = (0..threads)
        .map(|_| {
            let mut talk = process.connect();
            assert_eq!(talk.call("hog"), "hogging");
            talk
        })
        .collect();
    (process, hogs)
}

#[test]
fn s10_a_signal_stops_the_server_although_handlers_block_every_loop_thread() {
    let (mut process, hogs) = with_blocked_loop(&format!("{SHORT}=1"));
    let began = Instant::now();
    process.signal("TERM");
    let report = process.wait_for_line("report: ");
    assert!(report.contains("the event loop is blocked"), "{report}");
    let named: Vec<_> = hogs.iter().map(|_| process.wait_for_line("  session ")).collect();
    assert!(named.iter().all(|line| line.ends_with("`TestService::handle` blocks a thread")), "{named:?}");
    ends_at_once(&mut process, 0, began);
}

#[test]
fn s10_a_second_signal_ends_the_process_although_handlers_block_every_loop_thread() {
    let (mut process, _hogs) = with_blocked_loop("");
    process.signal("TERM");
    process.wait_for_line("info: message: a signal stops the server");
    let began = Instant::now();
    process.signal("INT");
    ends_at_once(&mut process, 130, began);
}

#[test]
fn s6_a_server_that_ran_out_of_descriptors_accepts_again_when_some_are_free() {
    let mut process = Process::start("ulimit -n 40;");
    let mut first = process.connect();
    assert_eq!(first.call("x"), "x");
    // More connections than there are descriptors; the kernel's backlog takes them.
    let mut others: Vec<_> = (0..60).map(|_| process.connect()).collect();
    others.iter_mut().for_each(|other| other.send("y"));
    assert_eq!(others[0].next(), "y");
    // The server has run out of descriptors now: the last connections have not been accepted.
    let last = others.last_mut().unwrap();
    last.0.get_mut().set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(last.0.fill_buf().is_err(), "not short of files");
    last.0.get_mut().set_read_timeout(Some(LIMIT)).unwrap();
    assert_eq!(first.call("still"), "still", "who is in is served");
    let mut last = others.split_off(50);
    drop(others);
    last.iter_mut().for_each(|last| assert_eq!(last.next(), "y"));
    drop(last);
    for _ in 0..3 {
        assert_eq!(process.connect().call("again"), "again");
    }
    process.signal("TERM");
    assert!(process.wait_for_line("report: ").ends_with("nothing left"));
    assert_eq!(process.code(), Some(0));
}

#[test]
fn unhandled_errors_and_panics_of_handlers_are_logged() {
    let mut process = Process::start("");
    assert_eq!(process.connect().call("fail"), "");
    let log = process.wait_for_line("log:");
    assert!(log.contains("no such shelf"), "{log}");
    assert_eq!(process.connect().call("panic"), "");
    let log = process.wait_for_line("log:");
    assert!(log.contains("the desk broke"), "{log}");
    process.signal("TERM");
    process.wait_for_line("report: ");
    assert_eq!(process.code(), Some(0));
}
