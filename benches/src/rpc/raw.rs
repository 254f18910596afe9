//! What the connection itself allows: bytes that are not parsed, as many as the calls in flight
//! have, written and read together.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::{CLIENTS, Case};
use crate::echo::servers::Kind;
use crate::measure::Contestant;

/// Of a call of 64 bytes in a compact format, about.
const BYTES: usize = 84;

pub(super) fn start() -> SocketAddr {
    Kind::Raw.start()
}

pub(super) fn contestant(addr: SocketAddr, case: Case, time: Duration) -> Contestant {
    let mut connections = Vec::new();
    Contestant::new("raw bytes", move || {
        CLIENTS.block_on(async {
            while connections.len() < case.connections {
                let io = TcpStream::connect(addr).await.expect("it listens");
                io.set_nodelay(true).expect("a connection");
                connections.push(io);
            }
            let (is_over, mut tasks) = (Arc::new(AtomicBool::new(false)), JoinSet::new());
            let start = Instant::now();
            for mut io in connections.drain(..) {
                let is_over = Arc::clone(&is_over);
                tasks.spawn(async move {
                    let (mut bytes, mut calls) = (vec![0; BYTES * case.in_flight], 0.0);
                    while !is_over.load(Ordering::Relaxed) {
                        io.write_all(&bytes).await.expect("a connection");
                        io.read_exact(&mut bytes).await.expect("a connection");
                        calls += case.in_flight as f64;
                    }
                    (io, calls)
                });
            }
            tokio::time::sleep(time).await;
            is_over.store(true, Ordering::Relaxed);
            let (ios, calls): (Vec<_>, Vec<f64>) = tasks.join_all().await.into_iter().unzip();
            connections.extend(ios);
            vec![calls.into_iter().sum::<f64>() / start.elapsed().as_secs_f64() / 1000.0]
        })
    })
}
