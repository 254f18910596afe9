//! [`JobQueue`]: work that must be done although nodes die, in a JetStream work queue.
//!
//! A job stays in the stream until a node acknowledges that it is done. A node that dies, or that
//! does not say for [`ack_wait`](JobQueueBuilder::ack_wait) that it is still at work, loses the job
//! to another delivery. So a job runs **at least once**, and may run twice: its effect must be the
//! same if it does.
//!
//! - this file: the queue, and adding jobs to it;
//! - [`work`]: taking jobs, and what becomes of each;
//! - [`dead`]: jobs that have failed as often as they may.

mod dead;
mod work;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use async_nats::header::NATS_MESSAGE_ID;
use async_nats::jetstream::consumer::pull;
use async_nats::jetstream::context::{Context, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType, Stream};
use async_nats::jetstream::{self, consumer};
use async_nats::{Client, HeaderMap, HeaderValue};
use bytes::{Bytes, BytesMut};
use portcullis_codec::DatagramCodec;

pub use self::dead::DeadJob;
pub use self::work::{Delivery, JobWorkers, WorkReport};
use crate::NatsError;
use crate::wire::MAX_TEXT;

/// How often adding a job is tried while the server does not confirm it. The message id keeps it
/// from being added twice.
const PUSH_ATTEMPTS: u32 = 4;

/// The headers of a dead job besides its id and the text of the error.
const OTHER_HEADERS: usize = 1024;

/// What a job must leave of the NATS server's limit, besides its id, so that it can be kept as a
/// dead job with its error.
const DEAD_HEADERS: usize = MAX_TEXT + OTHER_HEADERS;

/// Signs of life cannot be much more frequent than this.
const MIN_ACK_WAIT: Duration = Duration::from_secs(1);

/// A queue of jobs of type `T` that survives the death of nodes, in a JetStream stream.
///
/// Cheap to clone. Any node adds jobs by [`push`](Self::push); the nodes that
/// [work](Self::workers) take them when they have a thread for them. The order is that of the
/// pushes, except for jobs that are delivered again.
///
/// ```no_run
/// # use portcullis::nats::{Delivery, JobQueue, async_nats};
/// # use portcullis::{Datagrams, Interrupted, Json, Pool, Portal, prelude::*};
/// # #[derive(serde::Serialize, serde::Deserialize)] struct Shrink { path: String }
/// # fn shrink(_: &Worker, _: &str) -> std::io::Result<()> { Ok(()) }
/// struct Thumbnails {
///     jobs: JobQueue<Shrink, Datagrams<Json>>,
///     cpu: Pool,
/// }
///
/// #[service]
/// impl Thumbnails {
///     /// Answers when the job is stored, not when it is done.
///     #[request]
///     async fn submit(&self, job: Shrink) -> Result<u64, portcullis::nats::NatsError> {
///         Ok(self.jobs.push(job).await?.sequence)
///     }
///
///     /// Works on jobs of all nodes until this server stops.
///     #[on(start)]
///     async fn start(&self, cleanup: &mut Cleanup) -> Result<(), Interrupted> {
///         let workers = self.jobs.workers(4);
///         let work = workers.run_on(self.cpu.clone(), cleanup.stopping(), |worker, delivery: Delivery<Shrink>| {
///             shrink(worker, &delivery.job.path)
///         });
///         Portal::current()?.spawn(work).detach();
///         Ok(())
///     }
/// }
/// ```
///
/// # What becomes of a job
/// | the job | then |
/// |---|---|
/// | returns `Ok` | it is removed |
/// | returns an error, or panics | it is delivered again after [`retry_delay`](JobQueueBuilder::retry_delay), doubled each time |
/// | has been delivered [`max_deliveries`](JobQueueBuilder::max_deliveries) times, or cannot be decoded | it goes to the [dead jobs](Self::dead_jobs) |
/// | runs when its server's grace is over | it is cancelled and given back: delivered again at once |
/// | runs on a node that dies | it is delivered again after [`ack_wait`](JobQueueBuilder::ack_wait) |
///
/// The NATS server needs JetStream (`nats-server -js`). The queue `NAME` is the stream `jobs-NAME`
/// on the subject `jobs.NAME`; its dead jobs are the stream `jobs-NAME-dead`.
pub struct JobQueue<T, D> {
    shared: Arc<Shared<D>>,
    jobs: PhantomData<fn(T) -> T>,
}

/// A queue without the type of its jobs.
struct Shared<D> {
    client: Client,
    context: Context,
    stream: Stream,
    dead: Stream,
    consumer: consumer::Consumer<pull::Config>,
    subject: String,
    dead_subject: String,
    codec: D,
    ack_wait: Duration,
    max_deliveries: u64,
    retry_delay: Duration,
    max_retry_delay: Duration,
}

/// The options of a [`JobQueue`]; made by [`JobQueue::builder`].
#[must_use = "the options have no effect before `open()`"]
pub struct JobQueueBuilder<T, D> {
    client: Client,
    name: String,
    codec: D,
    ack_wait: Duration,
    max_deliveries: u64,
    retry_delay: Duration,
    max_retry_delay: Duration,
    max_jobs: i64,
    max_bytes: i64,
    duplicate_window: Duration,
    replicas: usize,
    storage: StorageType,
    jobs: PhantomData<fn(T) -> T>,
}

impl<T, D> JobQueue<T, D> {
    /// The queue `name`, which NATS allows letters, digits, `-` and `_`.
    pub fn builder(client: Client, name: impl Into<String>, codec: D) -> JobQueueBuilder<T, D>
    where
        D: DatagramCodec<T, T>,
    {
        JobQueueBuilder {
            client,
            name: name.into(),
            codec,
            ack_wait: Duration::from_secs(30),
            max_deliveries: 5,
            retry_delay: Duration::from_secs(1),
            max_retry_delay: Duration::from_secs(60),
            max_jobs: 1_000_000,
            max_bytes: -1,
            duplicate_window: Duration::from_secs(120),
            replicas: 1,
            storage: StorageType::File,
            jobs: PhantomData,
        }
    }
}

impl<T, D> JobQueueBuilder<T, D> {
    /// How long after the last sign of life a job is delivered to another node; at least a second.
    /// Nodes give a sign of life three times in this time. Default: 30 s.
    pub fn ack_wait(mut self, time: Duration) -> Self {
        self.ack_wait = time.max(MIN_ACK_WAIT);
        self
    }

    /// How often a job is delivered before it goes to the dead jobs; at least once. Deliveries
    /// count, whether the job failed or its node died or stopped. Default: 5.
    pub fn max_deliveries(mut self, count: u64) -> Self {
        self.max_deliveries = count.max(1);
        self
    }

    /// How long a job that has failed waits for its next delivery: `first` after the first failure,
    /// then twice as long each time, up to `max`. Default: 1 s, up to 60 s.
    pub fn retry_delay(mut self, first: Duration, max: Duration) -> Self {
        (self.retry_delay, self.max_retry_delay) = (first, max);
        self
    }

    /// How many jobs may be in the queue; beyond that, [`push`](JobQueue::push) fails. Default:
    /// 1 000 000.
    pub fn max_jobs(mut self, jobs: u32) -> Self {
        self.max_jobs = jobs.max(1).into();
        self
    }

    /// How many bytes the jobs in the queue may have together. Default: the limit of the NATS
    /// server.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self
    }

    /// How long the stream remembers the ids of jobs, to add each of them once. Default: 2 min.
    pub fn duplicate_window(mut self, time: Duration) -> Self {
        self.duplicate_window = time;
        self
    }

    /// On how many servers of a NATS cluster each job is stored. Default: 1.
    pub fn replicas(mut self, servers: usize) -> Self {
        self.replicas = servers.max(1);
        self
    }

    /// Keeps the jobs in the memory of the NATS server: they survive the death of nodes, and not a
    /// restart of the server.
    pub fn in_memory(mut self) -> Self {
        self.storage = StorageType::Memory;
        self
    }

    /// Opens the queue, and makes its streams and its consumer if they do not exist. A stream that
    /// exists keeps its own limits.
    ///
    /// # Errors
    /// The server has no JetStream or does not answer, the name is invalid, or a stream or consumer
    /// of the name exists for another purpose.
    pub async fn open(self) -> Result<JobQueue<T, D>, NatsError> {
        let Self { client, name, codec, ack_wait, max_deliveries, retry_delay, max_retry_delay, .. } = self;
        let context = jetstream::new(client.clone());
        let (subject, dead_subject) = (format!("jobs.{name}"), format!("jobs.{name}.dead"));
        let config = Config {
            name: format!("jobs-{name}"),
            subjects: vec![subject.clone()],
            retention: RetentionPolicy::WorkQueue,
            discard: DiscardPolicy::New,
            max_messages: self.max_jobs,
            max_bytes: self.max_bytes,
            duplicate_window: self.duplicate_window,
            num_replicas: self.replicas,
            storage: self.storage,
            ..Config::default()
        };
        let dead = Config {
            name: format!("jobs-{name}-dead"),
            subjects: vec![dead_subject.clone()],
            retention: RetentionPolicy::Limits,
            discard: DiscardPolicy::Old,
            ..config.clone()
        };
        let stream = open_stream(&context, config).await?;
        let dead = open_stream(&context, dead).await?;
        let workers = pull::Config {
            durable_name: Some("workers".to_owned()),
            ack_policy: consumer::AckPolicy::Explicit,
            ack_wait,
            // The workers count deliveries, so that a job that was delivered too often is kept.
            max_deliver: -1,
            max_ack_pending: 100_000,
            ..pull::Config::default()
        };
        let consumer = stream.get_or_create_consumer("workers", workers).await?;
        let found = &consumer.cached_info().config;
        check_consumer(found, max_deliveries)?;
        // What the consumer has, if it existed: signs of life must suit it.
        let ack_wait = found.ack_wait.max(MIN_ACK_WAIT);
        let shared = Shared {
            client,
            context,
            stream,
            dead,
            consumer,
            subject,
            dead_subject,
            codec,
            ack_wait,
            max_deliveries,
            retry_delay,
            max_retry_delay,
        };
        Ok(JobQueue { shared: Arc::new(shared), jobs: PhantomData })
    }
}

/// Gets or makes a stream. One that exists may have other limits, but must serve the same purpose.
async fn open_stream(context: &Context, config: Config) -> Result<Stream, NatsError> {
    let (subjects, retention) = (config.subjects.clone(), config.retention);
    let stream = context.get_or_create_stream(config).await?;
    let found = &stream.cached_info().config;
    if found.subjects != subjects || found.retention != retention {
        return Err(format!("the stream `{}` exists for another purpose", found.name).into());
    }
    Ok(stream)
}

/// Checks a consumer that may have existed: jobs must wait for their acknowledgement, and be
/// delivered until the workers have counted `max_deliveries`.
fn check_consumer(found: &consumer::Config, max_deliveries: u64) -> Result<(), NatsError> {
    let name = &found.name.as_deref().or(found.durable_name.as_deref()).unwrap_or_default();
    if found.ack_policy != consumer::AckPolicy::Explicit {
        let policy = found.ack_policy;
        return Err(format!("the consumer `{name}` exists with the acknowledgement policy {policy:?}").into());
    }
    // The delivery after the last one reports a job whose last worker has died.
    if u64::try_from(found.max_deliver).is_ok_and(|most| (1..=max_deliveries).contains(&most)) {
        let most = found.max_deliver;
        return Err(format!("the consumer `{name}` exists, and delivers a job only {most} times").into());
    }
    Ok(())
}

/// The error of [`JobQueue::push`] for a job that is too large:
/// `error.downcast_ref::<JobTooLarge>()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobTooLarge {
    /// The size of the encoded job.
    pub bytes: usize,
    /// The most that it may have: what the NATS server allows for a message, less 5 KiB and the id.
    /// The difference is for the error of a job that becomes a [dead one](JobQueue::dead_jobs).
    pub max: usize,
}

impl fmt::Display for JobTooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the job has {} bytes, and the queue allows {}", self.bytes, self.max)
    }
}

impl std::error::Error for JobTooLarge {}

/// What [`JobQueue::push`] returns when the job is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pushed {
    /// The job's number in the stream.
    pub sequence: u64,
    /// A job with this id was in the queue already, or is done. Nothing was added.
    pub duplicate: bool,
}

impl<T, D: DatagramCodec<T, T>> JobQueue<T, D> {
    /// Adds a job. Returns when the NATS server has stored it.
    ///
    /// If the server does not confirm, the job is sent again, up to four times in all, with the
    /// same id: it is added once.
    ///
    /// # Errors
    /// The job cannot be encoded or is too large ([`JobTooLarge`]), the queue is full
    /// ([`max_jobs`](JobQueueBuilder::max_jobs)), or the server did not confirm in time. In the
    /// last case the job may have been added.
    ///
    /// # Cancellation
    /// A future that is dropped may have added the job.
    pub async fn push(&self, job: T) -> Result<Pushed, NatsError> {
        self.push_with_id(&fresh_id(&self.shared.client), job).await
    }

    /// As [`push`](Self::push), with an id of the caller's: of several pushes with the same id, the
    /// first one counts, within [`duplicate_window`](JobQueueBuilder::duplicate_window).
    ///
    /// # Errors
    /// As [`push`](Self::push), or the id has a line break.
    pub async fn push_with_id(&self, id: &str, job: T) -> Result<Pushed, NatsError> {
        let id: HeaderValue = id.parse()?;
        let mut payload = BytesMut::new();
        self.shared.codec.clone().encode(job, &mut payload)?;
        let shared = &self.shared;
        let max = shared.client.max_payload().saturating_sub(DEAD_HEADERS + id.as_str().len());
        if payload.len() > max {
            return Err(JobTooLarge { bytes: payload.len(), max }.into());
        }
        let ack = shared.publish(&shared.subject, id.as_str(), HeaderMap::new(), payload.freeze()).await?;
        Ok(Pushed { sequence: ack.sequence, duplicate: ack.duplicate })
    }

    /// How many jobs are in the queue: those that wait, and those that are delivered and not done.
    ///
    /// # Errors
    /// The NATS server does not answer.
    pub async fn len(&self) -> Result<u64, NatsError> {
        Ok(self.shared.stream.get_info().await?.state.messages)
    }

    /// Whether no job is in the queue.
    ///
    /// # Errors
    /// The NATS server does not answer.
    pub async fn is_empty(&self) -> Result<bool, NatsError> {
        Ok(self.len().await? == 0)
    }
}

impl<D> Shared<D> {
    /// Publishes to a stream until the server confirms.
    async fn publish(
        &self,
        subject: &str,
        id: &str,
        mut headers: HeaderMap,
        payload: Bytes,
    ) -> Result<jetstream::publish::PublishAck, NatsError> {
        headers.insert(NATS_MESSAGE_ID, id);
        let mut attempts = 0;
        loop {
            attempts += 1;
            let message = PublishMessage::build().payload(payload.clone()).headers(headers.clone());
            let sent = match self.context.send_publish(subject.to_owned(), message).await {
                Ok(confirmed) => confirmed.await,
                Err(error) => Err(error),
            };
            match sent {
                Ok(ack) => return Ok(ack),
                Err(error) if attempts < PUSH_ATTEMPTS && is_transient(error.kind()) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Whether the same message may be stored if it is sent again.
fn is_transient(kind: PublishErrorKind) -> bool {
    matches!(
        kind,
        PublishErrorKind::TimedOut | PublishErrorKind::BrokenPipe | PublishErrorKind::StreamNotFound
    )
}

/// An id that no other job has.
fn fresh_id(client: &Client) -> String {
    client.new_inbox()
}

impl<T, D> Clone for JobQueue<T, D> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), jobs: PhantomData }
    }
}

impl<T, D> fmt::Debug for JobQueue<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobQueue").field("subject", &self.shared.subject).finish_non_exhaustive()
    }
}

impl<T, D> fmt::Debug for JobQueueBuilder<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobQueueBuilder").field("name", &self.name).finish_non_exhaustive()
    }
}
