//! H: the pattern of EasyNetwork's guide at shutdown, and the E and T rules about it.

use portcullis_tests::served::{self, LinesClient, ServeTask, client};

use super::*;

/// A short grace period.
const SHORT: Duration = Duration::from_millis(50);
/// How much longer than its grace a stop may take (1.1 s by design), with a margin for a loaded
/// machine.
const BEYOND: Duration = Duration::from_secs(4);

async fn start<S>(service: Arc<S>, grace: Duration) -> (SocketAddr, ServerHandle, ServeTask)
where
    S: portcullis::Service<Request = String, Response = String>,
{
    let server = Server::new(service).codec(Lines::new()).grace(grace).bind("127.0.0.1:0").unwrap();
    let addr = server.local_addr();
    let (handle, serving) = served::start(server).await;
    (addr, handle, serving)
}

/// The service of EasyNetwork's guide: an executor, a portal, and commands for them.
struct Example {
    pool: Pool,
    jobs: AtomicUsize,
    inside: Gate,
    cancelled: Gate,
    release: Gate,
    called: Mutex<Option<Result<u32, Interrupted>>>,
    portal: Mutex<Option<Portal>>,
    task: Mutex<Option<PortalTask<u32>>>,
    go: Arc<Notify>,
}

impl Example {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            pool: pool(1, 8),
            jobs: AtomicUsize::new(0),
            inside: Gate::default(),
            cancelled: Gate::default(),
            release: Gate::default(),
            called: Mutex::default(),
            portal: Mutex::default(),
            task: Mutex::default(),
            go: Arc::default(),
        })
    }
}

#[service]
impl Example {
    #[on(start)]
    async fn service_init(&self, cleanup: &mut Cleanup) {
        cleanup.pool(self.pool.clone());
    }

    #[request]
    async fn handle(&self, line: String) -> Result<String, Interrupted> {
        match line.as_str() {
            "run" => self.run().await?,
            "wait" => self.wait_forever().await?,
            "wait for a task" => self.wait_for_a_task().await?,
            "submit a wait" => self.wait_forever().detach(),
            "submit a call" => self.call_later().detach(),
            "submit three" => (0..3).for_each(|_| self.run().detach()),
            "spawn" => self.spawn().await?,
            _ => *self.portal.lock().unwrap() = Some(Portal::current()?),
        }
        Ok(line)
    }

    /// Ignores cancellation.
    #[blocking(pool = self.pool)]
    fn run(&self) {
        self.jobs.fetch_add(1, SeqCst);
        self.inside.open();
        self.release.pass();
    }

    #[blocking(pool = self.pool)]
    fn wait_forever(&self, worker: &Worker) {
        self.inside.open();
        if pending::<()>().wait(worker).is_err() {
            self.cancelled.open();
        }
    }

    #[blocking(pool = self.pool)]
    fn wait_for_a_task(&self, worker: &Worker) {
        self.inside.open();
        if !matches!(worker.spawn(pending::<()>()).wait(worker), Ok(Ok(()))) {
            self.cancelled.open();
        }
    }

    #[blocking(pool = self.pool)]
    fn call_later(&self, worker: &Worker) {
        self.inside.open();
        self.release.pass();
        *self.called.lock().unwrap() = Some(worker.call(|| 1));
    }

    #[blocking(pool = self.pool)]
    fn spawn(&self, worker: &Worker) {
        let go = Arc::clone(&self.go);
        *self.task.lock().unwrap() = Some(worker.spawn(async move {
            go.notified().await;
            15
        }));
    }
}

/// The same as a linear session, which corresponds to `yield` in EasyNetwork.
struct Conversation(Arc<Example>);

#[service]
impl Conversation {
    #[session]
    async fn handle(&self, session: &mut Session<String, String>) -> Result<(), SessionError> {
        loop {
            let line = session.next().await?;
            let example = Arc::clone(&self.0);
            let job = self.0.pool.job("Conversation::run").run(move |_| {
                example.inside.open();
                example.release.pass()
            });
            let _ = job.await;
            session.send(line).await?;
        }
    }
}

/// The client gets the end of the stream instead of a response.
async fn expect_end(client: &mut LinesClient) {
    assert!(matches!(client.next().await, Ok(None)));
}

on_loops! {
    // In EasyNetwork the cancellation is lost, the response is sent, and the shutdown waits until
    // this client disconnects.
    async fn h1_a_stop_ends_although_a_handler_awaits_a_running_job() {
        let example = Example::new();
        let (addr, handle, serving) = start(example.clone(), SHORT).await;
        let mut client = client(addr).await;
        client.send("run".into()).await.unwrap();
        wait(|| example.inside.is_open()).await;
        handle.stop();
        let report = serving.await.unwrap().unwrap();
        assert!(report.took < SHORT + BEYOND, "{report}");
        assert_eq!((report.sessions_cancelled, report.stuck.len()), (1, 1), "{report}");
        assert_eq!((report.stuck[0].method, report.stuck[0].pool.as_str()), ("Example::run", "test"));
        expect_end(&mut client).await;
        example.release.open();
    }

    async fn h1_a_stop_ends_although_a_linear_session_awaits_a_running_job() {
        let example = Example::new();
        let (addr, handle, serving) = start(Arc::new(Conversation(example.clone())), SHORT).await;
        let mut client = client(addr).await;
        client.send("hello".into()).await.unwrap();
        wait(|| example.inside.is_open()).await;
        handle.stop();
        let report = serving.await.unwrap().unwrap();
        assert!(report.took < SHORT + BEYOND, "{report}");
        assert_eq!((report.sessions_cancelled, report.stuck.len()), (1, 1), "{report}");
        assert_eq!(report.stuck[0].method, "Conversation::run");
        expect_end(&mut client).await;
        example.release.open();
    }

    async fn h1_a_job_that_ends_within_the_grace_is_answered_and_no_further_request_is_handled() {
        let example = Example::new();
        let (addr, handle, serving) = start(example.clone(), LIMIT / 2).await;
        let (mut client, mut idle) = (client(addr).await, client(addr).await);
        assert_eq!(idle.call("portal".into()).await.unwrap(), "portal");
        client.send("run".into()).await.unwrap();
        wait(|| example.inside.is_open()).await;
        handle.stop();
        expect_end(&mut idle).await; // the stop has begun
        example.release.open();
        assert_eq!(client.next().await.unwrap().unwrap(), "run");
        expect_end(&mut client).await;
        let report = serving.await.unwrap().unwrap();
        assert!(report.is_clean(), "{report}");
    }

    // In EasyNetwork, in this order (executor before portal), the portal closes first and late
    // calls raise. Here the loop serves jobs until the grace is over.
    async fn h2_a_job_can_call_the_loop_during_the_drain() {
        let example = Example::new();
        let (addr, handle, serving) = start(example.clone(), LIMIT / 2).await;
        let mut client = client(addr).await;
        assert_eq!(client.call("submit a call".into()).await.unwrap(), "submit a call");
        wait(|| example.inside.is_open()).await;
        handle.stop();
        expect_end(&mut client).await;
        example.release.open();
        let report = serving.await.unwrap().unwrap();
        assert!(report.is_clean(), "{report}");
        assert!(matches!(example.called.lock().unwrap().take(), Some(Ok(1))));
    }

    // In EasyNetwork, in the other order, the drain waits for the worker, and the worker for a
    // coroutine that is never cancelled.
    async fn h3_a_worker_that_waits_forever_does_not_block_the_stop() {
        for how in ["wait", "wait for a task", "submit a wait"] {
            let example = Example::new();
            let (addr, handle, serving) = start(example.clone(), SHORT).await;
            let mut client = client(addr).await;
            client.send(how.into()).await.unwrap();
            wait(|| example.inside.is_open()).await;
            handle.stop();
            let report = serving.await.unwrap().unwrap();
            assert!(report.took < SHORT + BEYOND && report.stuck.is_empty(), "{how}: {report}");
            wait(|| example.cancelled.is_open()).await;
        }
    }

    // The rule is about datagrams. Here it is tested with two requests on one connection, the
    // second queued after a running job. In EasyNetwork the stop takes as long as the job, and the
    // second request is dropped with an error in the log. Here the stop ends within its grace, and
    // the second request never starts.
    async fn h4_a_request_queued_after_a_running_job_is_dropped_by_the_stop() {
        let example = Example::new();
        let (addr, handle, serving) = start(example.clone(), SHORT).await;
        let mut client = client(addr).await;
        client.send("run".into()).await.unwrap();
        client.send("run".into()).await.unwrap();
        wait(|| example.inside.is_open()).await;
        handle.stop();
        let report = serving.await.unwrap().unwrap();
        assert!(report.took < SHORT + BEYOND, "{report}");
        // A reset is allowed if the second request was not read.
        assert!(matches!(client.next().await, Ok(None) | Err(ClientError::Io(_))));
        example.release.open();
        wait(|| example.pool.stats().running == 0).await;
        assert_eq!(example.jobs.load(SeqCst), 1);
    }

    // In EasyNetwork nothing shortens a shutdown that waits for a job.
    async fn h5_a_second_stop_ends_the_grace_of_the_first() {
        let example = Example::new();
        let (addr, handle, serving) = start(example.clone(), LIMIT * 10).await;
        let (mut client, mut idle) = (client(addr).await, client(addr).await);
        assert_eq!(idle.call("portal".into()).await.unwrap(), "portal");
        client.send("run".into()).await.unwrap();
        wait(|| example.inside.is_open()).await;
        handle.stop();
        expect_end(&mut idle).await;
        assert!(!serving.is_finished());
        handle.stop_within(Duration::ZERO);
        let report = serving.await.unwrap().unwrap();
        assert_eq!((report.sessions_cancelled, report.stuck.len()), (1, 1), "{report}");
        example.release.open();
    }

    // `async with AsyncExecutor()` in `service_init`.
    async fn e16_a_cleanup_pool_runs_its_queued_jobs_before_the_stop_ends() {
        let example = Example::new();
        let (addr, handle, serving) = start(example.clone(), LIMIT / 2).await;
        let mut client = client(addr).await;
        assert_eq!(client.call("submit three".into()).await.unwrap(), "submit three");
        wait(|| example.inside.is_open()).await;
        handle.stop();
        expect_end(&mut client).await;
        example.release.open();
        let report = serving.await.unwrap().unwrap();
        assert!(report.is_clean(), "{report}");
        assert_eq!(example.jobs.load(SeqCst), 3);
    }

    // In EasyNetwork the portal's exit waits for its coroutines without a limit. Here the stop
    // waits within its grace.
    async fn t15_the_stop_waits_for_a_task_within_the_grace() {
        let example = Example::new();
        let (addr, handle, serving) = start(example.clone(), LIMIT / 2).await;
        let mut client = client(addr).await;
        assert_eq!(client.call("spawn".into()).await.unwrap(), "spawn");
        handle.stop();
        expect_end(&mut client).await;
        assert!(!serving.is_finished());
        example.go.notify_one();
        let report = serving.await.unwrap().unwrap();
        assert!(report.is_clean(), "{report}");
        let task = example.task.lock().unwrap().take().unwrap();
        assert!(task.is_finished());
        assert_eq!(task.await.unwrap(), 15);
    }

    // In EasyNetwork a server's shutdown, which leaves the portal by an exception, cancels them at
    // once. Here they are cancelled after the grace.
    async fn t16_a_task_is_cancelled_after_the_grace() {
        let example = Example::new();
        let (addr, handle, serving) = start(example.clone(), SHORT).await;
        let mut client = client(addr).await;
        assert_eq!(client.call("spawn".into()).await.unwrap(), "spawn");
        handle.stop();
        assert!(serving.await.unwrap().unwrap().took < SHORT + BEYOND);
        let task = example.task.lock().unwrap().take().unwrap();
        assert!(matches!(task.await, Err(Interrupted::Cancelled { .. })));
    }

    async fn t2_and_t17_portal_calls_from_many_threads_all_return_when_the_server_stops() {
        let example = Example::new();
        let (addr, handle, serving) = start(example.clone(), SHORT).await;
        assert_eq!(client(addr).await.call("portal".into()).await.unwrap(), "portal");
        let portal = example.portal.lock().unwrap().take().unwrap();
        let rounds = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (0..4).map(|_| {
            let (portal, rounds) = (portal.clone(), rounds.clone());
            thread::spawn(move || portal.enter_thread(|worker| loop {
                let soon = portal.call_soon(|| ()).map(|()| 0);
                let called = portal.call(worker, || 1);
                let waited = async { yield_once().await; 2 }.wait(worker);
                let spawned = portal.spawn(async { yield_once().await; 3 }).wait(worker).and_then(|task| task);
                let ends = [soon, called, waited, spawned];
                if ends.iter().any(Result::is_err) { break ends }
                rounds.fetch_add(1, SeqCst);
            }))
        }).collect();
        wait(|| rounds.load(SeqCst) >= 20).await;
        handle.stop();
        serving.await.unwrap().unwrap();
        wait(|| threads.iter().all(|thread| thread.is_finished())).await;
        for thread in threads {
            for end in thread.join().unwrap().unwrap() {
                assert!(matches!(end, Ok(0..=3) | Err(Interrupted::Closed | Interrupted::Abandoned | Interrupted::Cancelled { .. })), "{end:?}");
            }
        }
        assert!(matches!(portal.call_soon(|| ()), Err(Interrupted::Closed)));
        assert!(matches!(portal.spawn(async {}).await, Err(Interrupted::Closed)));
    }
}
