// errors: 8
// Each of these calls blocks the event loop, and has an async counterpart.
#![deny(deprecated)]
use portcullis::prelude::*;
use std::{fs, future::Future, net::ToSocketAddrs};
use tokio::sync::Mutex;

struct Service {
    count: Mutex<u64>,
    handle: tokio::runtime::Handle,
}

fn wait(_future: impl Future) {}

#[service]
impl Service {
    #[request]
    async fn answer(&self, name: String) -> std::io::Result<u64> {
        let text = std::fs::read_to_string(&name);
        let more = fs::read(&name)?;
        let addresses = (name.as_str(), 80).to_socket_addrs()?;
        let stream = std::net::TcpStream::connect(name.as_str());
        let out = std::process::Command::new(&name).arg("-v").output();
        let mut line = String::new();
        std::io::stdin().read_line(&mut line)?;
        self.handle.block_on(async {});
        let count = *self.count.blocking_lock();
        wait(async move { (text, more, addresses, stream, out) });
        Ok(count)
    }
}

fn main() {}
