//! `alloc`: heap allocations of a request, an offload and a portal call in steady state. They are
//! counted exactly, in a program of their own.

mod requests;

use std::future::Future;
use std::hint::black_box;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tracking_allocator::{AllocationGroupId, AllocationRegistry, AllocationTracker};

use crate::loops::{LOOP, on_loop};
use crate::measure::{Contestant, Plan, Shown, interleave};
use crate::peers::by_channel::ByChannel;
use crate::peers::{Crossbeam, Offloader, Ours, Rayon, SpawnBlocking, Unblock, pool};
use crate::table::{Goal, Row, Table};

const BENCH: &str = "alloc";

/// Counts the allocations of all threads while counting is enabled. A reallocation counts as one.
#[derive(Clone, Default)]
struct Count(Arc<AtomicUsize>);

impl AllocationTracker for Count {
    fn allocated(&self, _: usize, _: usize, _: usize, _: AllocationGroupId) {
        self.0.fetch_add(1, Relaxed);
    }

    fn deallocated(&self, _: usize, _: usize, _: usize, _: AllocationGroupId, _: AllocationGroupId) {}
}

/// Builds the program `counting` as this program was built, and runs it. It prints its own table.
pub(crate) fn run(plan: &Plan, table: &mut Table) {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["run", "--quiet", "--bin", "counting", "--manifest-path"]);
    cargo.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
    let flags = [
        ("--release", !cfg!(debug_assertions)),
        ("--no-default-features", !cfg!(feature = "peers")),
        ("--", true),
        ("--quick", plan.is_quick()),
        ("--json", table.is_json()),
    ];
    cargo.args(flags.into_iter().filter_map(|(flag, is_given)| is_given.then_some(flag)));
    let status = cargo.status().expect("cargo, by which this was built");
    assert!(status.success(), "counting failed: {status}");
}

/// The code of the program `counting`.
pub(crate) fn count(plan: &Plan, table: &mut Table) {
    let count = Count::default();
    AllocationRegistry::set_global_tracker(count.clone()).expect("the only tracker");
    a_request(plan, table, &count);
    let times = plan.size(50_000);
    one_offload(plan, table, &count, times);
    one_offload_and_call(plan, table, &count, times);
}

fn a_request(plan: &Plan, table: &mut Table, count: &Count) {
    let shown = requests::shown(plan, count, plan.size(20_000));
    let Some((by_hand, ours)) = shown.split_last() else { return };
    for ours in ours {
        let case = format!("a request, {}", ours.name);
        let none = Shown { name: "the goal", metrics: vec![vec![0.0; ours.metrics[0].len()]] };
        table.add(&Row::compare(BENCH, &case, "allocations", (ours, &none), 0).goal(Some(Goal::AtMost(1.0))));
        table.add(&Row::compare(BENCH, &case, "allocations", (ours, by_hand), 0));
    }
}

fn one_offload(plan: &Plan, table: &mut Table, count: &Count, times: usize) {
    let contestants = vec![
        offloads(count, times, Ours(pool())),
        offloads(count, times, SpawnBlocking),
        offloads(count, times, Crossbeam::new()),
        offloads(count, times, Rayon::new()),
        offloads(count, times, Unblock),
    ];
    add(table, "an offload", 1.0, &interleave(plan, contestants));
}

fn one_offload_and_call(plan: &Plan, table: &mut Table, count: &Count, times: usize) {
    let contestants = vec![ours_with_a_call(count, times), by_hand_with_a_call(count, times)];
    add(table, "an offload with a portal call", 2.0, &interleave(plan, contestants));
}

/// The goal is a number of allocations of ours, independent of the peers; see the column `ours`.
fn add(table: &mut Table, case: &str, goal: f64, shown: &[Shown]) {
    let Some((ours, peers)) = shown.split_first() else { return };
    let allowed = Shown { name: "the goal", metrics: vec![vec![goal; ours.metrics[0].len()]] };
    table.add(&Row::compare(BENCH, case, "allocations", (ours, &allowed), 0).goal(Some(Goal::AtMost(1.0))));
    for peer in peers {
        table.add(&Row::compare(BENCH, case, "allocations", (ours, peer), 0));
    }
}

fn offloads<O: Offloader>(count: &Count, times: usize, pool: O) -> Contestant {
    let count = count.clone();
    Contestant::new(O::NAME, move || {
        let pool = pool.clone();
        counted(&count, times, move || {
            let offload = pool.offload(|| 7_u64);
            async { black_box(offload.await) }
        })
    })
}

fn ours_with_a_call(count: &Count, times: usize) -> Contestant {
    let (count, pool) = (count.clone(), pool());
    Contestant::new(Ours::NAME, move || {
        let pool = pool.clone();
        counted(&count, times, move || {
            let offload = pool.run(|worker| worker.call(|| 7_u64).expect("an answer"));
            async { black_box(offload.await.expect("an outcome")) }
        })
    })
}

fn by_hand_with_a_call(count: &Count, times: usize) -> Contestant {
    let (count, pool) = (count.clone(), Crossbeam::new());
    let portal = ByChannel::on(LOOP.handle());
    Contestant::new("crossbeam, mpsc, 2 oneshots", move || {
        let (pool, portal) = (pool.clone(), portal.clone());
        counted(&count, times, move || {
            let (pool, portal) = (pool.clone(), portal.clone());
            async move { black_box(pool.offload(move || portal.trip(7)).await) }
        })
    })
}

/// Allocations of each of `times` calls of `crossing`, which are awaited one after the other on the
/// loop.
fn counted<F, C>(count: &Count, times: usize, crossing: F) -> Vec<f64>
where
    F: Fn() -> C + Send + 'static,
    C: Future<Output = u64> + Send,
{
    let count = Arc::clone(&count.0);
    on_loop(async move {
        let before = count.load(Relaxed);
        AllocationRegistry::enable_tracking();
        for _ in 0..times {
            crossing().await;
        }
        AllocationRegistry::disable_tracking();
        vec![(count.load(Relaxed) - before) as f64 / times as f64]
    })
}
