//! `portal`: the round trip from a pool thread to the event loop and back.

use std::hint::black_box;
use std::time::Instant;

use portcullis::{Wait, Worker};
use tokio::runtime::Handle;

use crate::loops::{LOOP, on_loop};
use crate::measure::{Contestant, Latencies, Plan, interleave};
use crate::peers::by_channel::ByChannel;
use crate::peers::{block_on, by_channel, pool};
use crate::table::{Goal, Row, Table};

const BENCH: &str = "portal";

pub(crate) fn run(plan: &Plan, table: &mut Table) {
    let trips = plan.size(20_000);
    let shown = interleave(
        plan,
        vec![
            ours("worker.call(f)", trips, |worker, n| worker.call(move || n).expect("an answer")),
            ours("future.wait(worker)", trips, |worker, n| async move { n }.wait(worker).expect("an answer")),
            Contestant::new(block_on::NAME, move || {
                by_hand(trips, |n| block_on::trip(&Handle::current(), n))
            }),
            Contestant::new(by_channel::NAME, {
                let portal = ByChannel::on(LOOP.handle());
                move || {
                    let portal = portal.clone();
                    by_hand(trips, move |n| portal.trip(n))
                }
            }),
        ],
    );
    let (ours, peers) = shown.split_at(2);
    for (metric, percentile) in ["p50", "p99"].into_iter().enumerate() {
        for mine in ours {
            for peer in peers {
                let case = format!("{}, {percentile}", mine.name);
                let goal = (metric == 0).then_some(Goal::AtMost(0.25));
                table.add(&Row::compare(BENCH, case, "µs", (mine, peer), metric).goal(goal));
            }
        }
    }
}

fn ours(name: &'static str, trips: usize, trip: fn(&Worker, u64) -> u64) -> Contestant {
    let pool = pool();
    Contestant::new(name, move || {
        let offload = pool.run(move |worker| latencies(trips, |n| trip(worker, n)));
        on_loop(async { offload.await.expect("an outcome") })
    })
}

/// On a thread of tokio's blocking pool.
fn by_hand(trips: usize, trip: impl Fn(u64) -> u64 + Send + 'static) -> Vec<f64> {
    on_loop(async move {
        let thread = tokio::task::spawn_blocking(move || latencies(trips, trip));
        thread.await.expect("no panic")
    })
}

fn latencies(trips: usize, trip: impl Fn(u64) -> u64) -> Vec<f64> {
    let mut latencies = Latencies::with_capacity(trips);
    for n in 0..trips as u64 {
        let start = Instant::now();
        black_box(trip(n));
        latencies.since(start);
    }
    latencies.percentiles()
}
