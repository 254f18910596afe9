//! `offload`, tail latency: the effect of saturated pool threads on handlers on the event loop.
//!
//! The handler echoes a byte over TCP. The figure is the 99th percentile of its responses, measured
//! by a client, while many callers saturate a pool with jobs that block or that use the processor.
//! (The latter share the cores with the loop: their cost is the scheduler's, for every pool.)

use std::hint::black_box;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::loops::LOOP;
use crate::measure::{Contestant, Latencies, Plan, interleave};
use crate::peers::{HeldSpawnBlocking, Offloader, Ours, pool};
use crate::table::{Goal, Row, Table};

const BENCH: &str = "offload";
/// The number of tasks that submit jobs in a loop.
const CALLERS: usize = 64;

pub(crate) fn run(plan: &Plan, table: &mut Table) {
    let requests = plan.size(20_000);
    for (kind, job, goal) in [
        ("threads that block", block as fn(), Some(Goal::AtMost(1.2))),
        ("threads that burn", burn as fn(), None),
    ] {
        let (ours, theirs) = (Ours(pool()), HeldSpawnBlocking);
        let contestants = vec![
            Contestant::new(Ours::NAME, move || beside(&ours, job, requests)),
            Contestant::new("an idle pool", move || handler(requests)),
            Contestant::new(HeldSpawnBlocking::NAME, move || beside(&theirs, job, requests)),
        ];
        let shown = interleave(plan, contestants);
        let case = |beside: &str| format!("p99 of a handler beside {kind}{beside}");
        let (ours, idle, theirs) = (&shown[0], &shown[1], &shown[2]);
        table.add(&Row::compare(BENCH, case(""), "µs", (ours, idle), 1).goal(goal));
        table.add(&Row::compare(BENCH, case(""), "µs", (ours, theirs), 1));
        table.add(&Row::compare(BENCH, case(", by hand"), "µs", (theirs, idle), 1));
    }
}

/// A job that blocks.
fn block() {
    thread::sleep(Duration::from_millis(2));
}

/// A job that computes.
fn burn() {
    let until = Instant::now() + Duration::from_micros(200);
    while Instant::now() < until {
        black_box(until);
    }
}

fn beside<O: Offloader>(pool: &O, job: fn(), requests: usize) -> Vec<f64> {
    let stop = Arc::new(AtomicBool::new(false));
    let callers: Vec<JoinHandle<()>> = (0..CALLERS)
        .map(|_| {
            let (pool, stop) = (pool.clone(), Arc::clone(&stop));
            LOOP.spawn(async move {
                while !stop.load(Relaxed) {
                    pool.offload(job).await;
                }
            })
        })
        .collect();
    thread::sleep(Duration::from_millis(10)); // until the pool has all that it can take
    let metrics = handler(requests);
    stop.store(true, Relaxed);
    LOOP.block_on(async {
        for caller in callers {
            caller.await.expect("no panic on the loop");
        }
    });
    metrics
}

/// The address of a server on the loop that echoes each byte.
static SERVER: LazyLock<SocketAddr> = LazyLock::new(|| {
    LOOP.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(answer(connection));
            }
        });
        address
    })
});

async fn answer(mut connection: TcpStream) -> io::Result<()> {
    connection.set_nodelay(true)?;
    loop {
        let request = connection.read_u8().await?;
        connection.write_u8(request).await?;
    }
}

/// p50 and p99 of `requests` responses, measured by a client in its own thread.
fn handler(requests: usize) -> Vec<f64> {
    let mut connection = std::net::TcpStream::connect(*SERVER).expect("a connection");
    connection.set_nodelay(true).expect("an option of the socket");
    let mut latencies = Latencies::with_capacity(requests);
    for _ in 0..requests {
        let start = Instant::now();
        let mut byte = [7];
        connection.write_all(&byte).expect("a request");
        connection.read_exact(&mut byte).expect("an answer");
        latencies.since(start);
    }
    latencies.percentiles()
}
