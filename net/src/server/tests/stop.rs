//! Stops: idle, busy, out of time.

use super::*;

/// A grace period beyond the time limit of each test.
const LONG: Duration = Duration::from_secs(3600);

on_both_flavours! {
    async fn s5_idle_sessions_end_at_once_and_hooks_run_in_order() {
        let (service, mut reports) = scripted();
        let server = serve(bound(service).grace(LONG)).await;
        let mut client = server.connect().await;
        assert_eq!(call(&mut client, "one").await, "one");
        let report = server.stop().await;
        assert_eq!((report.sessions_finished, report.sessions_cancelled), (1, 0));
        assert!(report.is_clean(), "{report}");
        assert_eq!(rest(&mut client).await, ["bye"]);
        let mut events = Vec::new();
        while let Ok(event) = reports.try_recv() {
            events.push(event);
        }
        let end = Event::Disconnected(Reason::Stopped);
        assert_eq!(events, [Event::Connected, end, Event::Stopped, Event::Undone(1), Event::Undone(0)]);
    }

    async fn s5_a_busy_session_finishes_within_the_grace() {
        let (service, mut reports) = scripted();
        let service = Arc::new(service);
        let server = serve(bound(Arc::clone(&service))).await;
        let mut client = server.connect().await;
        client.send("hold".to_owned()).await.expect("sent");
        while reports.recv().await != Some(Event::Holding) {}
        server.handle.stop();
        // It no longer accepts, but still works.
        let addr = server.addr;
        while tokio::net::TcpStream::connect(addr).await.is_ok() {
            tokio::task::yield_now().await;
        }
        service.release.add_permits(1);
        assert_eq!(rest(&mut client).await, ["held", "bye"]);
        let report = server.stop().await;
        assert_eq!((report.sessions_finished, report.sessions_cancelled), (1, 0));
        assert_eq!(until_end(&mut reports).await, Reason::Stopped);
    }

    async fn s10_a_busy_session_is_cancelled_after_the_grace() {
        let (service, mut reports) = scripted();
        let server = serve(bound(service).grace(LONG)).await;
        let mut client = server.connect().await;
        client.send("hold".to_owned()).await.expect("sent");
        while reports.recv().await != Some(Event::Holding) {}
        server.handle.stop_within(Duration::from_millis(50));
        let report = server.task.await.expect("no panic").expect("no error");
        assert_eq!((report.sessions_finished, report.sessions_cancelled, report.sessions_stuck), (0, 1, 0));
        assert_eq!(reports.recv().await, Some(Event::Dropped));
        assert_eq!(reports.recv().await, Some(Event::Disconnected(Reason::Stopped)));
    }

    async fn a_later_order_makes_the_grace_shorter() {
        let (service, mut reports) = scripted();
        let server = serve(bound(service).grace(LONG)).await;
        let mut client = server.connect().await;
        client.send("hold".to_owned()).await.expect("sent");
        while reports.recv().await != Some(Event::Holding) {}
        server.handle.stop();
        server.handle.stop_within(Duration::ZERO);
        let report = server.stop().await;
        assert_eq!(report.sessions_cancelled, 1);
    }

    async fn s10_a_stop_does_not_wait_for_a_job_that_does_not_heed_it() {
        let pool = portcullis_runtime::Pool::builder("stubborn").threads(1).build().expect("a pool");
        let (go_on, wait) = std::sync::mpsc::channel::<()>();
        let service = Offloading { pool, wait: std::sync::Mutex::new(Some(wait)) };
        let server = serve(bound(service).grace(LONG)).await;
        let mut client = server.connect().await;
        client.send("job".to_owned()).await.expect("sent");
        // The job has begun when its answer to this arrives.
        assert_eq!(client.next().await.expect("read"), Some("running".to_owned()));
        server.handle.stop_within(Duration::from_millis(50));
        let report = server.task.await.expect("no panic").expect("no error");
        assert_eq!(report.sessions_cancelled, 1);
        assert!(matches!(&report.stuck[..], [job] if job.pool == "stubborn"), "{report}");
        drop(go_on);
    }

    async fn serving_that_is_dropped_ends_its_sessions() {
        let (service, mut reports) = scripted();
        let server = serve(bound(service)).await;
        let mut client = server.connect().await;
        client.send("hold".to_owned()).await.expect("sent");
        while reports.recv().await != Some(Event::Holding) {}
        server.task.abort();
        assert_eq!(reports.recv().await, Some(Event::Dropped));
        assert_eq!(until_end(&mut reports).await, Reason::Stopped);
        assert!(!server.handle.ready().await);
    }

    async fn a_hook_that_hangs_does_not_hold_the_stop() {
        let server = serve(bound(Hanging).grace(Duration::from_millis(20))).await;
        let mut client = server.connect().await;
        assert_eq!(call(&mut client, "x").await, "x");
        let report = server.stop().await;
        assert_eq!((report.sessions_cancelled, report.sessions_stuck, report.unfinished), (1, 0, 1), "{report}");
    }
}

struct Offloading {
    pool: portcullis_runtime::Pool,
    wait: std::sync::Mutex<Option<std::sync::mpsc::Receiver<()>>>,
}

macro_rules! plain {
    () => {
        type Request = String;
        type Response = String;
        type Error = std::convert::Infallible;
        type Event = std::convert::Infallible;
        type Conn = ();
        type State = ();
        type Kind = PerRequest;

        async fn on_connect(self: &Arc<Self>, _: &Peer<String>) -> Result<Connected<Self>, Self::Error> {
            Ok(Connected { conn: (), state: () })
        }
    };
}

impl Service for Offloading {
    plain!();

    async fn on_request(
        self: &Arc<Self>,
        (): (),
        peer: &Peer<String>,
        (): &mut (),
        _: String,
    ) -> Result<Step<Self>, Self::Error> {
        let peer = peer.clone();
        let wait = self.wait.lock().expect("not poisoned").take();
        let done = self.pool.run(move |worker| {
            use portcullis_runtime::Wait;
            let _ = peer.send("running".to_owned()).wait(worker);
            // Ignores everything but the test.
            wait.map(|wait| wait.recv())
        });
        Ok(Step::reply((), format!("{}", done.await.is_ok())))
    }
}

struct Hanging;

impl Service for Hanging {
    plain!();

    async fn on_disconnect(self: &Arc<Self>, _: &Peer<String>, (): (), _: Option<()>, _: Reason) {
        std::future::pending().await
    }

    async fn on_stop(self: &Arc<Self>) {
        std::future::pending().await
    }

    async fn on_request(
        self: &Arc<Self>,
        (): (),
        _: &Peer<String>,
        (): &mut (),
        request: String,
    ) -> Result<Step<Self>, Self::Error> {
        Ok(Step::reply((), request))
    }
}
