//! Three node processes: one is killed, one is stopped, and the NATS server is restarted, while
//! calls and durable jobs go on.
//!
//! The nodes are this test program, started with an environment variable that makes it a node.
//! `PORTCULLIS_CLUSTER_CALLS` and `PORTCULLIS_CLUSTER_JOBS` set how many calls and jobs there are.

#![forbid(unsafe_code)]
#![cfg(unix)]

mod common;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs};

use common::{eventually, soon};
use portcullis::nats::{CallClient, CallError, Calls, Delivery, JobQueue, WorkReport, async_nats};
use portcullis::prelude::*;
use portcullis::{Datagrams, Interrupted, Portal};
use tokio::sync::Semaphore;

/// Holds the URL of the server, in a child process that is a node.
const NODE: &str = "PORTCULLIS_TEST_NODE";
/// Where a node writes what it has done.
const LOG: &str = "PORTCULLIS_TEST_NODE_LOG";

type Jobs = JobQueue<u64, Datagrams<Json>>;

struct Node {
    pool: Pool,
    jobs: Jobs,
    log: Arc<Log>,
}

/// A line for each job that was done, written before the job is acknowledged.
struct Log(std::sync::Mutex<fs::File>);

impl Log {
    fn write(&self, job: u64) -> std::io::Result<()> {
        use std::io::Write;
        let mut file = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        // One write, so that a node that is killed leaves no half line that counts.
        file.write_all(format!("{job}\n").as_bytes())
    }
}

#[service]
impl Node {
    #[request]
    async fn square(&self, n: u64) -> Result<u64, Interrupted> {
        self.compute(n).await
    }

    #[blocking(pool = self.pool)]
    fn compute(&self, n: u64) -> u64 {
        n.wrapping_mul(n)
    }

    #[on(start)]
    async fn start(&self, cleanup: &mut Cleanup) -> Result<(), Interrupted> {
        let log = Arc::clone(&self.log);
        let work = move |_: &Worker, delivery: Delivery<u64>| log.write(delivery.job);
        let work = self.jobs.workers(4).run_on(self.pool.clone(), cleanup.stopping(), work);
        Portal::current()?
            .spawn(async {
                let _: WorkReport = work.await;
            })
            .detach();
        Ok(())
    }
}

/// The process of a node: serves until it is stopped.
#[tokio::main]
async fn run_node(url: String, log: PathBuf) {
    let options = async_nats::ConnectOptions::new()
        .retry_on_initial_connect()
        .reconnect_delay_callback(|_| Duration::from_millis(50));
    let client = options.connect(url).await.expect("a client");
    let jobs = open(client.clone()).await;
    let pool = Pool::builder("node").threads(4).build().expect("a pool");
    let calls = Calls::builder(client, "squares", Datagrams::<Json>::new());
    let calls = calls.max_in_flight(64).subscribe().await.expect("subscribed");
    let file = fs::File::create(log).expect("a file");
    let service = Node { pool, jobs, log: Arc::new(Log(std::sync::Mutex::new(file))) };
    let server = Server::new(service).grace(Duration::from_secs(10)).listen(calls).expect("a listener");
    server.serve_until_signal().await.expect("served");
}

async fn open(client: async_nats::Client) -> Jobs {
    let builder = Jobs::builder(client, "work", Datagrams::new()).ack_wait(Duration::from_secs(2));
    builder.retry_delay(Duration::from_millis(20), Duration::from_secs(1)).open().await.expect("a queue")
}

/// A node in a process of its own. Dropping it kills it.
struct Process(Child);

impl Process {
    fn start(url: &str, log: &Path) -> Self {
        let mut command = Command::new(env::current_exe().expect("this program"));
        command.args(["--exact", "a_cluster_loses_nothing_durable", "--nocapture"]);
        command.env(NODE, url).env(LOG, log).stdin(Stdio::null()).stdout(Stdio::null());
        Self(command.spawn().expect("a process"))
    }

    fn kill(&mut self) {
        self.0.kill().expect("a process");
        self.0.wait().expect("a process");
    }

    /// SIGTERM, and waits until it has ended.
    async fn stop(&mut self) {
        let sent = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        assert!(sent.expect("kill").success());
        eventually("the node has ended", async || self.0.try_wait().expect("a process").is_some()).await;
        assert!(self.0.wait().expect("a process").success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn number(name: &str, default: u64) -> u64 {
    env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// How calls have ended.
#[derive(Debug, Default)]
struct Counts {
    answered: AtomicU64,
    refused: AtomicU64,
    late: AtomicU64,
    /// Calls that ended after their time limit and a second.
    overdue: AtomicU64,
}

/// Every call is answered, refused or late within its time; every job is done at least once.
#[test]
fn a_cluster_loses_nothing_durable() {
    if let Some(url) = env::var_os(NODE) {
        let log = env::var_os(LOG).expect("a path");
        return run_node(url.into_string().expect("UTF-8"), log.into());
    }
    run_test();
}

#[tokio::main]
async fn run_test() {
    let mut nats = nats_server!();
    let (calls, jobs) = (number("PORTCULLIS_CLUSTER_CALLS", 6_000), number("PORTCULLIS_CLUSTER_JOBS", 2_000));
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("cluster-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let log = |node: u32| folder.join(format!("{node}.log"));
    let mut nodes: Vec<_> = (0..3).map(|node| Process::start(&nats.url(), &log(node))).collect();

    let client = CallClient::<u64, u64, _>::new(nats.client().await, "squares", Datagrams::<Json>::new())
        .timeout(Duration::from_secs(5));
    eventually("a node answers", async || client.call(1).await.is_ok()).await;

    // Jobs are added beside the calls. A push that fails may have added its job, under the same id.
    let queue = open(nats.client().await).await;
    let pushing = tokio::spawn({
        let queue = queue.clone();
        async move {
            for job in 0..jobs {
                let deadline = Instant::now() + common::LIMIT;
                while let Err(error) = queue.push_with_id(&job.to_string(), job).await {
                    assert!(Instant::now() < deadline, "the job is not stored: {error}");
                }
            }
        }
    });

    let counts = Arc::new(Counts::default());
    let in_flight = Arc::new(Semaphore::new(32));
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..calls {
        let permit = Arc::clone(&in_flight).acquire_owned().await.expect("open");
        if n == calls / 4 {
            nodes[0].kill();
        } else if n == calls / 2 {
            nodes[1].stop().await;
        } else if n == calls * 3 / 4 {
            nats.restart().await;
            nodes[1] = Process::start(&nats.url(), &log(3));
        }
        let (client, counts) = (client.clone(), Arc::clone(&counts));
        tasks.spawn(async move {
            let began = Instant::now();
            let count = match client.call(n).await {
                Ok(square) => {
                    assert_eq!(square, n * n);
                    &counts.answered
                }
                Err(CallError::Deadline) => &counts.late,
                Err(CallError::Unavailable { .. } | CallError::NoNode | CallError::Nats(_)) => {
                    &counts.refused
                }
                Err(error) => panic!("{error:?}"),
            };
            count.fetch_add(1, Ordering::SeqCst);
            if began.elapsed() > Duration::from_secs(6) {
                counts.overdue.fetch_add(1, Ordering::SeqCst);
            }
            drop(permit);
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.expect("no panic");
    }
    let get = |count: &AtomicU64| count.load(Ordering::SeqCst);
    let (answered, refused, late) = (get(&counts.answered), get(&counts.refused), get(&counts.late));
    assert_eq!(answered + refused + late, calls);
    assert_eq!(get(&counts.overdue), 0, "{counts:?}");
    assert!(answered >= calls * 9 / 10, "{counts:?}");

    tokio::time::timeout(Duration::from_secs(120), pushing).await.expect("in time").expect("no panic");
    let done_by = Instant::now() + Duration::from_secs(120);
    while !soon(queue.is_empty()).await.unwrap_or(false) {
        assert!(Instant::now() < done_by, "jobs are left: {:?}", queue.len().await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut done = HashMap::<u64, u64>::new();
    for node in 0..4 {
        let text = fs::read_to_string(log(node)).unwrap_or_default();
        // A line is whole if it ends.
        for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            *done.entry(line.trim().parse().expect("a number")).or_default() += 1;
        }
    }
    let missing = (0..jobs).filter(|job| !done.contains_key(job)).count();
    let duplicates: u64 = done.values().map(|count| count - 1).sum();
    assert_eq!(missing, 0, "jobs that no node did; {duplicates} were done twice");
    assert!(queue.dead_jobs(10).await.expect("an answer").is_empty());
    println!(
        "calls: {answered} answered, {refused} refused, {late} late; jobs: {jobs} done, {duplicates} of them again"
    );
    for node in &mut nodes[1..] {
        node.stop().await;
    }
    fs::remove_dir_all(&folder).expect("a folder");
}
