//! O13–O20: what a pool does when more jobs arrive than it can run by their deadlines.

#![forbid(unsafe_code)]

mod admission;
mod choice;
mod deadlines;
mod delay;
mod estimate;
mod facade;
mod floods;

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use futures::future::join_all;
use portcullis::prelude::*;
use portcullis::{DEADLINE, Interrupted, JobBuilder, Offload, Overflow, test};
use portcullis_tests::{LIMIT, eventually, occupy_thread, on_loops, poll_once};

const MS: Duration = Duration::from_millis(1);

fn pool(threads: usize) -> Pool {
    Pool::builder("test").threads(threads).queue_capacity(1024).build().expect("threads")
}

/// The jobs of one call site: all of one `name` share an estimate.
fn made_here<'a>(pool: &'a Pool, name: &'static str) -> JobBuilder<'a> {
    pool.job(name)
}

/// A job that takes `time`.
fn job(pool: &Pool, name: &'static str, time: Duration, deadline: Duration) -> Offload<()> {
    made_here(pool, name).deadline(deadline).run(move |_| thread::sleep(time))
}

/// Makes the pool expect that jobs of this name take `time` at least.
async fn train(pool: &Pool, name: &'static str, time: Duration) {
    job(pool, name, time, Duration::MAX).await.expect("no deadline");
    assert!(expected(pool, name) >= time);
}

fn expected(pool: &Pool, name: &'static str) -> Duration {
    let stats = pool.stats();
    let of_name = stats.estimates.iter().find(|estimate| estimate.method == name);
    of_name.map_or(Duration::ZERO, |estimate| estimate.run_time)
}

/// The result of a job that has been answered already.
fn answered<T>(mut offload: Offload<T>) -> Result<T, Interrupted>
where
    T: Send + 'static,
{
    match poll_once(&mut offload) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("not answered at the call"),
    }
}

/// Runs `test` with a paused clock: what jobs sleep by their worker is no real time, and nothing
/// else takes time.
fn paused<F: Future<Output = ()>>(test: impl FnOnce() -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let started = Instant::now();
    runtime.block_on(async {
        let time = test::pause();
        test().await;
        drop(time);
    });
    assert!(started.elapsed() < LIMIT);
}

/// A job that takes `time` by the paused clock.
fn sleeper(pool: &Pool, name: &'static str, time: Duration, deadline: Duration) -> Offload<bool> {
    pool.job(name).deadline(deadline).run(move |worker| worker.sleep(time).is_ok())
}
