//! `portal`: what a pool thread pays to wait for async code, and to call the event loop.
//!
//! | case | ours | peers |
//! |---|---|---|
//! | a future that is ready | `future.wait(worker)` | `Handle::block_on` in place; a task, and `block_on` of its handle |
//! | a future that is woken in its first poll | the same | the same |
//! | the answer of a task on the loop | the same | the same, without the second task |
//! | a function on the loop | `worker.call`, `worker.run_on_loop` | the second; a channel and a oneshot |

use std::future::poll_fn;
use std::hint::black_box;
use std::task::Poll;
use std::time::Instant;

use portcullis::{Wait, Worker};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use crate::loops::{LOOP, on_loop};
use crate::measure::{Contestant, Latencies, Plan, Shown, interleave};
use crate::peers::by_channel::ByChannel;
use crate::peers::{block_on, by_channel, pool};
use crate::table::{Goal, Row, Table};

const BENCH: &str = "portal";
const WAIT: &str = "future.wait(worker)";
const IN_PLACE: &str = "Handle::block_on";

/// One sample is the mean of so many trips where a trip is shorter than the reading of a clock.
const SHORT: usize = 100;

pub(crate) fn run(plan: &Plan, table: &mut Table) {
    let trips = plan.size(20_000);
    let shown = interleave(
        plan,
        vec![
            ours(WAIT, trips, SHORT, |worker, n| async move { n }.wait(worker).expect("a value")),
            peer(IN_PLACE, trips, SHORT, |n| Handle::current().block_on(async move { n })),
            peer(block_on::NAME, trips, 1, |n| block_on::trip(&Handle::current(), n)),
        ],
    );
    add(table, "ready", &shown, 1);
    let shown = interleave(
        plan,
        vec![
            ours(WAIT, trips, SHORT, |worker, n| woken_at_once(n).wait(worker).expect("a value")),
            peer(IN_PLACE, trips, SHORT, |n| Handle::current().block_on(woken_at_once(n))),
        ],
    );
    add(table, "woken at once", &shown, 1);
    let answers = Answers::on(LOOP.handle());
    let (waits, blocks) = (answers.clone(), answers);
    let shown = interleave(
        plan,
        vec![
            ours(WAIT, trips, 1, move |worker, n| waits.answer(n).wait(worker).expect("a value")),
            peer(IN_PLACE, trips, 1, move |n| Handle::current().block_on(blocks.answer(n))),
        ],
    );
    add(table, "answer of a task", &shown, 1);
    let portal = ByChannel::on(LOOP.handle());
    let shown = interleave(
        plan,
        vec![
            ours("worker.call(f)", trips, 1, |worker, n| worker.call(move || n).expect("a value")),
            ours("worker.run_on_loop(future)", trips, 1, |worker, n| {
                worker.run_on_loop(async move { n }).expect("a value")
            }),
            peer(by_channel::NAME, trips, 1, move |n| portal.trip(n)),
            peer(block_on::NAME, trips, 1, |n| block_on::trip(&Handle::current(), n)),
        ],
    );
    add(table, "on the loop", &shown, 2);
}

/// Pending once; its waker is called in that poll.
async fn woken_at_once(n: u64) -> u64 {
    let mut is_woken = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut is_woken, true) {
            return Poll::Ready(n);
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

type Question = (u64, oneshot::Sender<u64>);

/// A task on the loop that answers each question, as an actor does.
#[derive(Clone)]
struct Answers(mpsc::UnboundedSender<Question>);

impl Answers {
    fn on(handle: &Handle) -> Self {
        let (questions, mut inbox) = mpsc::unbounded_channel::<Question>();
        handle.spawn(async move {
            while let Some((n, reply)) = inbox.recv().await {
                let _ = reply.send(n);
            }
        });
        Self(questions)
    }

    async fn answer(&self, n: u64) -> u64 {
        let (reply, answer) = oneshot::channel();
        assert!(self.0.send((n, reply)).is_ok(), "the task lives on");
        answer.await.expect("an answer")
    }
}

/// One row for each pair: the first `ours` of `shown` against each of the others.
fn add(table: &mut Table, case: &str, shown: &[Shown], ours: usize) {
    let (ours, peers) = shown.split_at(ours);
    for (metric, percentile) in ["p50", "p99"].into_iter().enumerate() {
        for mine in ours {
            for peer in peers {
                let case = format!("{case}: {}, {percentile}", mine.name);
                let goal = (metric == 0).then_some(Goal::AtMost(1.0));
                table.add(&Row::compare(BENCH, case, "µs", (mine, peer), metric).goal(goal));
            }
        }
    }
}

fn ours(
    name: &'static str,
    trips: usize,
    batch: usize,
    trip: impl Fn(&Worker, u64) -> u64 + Clone + Send + 'static,
) -> Contestant {
    let pool = pool();
    Contestant::new(name, move || {
        let trip = trip.clone();
        let offload = pool.run(move |worker| latencies(trips, batch, |n| trip(worker, n)));
        on_loop(async { offload.await.expect("an outcome") })
    })
}

/// On a thread of tokio's blocking pool.
fn peer(
    name: &'static str,
    trips: usize,
    batch: usize,
    trip: impl Fn(u64) -> u64 + Clone + Send + 'static,
) -> Contestant {
    Contestant::new(name, move || {
        let trip = trip.clone();
        on_loop(async move {
            let thread = tokio::task::spawn_blocking(move || latencies(trips, batch, trip));
            thread.await.expect("no panic")
        })
    })
}

fn latencies(trips: usize, batch: usize, trip: impl Fn(u64) -> u64) -> Vec<f64> {
    let mut latencies = Latencies::with_capacity(trips);
    for n in 0..trips as u64 {
        let start = Instant::now();
        for _ in 0..batch {
            black_box(trip(n));
        }
        latencies.since_for_each(start, batch);
    }
    latencies.percentiles()
}
