//! `offload`: latency and throughput of no-op jobs on another thread.

use std::hint::black_box;
use std::time::Instant;

use crate::loops::{LOOP, on_loop};
use crate::measure::{Contestant, Latencies, Plan, Shown, interleave};
use crate::peers::{Crossbeam, HeldSpawnBlocking, Offloader, Ours, Rayon, SpawnBlocking, Unblock, pool};
use crate::table::{Goal, Row, Table};

const BENCH: &str = "offload";

pub(crate) fn run(plan: &Plan, table: &mut Table) {
    let offloads = plan.size(20_000);
    let shown = interleave(plan, everybody(|name, one| Contestant::new(name, move || one.latency(offloads))));
    for (metric, percentile) in ["p50", "p99"].into_iter().enumerate() {
        let goal = |peer: &str| match (percentile, peer) {
            ("p50", SpawnBlocking::NAME) => Some(Goal::AtMost(0.35)),
            ("p50", HeldSpawnBlocking::NAME) => None,
            ("p50", _) => Some(Goal::AtMost(1.0)),
            _ => None,
        };
        add(table, format!("1 caller, {percentile}"), "µs", &shown, metric, goal);
    }
    for callers in [64, 1024] {
        let each = plan.size(300_000).div_ceil(callers);
        let shown = interleave(
            plan,
            everybody(|name, one| Contestant::new(name, move || one.throughput(callers, each))),
        );
        let goal = |peer: &str| match peer {
            SpawnBlocking::NAME => Some(Goal::AtLeast(5.0)),
            Crossbeam::NAME => Some(Goal::AtLeast(1.1)),
            _ => None,
        };
        add(table, format!("{callers} callers"), "k/s", &shown, 0, goal);
    }
}

fn add(
    table: &mut Table,
    case: String,
    unit: &'static str,
    shown: &[Shown],
    metric: usize,
    goal: impl Fn(&str) -> Option<Goal>,
) {
    let Some((ours, peers)) = shown.split_first() else { return };
    for peer in peers {
        table.add(&Row::compare(BENCH, &*case, unit, (ours, peer), metric).goal(goal(peer.name)));
    }
}

/// One contestant for each peer, ours first.
fn everybody(mut enter: impl FnMut(&'static str, Box<dyn Bench>) -> Contestant) -> Vec<Contestant> {
    vec![
        enter(Ours::NAME, Box::new(Ours(pool()))),
        enter(SpawnBlocking::NAME, Box::new(SpawnBlocking)),
        enter(HeldSpawnBlocking::NAME, Box::new(HeldSpawnBlocking)),
        enter(Crossbeam::NAME, Box::new(Crossbeam::new())),
        enter(Rayon::NAME, Box::new(Rayon::new())),
        enter(Unblock::NAME, Box::new(Unblock)),
    ]
}

/// The cases of an [`Offloader`] with its type erased.
trait Bench {
    /// p50 and p99 of `offloads` no-op jobs, one after the other.
    fn latency(&self, offloads: usize) -> Vec<f64>;
    /// Thousands of jobs per second while `callers` tasks await `each` of them, one after the
    /// other.
    fn throughput(&self, callers: usize, each: usize) -> Vec<f64>;
}

impl<O: Offloader> Bench for O {
    fn latency(&self, offloads: usize) -> Vec<f64> {
        let pool = self.clone();
        on_loop(async move {
            let mut latencies = Latencies::with_capacity(offloads);
            for n in 0..offloads {
                let start = Instant::now();
                black_box(pool.offload(move || n).await);
                latencies.since(start);
            }
            latencies.percentiles()
        })
    }

    fn throughput(&self, callers: usize, each: usize) -> Vec<f64> {
        let start = Instant::now();
        let tasks: Vec<_> = (0..callers)
            .map(|_| {
                let pool = self.clone();
                LOOP.spawn(async move {
                    for n in 0..each {
                        black_box(pool.offload(move || n).await);
                    }
                })
            })
            .collect();
        LOOP.block_on(async {
            for task in tasks {
                task.await.expect("no panic on the loop");
            }
        });
        vec![(callers * each) as f64 / start.elapsed().as_secs_f64() / 1e3]
    }
}
