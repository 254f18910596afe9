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
