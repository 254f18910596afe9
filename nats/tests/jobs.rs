//! Durable jobs in a real NATS server with JetStream.

#![forbid(unsafe_code)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use common::{NatsServer, eventually, soon};
use portcullis::codec::{DatagramCodec, DecodeError, EncodeError};
use portcullis::nats::async_nats::jetstream;
use portcullis::nats::async_nats::jetstream::consumer::{AckPolicy, pull};
use portcullis::nats::{Delivery, JobQueue, JobQueueBuilder, JobTooLarge, NatsError, async_nats};
use portcullis::prelude::*;
use portcullis::{Datagrams, Interrupted, Portal};
use tokio::sync::{Mutex, Notify, mpsc};

type Jobs = JobQueue<String, Datagrams<Json>>;

async fn queue(
    nats: &NatsServer,
    options: impl FnOnce(JobQueueBuilder<String, Datagrams<Json>>) -> JobQueueBuilder<String, Datagrams<Json>>,
) -> Jobs {
    let builder = Jobs::builder(nats.client().await, "work", Datagrams::new());
    let quick = builder.retry_delay(Duration::from_millis(20), Duration::from_millis(50));
    options(quick).open().await.expect("a queue")
}

/// A server that works on the jobs of a queue: what a node is.
struct Node {
    jobs: Jobs,
    pool: Pool,
    seen: mpsc::UnboundedSender<Delivery<String>>,
    /// Notified when a job that spins is cancelled.
    cancelled: Arc<Notify>,
    report: Arc<Mutex<Option<portcullis::nats::WorkReport>>>,
}

#[service]
impl Node {
    #[request]
    async fn submit(&self, job: String) -> Result<String, NatsError> {
        Ok(self.jobs.push(job).await?.sequence.to_string())
    }

    #[on(start)]
    async fn start(&self, cleanup: &mut Cleanup) -> Result<(), Interrupted> {
        let (seen, cancelled) = (self.seen.clone(), Arc::clone(&self.cancelled));
        let work =
            self.jobs.workers(2).run_on(self.pool.clone(), cleanup.stopping(), move |worker, delivery| {
                let job = delivery.job.clone();
                let _ = seen.send(delivery);
                work(worker, &job, &cancelled)
            });
        let report = Arc::clone(&self.report);
        let work = async move { *report.lock().await = Some(work.await) };
        Portal::current()?.spawn(work).detach();
        Ok(())
    }
}

fn work(worker: &Worker, job: &str, cancelled: &Notify) -> Result<(), String> {
    match job {
        "fail" => Err("no\nluck".into()),
        "fail at length" => Err("x".repeat(2_000_000)),
        "panic" => panic!("a broken job"),
        "spin" => loop {
            if let Err(error) = worker.sleep(Duration::from_millis(1)) {
                cancelled.notify_one();
                return Err(error.to_string());
            }
        },
        job => match job.strip_prefix("sleep ").and_then(|millis| millis.parse().ok()) {
            Some(millis) => worker.sleep(Duration::from_millis(millis)).map_err(|error| error.to_string()),
            None => Ok(()),
        },
    }
}

struct Running {
    server: portcullis::RunningServer,
    seen: mpsc::UnboundedReceiver<Delivery<String>>,
    cancelled: Arc<Notify>,
    report: Arc<Mutex<Option<portcullis::nats::WorkReport>>>,
}

async fn node(jobs: &Jobs) -> Running {
    let (seen_tx, seen) = mpsc::unbounded_channel();
    let (cancelled, report) = <(Arc<Notify>, Arc<Mutex<_>>)>::default();
    let pool = Pool::builder("jobs").threads(2).build().expect("a pool");
    let service = Node {
        jobs: jobs.clone(),
        pool,
        seen: seen_tx,
        cancelled: Arc::clone(&cancelled),
        report: Arc::clone(&report),
    };
    let server = Server::new(service).codec(Lines::new()).bind("127.0.0.1:0").expect("a port");
    let server = server.spawn().await.expect("a server");
    Running { server, seen, cancelled, report }
}

#[tokio::test]
async fn a_job_is_done_once_and_removed() {
    let nats = nats_server!();
    let jobs = queue(&nats, |options| options).await;
    let mut node = node(&jobs).await;
    for n in 0..20 {
        assert!(!jobs.push(format!("job {n}")).await.expect("stored").duplicate);
    }
    let mut seen = Vec::new();
    while seen.len() < 20 {
        let delivery = soon(node.seen.recv()).await.expect("a delivery");
        assert_eq!(delivery.attempt, 1);
        seen.push(delivery.job);
    }
    eventually("all are removed", async || jobs.is_empty().await.expect("an answer")).await;
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 20);
    assert!(soon(node.server.stop()).await.expect("a report").is_clean());
    let report = node.report.lock().await.expect("the workers have ended");
    assert_eq!((report.done, report.failed, report.dead, report.given_back), (20, 0, 0, 0));
}

#[tokio::test]
async fn the_same_id_is_added_once() {
    let nats = nats_server!();
    let jobs = queue(&nats, |options| options).await;
    let first = jobs.push_with_id("order 17", "a".into()).await.expect("stored");
    let second = jobs.push_with_id("order 17", "a".into()).await.expect("stored");
    assert_eq!((first.duplicate, second.duplicate), (false, true));
    assert_eq!(first.sequence, second.sequence);
    assert_eq!(jobs.len().await.expect("an answer"), 1);
}

#[tokio::test]
async fn a_job_that_fails_is_tried_again_and_is_dead_in_the_end() {
    let nats = nats_server!();
    let jobs = queue(&nats, |options| options.max_deliveries(3)).await;
    let mut node = node(&jobs).await;
    for (job, error) in [("fail", "no luck"), ("panic", "a broken job")] {
        jobs.push(job.into()).await.expect("stored");
        let mut ids = Vec::new();
        for attempt in 1..=3 {
            let delivery = soon(node.seen.recv()).await.expect("a delivery");
            assert_eq!((&*delivery.job, delivery.attempt), (job, attempt));
            ids.push(delivery.id);
        }
        ids.dedup();
        assert_eq!(ids.len(), 1, "a job keeps its id");
        eventually("it is removed", async || jobs.is_empty().await.expect("an answer")).await;
        let dead = jobs.dead_jobs(10).await.expect("an answer");
        assert_eq!(dead.len(), 1);
        assert_eq!((dead[0].job.as_deref().ok(), &dead[0].id), (Some(job), &ids[0]));
        assert_eq!(dead[0].deliveries, 3);
        assert!(dead[0].error.contains(error), "{}", dead[0].error);
        jobs.remove_dead(dead[0].sequence).await.expect("removed");
    }
    assert!(jobs.dead_jobs(10).await.expect("an answer").is_empty());
}

#[tokio::test]
async fn a_dead_job_can_be_revived() {
    let nats = nats_server!();
    let jobs = queue(&nats, |options| options.max_deliveries(1)).await;
    let mut node = node(&jobs).await;
    jobs.push("fail".into()).await.expect("stored");
    let first = soon(node.seen.recv()).await.expect("a delivery");
    eventually("it is dead", async || jobs.dead_jobs(10).await.expect("an answer").len() == 1).await;
    let dead = jobs.dead_jobs(10).await.expect("an answer").remove(0);
    jobs.revive(dead.sequence).await.expect("revived");
    let second = soon(node.seen.recv()).await.expect("a delivery");
    assert_eq!((second.attempt, &*second.job), (1, "fail"));
    assert_ne!(second.id, first.id);
    assert!(jobs.revive(dead.sequence).await.is_err(), "it is not dead any more");
}

/// Panics when it decodes `"panic"`.
#[derive(Clone)]
struct Panicking(Datagrams<Json>);

impl DatagramCodec<String, String> for Panicking {
    fn max_size(&self) -> usize {
        DatagramCodec::<String, String>::max_size(&self.0)
    }

    fn decode(&mut self, datagram: &[u8]) -> Result<String, DecodeError> {
        assert_ne!(datagram, b"\"panic\"", "a codec's own panic");
        DatagramCodec::<String, String>::decode(&mut self.0, datagram)
    }

    fn encode(&mut self, job: String, datagram: &mut BytesMut) -> Result<(), EncodeError> {
        DatagramCodec::<String, String>::encode(&mut self.0, job, datagram)
    }
}

#[tokio::test]
async fn a_codec_that_panics_fails_one_job() {
    let nats = nats_server!();
    let builder = JobQueue::<String, _>::builder(nats.client().await, "work", Panicking(Datagrams::new()));
    let jobs = builder.max_deliveries(1).open().await.expect("a queue");
    jobs.push("panic".into()).await.expect("stored");
    jobs.push("next".into()).await.expect("stored");
    let (seen_tx, mut seen) = mpsc::unbounded_channel();
    let server = Server::new(Idle).codec(Lines::new()).bind("127.0.0.1:0").expect("a port");
    let server = server.spawn().await.expect("a server");
    let working = tokio::spawn(jobs.workers(1).run(server.handle().stopping(), move |delivery| {
        let sent = seen_tx.send(delivery.job);
        async move { sent.map_err(|error| error.to_string()) }
    }));
    assert_eq!(soon(seen.recv()).await.as_deref(), Some("next"));
    soon(server.stop()).await.expect("a report");
    let report = soon(working).await.expect("no panic");
    assert_eq!((report.done, report.dead), (1, 1));
}

/// Only there to be stopped.
struct Idle;

#[service]
impl Idle {
    #[request]
    async fn echo(&self, line: String) -> String {
        line
    }
}

#[tokio::test]
async fn what_cannot_be_decoded_is_dead_at_once() {
    let nats = nats_server!();
    let jobs = queue(&nats, |options| options).await;
    let mut node = node(&jobs).await;
    let raw = nats.client().await;
    raw.publish("jobs.work", "no JSON".into()).await.expect("published");
    jobs.push("next".into()).await.expect("stored");
    assert_eq!(soon(node.seen.recv()).await.expect("a delivery").job, "next");
    eventually("it is dead", async || jobs.dead_jobs(10).await.expect("an answer").len() == 1).await;
    let dead = jobs.dead_jobs(10).await.expect("an answer").remove(0);
    assert!(dead.job.is_err() && dead.error.contains("cannot be decoded"), "{dead:?}");
    assert_eq!(dead.deliveries, 1);
}

#[tokio::test]
async fn a_job_that_takes_longer_than_ack_wait_is_not_delivered_twice() {
    let nats = nats_server!();
    let jobs = queue(&nats, |options| options.ack_wait(Duration::from_secs(1))).await;
    let mut node = node(&jobs).await;
    jobs.push("sleep 3000".into()).await.expect("stored");
    eventually("it is done", async || jobs.is_empty().await.expect("an answer")).await;
    assert_eq!(soon(node.seen.recv()).await.expect("a delivery").attempt, 1);
    assert!(node.seen.try_recv().is_err(), "one delivery");
}

#[tokio::test]
async fn a_stop_gives_back_what_does_not_end_in_time() {
    let nats = nats_server!();
    // So long that only a job that was given back is delivered again soon.
    let jobs = queue(&nats, |options| options.ack_wait(Duration::from_secs(600))).await;
    let mut first = node(&jobs).await;
    jobs.push("spin".into()).await.expect("stored");
    assert_eq!(soon(first.seen.recv()).await.expect("a delivery").attempt, 1);
    let stopping = tokio::spawn(first.server.stop_within(Duration::from_secs(3)));
    soon(first.cancelled.notified()).await;
    let report = soon(stopping).await.expect("no panic").expect("a report");
    assert!(report.is_clean(), "{report}");
    assert_eq!(first.report.lock().await.expect("the workers have ended").given_back, 1);
    let mut second = node(&jobs).await;
    let delivery = soon(second.seen.recv()).await.expect("a delivery");
    assert_eq!((&*delivery.job, delivery.attempt), ("spin", 2));
    // Dropped: without a grace, which would give the job time.
    drop(second.server);
}

#[tokio::test]
async fn a_full_queue_refuses_jobs() {
    let nats = nats_server!();
    let jobs = queue(&nats, |options| options.max_jobs(2)).await;
    jobs.push("a".into()).await.expect("stored");
    jobs.push("b".into()).await.expect("stored");
    let error = soon(jobs.push("c".into())).await.expect_err("full");
    assert!(format!("{error:?}").contains("maximum messages"), "{error:?}");
}

#[tokio::test]
async fn jobs_survive_a_restart_of_the_server() {
    let mut nats = nats_server!();
    let jobs = queue(&nats, |options| options.ack_wait(Duration::from_secs(2))).await;
    let mut node = node(&jobs).await;
    jobs.push("before".into()).await.expect("stored");
    assert_eq!(soon(node.seen.recv()).await.expect("a delivery").job, "before");
    eventually("it is removed", async || jobs.is_empty().await.expect("an answer")).await;
    nats.restart().await;
    let pushed = AtomicU64::new(0);
    eventually("jobs are stored again", async || {
        pushed.fetch_add(1, Ordering::SeqCst);
        jobs.push_with_id("after", "after".into()).await.is_ok()
    })
    .await;
    assert_eq!(soon(node.seen.recv()).await.expect("a delivery").job, "after");
    eventually("it is removed", async || jobs.is_empty().await.expect("an answer")).await;
}

#[tokio::test]
async fn a_server_without_jetstream_and_a_name_that_cannot_be_are_errors() {
    let Some(nats) = NatsServer::without_jetstream().await else { return };
    let client = nats.client().await;
    let error = soon(Jobs::builder(client.clone(), "work", Datagrams::<Json>::new()).open()).await;
    assert!(error.is_err());
    let error = soon(Jobs::builder(client, "not a name", Datagrams::<Json>::new()).open()).await;
    assert!(error.is_err());
}

#[tokio::test]
async fn a_job_with_an_error_of_any_length_is_dead_in_the_end() {
    let nats = nats_server!();
    let jobs = queue(&nats, |options| options.max_deliveries(1)).await;
    let _node = node(&jobs).await;
    jobs.push("fail at length".into()).await.expect("stored");
    eventually("it is dead", async || jobs.dead_jobs(10).await.expect("an answer").len() == 1).await;
    assert!(jobs.dead_jobs(10).await.expect("an answer")[0].error.starts_with("xxx"));
}

/// A job may be so large that it can just be kept as a dead one. One that another program has added
/// may be larger, and has less of its error.
#[tokio::test]
async fn a_job_near_the_limit_of_the_server_is_dead_in_the_end() {
    let nats = nats_server!();
    let codec = Datagrams::<Json>::new().max_size(2 << 20);
    let jobs = JobQueue::<String, _>::builder(nats.client().await, "work", codec).max_deliveries(1);
    let jobs = jobs.open().await.expect("a queue");
    let limit = nats.client().await.server_info().max_payload;
    let most = limit - 5 * 1024 - "big".len();
    let job = |bytes: usize| "x".repeat(bytes - 2); // the quotation marks
    let error = jobs.push_with_id("big", job(most + 1)).await.expect_err("too large");
    let error = error.downcast_ref::<JobTooLarge>().expect("of this type");
    assert_eq!((error.bytes, error.max), (most + 1, most));
    jobs.push_with_id("big", job(most)).await.expect("stored");
    let raw = nats.client().await;
    let foreign = format!("\"{}\"", job(limit - 2_000));
    raw.publish("jobs.work", foreign.into()).await.expect("published");

    let server = Server::new(Idle).codec(Lines::new()).bind("127.0.0.1:0").expect("a port");
    let server = server.spawn().await.expect("a server");
    let working = tokio::spawn(
        jobs.workers(1).run(server.handle().stopping(), |_| async { Err::<(), _>("e".repeat(100_000)) }),
    );
    eventually("both are dead", async || jobs.dead_jobs(10).await.expect("an answer").len() == 2).await;
    let dead = jobs.dead_jobs(10).await.expect("an answer");
    let found: Vec<_> = dead.iter().map(|dead| dead.job.as_ref().expect("a job").len() + 2).collect();
    assert_eq!(found, [most, limit - 2_000]);
    assert_eq!(dead[0].error.len(), 4096);
    assert!((900..1_000).contains(&dead[1].error.len()), "{}", dead[1].error.len());
    soon(server.stop()).await.expect("a report");
    assert_eq!(soon(working).await.expect("no panic").dead, 2);
}

#[tokio::test]
async fn a_consumer_for_another_purpose_is_an_error() {
    let nats = nats_server!();
    let client = nats.client().await;
    let jobs = queue(&nats, |options| options.max_deliveries(3)).await;
    drop(jobs);
    let stream = jetstream::new(client.clone()).get_stream("jobs-work").await.expect("the stream");
    stream.delete_consumer("workers").await.expect("deleted");
    let found =
        pull::Config { durable_name: Some("workers".into()), max_deliver: 3, ..pull::Config::default() };
    stream.create_consumer(found).await.expect("a consumer");
    let open = |deliveries| {
        Jobs::builder(client.clone(), "work", Datagrams::new()).max_deliveries(deliveries).open()
    };
    let error = soon(open(3)).await.expect_err("the last delivery would not come");
    assert!(error.to_string().contains("only 3 times"), "{error}");
    soon(open(2)).await.expect("enough deliveries");
    // A stream of this kind has no consumer without acknowledgements.
    stream.delete_consumer("workers").await.expect("deleted");
    let ack_policy = AckPolicy::None;
    let found = pull::Config { durable_name: Some("workers".into()), ack_policy, ..pull::Config::default() };
    stream.create_consumer(found).await.expect_err("the server refuses it");
}

#[tokio::test]
async fn dead_jobs_with_the_same_id_are_all_kept() {
    let nats = nats_server!();
    let jobs = queue(&nats, |options| options.max_deliveries(1)).await;
    let _node = node(&jobs).await;
    // Without an id, its number is its id: it is the first.
    let raw = jetstream::new(nats.client().await);
    let stored = raw.publish("jobs.work", "no JSON".into()).await.expect("published");
    assert_eq!(stored.await.expect("stored").sequence, 1);
    jobs.push_with_id("1", "fail".into()).await.expect("stored");
    eventually("both are done", async || jobs.is_empty().await.expect("an answer")).await;
    let dead = jobs.dead_jobs(10).await.expect("an answer");
    assert_eq!(dead.len(), 2, "{dead:?}");
    assert!(dead.iter().all(|dead| dead.id == "1"), "{dead:?}");
}

#[tokio::test]
async fn an_id_that_cannot_be_a_header_is_an_error() {
    let nats = nats_server!();
    let jobs = queue(&nats, |options| options).await;
    assert!(jobs.push_with_id("order\n17", "a".into()).await.is_err());
    assert!(jobs.is_empty().await.expect("an answer"));
}

#[tokio::test]
async fn a_stream_for_another_purpose_is_an_error() {
    let nats = nats_server!();
    let client = nats.client().await;
    let _work = queue(&nats, |options| options).await;
    // Its stream has the name of the dead jobs of `work`.
    let error = soon(Jobs::builder(client, "work-dead", Datagrams::<Json>::new()).open()).await;
    assert!(error.expect_err("another stream").to_string().contains("jobs-work-dead"));
}

/// Works on the event loop.
struct OnLoop {
    jobs: Jobs,
    began: Arc<Notify>,
    release: Arc<Notify>,
    ended: Arc<Notify>,
}

#[service]
impl OnLoop {
    #[request]
    async fn ping(&self, line: String) -> String {
        line
    }

    #[on(start)]
    async fn start(&self, cleanup: &mut Cleanup) -> Result<(), Interrupted> {
        let notifies = [&self.began, &self.release, &self.ended].map(Arc::clone);
        let work = self.jobs.workers(1).run(cleanup.stopping(), move |_| {
            let [began, release, ended] = notifies.clone();
            async move {
                began.notify_one();
                release.notified().await;
                ended.notify_one();
                Ok::<_, String>(())
            }
        });
        Portal::current()?.spawn(work).detach();
        Ok(())
    }
}

#[tokio::test]
async fn a_job_goes_on_while_its_signs_of_life_cannot_be_sent() {
    let mut nats = nats_server!();
    let options = async_nats::ConnectOptions::new().client_capacity(1);
    let client = options.connect(nats.url()).await.expect("a connection");
    let jobs = Jobs::builder(client.clone(), "work", Datagrams::new()).ack_wait(Duration::from_secs(1));
    let jobs = jobs.open().await.expect("a queue");
    let [began, release, ended] = <[Arc<Notify>; 3]>::default();
    let service = OnLoop {
        jobs: jobs.clone(),
        began: Arc::clone(&began),
        release: Arc::clone(&release),
        ended: Arc::clone(&ended),
    };
    let server = Server::new(service).codec(Lines::new()).bind("127.0.0.1:0").expect("a port");
    let server = server.grace(Duration::from_millis(100)).spawn().await.expect("a server");
    jobs.push("job".into()).await.expect("stored");
    soon(began.notified()).await;
    nats.kill();
    // Until the client's queue is full.
    let second = Duration::from_secs(1);
    while tokio::time::timeout(second, client.publish("any", "x".into())).await.is_ok() {}
    release.notify_one();
    soon(ended.notified()).await;
    let _ = soon(server.stop()).await;
}
