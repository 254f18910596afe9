//! `portcullis::test`: services without sockets, peers without connections, worker bodies without
//! pools, and faulty streams.

#![forbid(unsafe_code)]

use std::convert::Infallible;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use portcullis::prelude::*;
use portcullis::test::{self, Error, Faulty};
use portcullis::{Client, Encoded, Interrupted, Transport, TrySendError};
use portcullis_tests::{Gate, on_loops, wait};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// Squares numbers on a pool, and records what happened to it.
struct Mill {
    cpu: Pool,
    seen: Mutex<Vec<String>>,
    open: Arc<Gate>,
    saw_cancel: Arc<Gate>,
    running: AtomicUsize,
}

impl Mill {
    fn on(cpu: Pool) -> Arc<Self> {
        let (seen, open, saw_cancel) = (Mutex::default(), Arc::default(), Arc::default());
        Arc::new(Self { cpu, seen, open, saw_cancel, running: AtomicUsize::new(0) })
    }

    fn new() -> Arc<Self> {
        Self::on(Pool::builder("mill").threads(2).build().unwrap())
    }

    fn saw(&self, what: impl Into<String>) {
        self.seen.lock().unwrap().push(what.into());
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

#[service]
impl Mill {
    #[on(start)]
    async fn start(&self) -> Result<(), String> {
        self.saw("start");
        if self.open.is_open() { Err("the mill is out of order".to_owned()) } else { Ok(()) }
    }

    #[on(connect)]
    async fn connected(&self) {
        self.saw("connect");
    }

    #[request]
    async fn square(&self, peer: &Peer<u64>, n: u64) -> Result<u64, Interrupted> {
        match n {
            13 => panic!("thirteen"),
            14 => {
                let _ = peer.send(1).await;
                peer.close();
                Ok(14)
            }
            15 => self.sleep_long(n).await,
            n => self.grind(n).await,
        }
    }

    #[blocking(pool = self.cpu)]
    fn grind(&self, worker: &Worker, n: u64) -> Result<u64, Interrupted> {
        worker.check()?;
        if n == 666 {
            return Err(Interrupted::Closed);
        }
        self.times(n, n).wait(worker)
    }

    #[blocking(pool = self.cpu)]
    fn sleep_long(&self, worker: &Worker, n: u64) -> Result<u64, Interrupted> {
        self.running.fetch_add(1, SeqCst);
        // Ends when the job is cancelled; otherwise the test exceeds its limit.
        let slept = worker.sleep(Duration::from_secs(60));
        self.saw_cancel.open();
        slept.map(|()| n)
    }

    async fn times(&self, a: u64, b: u64) -> u64 {
        a * b
    }

    #[on(disconnect)]
    async fn disconnected(&self, reason: Reason) {
        self.saw(reason.to_string());
    }

    #[on(stop)]
    async fn stopped(&self) {
        self.saw("stop");
    }
}

on_loops! {
    async fn a_service_is_called_without_a_socket_and_its_hooks_run() {
        let mill = Mill::new();
        let mut client = test::connect(Arc::clone(&mill)).await.unwrap();
        assert_eq!(client.call(7).await.unwrap(), 49);
        assert!(client.close().await.unwrap().is_clean());
        assert_eq!(mill.seen(), ["start", "connect", "closed by the peer", "stop"]);
    }

    async fn pipelined_requests_are_answered_in_order() {
        let mut client = test::connect(Mill::new()).await.unwrap();
        for n in 0..10 {
            assert!(client.send(n));
        }
        for n in 0..10 {
            assert_eq!(client.next().await.unwrap(), n * n);
        }
        client.half_close();
        assert!(!client.send(11));
        assert!(matches!(client.next().await, Err(Error::Ended(Reason::PeerClosed))));
        client.close().await.unwrap();
    }

    async fn s23_an_encoded_message_reaches_clients_in_memory_and_peers_without_a_connection() {
        let mut client = test::connect(Mill::new()).await.unwrap();
        assert_eq!(client.call(2).await.unwrap(), 4);
        let message = Encoded::new(5);
        client.peer().try_send_encoded(message.clone()).unwrap();
        client.peer().send_encoded(message.clone()).await.unwrap();
        assert_eq!((client.next().await.unwrap(), client.next().await.unwrap()), (5, 5));
        client.close().await.unwrap();

        let (peer, mut sent) = test::bounded_peer::<u64, Infallible>(1);
        peer.try_send_encoded(message.clone()).unwrap();
        let Err(TrySendError::Full(back)) = peer.try_send_encoded(message) else { panic!("two places") };
        assert_eq!((sent.next().await, *back.message()), (Some(5), 5));
    }

    async fn the_client_gets_a_panic_or_an_error_as_the_reason() {
        let mill = Mill::new();
        let mut client = test::connect(Arc::clone(&mill)).await.unwrap();
        let mut other = client.connect_another().await.unwrap();
        let Err(Error::Ended(Reason::Panicked(said))) = client.call(13).await else { panic!("no panic") };
        assert_eq!(said, "thirteen");
        let Err(Error::Ended(Reason::Failed(said))) = other.call(666).await else { panic!("no failure") };
        assert_eq!(said, Interrupted::Closed.to_string());
        let mut third = client.connect_another().await.unwrap();
        assert_eq!(third.call(3).await.unwrap(), 9);
        assert!(third.close().await.unwrap().is_clean());
    }

    async fn connect_returns_the_error_or_panic_of_on_start() {
        let mill = Mill::new();
        mill.open.open();
        let error = test::connect(Arc::clone(&mill)).await.unwrap_err();
        assert_eq!(error.to_string(), "the mill is out of order");
    }

    async fn s8_a_reset_cancels_the_handler_and_its_job() {
        let mill = Mill::new();
        let mut client = test::connect(Arc::clone(&mill)).await.unwrap();
        client.send(15);
        wait(|| mill.running.load(SeqCst) == 1).await;
        client.reset();
        assert_eq!(client.ended().await.unwrap(), Reason::Reset);
        wait(|| mill.saw_cancel.is_open()).await;
        assert!(client.stop().await.unwrap().is_clean());
    }

    async fn s8_a_half_close_cancels_a_handler_that_takes_the_peer() {
        let mill = Mill::new();
        let mut client = test::connect(Arc::clone(&mill)).await.unwrap();
        client.send(15);
        wait(|| mill.running.load(SeqCst) == 1).await;
        client.half_close();
        assert_eq!(client.ended().await.unwrap(), Reason::PeerClosed);
        wait(|| mill.saw_cancel.is_open()).await;
        assert!(client.close().await.unwrap().is_clean());
    }

    async fn a_malformed_request_ends_the_session_with_its_decode_error() {
        let mut client = test::connect(Mill::new()).await.unwrap();
        client.send_malformed("no number", false);
        let Err(Error::Ended(Reason::Decode(said))) = client.call(1).await else { panic!("it was taken") };
        assert_eq!(said, "no number");
        client.close().await.unwrap();
    }

    async fn a_handler_can_send_and_close() {
        let mut client = test::connect(Mill::new()).await.unwrap();
        assert_eq!(client.call(14).await.unwrap(), 1);
        assert_eq!(client.next().await.unwrap(), 14);
        assert_eq!(client.ended().await.unwrap(), Reason::Closed(By::Close));
        assert!(!client.send(1) || client.next().await.is_err());
        client.close().await.unwrap();
    }

    async fn s11_a_client_that_does_not_read_blocks_the_writer() {
        let server = Server::new(Mill::new()).max_queued_responses(2);
        let mut client = test::connect_to(server).await.unwrap().window(1);
        let peer = client.peer().clone();
        let mut sent = 0;
        // One message is being written, some are buffered, two are queued: then the queue is full.
        timeout(portcullis_tests::LIMIT, async {
            while peer.try_send(sent).is_ok() {
                sent += 1;
                tokio::task::yield_now().await;
            }
        }).await.unwrap();
        for n in 0..sent {
            assert_eq!(client.next().await.unwrap(), n);
        }
        client.close().await.unwrap();
    }

    async fn a_wait_without_a_response_times_out() {
        let client = test::connect(Mill::new()).await.unwrap();
        let mut client = client.timeout(Duration::from_millis(20));
        assert!(matches!(client.next().await, Err(Error::Timeout(_))));
        drop(client);
    }

    async fn s5_a_stop_ends_idle_sessions() {
        let mill = Mill::new();
        let mut client = test::connect(Arc::clone(&mill)).await.unwrap();
        client.handle().stop();
        assert_eq!(client.ended().await.unwrap(), Reason::Stopped);
        assert!(client.stop().await.unwrap().is_clean());
        assert_eq!(mill.seen().last().unwrap(), "stop");
    }

    async fn a_service_works_on_inline_and_stepped_pools() {
        let mut client = test::connect(Mill::on(Pool::inline())).await.unwrap();
        assert_eq!(client.call(9).await.unwrap(), 81);
        client.close().await.unwrap();

        let (pool, stepper) = Pool::builder("stepped").threads(1).stepped().unwrap();
        let mut client = test::connect(Mill::on(pool)).await.unwrap();
        client.send(8);
        wait(|| !stepper.queued().is_empty()).await;
        assert_eq!(stepper.queued(), ["Mill::grind"]);
        assert!(stepper.step().await);
        assert_eq!(client.next().await.unwrap(), 64);
        client.close().await.unwrap();
    }

    async fn a_test_peer_records_messages_fills_up_and_closes() {
        let (peer, mut sent) = test::bounded_peer::<u32, Infallible>(2);
        peer.send(1).await.unwrap();
        peer.try_send(2).unwrap();
        assert_eq!(peer.try_send(3), Err(TrySendError::Full(3)));
        let waiting = tokio::spawn({
            let peer = peer.clone();
            async move { peer.send(3).await }
        });
        assert_eq!(sent.next().await, Some(1));
        assert_eq!(sent.next().await, Some(2));
        assert_eq!(sent.next().await, Some(3));
        waiting.await.unwrap().unwrap();
        assert_eq!(sent.try_next(), None);

        let late = tokio::spawn({
            let peer = peer.clone();
            async move {
                tokio::task::yield_now().await;
                peer.try_send(4).unwrap();
                peer.close();
            }
        });
        assert_eq!(sent.next().await, Some(4));
        assert_eq!(sent.next().await, None);
        late.await.unwrap();
        assert!(sent.is_closed() && peer.is_closed());
    }

    async fn a_test_peer_rejects_messages_after_its_receiver_is_dropped() {
        let (peer, sent) = test::peer::<u32, Infallible>();
        drop(sent);
        assert_eq!(peer.try_send(1), Err(TrySendError::Closed(1)));
        assert!(peer.send(2).await.is_err());
        let (other, _sent) = test::peer::<u32, Infallible>();
        assert_ne!(peer, other);
        assert_ne!(peer.id(), other.id());
    }

    async fn a_test_peer_records_posted_events() {
        let (peer, mut sent) = test::bounded_peer::<u32, &str>(1);
        peer.try_post("news").unwrap();
        assert_eq!(peer.try_post("more"), Err(TrySendError::Full("more")));
        assert_eq!(sent.next_event().await, Some("news"));
        assert_eq!(sent.try_next_event(), None);
    }

    async fn a_job_can_send_to_a_test_peer() {
        let (peer, mut sent) = test::peer::<u32, Infallible>();
        let pool = Pool::builder("test").threads(1).build().unwrap();
        pool.run(move |worker| peer.send(5).wait(worker).unwrap().unwrap()).await.unwrap();
        assert_eq!(sent.next().await, Some(5));
    }

    async fn a_faulty_stream_can_be_served() {
        for faulty in [Faulty::tiny_reads, Faulty::tiny_writes, Faulty::delayed_flush] {
            let (near, far) = tokio::io::duplex(4096);
            let server = Server::new(Mill::new()).codec(JsonLines::new());
            let serving = tokio::spawn(server.serve_stream(faulty(Faulty::new(far))));
            let near = Faulty::new(near).tiny_writes().short_reads(2);
            let mut client = Client::<u64, u64, _, _>::from_stream(near, JsonLines::new()).timeout(portcullis_tests::LIMIT);
            assert_eq!(client.call(1234).await.unwrap(), 1234 * 1234);
            assert_eq!(client.call(5).await.unwrap(), 25);
            drop(client);
            assert!(serving.await.unwrap().unwrap().is_clean());
        }
    }

    async fn a_cut_stream_reads_eof_and_a_broken_one_a_reset() {
        let (mut near, far) = tokio::io::duplex(64);
        let mut far = Faulty::new(far).cut_reads_after(3).cut_writes_after(2);
        near.write_all(b"hello").await.unwrap();
        let mut read = Vec::new();
        far.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, b"hel");
        assert_eq!(far.write(b"hello").await.unwrap(), 2);
        assert_eq!(far.write(b"llo").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!((far.faults().read(), far.faults().written()), (3, 2));

        let mill = Mill::new();
        let (mut near, far) = tokio::io::duplex(64);
        let far = Faulty::new(far).fail_reads_after(2, ErrorKind::ConnectionReset);
        let server = Server::new(Arc::clone(&mill)).codec(JsonLines::new());
        let serving = tokio::spawn(server.serve_stream(far));
        near.write_all(b"3\n").await.unwrap();
        serving.await.unwrap().unwrap();
        assert!(mill.seen().contains(&Reason::Reset.to_string()));
    }

    async fn a_stalled_stream_waits_until_it_is_released() {
        let (mut near, far) = tokio::io::duplex(64);
        let mut far = Faulty::new(far).stall_reads_after(1);
        let faults = far.faults();
        near.write_all(b"ab").await.unwrap();
        let mut one = [0];
        far.read_exact(&mut one).await.unwrap();
        let reading = tokio::spawn(async move {
            far.read_exact(&mut one).await.unwrap();
            (far, one)
        });
        tokio::task::yield_now().await;
        assert!(!reading.is_finished());
        faults.release();
        let (mut far, one) = reading.await.unwrap();
        assert_eq!(one, *b"b");

        faults.stall_writes();
        let writing = tokio::spawn(async move { far.write_all(b"xyz").await.map(|()| far) });
        tokio::task::yield_now().await;
        assert!(!writing.is_finished());
        faults.reset();
        assert_eq!(writing.await.unwrap().err().unwrap().kind(), ErrorKind::ConnectionReset);
    }

    async fn a_reset_stream_wakes_a_pending_wait_for_reset() {
        let (_near, far) = tokio::io::duplex(64);
        let far = Faulty::new(far);
        let faults = far.faults();
        let waiting = tokio::spawn(async move { far.wait_for_reset().await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        faults.reset();
        timeout(portcullis_tests::LIMIT, waiting).await.unwrap().unwrap();
    }

    async fn s11_a_stalled_connection_times_out() {
        let mill = Mill::new();
        let server = Server::new(Arc::clone(&mill)).write_timeout(Duration::from_millis(50));
        let mut client = test::connect_to(server).await.unwrap();
        client.faults().stall_writes();
        client.send(2);
        // Not because of its limit: unread messages are dropped, and the session ends.
        wait(|| mill.seen().len() == 3).await;
        assert_eq!(mill.seen()[2], Reason::Timeout(Limit::Write).to_string());
        client.stop().await.unwrap();
    }
}

#[test]
fn a_worker_body_runs_on_the_test_thread_and_may_wait_for_the_loop() {
    let mill = Mill::new();
    let here = std::thread::current().id();
    let (there, squared) =
        test::worker(|worker| (std::thread::current().id(), mill.blocking_grind(worker, 6)));
    assert_eq!(there, here);
    assert_eq!(squared.unwrap(), 36);
    // The loop has a timer.
    let slept = test::worker(|worker| tokio::time::sleep(Duration::from_millis(1)).wait(worker));
    slept.unwrap();
    let spawned = test::worker(|worker| worker.spawn(async { 5 }).wait(worker));
    assert_eq!(spawned.unwrap().unwrap(), 5);
}

#[test]
fn a_worker_body_can_be_cancelled_or_past_its_deadline() {
    let mill = Mill::new();
    let cancelled = test::WorkerBuilder::new().cancelled();
    assert!(matches!(
        cancelled.run(|worker| mill.blocking_grind(worker, 6)),
        Err(Interrupted::Cancelled { .. })
    ));
    let late = test::WorkerBuilder::new().deadline(Duration::ZERO);
    assert!(matches!(late.run(|worker| mill.blocking_grind(worker, 6)), Err(Interrupted::Deadline { .. })));
    let late = test::WorkerBuilder::new().deadline(Duration::from_millis(10));
    assert!(matches!(
        late.run(|worker| mill.blocking_sleep_long(worker, 6)),
        Err(Interrupted::Deadline { .. })
    ));

    // Cancelled in the middle of a wait, and of a call to the loop.
    let cancels = |body: &test::WorkerBuilder| {
        let cancel = body.cancel_handle();
        async move {
            cancel.cancel();
            std::future::pending::<()>().await;
        }
    };
    let body = test::WorkerBuilder::new();
    let future = cancels(&body);
    let waited = body.run(|worker| future.wait(worker));
    assert!(matches!(waited, Err(Interrupted::Cancelled { .. })), "{waited:?}");
    let body = test::WorkerBuilder::new();
    let future = cancels(&body);
    let called = body.run(|worker| worker.run_on_loop(future));
    assert!(matches!(called, Err(Interrupted::Abandoned)), "{called:?}");
}

#[test]
fn a_worker_body_has_the_thread_state_of_its_pool() {
    let pool = Pool::builder("db").threads(1).thread_state(|| String::from("connection")).build().unwrap();
    let state =
        test::WorkerBuilder::new().pool(&pool).run(|worker| worker.local::<String>().as_str().to_owned());
    assert_eq!(state, "connection");
}

#[test]
fn a_panic_of_a_worker_body_propagates_to_the_test() {
    let panicked = std::panic::catch_unwind(|| test::worker(|_| -> () { panic!("as it is") }));
    assert_eq!(*panicked.unwrap_err().downcast::<&str>().unwrap(), "as it is");
}
