//! A NATS server of the test's own. It needs `nats-server`; without it a test is skipped, and fails
//! where `CI` is set.

#![allow(dead_code, unreachable_pub, reason = "not every test program uses all of it")]

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use portcullis::nats::async_nats::{self, Client, ConnectOptions};

/// How long a test waits for what should happen soon.
pub const LIMIT: Duration = Duration::from_secs(30);

/// A running `nats-server` with JetStream, on a port of its own. Dropping it kills it.
pub struct NatsServer {
    process: Child,
    port: u16,
    /// Where JetStream keeps its streams, if the server has it.
    store: Option<PathBuf>,
}

impl NatsServer {
    /// Starts a server. `None` where there is no `nats-server`.
    pub async fn start() -> Option<Self> {
        Self::start_with(true).await
    }

    /// As [`start`](Self::start), without JetStream.
    pub async fn without_jetstream() -> Option<Self> {
        Self::start_with(false).await
    }

    async fn start_with(jetstream: bool) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("nats-{}-{count}", std::process::id());
        let store = jetstream.then(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name));
        // Free until the server takes it, unless another test is given it in between.
        for _ in 0..10 {
            let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port();
            let process = spawn(port, store.as_ref())?;
            let mut server = Self { process, port, store: store.clone() };
            if server.is_up().await {
                return Some(server);
            }
        }
        panic!("nats-server does not start");
    }

    /// Waits until the server answers. Returns `false` if it has ended.
    async fn is_up(&mut self) -> bool {
        let deadline = Instant::now() + LIMIT;
        loop {
            if self.process.try_wait().expect("a process").is_some() {
                return false;
            }
            if async_nats::connect(self.url()).await.is_ok() {
                return true;
            }
            assert!(Instant::now() < deadline, "nats-server does not answer");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// A client that reconnects quickly.
    pub async fn client(&self) -> Client {
        let options = ConnectOptions::new().reconnect_delay_callback(|_| Duration::from_millis(50));
        options.connect(self.url()).await.expect("a connection")
    }

    /// Kills the server.
    pub fn kill(&mut self) {
        self.process.kill().expect("a process");
        self.process.wait().expect("a process");
    }

    /// Stops the server and starts it again on the same port, with what it has stored. It has
    /// stored everything, unless it was killed before.
    pub async fn restart(&mut self) {
        if self.process.try_wait().expect("a process").is_none() {
            let sent = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status();
            assert!(sent.expect("kill").success());
            self.process.wait().expect("a process");
        }
        self.process = spawn(self.port, self.store.as_ref()).expect("was started before");
        assert!(self.is_up().await, "nats-server does not start again");
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if let Some(store) = &self.store {
            let _ = fs::remove_dir_all(store);
        }
    }
}

fn spawn(port: u16, store: Option<&PathBuf>) -> Option<Child> {
    let mut command = Command::new("nats-server");
    command.args(["-a", "127.0.0.1", "-p", &port.to_string()]);
    if let Some(store) = store {
        command.args(["-js", "-sd"]).arg(store);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match command.spawn() {
        Ok(process) => Some(process),
        Err(error) if std::env::var_os("CI").is_some() => panic!("nats-server is needed: {error}"),
        Err(_) => {
            eprintln!("skipped: no nats-server (Debian's package `nats-server`)");
            None
        }
    }
}

/// The test's server, or the end of the test where there is none.
#[macro_export]
macro_rules! nats_server {
    () => {
        match common::NatsServer::start().await {
            Some(server) => server,
            None => return,
        }
    };
}

/// Waits until `holds` does.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !holds().await {
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The output of `future`, which must be there soon.
pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, future).await.expect("in time")
}
