//! Behaviour that depends on sockets and the system: unreachable addresses, unsupported options,
//! files of Unix sockets, and peers that send before they read.

#![forbid(unsafe_code)]
#![cfg(unix)]

mod addresses;
#[cfg(target_os = "linux")]
mod answers;
mod foreign_codecs;
mod options;
mod pipelining;
mod unix_paths;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use portcullis::RunningServer;
use portcullis::codec::Utf8;
use portcullis::prelude::*;
use portcullis::{BlockingClient, Client, ClientError, Datagrams};
use portcullis_tests::{LIMIT, on_loops};
use tokio::time::timeout;

struct Echo;

#[service]
impl Echo {
    #[request]
    async fn echo(&self, text: String) -> String {
        text
    }
}

fn text() -> Datagrams<Utf8> {
    Datagrams::new()
}

async fn stop(server: RunningServer) {
    timeout(LIMIT, server.stop()).await.expect("in time").unwrap();
}

/// Runs `work` on its own thread, and awaits it on this loop.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (tx, rx) = tokio::sync::oneshot::channel();
    thread::spawn(move || tx.send(work()).ok());
    timeout(LIMIT, rx).await.expect("in time").expect("no panic")
}
