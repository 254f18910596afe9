//! The clock and inline pools do not lose sight of a job that a thread has taken out of the queue
//! and not claimed yet.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use futures::executor::block_on;

use super::TestPoolBuilder;
use portcullis_runtime::Pool;

/// Holds each job for some real time on its way to the thread: the moment that the tests are about,
/// made longer.
fn slow_to_claim(pool: Pool) -> Pool {
    pool.hold_before_claim(|| std::thread::sleep(Duration::from_millis(50)));
    pool
}

#[test]
fn the_paused_clock_stands_while_a_job_is_in_hand() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let time = crate::pause();
        let pool = slow_to_claim(Pool::builder("held").threads(1).build().unwrap());
        for _ in 0..3 {
            let job = tokio::time::timeout(Duration::from_millis(1), pool.run(|_| ()));
            job.await.expect("no time has passed").unwrap();
        }
        assert_eq!(time.elapsed(), Duration::ZERO);
    });
}

#[test]
fn the_call_of_an_inline_pool_waits_for_a_job_in_hand() {
    let pool = slow_to_claim(Pool::builder("inline").threads(1).inline().unwrap());
    let ran = Arc::new(AtomicBool::new(false));
    let runs = Arc::clone(&ran);
    let job = pool.run(move |_| runs.store(true, SeqCst));
    assert!(ran.load(SeqCst));
    block_on(job).unwrap();
}
