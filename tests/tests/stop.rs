//! What a server's stop does to jobs, portals, tasks and pools (O8, O11, P3, P6, S10), and what a
//! disconnect does (O3, S8).

#![forbid(unsafe_code)]

use std::future::pending;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use portcullis::prelude::*;
use portcullis::{ClientError, Interrupted, Lines, Portal, PortalTask, ServerHandle};
use portcullis_tests::served::{self, ServeTask, client};
use portcullis_tests::{Gate, OpenOnDrop, eventually, on_loops, wait};

async fn start<S>(service: Arc<S>) -> (SocketAddr, ServerHandle, ServeTask)
where
    S: portcullis::Service<Request = String, Response = String>,
{
    let server = Server::new(service).codec(Lines::new()).grace(Duration::from_millis(50));
    let server = server.bind("127.0.0.1:0").unwrap();
    let addr = server.local_addr();
    let (handle, serving) = served::start(server).await;
    (addr, handle, serving)
}

/// Each line is a command for its pool, its tasks and its portal.
struct Jobs {
    pool: Pool,
    inside: Gate,
    /// Opened by jobs that see their cancellation.
    cancelled: Gate,
    /// Releases jobs that ignore cancellation.
    release: Gate,
    /// The portal for an external thread.
    portal: Mutex<Option<Portal>>,
    task: Mutex<Option<PortalTask<()>>>,
    task_dropped: Arc<Gate>,
}

impl Jobs {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            pool: Pool::builder("yard").threads(2).queue_capacity(8).build().unwrap(),
            inside: Gate::default(),
            cancelled: Gate::default(),
            release: Gate::default(),
            portal: Mutex::default(),
            task: Mutex::default(),
            task_dropped: Arc::default(),
        })
    }
}

#[service]
impl Jobs {
    #[request(half_close = cancel)]
    async fn handle(&self, line: String) -> Result<String, Interrupted> {
        match line.as_str() {
            "check" => self.check().await?,
            "ignore" => self.ignore().await?,
            "wait" => self.wait_forever().await?,
            "detach" => self.check().detach(),
            "spawn" => self.spawn().await?,
            "portal" => *self.portal.lock().unwrap() = Some(Portal::current()?),
            _ => {}
        }
        Ok(line)
    }

    #[blocking(pool = self.pool)]
    fn check(&self, worker: &Worker) {
        self.inside.open();
        eventually(|| worker.is_cancelled());
        self.cancelled.open();
    }

    #[blocking(pool = self.pool)]
    fn ignore(&self) {
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
    fn spawn(&self, worker: &Worker) {
        let guard = OpenOnDrop(Arc::clone(&self.task_dropped));
        let task = worker.spawn(async move {
            let _guard = guard;
            pending().await
        });
        *self.task.lock().unwrap() = Some(task);
    }
}

on_loops! {
    async fn s10_a_stop_ends_within_its_grace_while_a_handler_awaits_a_job_that_checks_for_cancellation() {
        let jobs = Jobs::new();
        let (addr, handle, serving) = start(jobs.clone()).await;
        let mut client = client(addr).await;
        client.send("check".into()).await.unwrap();
        wait(|| jobs.inside.is_open()).await;
        handle.stop();
        let report = serving.await.unwrap().unwrap();
        assert_eq!((report.sessions_cancelled, report.stuck.len()), (1, 0), "{report}");
        wait(|| jobs.cancelled.is_open()).await;
        assert!(matches!(client.next().await, Ok(None) | Err(ClientError::Io(_))));
    }

    async fn s10_a_stop_ends_although_a_job_ignores_cancellation_and_reports_it() {
        let jobs = Jobs::new();
        let (addr, handle, serving) = start(jobs.clone()).await;
        let mut client = client(addr).await;
        client.send("ignore".into()).await.unwrap();
        wait(|| jobs.inside.is_open()).await;
        handle.stop();
        let report = serving.await.unwrap().unwrap();
        assert_eq!(report.stuck.len(), 1, "{report}");
        assert_eq!((report.stuck[0].method, report.stuck[0].pool.as_str()), ("Jobs::ignore", "yard"));
        jobs.release.open();
    }

    async fn h3_a_worker_that_waits_for_the_loop_does_not_block_the_stop() {
        let jobs = Jobs::new();
        let (addr, handle, serving) = start(jobs.clone()).await;
        let mut client = client(addr).await;
        client.send("wait".into()).await.unwrap();
        wait(|| jobs.inside.is_open()).await;
        handle.stop();
        assert!(serving.await.unwrap().unwrap().stuck.is_empty());
        wait(|| jobs.cancelled.is_open()).await;
    }

    async fn o11_a_stop_drains_this_servers_jobs_and_not_a_shared_pool() {
        let (jobs, theirs) = (Jobs::new(), Arc::new(Gate::default()));
        let (addr, handle, serving) = start(jobs.clone()).await;
        // A job on the same pool that is not the server's.
        let gate = theirs.clone();
        let foreign = jobs.pool.run(move |worker| { gate.pass(); worker.is_cancelled() });
        let mut client = client(addr).await;
        assert_eq!(client.call("detach".into()).await.unwrap(), "detach");
        wait(|| jobs.inside.is_open()).await;
        handle.stop();
        let report = serving.await.unwrap().unwrap();
        assert!(report.stuck.is_empty(), "{report}");
        // The detached job was this server's: the stop waited for it, and then cancelled it.
        wait(|| jobs.cancelled.is_open()).await;
        theirs.open();
        assert!(!foreign.await.unwrap(), "not cancelled");
        assert_eq!(jobs.pool.run(|_| 1).await.unwrap(), 1, "not drained");
    }

    async fn p3_tasks_outlive_their_job_and_are_cancelled_by_the_servers_stop() {
        let jobs = Jobs::new();
        let (addr, handle, serving) = start(jobs.clone()).await;
        let mut client = client(addr).await;
        assert_eq!(client.call("spawn".into()).await.unwrap(), "spawn");
        assert!(!jobs.task_dropped.is_open());
        handle.stop();
        serving.await.unwrap().unwrap();
        assert!(jobs.task_dropped.is_open());
        let task = jobs.task.lock().unwrap().take().unwrap();
        assert!(matches!(task.await, Err(Interrupted::Cancelled { .. })));
    }

    async fn p6_after_the_server_has_stopped_every_portal_call_is_closed() {
        let jobs = Jobs::new();
        let (addr, handle, serving) = start(jobs.clone()).await;
        let mut client = client(addr).await;
        assert_eq!(client.call("portal".into()).await.unwrap(), "portal");
        let portal = jobs.portal.lock().unwrap().take().unwrap();
        let before = portal.clone();
        let called = tokio::task::spawn_blocking(move || before.enter_thread(|worker| before.call(worker, || 1))).await.unwrap();
        assert_eq!(called.unwrap().unwrap(), 1);
        handle.stop();
        serving.await.unwrap().unwrap();
        let closed = tokio::task::spawn_blocking(move || {
            let closed = portal.enter_thread(|worker| {
                let waits = [worker.run_on_loop(async { 1 }), pending::<i32>().wait(worker)];
                // What needs nothing of the server goes on.
                assert_eq!(async { 1 }.wait(worker).unwrap(), 1);
                (worker.call(|| 1), waits, portal.call(worker, || 1), worker.spawn(async { 1 }).wait(worker))
            }).unwrap();
            (closed, portal.call_soon(|| ()))
        }).await.unwrap();
        let ((a, [b, c], d, e), soon) = closed;
        for (n, end) in [a, b, c, d, e.and_then(|e| e), soon.map(|()| 1)].into_iter().enumerate() {
            assert!(matches!(end, Err(Interrupted::Closed)), "{n}: {end:?}");
        }
    }

    async fn p6_a_call_in_flight_at_the_stop_is_answered() {
        let jobs = Jobs::new();
        let (addr, handle, serving) = start(jobs.clone()).await;
        let mut client = client(addr).await;
        assert_eq!(client.call("portal".into()).await.unwrap(), "portal");
        let portal = jobs.portal.lock().unwrap().take().unwrap();
        let inside = Arc::new(Gate::default());
        let inside2 = inside.clone();
        let waiting = tokio::task::spawn_blocking(move || portal.enter_thread(|worker| {
            async move { inside2.open(); pending::<()>().await }.wait(worker)
        }));
        wait(|| inside.is_open()).await;
        handle.stop();
        serving.await.unwrap().unwrap();
        let end = waiting.await.unwrap().unwrap();
        assert!(matches!(end, Err(Interrupted::Abandoned | Interrupted::Closed)), "{end:?}");
    }

    async fn s8_a_disconnected_client_cancels_the_job() {
        let jobs = Jobs::new();
        let (addr, handle, serving) = start(jobs.clone()).await;
        let mut client = client(addr).await;
        client.send("check".into()).await.unwrap();
        wait(|| jobs.inside.is_open()).await;
        drop(client);
        wait(|| jobs.cancelled.is_open()).await;
        handle.stop();
        assert!(serving.await.unwrap().unwrap().is_clean());
    }
}

/// Streams a long response until its peer disconnects.
struct Rows {
    stopped: Mutex<Option<(u64, &'static str)>>,
    pool: Pool,
}

#[service]
impl Rows {
    #[session]
    async fn query(&self, session: &mut Session<String, String>) -> Result<(), SessionError> {
        session.next().await?;
        let _ = self.stream(session.peer().clone()).await;
        Ok(())
    }

    #[blocking(pool = self.pool)]
    fn stream(&self, worker: &Worker, peer: Peer<String>) {
        for row in 0.. {
            let end = match peer.send(format!("row {row}")).wait(worker) {
                Ok(Ok(())) => continue,
                Ok(Err(_)) => "the peer is closed",
                Err(_) => "the session has ended",
            };
            *self.stopped.lock().unwrap() = Some((row, end));
            return;
        }
    }
}

on_loops! {
    async fn streaming_from_a_worker_waits_for_its_peer_and_ends_when_it_disconnects() {
        let rows = Arc::new(Rows { stopped: Mutex::default(), pool: Pool::builder("rows").threads(1).build().unwrap() });
        let (addr, handle, serving) = start(rows.clone()).await;
        let mut client = client(addr).await;
        client.send("all".into()).await.unwrap();
        for row in 0..1000 {
            assert_eq!(client.next().await.unwrap().unwrap(), format!("row {row}"));
        }
        assert!(rows.stopped.lock().unwrap().is_none());
        drop(client);
        wait(|| rows.stopped.lock().unwrap().is_some()).await;
        handle.stop();
        serving.await.unwrap().unwrap();
    }
}

/// Starts tasks of every kind in `on(start)`.
#[derive(Default)]
struct Tasks {
    /// Whether `on(start)` fails after starting them.
    fails: bool,
    /// Whether one of them runs forever without being a background task.
    forgets: bool,
    dropped: Arc<Gate>,
    flushed: Arc<Gate>,
    seen_at_stop: Mutex<Option<bool>>,
}

#[service]
impl Tasks {
    #[on(start)]
    async fn start(&self, cleanup: &mut Cleanup) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let guard = OpenOnDrop(Arc::clone(&self.dropped));
        cleanup.spawn(async move {
            let _guard = guard;
            // A periodic task without an end.
            loop {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        cleanup.spawn(async { panic!("a background task that panics") });
        cleanup.spawn(async {});
        let (stopping, flushed) = (cleanup.stopping(), Arc::clone(&self.flushed));
        assert!(!stopping.is_stopping());
        Portal::current()?
            .spawn(async move {
                stopping.wait().await;
                // The stop waits for the following.
                for _ in 0..10 {
                    tokio::task::yield_now().await;
                }
                flushed.open();
            })
            .detach();
        if self.forgets {
            Portal::current()?.spawn(pending::<()>()).detach();
        }
        if self.fails { Err("on request".into()) } else { Ok(()) }
    }

    #[request]
    async fn echo(&self, line: String) -> String {
        line
    }

    #[on(stop)]
    async fn stopped(&self) {
        *self.seen_at_stop.lock().unwrap() = Some(self.dropped.is_open());
    }
}

fn tasks(tasks: &Arc<Tasks>, grace: Duration) -> Server<Tasks, Lines, portcullis::Bound> {
    Server::new(Arc::clone(tasks)).codec(Lines::new()).grace(grace).bind("127.0.0.1:0").unwrap()
}

on_loops! {
    async fn s10_background_tasks_are_cancelled_before_on_stop() {
        let service = Arc::new(Tasks::default());
        let served = served::TestServer::new(tasks(&service, portcullis_tests::LIMIT)).await;
        let stopping = served.handle.stopping();
        assert_eq!(client(served.addr).await.call("x".into()).await.unwrap(), "x");
        assert!(!service.dropped.is_open());
        let report = served.stop().await;
        assert!(report.is_clean(), "{report}");
        assert!(report.took < portcullis_tests::LIMIT / 2, "{report}");
        assert_eq!(*service.seen_at_stop.lock().unwrap(), Some(true));
        assert!(service.flushed.is_open(), "the stop did not wait for the other task");
        assert!(stopping.is_stopping());
        stopping.await;
    }

    async fn s10_background_tasks_are_cancelled_when_on_start_fails() {
        let service = Arc::new(Tasks { fails: true, ..Tasks::default() });
        let error = tasks(&service, Duration::ZERO).serve().await.unwrap_err();
        assert!(error.to_string().contains("on request"), "{error}");
        assert!(service.dropped.is_open());
    }

    async fn s10_a_task_that_the_stop_cancelled_is_reported_with_its_spawn_location() {
        let service = Arc::new(Tasks { forgets: true, ..Tasks::default() });
        let served = served::TestServer::new(tasks(&service, Duration::from_millis(50))).await;
        let report = served.stop().await;
        assert!(!report.is_clean(), "{report}");
        let [at] = report.tasks_cancelled[..] else { panic!("{report}") };
        assert!(at.file().ends_with("stop.rs"), "{at}");
        let says = report.to_string();
        assert!(says.contains("1 task cancelled") && says.contains(&format!("spawned at {at}")), "{says}");
        assert!(!says.contains("nothing left"), "{says}");
    }
}
