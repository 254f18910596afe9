//! [`JobWorkers`]: takes jobs from a queue, one for each free slot, and reports what became of
//! them.
//!
//! A slot asks the server for one job at a time, so a node holds no job that it has no thread for.
//! While a job runs, the slot reports progress to the server three times in each `ack_wait`.

use std::fmt::Display;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::header::NATS_MESSAGE_ID;
use async_nats::jetstream::{AckKind, Message};
use futures_util::StreamExt;
use futures_util::future::join_all;
use portcullis_codec::DatagramCodec;
use portcullis_runtime::internal::error::{CatchUnwind, catch_panic};
use portcullis_runtime::{Interrupted, Pool, Worker};
use portcullis_service::Stopping;
use tokio::time::{Instant, interval_at, sleep, sleep_until, timeout};
use tracing::{debug, error, warn};

use super::{JobQueue, Shared};
use crate::NatsError;

/// How long the server holds a request for a job. A slot looks at the stop this often.
const EXPIRES: Duration = Duration::from_secs(1);
/// How long after that the slot gives the request up: the server is away.
const LATE: Duration = Duration::from_secs(2);
/// The pause after a failure of the server, doubled each time up to the limit.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(5);
/// How long a confirmation from the server may take.
const CONFIRM: Duration = Duration::from_secs(5);
/// This long before the server's grace is over, jobs are cancelled and given back.
const GIVE_BACK: Duration = Duration::from_millis(500);

/// A job, as a worker gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery<T> {
    /// The job.
    pub job: T,
    /// Its id. A job that is delivered again has the same one: use it to do the job's effect once.
    pub id: String,
    /// Which delivery this is, counted from 1.
    pub attempt: u64,
}

/// Works on the jobs of a queue; made by [`JobQueue::workers`].
#[must_use = "nothing works before `run` or `run_on`"]
pub struct JobWorkers<T, D> {
    shared: Arc<Shared<D>>,
    slots: usize,
    jobs: PhantomData<fn() -> T>,
}

impl<T, D> std::fmt::Debug for JobWorkers<T, D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JobWorkers").field("slots", &self.slots).finish_non_exhaustive()
    }
}

/// What workers have done until they stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkReport {
    /// Jobs that are done and removed.
    pub done: u64,
    /// Deliveries that failed or panicked, and are to be repeated.
    pub failed: u64,
    /// Jobs that went to the dead jobs.
    pub dead: u64,
    /// Jobs that were given back because of the stop.
    pub given_back: u64,
}

#[derive(Default)]
struct Counts {
    done: AtomicU64,
    failed: AtomicU64,
    dead: AtomicU64,
    given_back: AtomicU64,
}

impl Counts {
    fn report(&self) -> WorkReport {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        WorkReport {
            done: get(&self.done),
            failed: get(&self.failed),
            dead: get(&self.dead),
            given_back: get(&self.given_back),
        }
    }
}

/// What became of a delivery.
enum Outcome {
    Done,
    Failed(String),
    /// The stop cut it short.
    Cut,
}

impl<T, D> JobQueue<T, D> {
    /// Workers that run up to `slots` jobs at a time on this node: for jobs on a pool, as many as
    /// it has threads.
    pub fn workers(&self, slots: usize) -> JobWorkers<T, D> {
        JobWorkers { shared: Arc::clone(&self.shared), slots: slots.max(1), jobs: PhantomData }
    }
}

impl<T, D> JobWorkers<T, D>
where
    T: Send + 'static,
    D: DatagramCodec<T, T> + Sync,
{
    /// Runs `work` for each job, on the event loop, until `stopping`. A server's service spawns
    /// this in `#[on(start)]`, by [`Portal::spawn`](portcullis_runtime::Portal::spawn), with
    /// `cleanup.stopping()`.
    ///
    /// At the stop no further job is taken. Those that run may finish; half a second before the
    /// server's grace is over they are dropped and given back. A stop waits at least for the
    /// server's answer to the last request for a job, which takes up to a second.
    ///
    /// A server that is away is no error: the workers try again until it is back.
    ///
    /// # Cancellation
    /// Dropping the future drops the jobs. They are delivered again after
    /// [`ack_wait`](super::JobQueueBuilder::ack_wait).
    ///
    /// # Panics
    /// A panic of `work` is caught and counts as a failure of the job.
    pub async fn run<F, Fut, E>(self, stopping: Stopping, work: F) -> WorkReport
    where
        F: Fn(Delivery<T>) -> Fut,
        Fut: Future<Output = Result<(), E>>,
        E: Display,
    {
        let counts = Counts::default();
        let slot = || self.slot(&stopping, &counts, &work);
        join_all((0..self.slots).map(|_| slot())).await;
        counts.report()
    }

    /// As [`run`](Self::run), with each job on a thread of `pool`. A job that the stop cuts short
    /// is cancelled: its next [`worker.check()`](Worker::check) fails.
    pub async fn run_on<F, E>(self, pool: Pool, stopping: Stopping, work: F) -> WorkReport
    where
        F: Fn(&Worker, Delivery<T>) -> Result<(), E> + Send + Sync + 'static,
        E: Display + Send + 'static,
    {
        let work = Arc::new(work);
        self.run(stopping, |delivery| {
            let work = Arc::clone(&work);
            let job = pool.run(move |worker| work(worker, delivery));
            async move {
                match job.await {
                    Ok(Ok(())) => Ok(()),
                    Ok(Err(error)) => Err(error.to_string()),
                    Err(Interrupted::Panicked(panic)) => Err(format!("panicked: {panic}")),
                    Err(interrupted) => Err(interrupted.to_string()),
                }
            }
        })
        .await
    }

    async fn slot<F, Fut, E>(&self, stopping: &Stopping, counts: &Counts, work: &F)
    where
        F: Fn(Delivery<T>) -> Fut,
        Fut: Future<Output = Result<(), E>>,
        E: Display,
    {
        let mut pause = FIRST_PAUSE;
        while !stopping.is_stopping() {
            match self.shared.next().await {
                Ok(None) => pause = FIRST_PAUSE,
                Ok(Some(message)) => {
                    pause = FIRST_PAUSE;
                    self.handle(&message, stopping, counts, work).await;
                }
                Err(error) => {
                    warn!(%error, queue = %self.shared.subject, "no job could be taken; trying again in {pause:?}");
                    tokio::select! {
                        () = stopping.wait() => {}
                        () = sleep(pause) => {}
                    }
                    pause = (pause * 2).min(MAX_PAUSE);
                }
            }
        }
    }

    async fn handle<F, Fut, E>(&self, message: &Message, stopping: &Stopping, counts: &Counts, work: &F)
    where
        F: Fn(Delivery<T>) -> Fut,
        Fut: Future<Output = Result<(), E>>,
        E: Display,
    {
        let shared = &*self.shared;
        // A message that did not come from a consumer has none, and there is no such message.
        let attempt = message.info().map_or(1, |info| u64::try_from(info.delivered).unwrap_or(1));
        let id = id_of(message);
        let outcome = if stopping.is_stopping() {
            Outcome::Cut
        } else if attempt > shared.max_deliveries {
            // Its last worker died.
            Outcome::Failed("no delivery of the job returned".to_owned())
        } else {
            // A codec is the user's code, too.
            match catch_panic(|| shared.codec.clone().decode(&message.payload)) {
                Ok(Ok(job)) => {
                    let delivery = Delivery { job, id: id.clone(), attempt };
                    run_job(shared, message, stopping, work, delivery).await
                }
                Ok(Err(error)) => {
                    let error = format!("the job cannot be decoded: {error}");
                    return self.bury(message, &id, attempt, &error, counts).await;
                }
                Err(panic) => Outcome::Failed(format!("decoding panicked: {panic}")),
            }
        };
        match outcome {
            Outcome::Done => {
                // Counted also if the server does not confirm: then it delivers the job again.
                counts.done.fetch_add(1, Ordering::Relaxed);
                log_failure("removing a job that is done", timeout(CONFIRM, message.double_ack()).await);
            }
            Outcome::Cut => {
                counts.given_back.fetch_add(1, Ordering::Relaxed);
                let given_back = timeout(CONFIRM, message.ack_with(AckKind::Nak(None))).await;
                log_failure("giving a job back", given_back);
            }
            Outcome::Failed(error) if attempt >= shared.max_deliveries => {
                self.bury(message, &id, attempt, &error, counts).await;
            }
            Outcome::Failed(error) => {
                counts.failed.fetch_add(1, Ordering::Relaxed);
                let delay = shared.delay_after(attempt);
                warn!(%error, %id, attempt, "a job failed; it is delivered again in {delay:?}");
                let failed = timeout(CONFIRM, message.ack_with(AckKind::Nak(Some(delay)))).await;
                log_failure("reporting that a job failed", failed);
            }
        }
    }

    /// Moves a job to the dead jobs.
    async fn bury(&self, message: &Message, id: &str, attempt: u64, error: &str, counts: &Counts) {
        error!(%error, %id, attempt, queue = %self.shared.subject, "a job is dead");
        match self.shared.keep_dead(message, id, attempt, error).await {
            Ok(()) => {
                counts.dead.fetch_add(1, Ordering::Relaxed);
                log_failure("removing a dead job", timeout(CONFIRM, message.double_ack()).await);
            }
            // It stays in the queue, and is delivered again.
            Err(error) => warn!(%error, %id, "a dead job could not be kept"),
        }
    }
}

/// Runs one job to its end, or to the end of the grace.
async fn run_job<T, D, F, Fut, E>(
    shared: &Shared<D>,
    message: &Message,
    stopping: &Stopping,
    work: &F,
    delivery: Delivery<T>,
) -> Outcome
where
    F: Fn(Delivery<T>) -> Fut,
    Fut: Future<Output = Result<(), E>>,
    E: Display,
{
    // The call itself may panic, too.
    let running = async { work(delivery).await.map_err(|error| error.to_string()) };
    let mut running = pin!(CatchUnwind::new(running));
    let mut cut = pin!(async {
        stopping.wait().await;
        if let Some(deadline) = stopping.deadline() {
            sleep_until(deadline.checked_sub(GIVE_BACK).unwrap_or(deadline)).await;
        }
    });
    let period = shared.ack_wait / 3;
    // Beside the job: sending waits while the client is not connected and its queue is full.
    let alive = async {
        let mut ticks = interval_at(Instant::now() + period, period);
        loop {
            ticks.tick().await;
            if let Err(error) = message.ack_with(AckKind::Progress).await {
                debug!(%error, "the server does not know that a job still runs");
            }
        }
    };
    tokio::select! {
        biased;
        ended = &mut running => match ended {
            Ok(Ok(())) => Outcome::Done,
            Ok(Err(error)) => Outcome::Failed(error),
            Err(panic) => Outcome::Failed(format!("panicked: {panic}")),
        },
        () = &mut cut => Outcome::Cut,
        never = alive => never,
    }
}

impl<D> Shared<D> {
    /// The next job; `None` if there was none for a while.
    async fn next(&self) -> Result<Option<Message>, NatsError> {
        let one = async {
            let mut batch = self.consumer.batch().max_messages(1).expires(EXPIRES).messages().await?;
            batch.next().await.transpose()
        };
        match timeout(EXPIRES + LATE, one).await {
            Ok(next) => next,
            Err(_) => Err("the NATS server does not answer".into()),
        }
    }

    fn delay_after(&self, attempt: u64) -> Duration {
        let doublings = u32::try_from(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
        let factor = 2_u32.checked_pow(doublings).unwrap_or(u32::MAX);
        self.retry_delay.saturating_mul(factor).min(self.max_retry_delay)
    }
}

/// The id of a job. One that was added by a program without ids has its number in the stream.
fn id_of(message: &Message) -> String {
    let given = message.headers.as_ref().and_then(|headers| headers.get(NATS_MESSAGE_ID));
    match given {
        Some(id) => id.to_string(),
        None => message.info().map_or_else(|_| String::new(), |info| info.stream_sequence.to_string()),
    }
}

fn log_failure(what: &str, result: Result<Result<(), NatsError>, tokio::time::error::Elapsed>) {
    match result {
        Ok(Ok(())) => {}
        Ok(Err(error)) => warn!(%error, "{what} failed; it may be delivered again"),
        Err(_) => warn!("{what} was not confirmed; it may be delivered again"),
    }
}
