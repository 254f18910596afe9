//! The NATS server of the benchmark.

use std::io::{Error, ErrorKind, Result};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long the server may take to listen.
const LIMIT: Duration = Duration::from_secs(10);

/// A `nats-server` on a free port of this machine. Dropping it kills it.
pub(super) struct NatsServer {
    process: Child,
    port: u16,
}

impl NatsServer {
    /// Returns when the server accepts connections.
    pub(super) fn start() -> Result<Self> {
        // Free until the server binds it; if another program is faster, the server ends.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new("nats-server");
        command.args(["-a", "127.0.0.1", "-p", &port.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut server = Self { process: command.spawn()?, port };
        let deadline = Instant::now() + LIMIT;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Some(status) = server.process.try_wait()? {
                return Err(Error::other(format!("it ended: {status}")));
            }
            if Instant::now() > deadline {
                return Err(Error::new(ErrorKind::TimedOut, "it does not listen"));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    pub(super) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
