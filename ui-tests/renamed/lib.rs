//! A crate of edition 2021 that depends on portcullis as `gate`: no expansion may name
//! `::portcullis`.

#![forbid(unsafe_code)]

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};

use gate::{Interrupted, Peer, Reason, SessionError, Wait, Worker, blocking, service};

/// Counts requests.
#[derive(Debug, Default)]
pub struct Echo {
    asked: AtomicU64,
}

#[service(crate = gate)]
impl Echo {
    #[request]
    async fn echo(&self, peer: &Peer<String>, line: String) -> Result<String, Interrupted> {
        assert!(!peer.is_closed());
        self.shout(line).await
    }

    #[blocking(deadline = "20s")]
    fn shout(&self, worker: &Worker, line: String) -> Result<String, Interrupted> {
        let n = self.count().wait(worker)?;
        Ok(format!("{n} {}", line.to_uppercase()))
    }

    async fn count(&self) -> u64 {
        self.asked.fetch_add(1, Ordering::Relaxed)
    }

    #[on(error)]
    async fn failed(&self, error: SessionError<Interrupted>) -> ControlFlow<Reason, String> {
        ControlFlow::Continue(error.to_string())
    }
}

/// A blocking function without a service.
#[blocking(crate = gate)]
pub fn double(n: u64) -> u64 {
    n * 2
}

/// Typed calls, of a trait and of a block.
pub mod calls {
    use gate::{Sender, Worker, rpc, service};

    /// The calls of [`Counter`].
    #[rpc(crate = gate, derive(Debug))]
    pub trait Count {
        /// Counts to a number.
        fn count(&self, numbers: &Sender<u32>, to: u32) -> Result<u32, String>;

        /// Doubles a number.
        async fn double(&self, n: u64) -> u64;
    }

    /// A service that implements a trait.
    #[derive(Debug)]
    pub struct Counter;

    #[service(crate = gate, rpc = Count)]
    impl Counter {
        #[rpc]
        #[blocking]
        fn count(&self, worker: &Worker, numbers: &Sender<u32>, to: u32) -> Result<u32, String> {
            for n in 0..to {
                numbers.send(worker, n).map_err(|error| error.to_string())?;
            }
            Ok(to)
        }

        #[rpc]
        async fn double(&self, n: u64) -> u64 {
            n * 2
        }
    }

    /// A service with a client of its own.
    #[derive(Debug)]
    pub struct Halver;

    #[service(crate = gate)]
    impl Halver {
        #[rpc]
        async fn halve(&self, n: u64) -> u64 {
            n / 2
        }
    }
}
