//! `nats`: calls over NATS, by one node and by three, against `async_nats` by hand.
//!
//! | case | figure | peers |
//! |---|---|---|
//! | 64 callers in a closed loop, jobs that return at once | calls per second | by hand |
//! | twice the capacity in an open loop, jobs of 4 ms on four threads, a deadline of 100 ms | answers in time, as a part of the capacity | by hand, and by hand with load shedding |
//!
//! Each round starts its nodes: processes of their own, with a subject of their own. This process
//! makes the calls, and all share one NATS server, which the benchmark starts.

pub(crate) mod node;
mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use portcullis::nats::async_nats::{self, Client, Request};
use portcullis::nats::{CallClient, NatsError};
use portcullis::{Datagrams, Json};

use self::node::Side;
use self::server::NatsServer;
use crate::echo::load::Load;
use crate::loops::{POOL_THREADS, on_loop};
use crate::measure::{Contestant, Plan, Shown, interleave};
use crate::overload::{DEADLINE, at_rate};
use crate::table::{Row, Table};

const BENCH: &str = "nats";
const CALLERS: usize = 64;
/// A call that is only late on a busy machine still counts in the closed loop.
const PATIENCE: Duration = Duration::from_secs(10);
/// What a job takes where nodes are overloaded.
const JOB: Duration = Duration::from_millis(4);
/// The rate of arrival, in capacities.
const RATE: f64 = 2.0;

pub(crate) fn run(plan: &Plan, table: &mut Table) {
    let server = match NatsServer::start() {
        Ok(server) => Arc::new(server),
        Err(error) => {
            eprintln!(
                "nats: skipped, because `nats-server` cannot be started ({error}); install Debian's package `nats-server`"
            );
            return;
        }
    };
    throughput(&server, plan, table);
    overload(&server, plan, table);
}

fn throughput(server: &Arc<NatsServer>, plan: &Plan, table: &mut Table) {
    let calls = plan.size(20_000);
    for nodes in [1, 3] {
        let contestant = |calling: Calling| {
            let server = Arc::clone(server);
            Contestant::new(calling.name, move || {
                let cluster = Cluster::start(&server, calling.node, nodes, Duration::ZERO);
                vec![cluster.measure(calling.client, move |caller| async move {
                    closed_loop(&caller, CALLERS, calls / 10).await;
                    closed_loop(&caller, CALLERS, calls).await
                })]
            })
        };
        let shown = interleave(plan, [OURS, OUR_NODES, BY_HAND].map(contestant).into());
        let Some((by_hand, ours)) = shown.split_last() else { return };
        let plural = if nodes == 1 { "" } else { "s" };
        for ours in ours {
            let case = format!("{CALLERS} callers, {nodes} node{plural}, {}", ours.name);
            table.add(&Row::compare(BENCH, case, "calls/s", (ours, by_hand), 0));
        }
    }
}

fn overload(server: &Arc<NatsServer>, plan: &Plan, table: &mut Table) {
    let time = if plan.is_quick() { Duration::from_millis(300) } else { Duration::from_secs(3) };
    let capacity = capacity(server, time);
    let contestant = |calling: Calling| {
        let server = Arc::clone(server);
        Contestant::new(calling.name, move || {
            let cluster = Cluster::start(&server, calling.node, 1, JOB);
            let good = cluster.measure(calling.client, move |caller| async move {
                open_loop(caller, RATE * capacity, time).await
            });
            vec![good / capacity]
        })
    };
    let shown = interleave(plan, [OURS, BY_HAND, SHEDDING].map(contestant).into());
    let Some((ours, peers)) = shown.split_first() else { return };
    let of_capacity = Shown { name: "capacity", metrics: vec![vec![1.0; ours.metrics[0].len()]] };
    for peer in [&of_capacity].into_iter().chain(peers) {
        let case = format!("{RATE} × capacity, goodput, {}", ours.name);
        table.add(&Row::compare(BENCH, case, "of capacity", (ours, peer), 0));
    }
}

/// The calls per second that one node answers if none of its threads ever waits for a job: the best
/// of ours and by hand.
fn capacity(server: &NatsServer, time: Duration) -> f64 {
    let callers = 4 * POOL_THREADS;
    let calls = (time.div_duration_f64(JOB) * POOL_THREADS as f64) as usize;
    let measured = [OURS, BY_HAND].map(|calling| {
        let cluster = Cluster::start(server, calling.node, 1, JOB);
        cluster
            .measure(calling.client, move |caller| async move { closed_loop(&caller, callers, calls).await })
    });
    measured.into_iter().fold(0.0, f64::max)
}

/// How the nodes are written, and how they are called.
#[derive(Clone, Copy)]
struct Calling {
    name: &'static str,
    node: Side,
    client: Side,
}

const OURS: Calling = Calling { name: "Calls and CallClient", node: Side::Ours, client: Side::Ours };
const OUR_NODES: Calling =
    Calling { name: "Calls, called by Client::send_request", node: Side::Ours, client: Side::ByHand };
const BY_HAND: Calling =
    Calling { name: "async_nats + spawn_blocking", node: Side::ByHand, client: Side::ByHand };
const SHEDDING: Calling = Calling {
    name: "async_nats + spawn_blocking, refusing beyond 64",
    node: Side::Shedding,
    client: Side::ByHand,
};

/// The nodes of one round. Dropping it ends them.
struct Cluster {
    url: String,
    subject: String,
    nodes: Vec<Load>,
}

impl Cluster {
    /// Returns when each node has subscribed.
    fn start(server: &NatsServer, side: Side, nodes: usize, job: Duration) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let subject = format!("squares-{}", COUNT.fetch_add(1, Relaxed));
        let url = server.url();
        let arguments =
            [node::WORD.to_owned(), side.name().to_owned(), url.clone(), subject.clone(), millis(job)];
        let mut nodes: Vec<Load> = (0..nodes).map(|_| Load::start(&arguments)).collect();
        for node in &mut nodes {
            assert_eq!(node.line(), node::READY);
        }
        Self { url, subject, nodes }
    }

    /// Runs `work` on the loop with a caller that has a connection of its own.
    fn measure<F>(self, side: Side, work: impl FnOnce(Caller) -> F + Send + 'static) -> f64
    where
        F: Future<Output = f64> + Send,
    {
        let Self { url, subject, nodes } = self;
        let figure = on_loop(async move {
            let client = async_nats::connect(url).await.expect("the server of this benchmark");
            work(Caller::new(side, client, subject)).await
        });
        drop(nodes);
        figure
    }
}

fn millis(time: Duration) -> String {
    time.as_millis().to_string()
}

/// Calls the nodes.
#[derive(Clone)]
enum Caller {
    Ours(CallClient<u64, u64, Datagrams<Json>>),
    ByHand(Client, String),
}

impl Caller {
    fn new(side: Side, client: Client, subject: String) -> Self {
        match side {
            Side::Ours => Self::Ours(CallClient::new(client, subject, Datagrams::new())),
            Side::ByHand | Side::Shedding => Self::ByHand(client, subject),
        }
    }

    /// Whether the right answer arrives within the time.
    async fn call(&self, n: u64, limit: Duration) -> bool {
        let answer = match self {
            Self::Ours(client) => client.call(n).timeout(limit).await.ok(),
            Self::ByHand(client, subject) => by_hand(client, subject, n, limit).await.ok(),
        };
        answer == Some(node::square(n))
    }
}

async fn by_hand(client: &Client, subject: &str, n: u64, limit: Duration) -> Result<u64, NatsError> {
    let request = Request::new().payload(serde_json::to_vec(&n)?.into()).timeout(Some(limit));
    let answer = client.send_request(subject.to_owned(), request).await?;
    Ok(serde_json::from_slice(&answer.payload)?)
}

/// Calls per second by `callers` callers, each of which calls again when it is answered.
async fn closed_loop(caller: &Caller, callers: usize, calls: usize) -> f64 {
    let each = calls.div_ceil(callers);
    let start = Instant::now();
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let caller = caller.clone();
            tokio::spawn(async move {
                for n in 0..each as u64 {
                    assert!(caller.call(n, PATIENCE).await, "a node that is not overloaded answers");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("answers");
    }
    (callers * each) as f64 / start.elapsed().as_secs_f64()
}

/// Answers in time per second, with `rate` calls per second. They count from one deadline after the
/// beginning, when the queues are full, to the end of the arrivals.
async fn open_loop(caller: Caller, rate: f64, time: Duration) -> f64 {
    let good = Arc::new(AtomicU32::new(0));
    let mut tasks = Vec::new();
    let start = Instant::now();
    at_rate(rate, time, |n| {
        let (caller, good, called_at) = (caller.clone(), Arc::clone(&good), Instant::now());
        tasks.push(tokio::spawn(async move {
            let is_ok = caller.call(n.into(), DEADLINE).await && called_at.elapsed() <= DEADLINE;
            let counts = (DEADLINE..time).contains(&start.elapsed());
            good.fetch_add(u32::from(is_ok && counts), Relaxed);
        }));
    })
    .await;
    for task in tasks {
        task.await.expect("no panic");
    }
    f64::from(good.load(Relaxed)) / (time - DEADLINE).as_secs_f64()
}
