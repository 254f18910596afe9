//! The source that is expanded into `expanded.rs`: each form once.

use portcullis::prelude::*;
use portcullis::{Interrupted, Peer};
use std::fmt::Error as Odd;
use std::time::Duration;

/// Responds, with jobs on pool threads.
#[derive(Debug)]
pub struct Echo {
    greeting: String,
    pools: [Pool; 2],
}

#[service(request = String, response = String)]
impl Echo {
    /// Makes one.
    #[must_use]
    pub fn new(greeting: &str, pools: [Pool; 2]) -> Self {
        Self { greeting: greeting.to_owned(), pools }
    }

    #[on(start)]
    async fn started(&self, _cleanup: &mut Cleanup) -> Result<(), Interrupted> {
        Ok(())
    }

    #[on(connect)]
    async fn opened(&self, _peer: &Peer<String>) -> u64 {
        0
    }

    /// Answers.
    ///
    /// # Errors
    /// If it is interrupted.
    #[request(half_close = cancel)]
    pub async fn echo(
        &self,
        peer: &Peer<String>,
        count: &mut u64,
        text: String,
    ) -> Result<String, Interrupted> {
        *count += 1;
        let _ = peer.try_send(self.tell(*count).await);
        self.upper(text.clone(), text.len()).await
    }

    /// Shouts.
    ///
    /// # Errors
    /// If it is interrupted.
    #[blocking(pool = self.pools[at % 2], deadline = "2s", lane = at)]
    pub fn upper(&self, worker: &Worker, text: String, at: usize) -> Result<String, Interrupted> {
        worker.check()?;
        let count = self.count(text.clone()).wait(worker)?;
        Ok(format!("{}{count}{at}{}", self.greeting, text.to_uppercase()))
    }

    /// Counts. The type of the output isn't a `Result`.
    #[blocking(detached, deadline = Duration::from_secs(1))]
    fn length(&self, text: String) -> usize {
        text.len()
    }

    /// Counts.
    pub async fn count(&self, text: String) -> usize {
        self.length(text).await.unwrap_or_default()
    }

    async fn tell(&self, count: u64) -> String {
        count.to_string()
    }

    #[on(error)]
    async fn failed(&self, _error: SessionError<Interrupted>) -> ControlFlow<Reason, String> {
        ControlFlow::Continue(String::new())
    }

    #[on(disconnect)]
    async fn left(&self, _count: u64, _reason: Reason) {}

    #[on(stop)]
    async fn stopped(&self) {}
}

/// Opens and closes.
#[derive(Debug)]
pub struct Door;

#[service(state(derive(Debug)))]
impl Door {
    #[on(connect)]
    async fn opened(&self, _peer: &Peer<u64, String>) -> u64 {
        0
    }

    #[before]
    async fn ahead(&self, _count: &mut u64, request: u64) -> Result<ControlFlow<u64, u64>, Odd> {
        Ok(ControlFlow::Continue(request))
    }

    #[after]
    async fn behind(&self, _response: &u64) {}

    /// No one can pass.
    #[state(start)]
    pub async fn shut(&self, count: &mut u64, request: u64) -> (u64, DoorState) {
        *count += 1;
        (request, DoorState::Open(request))
    }

    #[state(idle = "1m", max_duration = "1h")]
    async fn open(&self, _by: u64, _request: u64) -> DoorState {
        DoorState::Shut
    }

    #[event(open)]
    async fn note(&self, by: u64, _event: String) -> Result<DoorState, Odd> {
        Ok(DoorState::Open(by))
    }

    #[on(timeout = open)]
    async fn fell_shut(&self, by: u64) -> (u64, DoorState) {
        (by, DoorState::Shut)
    }

    #[on(disconnect)]
    async fn left(&self, _count: u64, _last: Option<DoorState>, _reason: Reason) {}
}

/// A session in one method.
#[derive(Debug)]
pub struct Talk<T> {
    word: T,
}

#[service]
impl<T: std::fmt::Display + Send + Sync + 'static> Talk<T> {
    #[session]
    async fn talk(&self, session: &mut Session<String, String>) -> Result<(), Odd> {
        while let Ok(line) = session.next().await {
            let answer = self.answer(line).await;
            if session.send(answer).await.is_err() {
                break;
            }
        }
        Ok(())
    }

    async fn answer(&self, line: String) -> String {
        format!("{}{line}", self.word)
    }
}

/// A job without a service.
#[blocking]
pub fn work(_worker: &Worker, n: u64) -> u64 {
    n
}
