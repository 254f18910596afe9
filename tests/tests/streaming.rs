//! Streams from pool threads to a peer: they end when the stream or the session ends. And reports
//! about waiting threads.

#![forbid(unsafe_code)]

use std::future::{Future, pending};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use portcullis::prelude::*;
use portcullis::{Interrupted, WaitsFor, channel};
use portcullis_tests::served::{TestServer, client};
use portcullis_tests::{LIMIT, on_loops, poll_once, wait};

/// Streams as many lines as are requested from a pool thread.
struct Reports {
    disk: Pool,
    peer: Mutex<Option<Peer<String>>>,
    /// The number of threads that saw their receiver closed.
    closed: AtomicUsize,
    ended: Mutex<Vec<String>>,
}

impl Reports {
    fn new() -> Arc<Self> {
        let disk = Pool::builder("disk").threads(1).build().unwrap();
        let (peer, closed, ended) = Default::default();
        Arc::new(Self { disk, peer, closed, ended })
    }

    fn server(self: &Arc<Self>) -> Server<Self, Lines, portcullis::Bound> {
        Server::new(Arc::clone(self)).codec(Lines::new()).bind("127.0.0.1:0").unwrap()
    }
}

#[service]
impl Reports {
    #[session]
    async fn report(&self, session: &mut Session<String, String>) -> Result<(), SessionError> {
        let lines = session.next().await?.parse().unwrap_or(0);
        *self.peer.lock().unwrap() = Some(session.peer().clone());
        let (sender, receiver) = channel(2);
        let (read, sent) = tokio::join!(self.read(lines, sender), session.forward(receiver));
        let text = format!(
            "{} {}",
            read.is_ok(),
            sent.as_ref().map_or_else(ToString::to_string, |()| "sent".to_owned())
        );
        self.ended.lock().unwrap().push(text);
        sent?;
        session.send("done".to_owned()).await
    }

    #[blocking(pool = self.disk)]
    fn read(
        &self,
        worker: &Worker,
        lines: usize,
        sender: portcullis::Sender<String>,
    ) -> Result<(), Interrupted> {
        for n in 1..=lines {
            if sender.send(worker, format!("line {n}")).is_err() {
                self.closed.fetch_add(1, SeqCst);
                break;
            }
        }
        if lines == 0 {
            // Holds the sender, and sends nothing until it is closed.
            while !sender.is_closed() {
                worker.sleep(Duration::from_millis(1))?;
            }
            self.closed.fetch_add(1, SeqCst);
        }
        Ok(())
    }
}

on_loops! {
    async fn a_stream_is_forwarded_to_its_end() {
        let reports = Reports::new();
        let served = TestServer::new(reports.server()).await;
        let mut client = client(served.addr).await;
        client.send("100".into()).await.unwrap();
        for n in 1..=100 {
            assert_eq!(client.next().await.unwrap().unwrap(), format!("line {n}"));
        }
        assert_eq!(client.next().await.unwrap().unwrap(), "done");
        assert_eq!(*reports.ended.lock().unwrap(), ["true sent"]);
        drop(client);
        assert!(served.stop().await.is_clean());
    }

    async fn a_stream_ends_when_its_session_is_closed_from_elsewhere() {
        let reports = Reports::new();
        let served = TestServer::new(reports.server()).await;
        let mut client = client(served.addr).await;
        client.send("100000000".into()).await.unwrap();
        for _ in 0..10 {
            client.next().await.unwrap().unwrap();
        }
        reports.peer.lock().unwrap().as_ref().unwrap().close();
        while client.next().await.unwrap().is_some() {}
        wait(|| reports.closed.load(SeqCst) == 1).await;
        assert_eq!(*reports.ended.lock().unwrap(), ["true the session ended: closed by `Peer::close`"]);
        assert!(served.stop().await.is_clean());
    }

    async fn a_silent_stream_ends_with_its_session() {
        let reports = Reports::new();
        let served = TestServer::new(reports.server()).await;
        let mut client = client(served.addr).await;
        client.send("0".into()).await.unwrap();
        wait(|| reports.peer.lock().unwrap().is_some()).await;
        reports.peer.lock().unwrap().as_ref().unwrap().close();
        assert!(client.next().await.unwrap().is_none());
        wait(|| reports.closed.load(SeqCst) == 1).await;
        assert!(served.stop().await.is_clean());
    }

    async fn a_task_can_forward_a_stream_to_a_peer() {
        let reports = Reports::new();
        let served = TestServer::new(reports.server()).await;
        let mut client = client(served.addr).await;
        client.send("0".into()).await.unwrap();
        wait(|| reports.peer.lock().unwrap().is_some()).await;
        let peer = reports.peer.lock().unwrap().clone().unwrap();
        let items = futures::stream::iter(["a".to_owned(), "b".to_owned()]);
        tokio::spawn(peer.forward(items)).await.unwrap().unwrap();
        assert_eq!(client.next().await.unwrap().unwrap(), "a");
        assert_eq!(client.next().await.unwrap().unwrap(), "b");
        let pushing = tokio::spawn(peer.forward(futures::stream::pending()));
        peer.close();
        let ended = pushing.await.unwrap().unwrap_err();
        assert!(matches!(ended, SessionError::Ended(Reason::Closed(By::Close))), "{ended}");
        assert!(served.stop().await.is_clean());
    }

    async fn a_waiting_thread_is_reported_with_its_pool_location_and_cause() {
        let pool = Pool::builder("waiters").threads(4).build().unwrap();
        let (sender, _receiver) = channel::<u32>(1);
        let sends = pool.job("sends").try_run(move |worker| {
            for n in 0..9 {
                sender.send(worker, n)?;
            }
            Ok::<_, Interrupted>(())
        });
        let calls = tokio::spawn(pool.job("calls").try_run(move |worker| worker.run_on_loop(pending::<()>())));
        let waits = pool.job("waits").try_run(move |worker| pending::<()>().wait(worker));
        let sleeps = pool.job("sleeps").try_run(move |worker| worker.sleep(LIMIT));
        let waiting = || pool.running_jobs().iter().filter(|job| job.waiting_at.is_some() && !job.host_not_polled).count();
        wait(|| waiting() == 4).await;
        let mut jobs = pool.running_jobs();
        jobs.sort_by_key(|job| job.method);
        let expected = [
            ("calls", WaitsFor::Loop, "waiting for the loop at "),
            ("sends", WaitsFor::Capacity, "waiting for capacity in a channel at "),
            ("sleeps", WaitsFor::Time, "sleeping at "),
            ("waits", WaitsFor::Wakeup, "waiting for a future at "),
        ];
        for (job, (method, what, says)) in jobs.iter().zip(expected) {
            assert_eq!((job.method, job.pool.as_str(), job.waits_for), (method, "waiters", Some(what)));
            assert!(job.waiting_at.unwrap().file().ends_with("streaming.rs"), "{job}");
            assert!(job.to_string().contains(says), "{job}");
        }
        let report = pool.drain(Duration::ZERO).await;
        assert!(report.to_string().starts_with("pool `waiters`: 4 cancelled, 0 stuck"), "{report}");
        drop((calls, sends, waits, sleeps));
    }
}

#[test]
fn a_send_that_is_dropped_while_it_waits_keeps_no_waker_and_takes_none_of_its_siblings() {
    #[derive(Default)]
    struct Woken(AtomicUsize);
    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut cx = Context::from_waker(&waker);
    let (sender, mut receiver) = channel(1);
    assert!(Box::pin(sender.send_async(0)).as_mut().poll(&mut cx).is_ready());
    let mut sends: Vec<_> = (1..=3).map(|n| Box::pin(sender.send_async(n))).collect();
    assert!(sends.iter_mut().all(|send| send.as_mut().poll(&mut cx).is_pending()));
    // The other two are woken when there is capacity.
    drop(sends.pop());
    assert_eq!(poll_once(&mut Box::pin(receiver.recv())), Poll::Ready(Some(0)));
    assert_eq!(woken.0.load(SeqCst), 2);
    assert!(sends[1].as_mut().poll(&mut cx).is_ready());
    assert!(sends[0].as_mut().poll(&mut cx).is_pending());
    drop((sends, waker));
    assert_eq!(Arc::strong_count(&woken), 1);
}
