//! Overload: what arrives in time when more jobs arrive than the threads can run.
//!
//! Open loop: jobs arrive at a fixed rate, whether or not earlier ones have been answered, as
//! requests from many clients do. *Goodput* is the number of answers per second that arrive within
//! their deadline; *capacity* is the number of jobs per second that the same threads run when no
//! job ever waits. A run has a runtime and a pool of its own. The jobs that a run leaves queued do
//! nothing, so that they take no time from the next run.

use std::collections::BTreeMap;
use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use portcullis::Pool;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};
use tower::{Service, ServiceBuilder, ServiceExt};

use crate::measure::{Plan, Shown};
use crate::table::{Goal, Row, Table};

const BENCH: &str = "overload";

pub(crate) const DEADLINE: Duration = Duration::from_millis(100);

/// The rates of arrival, in capacities.
const RATES: [f64; 4] = [0.8, 1.2, 2.0, 5.0];

/// A refused caller should be informed within this time, at the median.
const INFORMED_MILLIS: f64 = 5.0;

/// How many jobs fill the threads of sleeping jobs.
const SLEEPERS: usize = 4;

pub(crate) fn run(plan: &Plan, table: &mut Table) {
    let time = if plan.is_quick() { Duration::from_millis(250) } else { Duration::from_secs(3) };
    for load in Load::all() {
        let capacity = capacity(&load, time);
        for rate in RATES {
            let goal = (rate > 1.0).then_some(Goal::AtLeast(load.goal));
            let (ours, peers) = contestants();
            let flood = |way: &Way| way.flood(&load, rate * capacity, time).shown(way.name, &load, capacity);
            let peers: Vec<Shown> = peers.iter().map(flood).collect();
            for way in &ours {
                let case = format!("{}, {rate} × capacity, {}", load.name, way.name);
                let shown = flood(way);
                let of_capacity = constant("capacity", 1.0);
                let row = |peer, metric: usize| {
                    let of_method = |method: &(_, _)| (format!("goodput of {}", method.0), "of its capacity");
                    let (metric_name, unit) = match METRICS.get(metric) {
                        Some((name, unit)) => ((*name).to_owned(), *unit),
                        None => of_method(&load.methods[metric - METRICS.len()]),
                    };
                    Row::compare(BENCH, format!("{case}, {metric_name}"), unit, (&shown, peer), metric)
                };
                table.add(&row(&of_capacity, GOODPUT).goal(goal));
                peers.iter().for_each(|peer| table.add(&row(peer, GOODPUT)));
                if load.methods.len() > 1 {
                    for metric in (METRICS.len()..).take(load.methods.len()) {
                        table.add(&row(&of_capacity, metric).goal(goal.map(|_| Goal::AtLeast(0.7))));
                        peers.iter().for_each(|peer| table.add(&row(peer, metric)));
                    }
                }
                if rate > 1.0 {
                    let limit = constant("the goal", INFORMED_MILLIS);
                    table.add(&row(&limit, REFUSED).goal(Some(Goal::AtMost(1.0))));
                    peers.iter().for_each(|peer| table.add(&row(peer, REFUSED)));
                }
            }
        }
        recovery(&load, capacity, plan, table);
    }
}

/// The metrics of a run, with their units. The goodput of each method follows them.
const METRICS: [(&str, &str); 2] = [("goodput", "of capacity"), ("a refused caller is informed after", "ms")];
const GOODPUT: usize = 0;
const REFUSED: usize = 1;

/// How many methods a load may have.
const MAX_METHODS: usize = 2;

/// What a row compares with if it is no peer.
fn constant(name: &'static str, value: f64) -> Shown {
    Shown { name, metrics: vec![vec![value]; METRICS.len() + MAX_METHODS] }
}

/// How long after a flood of five seconds the p99 is normal again.
fn recovery(load: &Load, capacity: f64, plan: &Plan, table: &mut Table) {
    let time = if plan.is_quick() { Duration::from_millis(300) } else { Duration::from_secs(5) };
    let (ours, peers) = contestants();
    let recover = |way: &Way| Shown {
        name: way.name,
        metrics: vec![vec![way.recovery(load, capacity, time).as_secs_f64() * 1e3]],
    };
    let peers: Vec<Shown> = peers.iter().map(recover).collect();
    for way in &ours {
        let shown = recover(way);
        let case = format!("{}, recovery after a flood, {}", load.name, way.name);
        let row = |peer| Row::compare(BENCH, &*case, "ms", (&shown, peer), 0);
        let deadline = Shown { name: "one deadline", metrics: vec![vec![DEADLINE.as_secs_f64() * 1e3]] };
        table.add(&row(&deadline).goal(Some(Goal::AtMost(1.0))));
        peers.iter().for_each(|peer| table.add(&row(peer)));
    }
}

/// What the jobs do.
#[derive(Clone)]
struct Load {
    name: &'static str,
    threads: usize,
    /// What goodput is aimed at, in capacities.
    goal: f64,
    /// The methods of the jobs, and the share of each in their number.
    methods: &'static [(&'static str, f64)],
    job: fn(u32) -> Job,
}

/// One job: the method that it counts as, what it does, and the number of its run.
#[derive(Clone, Copy)]
struct Job {
    method: &'static str,
    work: Work,
    run: u64,
}

/// The number of the present run.
static RUN: AtomicU64 = AtomicU64::new(0);

impl Job {
    fn new(method: &'static str, work: Work) -> Self {
        Self { method, work, run: RUN.load(Relaxed) }
    }

    /// Does the work, unless its run has ended: some peers run what is queued even then.
    fn run(self) {
        if self.run == RUN.load(Relaxed) {
            self.work.run();
        }
    }
}

#[derive(Clone, Copy)]
enum Work {
    Sleep(Duration),
    Burn,
}

impl Work {
    fn run(self) {
        match self {
            Self::Sleep(time) => thread::sleep(time),
            Self::Burn => burn(ROUNDS.load(Relaxed)),
        }
    }
}

impl Load {
    fn all() -> [Self; 3] {
        // A fixed amount of work, which takes longer when threads compete for the cores.
        let start = Instant::now();
        burn(1 << 22);
        let of_four_millis = 4e-3 / start.elapsed().as_secs_f64() * f64::from(1 << 22);
        ROUNDS.store(of_four_millis as u64, Relaxed);
        let cores = thread::available_parallelism().map_or(1, usize::from);
        [
            Self {
                name: "jobs that sleep",
                threads: SLEEPERS,
                goal: 0.95,
                methods: &[("sleep", 1.0)],
                job: |_| Job::new("sleep", Work::Sleep(Duration::from_millis(4))),
            },
            Self {
                name: "jobs that burn",
                threads: cores,
                goal: 0.95,
                methods: &[("burn", 1.0)],
                job: |_| Job::new("burn", Work::Burn),
            },
            Self {
                name: "90 % quick and 10 % slow",
                threads: SLEEPERS,
                goal: 0.9,
                methods: &[("quick", 0.9), ("slow", 0.1)],
                // In no regular order, which could be in step with the threads.
                job: |n| match (n.wrapping_mul(2_654_435_761) >> 16) % 10 {
                    0 => Job::new("slow", Work::Sleep(Duration::from_millis(20))),
                    _ => Job::new("quick", Work::Sleep(Duration::from_millis(1))),
                },
            },
        ]
    }
}

/// The rounds of [`burn`] that take four milliseconds on a core of its own.
static ROUNDS: AtomicU64 = AtomicU64::new(0);

fn burn(rounds: u64) {
    let mut state = 1_u64;
    for _ in 0..rounds {
        state = black_box(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    }
}

/// Whether the caller got the result of its job.
type Answer = Pin<Box<dyn Future<Output = bool> + Send>>;

/// Makes a job, and returns what its caller awaits.
type Call = Box<dyn Fn(Job) -> Answer + Send + Sync>;

/// A way to run blocking jobs with a deadline.
struct Way {
    name: &'static str,
    /// Called on a runtime whose blocking pool has as many threads as the load.
    open: fn(threads: usize) -> Call,
}

/// Ours, by their settings; and the peers, as their users write them.
fn contestants() -> ([Way; 3], [Way; 4]) {
    let ours = [
        Way { name: "default queue", open: |threads| ours(Pool::builder("bench").threads(threads)) },
        Way {
            name: "queue of 16",
            open: |threads| ours(Pool::builder("bench").threads(threads).queue_capacity(16)),
        },
        Way {
            name: "queue of 1024",
            open: |threads| ours(Pool::builder("bench").threads(threads).queue_capacity(1024)),
        },
    ];
    let peers = [
        Way { name: "timeout(spawn_blocking)", open: by_timeout },
        Way { name: "semaphore + timeout(spawn_blocking)", open: by_semaphore },
        Way { name: "tower limit + load shed", open: by_tower },
        Way { name: "rayon + oneshot + timeout", open: by_rayon },
    ];
    (ours, peers)
}

fn ours(builder: portcullis::PoolBuilder) -> Call {
    let pool = builder.build().expect("threads");
    Box::new(move |job| {
        let offload = pool.job(job.method).deadline(DEADLINE).run(move |_| job.run());
        Box::pin(async move { offload.await.is_ok() })
    })
}

fn by_timeout(_: usize) -> Call {
    Box::new(|job| {
        let task = spawn_blocking(move || job.run());
        Box::pin(async move { timeout(DEADLINE, task).await.is_ok() })
    })
}

fn by_semaphore(threads: usize) -> Call {
    let semaphore = Arc::new(Semaphore::new(threads));
    Box::new(move |job| {
        let semaphore = Arc::clone(&semaphore);
        Box::pin(async move {
            let run = async {
                let permit = semaphore.acquire_owned().await.expect("never closed");
                let task = spawn_blocking(move || {
                    job.run();
                    drop(permit);
                });
                task.await.is_ok()
            };
            timeout(DEADLINE, run).await.unwrap_or(false)
        })
    })
}

fn by_tower(threads: usize) -> Call {
    let run = tower::service_fn(|job: Job| async move { spawn_blocking(move || job.run()).await });
    let service = ServiceBuilder::new().load_shed().concurrency_limit(threads).service(run);
    Box::new(move |job| {
        let mut service = service.clone();
        Box::pin(async move {
            let run = async { service.ready().await?.call(job).await };
            timeout(DEADLINE, run).await.is_ok_and(|ended| ended.is_ok())
        })
    })
}

fn by_rayon(threads: usize) -> Call {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    Box::new(move |job| {
        let (answer, answered) = oneshot::channel();
        pool.spawn(move || {
            job.run();
            let _ = answer.send(());
        });
        Box::pin(async move { timeout(DEADLINE, answered).await.is_ok_and(|answer| answer.is_ok()) })
    })
}

/// When each caller was answered, and how.
#[derive(Default)]
struct Answers {
    /// How long answers were counted: from one deadline after the beginning, when the queues are
    /// full, to the end of the arrivals.
    counted: Duration,
    /// How many answers of each method arrived in time.
    good: BTreeMap<&'static str, usize>,
    refused_after: Vec<Duration>,
}

impl Answers {
    fn shown(mut self, name: &'static str, load: &Load, capacity: f64) -> Shown {
        self.refused_after.sort_unstable();
        let median = self.refused_after.get(self.refused_after.len() / 2);
        let refused = median.map_or(f64::NAN, |time| time.as_secs_f64() * 1e3);
        let goodput = |good: usize| good as f64 / self.counted.as_secs_f64() / capacity;
        let of_method = |(method, share): &(&str, f64)| {
            vec![goodput(self.good.get(method).copied().unwrap_or(0)) / share]
        };
        let mut metrics = vec![vec![goodput(self.good.values().sum())], vec![refused]];
        metrics.extend(load.methods.iter().map(of_method));
        Shown { name, metrics }
    }
}

fn runtime(threads: usize) -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).max_blocking_threads(threads).enable_all().build().expect("a runtime")
}

/// The jobs per second that the threads run if a new one begins whenever one ends.
fn capacity(load: &Load, time: Duration) -> f64 {
    let runtime = runtime(load.threads);
    let (ended, numbers) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let start = Instant::now();
    let pool = Pool::builder("capacity").threads(load.threads).build().expect("threads");
    let callers: Vec<_> = (0..2 * load.threads)
        .map(|_| {
            let (pool, job, ended, numbers) = (pool.clone(), load.job, ended.clone(), numbers.clone());
            runtime.spawn(async move {
                while start.elapsed() < time {
                    let job = job(numbers.fetch_add(1, Relaxed));
                    pool.run(move |_| job.run()).await.expect("no deadline");
                    ended.fetch_add(1, Relaxed);
                }
            })
        })
        .collect();
    runtime.block_on(async {
        for caller in callers {
            caller.await.expect("no panic");
        }
    });
    f64::from(ended.load(Relaxed)) / start.elapsed().as_secs_f64()
}

impl Way {
    /// Offers `rate` jobs per second for `time`.
    fn flood(&self, load: &Load, rate: f64, time: Duration) -> Answers {
        let runtime = runtime(load.threads);
        let call = runtime.block_on(async { (self.open)(load.threads) });
        let mut answers = runtime.block_on(offer(&call, load.job, rate, time));
        answers.counted = time - DEADLINE;
        end_run(runtime);
        answers
    }

    /// The time from the end of a flood of five times the capacity until no probe, of one in four
    /// capacities, takes longer than the p99 of the probes before the flood and a tenth of the
    /// deadline.
    fn recovery(&self, load: &Load, capacity: f64, time: Duration) -> Duration {
        let runtime = runtime(load.threads);
        let call = runtime.block_on(async { (self.open)(load.threads) });
        let recovered = runtime.block_on(async {
            let mut before = probe(&call, load.job, capacity / 4.0, time / 5).await;
            before.sort_unstable_by_key(|probe| probe.took);
            let p99 = before.get(before.len() * 99 / 100).map_or(DEADLINE, |probe| probe.took);
            offer_and_forget(&call, load.job, 5.0 * capacity, time).await;
            let flood_end = Instant::now();
            let after = probe(&call, load.job, capacity / 4.0, time / 2).await;
            let is_slow = |probe: &&Probe| !probe.is_ok || probe.took > p99 + DEADLINE / 10;
            let slow: Vec<_> = after.iter().filter(is_slow).collect();
            // Of the probes after the recovery, one in a hundred may be slow, too.
            let last = slow.len().saturating_sub(1 + after.len() / 100);
            slow.get(last).filter(|_| slow.len() > after.len() / 100).map_or(Duration::ZERO, |probe| {
                probe.called_at.saturating_duration_since(flood_end) + probe.took
            })
        });
        end_run(runtime);
        recovered
    }
}

fn end_run(runtime: Runtime) {
    RUN.fetch_add(1, Relaxed);
    runtime.shutdown_background();
    // The jobs that run end now.
    thread::sleep(DEADLINE);
}

/// Calls at `rate` per second for `time`, each call made by `make` with its number.
pub(crate) async fn at_rate(rate: f64, time: Duration, mut make: impl FnMut(u32)) {
    let gap = Duration::from_secs_f64(1.0 / rate);
    let start = Instant::now();
    let mut made = 0;
    while start.elapsed() < time {
        while gap * made < start.elapsed().min(time) {
            make(made);
            made += 1;
        }
        sleep(Duration::from_millis(1)).await;
    }
}

async fn offer(call: &Call, job: fn(u32) -> Job, rate: f64, time: Duration) -> Answers {
    let answers = Arc::new(Mutex::new(Answers::default()));
    let mut tasks = Vec::new();
    let start = Instant::now();
    at_rate(rate, time, |n| {
        let (called_at, job, answers) = (Instant::now(), job(n), Arc::clone(&answers));
        let answer = call(job);
        tasks.push(tokio::spawn(async move {
            let is_ok = answer.await;
            let took = called_at.elapsed();
            let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
            if is_ok && took <= DEADLINE {
                let counts = (DEADLINE..time).contains(&start.elapsed());
                *answers.good.entry(job.method).or_default() += usize::from(counts);
            } else {
                answers.refused_after.push(took);
            }
        }));
    })
    .await;
    for task in tasks {
        task.await.expect("no panic");
    }
    std::mem::take(&mut *answers.lock().unwrap_or_else(PoisonError::into_inner))
}

async fn offer_and_forget(call: &Call, job: fn(u32) -> Job, rate: f64, time: Duration) {
    at_rate(rate, time, |n| drop(tokio::spawn(call(job(n))))).await;
}

struct Probe {
    called_at: Instant,
    took: Duration,
    is_ok: bool,
}

async fn probe(call: &Call, job: fn(u32) -> Job, rate: f64, time: Duration) -> Vec<Probe> {
    let mut tasks = Vec::new();
    at_rate(rate, time, |n| {
        let (called_at, answer) = (Instant::now(), call(job(n)));
        tasks.push(tokio::spawn(async move {
            let is_ok = answer.await;
            Probe { called_at, took: called_at.elapsed(), is_ok }
        }));
    })
    .await;
    let mut probes = Vec::new();
    for task in tasks {
        probes.push(task.await.expect("no panic"));
    }
    probes
}
