//! Services of calls in the test kit: typed clients without sockets, with stepped pools and paused
//! time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use portcullis::prelude::*;
use portcullis::rpc::{CallError, Failure};
use portcullis::{Interrupted, Reason, test};
use tokio::task::yield_now;

#[derive(Default)]
struct Seen {
    hanging: AtomicUsize,
    disconnected: AtomicUsize,
}

struct Math {
    cpu: Pool,
    seen: Arc<Seen>,
}

/// Counts the handlers of `hang` that exist.
struct Hanging(Arc<Seen>);

impl Drop for Hanging {
    fn drop(&mut self) {
        self.0.hanging.fetch_sub(1, SeqCst);
    }
}

#[service]
impl Math {
    #[rpc]
    async fn add(&self, a: u32, b: u32) -> u32 {
        a + b
    }

    #[rpc]
    #[blocking(pool = self.cpu)]
    fn square(&self, n: u64) -> Result<u64, Interrupted> {
        Ok(n * n)
    }

    #[rpc]
    async fn hang(&self) {
        self.seen.hanging.fetch_add(1, SeqCst);
        let _hanging = Hanging(Arc::clone(&self.seen));
        std::future::pending::<()>().await;
    }

    #[rpc]
    async fn refuse(&self, text: String) -> Result<(), String> {
        Err(text)
    }

    #[on(disconnect)]
    async fn disconnected(&self) {
        self.seen.disconnected.fetch_add(1, SeqCst);
    }
}

async fn until(condition: impl Fn() -> bool) {
    let start = std::time::Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(10), "in time");
        yield_now().await;
    }
}

fn math(cpu: Pool) -> (Math, Arc<Seen>) {
    let seen = Arc::new(Seen::default());
    (Math { cpu, seen: Arc::clone(&seen) }, seen)
}

#[tokio::test]
async fn a_typed_client_calls_without_a_socket() {
    let (math, seen) = math(Pool::inline());
    let server = test::connect(math).await.unwrap();
    let client = server.client();
    assert_eq!(client.add(1, 2).await, Ok(3));
    assert_eq!(client.square(12).await, Ok(144));
    assert_eq!(client.refuse("no".to_owned()).await, Err(CallError::Method("no".to_owned())));
    let calls = (0..100).map(|n| client.add(n, 1));
    let sums = futures::future::join_all(calls).await;
    assert!(sums.into_iter().enumerate().all(|(n, sum)| sum == Ok(n as u32 + 1)));
    // Another client of the same connection.
    assert_eq!(server.client().add(3, 4).await, Ok(7));
    assert!(server.close().await.unwrap().is_clean());
    assert_eq!(seen.disconnected.load(SeqCst), 1);
    assert_eq!(client.add(1, 1).await, Err(CallError::Failure(Failure::Closed)));
}

#[tokio::test]
async fn connections_are_independent() {
    let (math, seen) = math(Pool::inline());
    let mut first = test::connect(math).await.unwrap();
    let second = first.connect_another().await.unwrap();
    let (one, two) = (first.client(), second.client());
    let lost = tokio::spawn(one.hang());
    until(|| seen.hanging.load(SeqCst) == 1).await;
    first.reset();
    assert_eq!(lost.await.unwrap(), Err(CallError::Failure(Failure::Lost)));
    until(|| seen.hanging.load(SeqCst) == 0).await;
    assert_eq!(two.add(1, 2).await, Ok(3));
    assert!(matches!(first.ended().await.unwrap(), Reason::Reset));
    assert!(second.close().await.unwrap().is_clean());
    assert_eq!(seen.disconnected.load(SeqCst), 2);
}

#[tokio::test]
async fn a_stepped_pool_runs_the_jobs_of_calls() {
    let (cpu, stepper) = Pool::builder("cpu").threads(1).stepped().unwrap();
    let (math, _) = math(cpu);
    let server = test::connect(math).await.unwrap();
    let client = server.client();
    let (first, second) = (tokio::spawn(client.square(3)), tokio::spawn(client.square(4)));
    until(|| stepper.queued().len() == 2).await;
    // A cancelled call takes its job out of the queue.
    first.abort();
    until(|| stepper.queued().len() == 1).await;
    // Another call of the connection does not wait for the job.
    assert_eq!(client.add(1, 1).await, Ok(2));
    assert!(stepper.step().await);
    assert_eq!(second.await.unwrap(), Ok(16));
    assert!(!stepper.step().await);
    assert!(server.close().await.unwrap().is_clean());
}

#[tokio::test]
async fn deadlines_follow_the_paused_clock() {
    let time = test::pause();
    let (math, seen) = math(Pool::inline());
    let server = test::connect(math).await.unwrap();
    let client = server.client();
    let late = client.hang().deadline(Duration::from_secs(3600));
    assert_eq!(late.await, Err(CallError::Failure(Failure::Deadline)));
    assert!(time.elapsed() >= Duration::from_secs(3600), "{:?}", time.elapsed());
    assert!(time.elapsed() < Duration::from_secs(3601), "{:?}", time.elapsed());
    until(|| seen.hanging.load(SeqCst) == 0).await;
    assert!(server.close().await.unwrap().is_clean());
}

#[tokio::test]
async fn a_call_that_is_never_answered_does_not_hang_the_test() {
    let (math, _) = math(Pool::inline());
    let server = test::connect(math).await.unwrap().timeout(Duration::from_millis(50));
    let client = server.client();
    assert_eq!(client.hang().await, Err(CallError::Failure(Failure::Lost)));
    assert_eq!(client.add(1, 1).await, Err(CallError::Failure(Failure::Closed)));
}
