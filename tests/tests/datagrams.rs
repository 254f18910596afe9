//! Datagrams (D1 to D13, S2, S3, S5, S11): a session for each address, over real UDP sockets.

#![forbid(unsafe_code)]

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use portcullis::codec::{DatagramCodec, Framed, Raw, Utf8};
use portcullis::prelude::*;
use portcullis::{
    BlockingEndpoint, Bound, Client, ClientError, Datagrams, Endpoint, RunningServer, StopReport,
};
use portcullis_tests::{LIMIT, on_loops, wait};
use tokio::net::UdpSocket;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// Short enough to wait for, long enough for what must come in time on a loaded machine.
const SHORT: Duration = Duration::from_millis(150);

/// Counts the requests of each peer, and does what they say.
struct Counter {
    connected: AtomicUsize,
    begun: AtomicUsize,
    ended: Mutex<Vec<Reason>>,
    /// Who says `hold` waits for a place here.
    gate: Semaphore,
}

impl Default for Counter {
    fn default() -> Self {
        let (connected, begun) = Default::default();
        Self { connected, begun, ended: Mutex::default(), gate: Semaphore::new(0) }
    }
}

impl Counter {
    async fn end(&self, count: usize) -> Reason {
        wait(|| self.ended.lock().unwrap().len() >= count).await;
        self.ended.lock().unwrap()[count - 1].clone()
    }

    fn bound(self: &Arc<Self>) -> Server<Self, Framed<Datagrams<Utf8>>, Bound> {
        Server::new(Arc::clone(self)).bind_udp("127.0.0.1:0", text()).unwrap()
    }
}

fn text() -> Datagrams<Utf8> {
    Datagrams::new().max_size(1000)
}

#[service]
impl Counter {
    #[on(connect)]
    async fn connected(&self) -> usize {
        self.connected.fetch_add(1, SeqCst);
        0
    }

    #[request]
    async fn handle(
        &self,
        peer: &Peer<String>,
        count: &mut usize,
        request: String,
    ) -> Result<String, String> {
        self.begun.fetch_add(1, SeqCst);
        *count += 1;
        match request.split_once(' ') {
            Some(("big", size)) => return Ok("b".repeat(size.parse().unwrap())),
            Some(("fail", why)) => return Err(why.to_owned()),
            _ => {}
        }
        match request.as_str() {
            "hold" => self.gate.acquire().await.unwrap().forget(),
            "close" => peer.close(),
            "panic" => panic!("asked to"),
            _ => {}
        }
        Ok(format!("{count}: {request}"))
    }

    #[on(error)]
    async fn failed(&self, error: SessionError<String>) -> ControlFlow<Reason, String> {
        ControlFlow::Continue(format!("error: {error}"))
    }

    #[on(disconnect)]
    async fn gone(&self, _: usize, reason: Reason) {
        self.ended.lock().unwrap().push(reason);
    }
}

async fn client(to: SocketAddr) -> Endpoint<String, String, Datagrams<Utf8>> {
    Endpoint::connect(to, Datagrams::new()).await.unwrap().limit(LIMIT)
}

async fn raw(to: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(to).await.unwrap();
    socket
}

async fn answer(socket: &UdpSocket) -> String {
    let mut buffer = [0; 2000];
    let length = timeout(LIMIT, socket.recv(&mut buffer)).await.expect("in time").unwrap();
    String::from_utf8(buffer[..length].to_vec()).unwrap()
}

async fn ask(socket: &UdpSocket, request: &str) -> String {
    socket.send(request.as_bytes()).await.unwrap();
    answer(socket).await
}

async fn stop(server: RunningServer) -> StopReport {
    timeout(LIMIT, server.stop()).await.expect("in time").unwrap()
}

/// A linear session: greets, then numbers what it reads, two at a time.
struct Pairs;

#[service]
impl Pairs {
    #[session]
    async fn pairs(&self, session: &mut Session<String, String>) -> Result<(), io::Error> {
        let first = session.next().await?;
        if first == "leave" {
            session.peer().close();
            return Ok(());
        }
        let second = session.next().await?;
        session.send(format!("{first} and {second}")).await?;
        Ok(())
    }
}

/// Asks for nothing.
#[derive(Default)]
struct Deaf {
    started: AtomicUsize,
    ended: AtomicUsize,
}

#[service]
impl Deaf {
    #[session]
    async fn deaf(&self, session: &mut Session<String, String>) -> Result<(), io::Error> {
        self.started.fetch_add(1, SeqCst);
        session.send("not now".to_owned()).await?;
        Ok(())
    }

    #[on(disconnect)]
    async fn gone(&self, reason: Reason) {
        assert_eq!(reason, Reason::Closed);
        self.ended.fetch_add(1, SeqCst);
    }
}

on_loops! {
    async fn d1_each_address_has_a_session_with_a_value_of_its_own() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().spawn().await.unwrap();
        let mut clients = Vec::new();
        for _ in 0..50 {
            clients.push(client(server.local_addr()).await);
        }
        for round in 1..=3 {
            for (n, client) in clients.iter_mut().enumerate() {
                assert_eq!(client.call(format!("{n}")).await.unwrap(), format!("{round}: {n}"));
            }
        }
        assert_eq!(counter.connected.load(SeqCst), 50);
        let report = stop(server).await;
        assert_eq!(report.sessions_finished, 50);
        assert!(report.is_clean(), "{report}");
        assert!(counter.ended.lock().unwrap().iter().all(|reason| *reason == Reason::Stopped));
        assert_eq!(counter.end(50).await, Reason::Stopped);
    }

    async fn d1_datagrams_of_one_address_are_handled_in_order_and_answered_as_they_come() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().spawn().await.unwrap();
        let socket = raw(server.local_addr()).await;
        for n in 0..100 {
            socket.send(format!("{n}").as_bytes()).await.unwrap();
        }
        for n in 0..100 {
            assert_eq!(answer(&socket).await, format!("{}: {n}", n + 1));
        }
        stop(server).await;
    }

    async fn d2_an_idle_session_ends_and_the_next_datagram_begins_a_new_one() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().idle_within(SHORT).spawn().await.unwrap();
        let socket = raw(server.local_addr()).await;
        assert_eq!(ask(&socket, "a").await, "1: a");
        assert_eq!(counter.end(1).await, Reason::Timeout);
        assert_eq!(ask(&socket, "b").await, "1: b");
        assert_eq!(counter.connected.load(SeqCst), 2);
        stop(server).await;
    }

    async fn a_busy_handler_is_not_idle() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().idle_within(SHORT).spawn().await.unwrap();
        let socket = raw(server.local_addr()).await;
        socket.send(b"hold").await.unwrap();
        wait(|| counter.begun.load(SeqCst) == 1).await;
        sleep(SHORT * 3).await;
        counter.gate.add_permits(1);
        assert_eq!(answer(&socket).await, "1: hold");
        stop(server).await;
    }

    async fn closing_the_peer_ends_the_session_and_not_the_server() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().spawn().await.unwrap();
        let socket = raw(server.local_addr()).await;
        assert_eq!(ask(&socket, "a").await, "1: a");
        assert_eq!(ask(&socket, "close").await, "2: close");
        assert_eq!(counter.end(1).await, Reason::Closed);
        // What comes while the old session goes may be lost with it.
        let mut buffer = [0; 100];
        let length = loop {
            socket.send(b"b").await.unwrap();
            if let Ok(length) = timeout(SHORT, socket.recv(&mut buffer)).await {
                break length.unwrap();
            }
        };
        assert_eq!(&buffer[..length], b"1: b");
        stop(server).await;
    }

    async fn d3_a_session_that_asks_for_nothing_ends_and_its_datagram_is_discarded() {
        let deaf = Arc::new(Deaf::default());
        let server = Server::new(Arc::clone(&deaf)).bind_udp("127.0.0.1:0", text()).unwrap();
        let server = server.spawn().await.unwrap();
        for n in 1..4 {
            // What comes while the old session goes may be lost with it.
            let mut client = client(server.local_addr()).await;
            assert_eq!(client.call("x".into()).await.unwrap(), "not now");
            assert_eq!(deaf.started.load(SeqCst), n);
            wait(|| deaf.ended.load(SeqCst) == n).await;
        }
        stop(server).await;
    }

    async fn d4_a_linear_session_takes_what_is_queued_and_starts_again() {
        let server = Server::new(Pairs).bind_udp("127.0.0.1:0", text()).unwrap().spawn().await.unwrap();
        let socket = raw(server.local_addr()).await;
        for request in ["a", "b", "c", "d"] {
            socket.send(request.as_bytes()).await.unwrap();
        }
        assert_eq!(answer(&socket).await, "a and b");
        assert_eq!(answer(&socket).await, "c and d");
        stop(server).await;
    }

    async fn d6_what_is_no_message_is_an_error_of_its_sender_who_goes_on() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().spawn().await.unwrap();
        let (bad, good) = (raw(server.local_addr()).await, raw(server.local_addr()).await);
        assert_eq!(ask(&good, "a").await, "1: a");
        bad.send(b"\xff\xff").await.unwrap();
        assert!(answer(&bad).await.starts_with("error: malformed input: invalid utf-8"));
        assert_eq!(ask(&bad, "b").await, "1: b");
        assert_eq!(ask(&good, "c").await, "2: c");
        assert!(counter.ended.lock().unwrap().is_empty());
        stop(server).await;
    }

    async fn s3_garbage_and_foreign_frames_end_nothing() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().spawn().await.unwrap();
        let socket = raw(server.local_addr()).await;
        // Among them what would be a frame, or half of one, in the session's own stream.
        for garbage in [&b"\xff\xff\xff\xff"[..], b"\0\0\0\x04\xff", b"\0\0\0\x01\xff\xff", &[0xfe; 900]] {
            socket.send(garbage).await.unwrap();
            assert!(answer(&socket).await.starts_with("error: malformed input"));
        }
        assert_eq!(ask(&socket, "\0\0\0\u{9}").await, "1: \0\0\0\u{9}");
        assert_eq!(counter.connected.load(SeqCst), 1);
        stop(server).await;
    }

    async fn s9_a_datagram_over_the_limit_is_malformed_and_the_next_is_read() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().spawn().await.unwrap();
        let socket = raw(server.local_addr()).await;
        for length in [1001, 1002, 5000, 60_000] {
            socket.send(&vec![b'x'; length]).await.unwrap();
            assert_eq!(answer(&socket).await, "error: malformed input: a frame is longer than 1000 bytes");
        }
        assert_eq!(ask(&socket, &"x".repeat(990)).await, format!("1: {}", "x".repeat(990)));
        stop(server).await;
    }

    async fn a_response_over_the_limit_is_an_encode_error_and_nothing_of_it_is_sent() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().spawn().await.unwrap();
        let socket = raw(server.local_addr()).await;
        assert_eq!(ask(&socket, "big 1000").await.len(), 1000);
        assert_eq!(
            ask(&socket, "big 1001").await,
            "error: can't be sent: the message is longer than 1000 bytes"
        );
        // Nor is more than UDP carries, whatever the codec allows.
        let wide = Server::new(Arc::clone(&counter))
            .bind_udp("127.0.0.1:0", Datagrams::<Utf8>::new().max_size(1_000_000))
            .unwrap()
            .spawn()
            .await
            .unwrap();
        let mut client = client(wide.local_addr()).await;
        assert_eq!(client.call("big 65507".into()).await.unwrap().len(), 65_507);
        assert_eq!(
            client.call("big 65508".into()).await.unwrap(),
            "error: can't be sent: the message is longer than 65507 bytes"
        );
        stop(server).await;
        stop(wide).await;
    }

    async fn an_empty_datagram_is_a_datagram() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().spawn().await.unwrap();
        let socket = raw(server.local_addr()).await;
        assert_eq!(ask(&socket, "").await, "1: ");
        assert_eq!(ask(&socket, "").await, "2: ");
        // In the other direction, too.
        assert_eq!(ask(&socket, "big 0").await, "");
        assert_eq!(client(server.local_addr()).await.call("big 0".into()).await.unwrap(), "");
        stop(server).await;
    }

    async fn d7_an_error_and_a_panic_of_a_handler_are_of_one_session() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().spawn().await.unwrap();
        let (one, other) = (raw(server.local_addr()).await, raw(server.local_addr()).await);
        assert_eq!(ask(&one, "fail so").await, "error: so");
        assert_eq!(ask(&one, "a").await, "2: a");
        assert_eq!(ask(&one, "panic").await, "error: panicked: asked to");
        assert_eq!(counter.end(1).await, Reason::Panicked("asked to".into()));
        assert_eq!(ask(&other, "b").await, "1: b");
        stop(server).await;
    }

    async fn d5_a_flood_fills_its_own_queue_and_holds_up_nobody() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().max_inbound(4000);
        let stats = server.datagram_stats();
        let server = server.spawn().await.unwrap();
        let (flood, other) = (raw(server.local_addr()).await, raw(server.local_addr()).await);
        flood.send(b"hold").await.unwrap();
        wait(|| counter.begun.load(SeqCst) == 1).await;
        let mut sent = 1;
        while stats.counts().full < 100 {
            flood.send(&[b'f'; 900]).await.unwrap();
            sent += 1;
            tokio::task::yield_now().await;
        }
        assert_eq!(ask(&other, "a").await, "1: a");
        counter.gate.add_permits(1);
        assert_eq!(answer(&flood).await, "1: hold");
        // What was queued, and one buffer that was read ahead, and no more.
        wait(|| counter.begun.load(SeqCst) > 2).await;
        stop(server).await;
        let handled = counter.begun.load(SeqCst) - 2;
        assert!((1..30).contains(&handled), "{handled} of {sent}");
    }

    async fn s2_strangers_beyond_the_limit_of_sessions_are_dropped_until_one_leaves() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().max_connections(2).idle_within(SHORT * 4);
        let stats = server.datagram_stats();
        let server = server.spawn().await.unwrap();
        let (one, two) = (raw(server.local_addr()).await, raw(server.local_addr()).await);
        ask(&one, "a").await;
        two.send(b"hold").await.unwrap();
        wait(|| counter.begun.load(SeqCst) == 2).await;
        let three = raw(server.local_addr()).await;
        three.send(b"b").await.unwrap();
        wait(|| stats.counts().no_place == 1).await;
        assert_eq!(counter.end(1).await, Reason::Timeout);
        let mut four = client(server.local_addr()).await.resend_every(SHORT);
        assert_eq!(four.call("c".into()).await.unwrap(), "1: c");
        assert_eq!(counter.connected.load(SeqCst), 3);
        counter.gate.add_permits(1);
        assert_eq!(answer(&two).await, "1: hold");
        stop(server).await;
    }

    async fn a_slow_handler_holds_up_no_other_session() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().spawn().await.unwrap();
        let slow = raw(server.local_addr()).await;
        slow.send(b"hold").await.unwrap();
        wait(|| counter.begun.load(SeqCst) == 1).await;
        for _ in 0..20 {
            assert_eq!(ask(&raw(server.local_addr()).await, "a").await, "1: a");
        }
        counter.gate.add_permits(1);
        assert_eq!(answer(&slow).await, "1: hold");
        stop(server).await;
    }

    async fn s5_a_stop_lets_the_busy_finish_and_takes_nothing_new() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().spawn().await.unwrap();
        let (busy, idle) = (raw(server.local_addr()).await, raw(server.local_addr()).await);
        ask(&idle, "a").await;
        busy.send(b"hold").await.unwrap();
        wait(|| counter.begun.load(SeqCst) == 2).await;
        server.handle().stop();
        assert_eq!(counter.end(1).await, Reason::Stopped);
        // Refused by the kernel or dropped by the server, as late as it comes.
        let _ = raw(server.local_addr()).await.send(b"b").await;
        counter.gate.add_permits(1);
        assert_eq!(answer(&busy).await, "1: hold");
        let report = stop(server).await;
        assert_eq!((report.sessions_finished, report.sessions_cancelled), (2, 0));
        assert_eq!(counter.connected.load(SeqCst), 2);
        assert_eq!(counter.end(2).await, Reason::Stopped);
    }

    async fn s10_a_stop_ends_within_its_grace_whatever_handlers_do() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().grace(SHORT).spawn().await.unwrap();
        let busy = raw(server.local_addr()).await;
        busy.send(b"hold").await.unwrap();
        busy.send(b"queued").await.unwrap();
        wait(|| counter.begun.load(SeqCst) == 1).await;
        let report = stop(server).await;
        assert_eq!((report.sessions_cancelled, report.sessions_stuck), (1, 0));
        assert_eq!(counter.begun.load(SeqCst), 1);
        assert_eq!(counter.end(1).await, Reason::Stopped);
    }

    async fn after_a_stop_the_port_is_free() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().spawn().await.unwrap();
        let addr = server.local_addr();
        ask(&raw(addr).await, "a").await;
        stop(server).await;
        let again = Server::new(Arc::clone(&counter)).bind_udp(addr, text()).unwrap().spawn().await.unwrap();
        assert_eq!(ask(&raw(addr).await, "b").await, "1: b");
        stop(again).await;
    }

    async fn d11_a_port_that_is_closed_ends_neither_the_server_nor_its_session() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound();
        let stats = server.datagram_stats();
        let server = server.spawn().await.unwrap();
        for n in 1..=10 {
            let gone = raw(server.local_addr()).await;
            gone.send(b"hold").await.unwrap();
            wait(|| counter.begun.load(SeqCst) == n).await;
        }
        // All of them are gone; the system tells of it, or not, at one of the answers or after it.
        counter.gate.add_permits(10);
        wait(|| stats.counts().sent + stats.counts().unsent >= 10).await;
        assert_eq!(ask(&raw(server.local_addr()).await, "a").await, "1: a");
        assert!(counter.ended.lock().unwrap().is_empty());
        stop(server).await;
    }

    async fn an_endpoint_outlives_a_port_where_nobody_listens() {
        let gone = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let addr = gone.local_addr().unwrap();
        drop(gone);
        let mut client = client(addr).await;
        let Err(ClientError::Io(error)) = client.call("a".into()).await else { panic!("nobody is there") };
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        client.send("nor now".into()).await.unwrap();
        let counter = Arc::new(Counter::default());
        let server = Server::new(counter).bind_udp(addr, text()).unwrap().spawn().await.unwrap();
        // What is to be told of the one before is no reason not to send this one.
        client.send("b".into()).await.unwrap();
        let mut heard = client.recv().await;
        if heard.is_err() {
            heard = client.recv().await;
        }
        assert_eq!(heard.unwrap(), "1: b");
        stop(server).await;
    }

    async fn an_endpoint_that_sends_again_outlives_a_restart() {
        let gone = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let addr = gone.local_addr().unwrap();
        drop(gone);
        let asking = tokio::spawn(async move {
            client(addr).await.resend_every(SHORT).call("a".into()).await.unwrap()
        });
        sleep(SHORT).await;
        let server = Arc::new(Counter::default());
        let server = Server::new(server).bind_udp(addr, text()).unwrap().spawn().await.unwrap();
        assert_eq!(asking.await.unwrap(), "1: a");
        stop(server).await;
    }

    async fn tcp_and_udp_are_one_server_with_one_limit_and_one_stop() {
        let counter = Arc::new(Counter::default());
        let server = Server::new(Arc::clone(&counter))
            .codec(Lines::new())
            .bind("127.0.0.1:0")
            .unwrap()
            .bind_udp("127.0.0.1:0", text())
            .unwrap()
            .bind_udp("127.0.0.1:0", text())
            .unwrap()
            .max_connections(3);
        let stats = server.datagram_stats();
        let server = server.spawn().await.unwrap();
        let &[tcp, udp, other] = server.local_addrs() else { panic!("three addresses") };
        let mut stream = Client::<&str, String, _>::connect(tcp, Lines::new()).await.unwrap();
        assert_eq!(timeout(LIMIT, stream.call("a")).await.unwrap().unwrap(), "1: a");
        assert_eq!(ask(&raw(udp).await, "b").await, "1: b");
        assert_eq!(ask(&raw(other).await, "c").await, "1: c");
        raw(udp).await.send(b"d").await.unwrap();
        wait(|| stats.counts().no_place == 1).await;
        assert_eq!(stop(server).await.sessions_finished, 3);
    }

    async fn without_another_codec_a_stream_carries_framed_datagrams() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().bind("127.0.0.1:0").unwrap().spawn().await.unwrap();
        let addr = server.local_addrs()[1];
        let mut stream = Client::<&str, String, _>::connect(addr, Framed::new(text())).await.unwrap();
        assert_eq!(timeout(LIMIT, stream.call("a")).await.unwrap().unwrap(), "1: a");
        stop(server).await;
    }

    async fn an_endpoint_sends_again_only_when_it_was_told_to() {
        // One that answers the third datagram.
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let addr = server.local_addr().unwrap();
        let count = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&count);
        let deaf = tokio::spawn(async move {
            let mut buffer = [0; 100];
            loop {
                let (length, from) = server.recv_from(&mut buffer).await.unwrap();
                if seen.fetch_add(1, SeqCst) == 2 {
                    server.send_to(&buffer[..length], from).await.unwrap();
                }
            }
        });
        let mut patient = client(addr).await.limit(SHORT);
        let Err(ClientError::Io(error)) = patient.call("a".into()).await else { panic!("no answer comes") };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(count.load(SeqCst), 1);
        let mut insistent = client(addr).await.resend_every(SHORT);
        assert_eq!(insistent.call("b".into()).await.unwrap(), "b");
        assert_eq!(count.load(SeqCst), 3);
        deaf.abort();
    }

    async fn an_endpoint_can_tell_an_answer_from_those_to_requests_before() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().spawn().await.unwrap();
        let mut client = client(server.local_addr()).await.limit(SHORT);
        client.call("hold".into()).await.unwrap_err();
        counter.gate.add_permits(1);
        let mut client = client.limit(LIMIT);
        let answer = client.call_matching("b".into(), |answer| answer.ends_with("b")).await.unwrap();
        assert_eq!(answer, "2: b");
        stop(server).await;
    }

    async fn endpoints_talk_among_themselves_and_are_streams_of_what_comes() {
        use futures::StreamExt;
        let mut center = Endpoint::<&[u8], Vec<u8>, _>::bind("127.0.0.1:0", Datagrams::<Raw>::new().max_size(10)).unwrap();
        let to = center.local_addr().unwrap().ip().unwrap();
        let mut other = Endpoint::<&[u8], Vec<u8>, _>::connect(to, Datagrams::<Raw>::new()).await.unwrap().limit(LIMIT);
        for message in [&b"one"[..], b"", b"this is too long", b"four"] {
            other.send(message).await.unwrap();
        }
        let mut next = async || timeout(LIMIT, center.next()).await.expect("in time").expect("no end");
        let (one, from) = next().await.unwrap();
        assert_eq!(one, b"one");
        assert_eq!(from, other.local_addr().unwrap());
        assert_eq!(next().await.unwrap().0, b"");
        let Err(ClientError::Decode(error)) = next().await else { panic!("it is too long") };
        assert!(error.to_string().contains("10 bytes"));
        assert_eq!(next().await.unwrap().0, b"four");
        center.send_to(b"back", &from).await.unwrap();
        assert_eq!(other.recv().await.unwrap(), b"back");
        let Err(ClientError::Encode(_)) = center.send_to(b"this is too long", &from).await else { panic!("too long") };
    }
}

/// A protocol of one's own: a number in eight bytes.
#[derive(Clone)]
struct Number;

impl DatagramCodec<u64, u64> for Number {
    fn max_size(&self) -> usize {
        8
    }

    fn decode(&mut self, datagram: &[u8]) -> Result<u64, portcullis::codec::DecodeError> {
        let bytes =
            datagram.try_into().map_err(|_| portcullis::codec::DecodeError::new("not eight bytes"))?;
        Ok(u64::from_be_bytes(bytes))
    }

    fn encode(
        &mut self,
        number: u64,
        datagram: &mut bytes::BytesMut,
    ) -> Result<(), portcullis::codec::EncodeError> {
        datagram.extend_from_slice(&number.to_be_bytes());
        Ok(())
    }
}

struct Square;

#[service]
impl Square {
    #[request]
    async fn square(&self, n: u64) -> u64 {
        n * n
    }
}

#[test]
fn a_thread_talks_to_a_server_without_a_runtime_in_any_format() {
    let server = Server::new(Square)
        .bind_udp("127.0.0.1:0", Number)
        .unwrap()
        .bind_udp("127.0.0.1:0", Datagrams::<Json>::new())
        .unwrap()
        .bind_udp("[::1]:0", Datagrams::<Postcard>::new())
        .unwrap()
        .spawn_thread()
        .unwrap();
    fn ask(to: SocketAddr, codec: impl DatagramCodec<u64, u64>) {
        let mut client = BlockingEndpoint::<u64, u64, _>::connect(to, codec).unwrap().limit(LIMIT);
        assert_eq!(client.call(12).unwrap(), 144);
        client.send(5).unwrap();
        assert_eq!(client.next().unwrap().unwrap().0, 25);
    }
    ask(server.local_addrs()[0], Number);
    ask(server.local_addrs()[1], Datagrams::<Json>::new());
    ask(server.local_addrs()[2], Datagrams::<Postcard>::new());
    assert!(server.stop().unwrap().is_clean());
}

#[test]
fn a_blocking_endpoint_keeps_its_time_limit_and_tells_of_what_is_no_message() {
    let mut quiet = BlockingEndpoint::<u64, u64, _>::bind("127.0.0.1:0", Number).unwrap().limit(SHORT);
    let to = quiet.local_addr().unwrap();
    let Err(ClientError::Io(error)) = quiet.recv() else { panic!("nobody has sent") };
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    let mut other =
        BlockingEndpoint::<&[u8], Vec<u8>, _>::bind("127.0.0.1:0", Datagrams::<Raw>::new()).unwrap();
    for message in [&b"short"[..], b"far too long", b"\0\0\0\0\0\0\0\x07"] {
        other.send_to(message, &to).unwrap();
    }
    let mut quiet = quiet.limit(LIMIT);
    let Some(Err(ClientError::Decode(error))) = quiet.next() else { panic!("it is too short") };
    assert_eq!(error.to_string(), "not eight bytes");
    let Some(Err(ClientError::Decode(error))) = quiet.next() else { panic!("it is too long") };
    assert!(error.to_string().contains("8 bytes"), "{error}");
    assert_eq!(quiet.next().unwrap().unwrap(), (7, other.local_addr().unwrap()));
}
