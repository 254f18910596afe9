//! Typed calls: a client with the methods of its service, calls at the same time over one
//! connection, an error of a method, a deadline, and a call that is dropped.
//!
//! ```text
//! cargo run --example rpc
//! ```

#![forbid(unsafe_code)]

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use portcullis::prelude::*;
use portcullis::rpc::CallError;
use portcullis_examples::{Error, time_limit};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

struct Primes {
    cpu: Pool,
    calls: AtomicU64,
    /// Notified when a job has stopped.
    stopped: Arc<Notify>,
}

#[derive(Debug, Serialize, Deserialize)]
enum PrimeError {
    TooSmall { least: u64 },
}

impl fmt::Display for PrimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::TooSmall { least } = self;
        write!(f, "the number must be at least {least}")
    }
}

impl std::error::Error for PrimeError {}

/// Answers questions about prime numbers.
#[service]
impl Primes {
    /// Finds the first prime number from `n`.
    #[rpc]
    #[blocking(pool = self.cpu)]
    fn next_prime(&self, worker: &Worker, n: u64) -> Result<u64, PrimeError> {
        if n < 2 {
            return Err(PrimeError::TooSmall { least: 2 });
        }
        let is_prime = |n: u64| {
            (2..).take_while(|divisor| divisor * divisor <= n).all(|divisor| !n.is_multiple_of(divisor))
        };
        // A cancelled job stops here; its value is not sent.
        Ok((n..).find(|n| worker.check().is_err() || is_prime(*n)).unwrap_or(n))
    }

    /// Counts prime numbers until it is cancelled.
    #[rpc]
    #[blocking(pool = self.cpu)]
    fn count_forever(&self, worker: &Worker) -> u64 {
        let mut counted = 0;
        while worker.sleep(Duration::from_millis(1)).is_ok() {
            counted += 1;
        }
        self.stopped.notify_one();
        counted
    }

    /// Returns how many calls the service has got.
    #[rpc]
    async fn calls(&self) -> u64 {
        self.calls.load(Relaxed)
    }

    #[before]
    async fn count(&self, call: PrimesCall) -> ControlFlow<PrimesReply, PrimesCall> {
        self.calls.fetch_add(1, Relaxed);
        ControlFlow::Continue(call)
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    time_limit(Duration::from_secs(60));
    let stopped = Arc::new(Notify::new());
    let service = Primes {
        cpu: Pool::builder("cpu").threads(2).build()?,
        calls: AtomicU64::new(0),
        stopped: Arc::clone(&stopped),
    };
    let codec = LengthPrefixed::<Postcard>::new();
    let server = Server::new(service).codec(codec.clone()).bind("127.0.0.1:0")?.spawn().await?;
    let primes = PrimesClient::connect(server.local_addr(), codec).await?;

    println!("The first prime number from one million is {}.", primes.next_prime(1_000_000).await?);
    match primes.next_prime(1).await {
        Err(CallError::Method(PrimeError::TooSmall { least })) => {
            println!("The method refuses numbers below {least}, with an error of its own.");
        }
        other => return Err(format!("unexpected: {other:?}").into()),
    }

    // A call that runs on a thread, and quick ones beside it, over the same connection.
    let slow = tokio::spawn({
        let primes = primes.clone();
        async move { primes.count_forever().await }
    });
    let begin = Instant::now();
    for _ in 0..100 {
        primes.calls().await?;
    }
    println!("100 quick calls took {:?} beside a slow one.", begin.elapsed());

    // Dropping the future of the slow call stops its thread.
    slow.abort();
    stopped.notified().await;
    println!("The thread of the slow call stopped when its caller was dropped.");

    let begin = Instant::now();
    let late = primes.count_forever().deadline(Duration::from_millis(50)).await;
    if let Err(error) = late {
        println!("A call with a deadline of 50 ms ended after {:?}: {error}.", begin.elapsed());
    }
    stopped.notified().await;
    println!("Its thread stopped too.");

    println!("{}", server.stop().await?);
    Ok(())
}
