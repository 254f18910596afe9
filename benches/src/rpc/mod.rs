//! `rpc`: typed calls over TCP by clients of each framework, with one call at a time on each
//! connection, and with 32.
//!
//! A call has 64 bytes of text, and a deadline of ten seconds. `echo` returns the text; `hash`
//! offloads a no-op of some hundred nanoseconds to a thread. The servers run on one loop of one
//! thread, and the clients on another, on the other core. The threads for blocking work may use
//! both: one of ours, and as many as tokio starts for the peers, which use `spawn_blocking`. Raw
//! bytes, which are not parsed, show what the connections allow.

pub(crate) mod count;
mod jsonrpsee;
mod ours;
mod raw;
mod tarpc;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use crate::echo::cores;
use crate::measure::{Contestant, Latencies, Plan, interleave};
use crate::table::{Goal, Row, Table};

const BENCH: &str = "rpc";
const CONNECTIONS: [usize; 3] = [1, 16, 256];
const IN_FLIGHT: [usize; 2] = [1, 32];
/// The deadline of each call: tarpc's default.
const DEADLINE: Duration = Duration::from_secs(10);
/// The slow calls beside which quick ones are measured, and how long each takes.
const SLOW_CALLS: usize = 8;
const SLOW: Duration = Duration::from_millis(2);

static CLIENTS: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_multi_thread()
        .worker_threads(1)
        .on_thread_start(cores::last)
        .enable_all()
        .build()
        .expect("a runtime")
});

/// A client of one connection, which many tasks share.
trait Caller: Clone + Send + Sync + 'static {
    fn connect(addr: SocketAddr) -> impl Future<Output = Self> + Send;
    fn echo(&self, text: &str) -> impl Future<Output = ()> + Send;
    fn hash(&self, text: &str) -> impl Future<Output = ()> + Send;
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Echo,
    Hash,
}

impl Method {
    fn name(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Hash => "offload",
        }
    }

    async fn call(self, client: &impl Caller, text: &str) {
        match self {
            Self::Echo => client.echo(text).await,
            Self::Hash => client.hash(text).await,
        }
    }
}

fn text() -> String {
    "a text of 64 bytes".chars().cycle().take(64).collect()
}

/// What is offloaded: FNV-1a.
fn hash(text: &str) -> u64 {
    let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, hash)
}

pub(crate) fn run(plan: &Plan, table: &mut Table) {
    let addrs = Addrs::start();
    for method in [Method::Echo, Method::Hash] {
        for connections in CONNECTIONS {
            for in_flight in IN_FLIGHT {
                compare(plan, table, &addrs, Case { method, connections, in_flight });
            }
        }
    }
    beside_slow_calls(plan, table, addrs.ours_postcard);
}

struct Addrs {
    ours_postcard: SocketAddr,
    ours_json: SocketAddr,
    tarpc_bincode: SocketAddr,
    tarpc_json: SocketAddr,
    jsonrpsee: SocketAddr,
    raw: SocketAddr,
}

impl Addrs {
    fn start() -> Self {
        Self {
            ours_postcard: ours::Postcard::start(),
            ours_json: ours::Json::start(),
            tarpc_bincode: tarpc::bincode(),
            tarpc_json: tarpc::json(),
            jsonrpsee: jsonrpsee::start(),
            raw: raw::start(),
        }
    }
}

#[derive(Clone, Copy)]
struct Case {
    method: Method,
    connections: usize,
    in_flight: usize,
}

fn compare(plan: &Plan, table: &mut Table, addrs: &Addrs, case: Case) {
    let time = Duration::from_millis(plan.size(200).max(20) as u64);
    let mut contestants = vec![
        contestant::<ours::Postcard>("ours, Postcard", addrs.ours_postcard, case, time),
        contestant::<tarpc::Bincode>("tarpc, Bincode", addrs.tarpc_bincode, case, time),
        contestant::<ours::Json>("ours, JSON", addrs.ours_json, case, time),
        contestant::<tarpc::Json>("tarpc, JSON", addrs.tarpc_json, case, time),
        contestant::<jsonrpsee::Client>("jsonrpsee, WebSocket", addrs.jsonrpsee, case, time),
    ];
    let Case { method, connections, in_flight } = case;
    if method == Method::Echo {
        contestants.push(raw::contestant(addrs.raw, case, time));
    }
    let shown = interleave(plan, contestants);
    let [postcard, bincode, json, tarpc_json, jsonrpsee, raw @ ..] = &shown[..] else { return };
    for (ours, peer, format, goal) in
        [(postcard, bincode, "compact", 2.5), (json, tarpc_json, "JSON", 2.5), (json, jsonrpsee, "JSON", 3.0)]
    {
        let case = format!("{}, {format}, {connections} connections, {in_flight} in flight", method.name());
        let goal = (method == Method::Echo).then_some(Goal::AtLeast(goal));
        table.add(&Row::compare(BENCH, case, "k/s", (ours, peer), 0).goal(goal));
    }
    if let [raw] = raw {
        let case = format!("echo, compact, {connections} connections, {in_flight} in flight");
        table.add(&Row::compare(BENCH, case, "k/s", (postcard, raw), 0));
    }
}

/// Thousands of calls per second. The first round opens the connections.
fn contestant<C: Caller>(name: &'static str, addr: SocketAddr, case: Case, time: Duration) -> Contestant {
    let mut clients = Vec::new();
    Contestant::new(name, move || {
        CLIENTS.block_on(async {
            while clients.len() < case.connections {
                clients.push(C::connect(addr).await);
            }
            vec![throughput(&clients, case, time).await / 1000.0]
        })
    })
}

async fn throughput<C: Caller>(clients: &[C], case: Case, time: Duration) -> f64 {
    let is_over = Arc::new(AtomicBool::new(false));
    let mut tasks = JoinSet::new();
    let start = Instant::now();
    for client in clients {
        for _ in 0..case.in_flight {
            let (client, is_over, text) = (client.clone(), Arc::clone(&is_over), text());
            tasks.spawn(async move {
                let mut calls = 0_u32;
                while !is_over.load(Ordering::Relaxed) {
                    case.method.call(&client, &text).await;
                    calls += 1;
                }
                calls
            });
        }
    }
    tokio::time::sleep(time).await;
    is_over.store(true, Ordering::Relaxed);
    let calls: f64 = tasks.join_all().await.into_iter().map(f64::from).sum();
    calls / start.elapsed().as_secs_f64()
}

/// The latency of a quick call while slow ones are in flight on its connection.
fn beside_slow_calls(plan: &Plan, table: &mut Table, addr: SocketAddr) {
    let calls = plan.size(20_000).max(200);
    let latencies = |slow_calls: usize| {
        move || {
            CLIENTS.block_on(async move {
                let client = ours::Postcard::connect(addr).await;
                let mut slow = JoinSet::new();
                for _ in 0..slow_calls {
                    let client = client.clone();
                    slow.spawn(async move {
                        loop {
                            client.sleep(SLOW).await;
                        }
                    });
                }
                // On the client's own core.
                let measured = tokio::spawn(async move {
                    let (text, mut latencies) = (text(), Latencies::with_capacity(calls));
                    for _ in 0..calls {
                        let start = Instant::now();
                        client.echo(&text).await;
                        latencies.since(start);
                    }
                    latencies.percentiles()
                });
                measured.await.expect("no panic")
            })
        }
    };
    let contestants = vec![
        Contestant::new("beside slow calls", latencies(SLOW_CALLS)),
        Contestant::new("alone", latencies(0)),
    ];
    let shown = interleave(plan, contestants);
    let [beside, alone] = &shown[..] else { return };
    for (metric, name) in [(0, "p50"), (1, "p99")] {
        let case = format!("{name} of a quick call beside {SLOW_CALLS} slow ones");
        let goal = (metric == 1).then_some(Goal::AtMost(1.2));
        table.add(&Row::compare(BENCH, case, "µs", (beside, alone), metric).goal(goal));
    }
}
