//! Linear sessions and responses sent through peers, over real sockets: the wait for the next
//! request (S3, S4), the order of responses (S7), and the isolation of sessions (S1, S8).

#![forbid(unsafe_code)]

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use portcullis::codec::Codec;
use portcullis::prelude::*;
use portcullis::{LengthPrefixed, Postcard, Service, Transport, TrySendError};
use portcullis_tests::served::{self, TestServer, line};
use portcullis_tests::{Gate, LIMIT, OpenOnDrop, on_loops, poll_once, wait};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::timeout;

async fn serve<S: Service, C: Codec<S::Request, S::Response>>(service: &Arc<S>, codec: C) -> TestServer {
    let server = Server::new(Arc::clone(service)).codec(codec).max_queued_responses(64);
    TestServer::new(server.bind("127.0.0.1:0").unwrap()).await
}

/// Sends `bytes`, and returns everything received up to the session's end.
async fn all(server: &TestServer, bytes: &[u8]) -> String {
    let mut stream = server.connect().await;
    stream.write_all(bytes).await.unwrap();
    read_rest(&mut stream).await
}

async fn send_line(stream: &mut TcpStream, text: &str) {
    stream.write_all(format!("{text}\n").as_bytes()).await.unwrap();
}

async fn read_rest(stream: &mut TcpStream) -> String {
    String::from_utf8(served::read_remaining(stream).await).unwrap()
}

/// A linear session whose requests are commands; one run of its handler reads lines up to `return`.
#[derive(Default)]
struct Commands {
    /// Reads no request in its first run.
    mute: bool,
    runs: AtomicUsize,
    ended: Mutex<Vec<Reason>>,
    failed: Mutex<Vec<String>>,
    holding: Notify,
    release: Notify,
    dropped: Arc<Gate>,
}

impl Commands {
    async fn end(&self, count: usize) -> Reason {
        wait(|| self.ended.lock().unwrap().len() == count).await;
        self.ended.lock().unwrap()[count - 1].clone()
    }
}

#[service]
impl Commands {
    #[session]
    async fn talk(&self, session: &mut Session<String, String>) -> Result<(), String> {
        let run = self.runs.fetch_add(1, SeqCst);
        if self.mute {
            let _ = session.peer().try_send("closed today".into());
            return Ok(());
        }
        loop {
            let line = match session.next().await {
                Ok(line) => line,
                Err(SessionError::Decode(error)) if error.is_recoverable() => {
                    // The error is returned by `next`: the handler answers it and continues.
                    session
                        .send(format!("pardon, in run {run}?"))
                        .await
                        .map_err(|error| error.to_string())?;
                    continue;
                }
                Err(SessionError::Decode(_)) => {
                    session.send("I can't follow".into()).await.map_err(|error| error.to_string())?;
                    return Ok(());
                }
                Err(error) => return Err(format!("waiting: {error}")),
            };
            let (word, read_rest) = line.split_once(' ').unwrap_or((&line, ""));
            let answer = match word {
                "return" => return Ok(()),
                "fail" => return Err(read_rest.into()),
                "run" => run.to_string(),
                "patience" => {
                    let limit = Duration::from_millis(read_rest.parse().unwrap());
                    match session.next_timeout(limit).await {
                        Ok(line) => format!("in time: {line}"),
                        Err(SessionError::Timeout) => "out of patience".into(),
                        Err(SessionError::Decode(_)) => "in time, and malformed".into(),
                        Err(error) => format!("{error}"),
                    }
                }
                // Drops a `next` future that has been polled.
                "race" => tokio::select! {
                    biased;
                    line = session.next() => format!("a line: {line:?}"),
                    () = tokio::task::yield_now() => "no line yet".into(),
                },
                "hold" => {
                    let _guard = OpenOnDrop(Arc::clone(&self.dropped));
                    self.holding.notify_one();
                    self.release.notified().await;
                    "held".into()
                }
                _ => line,
            };
            session.send(answer).await.map_err(|error| error.to_string())?;
        }
    }

    #[on(error)]
    async fn wrong(&self, error: SessionError<String>) -> ControlFlow<Reason, String> {
        self.failed.lock().unwrap().push(error.to_string());
        ControlFlow::Continue(format!("error: {error}"))
    }

    #[on(disconnect)]
    async fn disconnected(&self, reason: Reason) {
        self.ended.lock().unwrap().push(reason);
    }
}

on_loops! {
    async fn s4_a_handler_that_returns_without_reading_ends_the_connection_after_its_responses() {
        let commands = Arc::new(Commands { mute: true, ..Commands::default() });
        let server = serve(&commands, Lines::new()).await;
        assert_eq!(all(&server, b"is anybody there?\n").await, "closed today\n");
        assert_eq!(commands.end(1).await, Reason::Closed(By::Handler));
        assert_eq!(commands.runs.load(SeqCst), 1);
        server.stop().await;
    }

    async fn s4_a_handler_that_returns_after_a_request_is_restarted_for_the_next() {
        let commands = Arc::new(Commands::default());
        let server = serve(&commands, Lines::new()).await;
        let mut stream = server.connect().await;
        for run in 0..3 {
            send_line(&mut stream, "run").await;
            assert_eq!(line(&mut stream).await, run.to_string());
            send_line(&mut stream, "return").await;
        }
        // The handler's runs do not depend on how the lines arrive: lines read ahead in one run are
        // used in the next.
        stream.write_all(b"return\nreturn\nrun\nreturn\nrun\n").await.unwrap();
        assert_eq!((line(&mut stream).await, line(&mut stream).await), ("5".into(), "6".into()));
        drop(stream);
        assert_eq!(commands.end(1).await, Reason::PeerClosed);
        server.stop().await;
    }

    async fn s4_a_handler_that_fails_is_answered_by_on_error_and_restarted() {
        let commands = Arc::new(Commands::default());
        let server = serve(&commands, Lines::new()).await;
        let mut stream = server.connect().await;
        stream.write_all(b"fail so\nrun\n").await.unwrap();
        assert_eq!((line(&mut stream).await, line(&mut stream).await), ("error: so".into(), "1".into()));
        drop(stream);
        commands.end(1).await;
        // A closed peer is not an error that `on(error)` answers, even if the handler returns it.
        assert_eq!(*commands.failed.lock().unwrap(), ["so"]);
        server.stop().await;
    }

    async fn s3_next_returns_malformed_input_as_an_error_that_the_handler_can_answer() {
        let commands = Arc::new(Commands::default());
        let server = serve(&commands, Lines::new().max_length(64)).await;
        let mut stream = server.connect().await;
        send_line(&mut stream, "return").await;
        let bytes = [b"\xff\n", &b"x".repeat(1000)[..], b"\nrun\npatience 60000\n\xfe\nrun\n"].concat();
        stream.write_all(&bytes).await.unwrap();
        for expected in ["pardon, in run 1?", "pardon, in run 1?", "1", "in time, and malformed", "1"] {
            assert_eq!(line(&mut stream).await, expected);
        }
        assert_eq!(*commands.failed.lock().unwrap(), [""; 0]);
        drop(stream);
        commands.end(1).await;
        server.stop().await;
    }

    async fn s3_the_handler_can_answer_an_unrecoverable_decode_error() {
        let commands = Arc::new(Commands::default());
        let server = serve(&commands, LengthPrefixed::<Postcard>::new().max_frame(64)).await;
        let mut stream = server.connect().await;
        // Half a frame, and EOF.
        stream.write_all(b"\0\0\0\x09half").await.unwrap();
        stream.shutdown().await.unwrap();
        assert_eq!(read_rest(&mut stream).await, "\0\0\0\x0f\x0eI can't follow");
        assert!(matches!(commands.end(1).await, Reason::Decode(_)));
        server.stop().await;
    }

    async fn next_timeout_returns_an_error_and_the_session_continues() {
        let commands = Arc::new(Commands::default());
        let server = serve(&commands, Lines::new()).await;
        let mut stream = server.connect().await;
        // The received part of a line is kept for the next call.
        stream.write_all(b"patience 50\nhal").await.unwrap();
        assert_eq!(line(&mut stream).await, "out of patience");
        send_line(&mut stream, "f a line").await;
        assert_eq!(line(&mut stream).await, "half a line");
        // A request that is already there is returned with a timeout of zero.
        stream.write_all(b"patience 0\nthere\n").await.unwrap();
        assert_eq!(line(&mut stream).await, "in time: there");
        send_line(&mut stream, "patience 60000").await;
        send_line(&mut stream, "in a while").await;
        assert_eq!(line(&mut stream).await, "in time: in a while");
        // EOF is not reported as a timeout.
        send_line(&mut stream, "patience 60000").await;
        stream.shutdown().await.unwrap();
        assert_eq!(read_rest(&mut stream).await, "the session ended: closed by the peer\n");
        assert_eq!(commands.end(1).await, Reason::PeerClosed);
        server.stop().await;
    }

    async fn a_cancelled_next_loses_no_request() {
        let commands = Arc::new(Commands::default());
        let server = serve(&commands, Lines::new()).await;
        let mut stream = server.connect().await;
        for n in 0..50 {
            send_line(&mut stream, "race").await;
            let answer = line(&mut stream).await;
            assert_eq!(answer, "no line yet", "{n}");
            stream.write_all(b"race\nafter\nlast\n").await.unwrap();
            // Whichever branch won, each line is read once.
            let lines = [line(&mut stream).await, line(&mut stream).await];
            match lines[0].as_str() {
                "no line yet" => {
                    assert_eq!(lines[1], "after");
                    assert_eq!(line(&mut stream).await, "last");
                }
                first => assert_eq!((first, lines[1].as_str()), ("a line: Ok(\"after\")", "last"), "{n}"),
            }
        }
        drop(stream);
        server.stop().await;
    }

    async fn s5_a_stop_ends_idle_handlers_and_lets_busy_ones_finish() {
        let commands = Arc::new(Commands::default());
        let server = serve(&commands, Lines::new()).await;
        let (mut idle, mut patient, mut busy) = (server.connect().await, server.connect().await, server.connect().await);
        send_line(&mut idle, "x").await;
        assert_eq!(line(&mut idle).await, "x");
        // One session waits in `next_timeout` with a long timeout.
        send_line(&mut patient, "x").await;
        assert_eq!(line(&mut patient).await, "x");
        send_line(&mut patient, "patience 3600000").await;
        send_line(&mut busy, "hold").await;
        commands.holding.notified().await;
        server.handle.stop();
        assert_eq!(read_rest(&mut idle).await, "");
        // If the handler has reached `next`, it gets the stop as an error there.
        let ends = read_rest(&mut patient).await;
        assert!(matches!(&*ends, "" | "the session ended: the server stopped\n"), "{ends}");
        commands.release.notify_one();
        assert_eq!(read_rest(&mut busy).await, "held\n");
        let report = server.stop().await;
        assert_eq!((report.sessions_finished, report.sessions_cancelled), (3, 0), "{report}");
        assert!(commands.ended.lock().unwrap().iter().all(|end| *end == Reason::Stopped));
    }

    async fn s8_a_busy_linear_session_is_dropped_when_its_peer_disconnects() {
        for by_reset in [true, false] {
            let commands = Arc::new(Commands::default());
            let server = serve(&commands, Lines::new()).await;
            let mut stream = server.connect().await;
            send_line(&mut stream, "hold").await;
            commands.holding.notified().await;
            if by_reset {
                stream.set_zero_linger().unwrap();
            }
            drop(stream);
            wait(|| commands.dropped.is_open()).await;
            assert_eq!(commands.end(1).await, if by_reset { Reason::Reset } else { Reason::PeerClosed });
            server.stop().await;
        }
    }
}

/// Responses through the peer: the handler starts a task or a job, and returns nothing.
#[derive(Default)]
struct Office {
    peers: Mutex<Vec<Peer<String>>>,
    pool: Option<Pool>,
}

impl Office {
    async fn peer(&self, index: usize) -> Peer<String> {
        wait(|| self.peers.lock().unwrap().len() > index).await;
        self.peers.lock().unwrap()[index].clone()
    }
}

#[service]
impl Office {
    #[on(connect)]
    async fn connected(&self, peer: &Peer<String>) {
        self.peers.lock().unwrap().push(peer.clone());
    }

    #[request(half_close = answer)]
    async fn handle(&self, peer: &Peer<String>, line: String) -> Result<String, String> {
        let (word, read_rest) = line.split_once(' ').unwrap_or((&line, ""));
        match word {
            // Messages that a handler sends go out in order, before its response.
            "count" => {
                for n in 0..read_rest.parse().unwrap() {
                    peer.send(format!("{n}")).await.map_err(|error| error.to_string())?;
                }
                Ok("counted".into())
            }
            "task" => {
                let (peer, read_rest) = (peer.clone(), read_rest.to_owned());
                tokio::spawn(async move { peer.send(format!("{read_rest}, by a task")).await });
                Ok("begun".into())
            }
            "thread" => {
                let (peer, read_rest, pool) =
                    (peer.clone(), read_rest.to_owned(), self.pool.clone().unwrap());
                pool.run(move |worker| drop(peer.send(format!("{read_rest}, by a thread")).wait(worker)))
                    .detach();
                Ok("begun".into())
            }
            "big" => Ok("b".repeat(read_rest.parse().unwrap())),
            _ => Ok(line),
        }
    }
}

on_loops! {
    async fn s7_messages_sent_by_a_handler_go_out_in_order_before_its_response() {
        let office = Arc::new(Office::default());
        let server = serve(&office, Lines::new()).await;
        let mut stream = server.connect().await;
        // More messages than the queue holds, and pipelined requests.
        stream.write_all(b"count 500\nnext\ncount 3\nlast\n").await.unwrap();
        let expected = (0..500).map(|n| n.to_string()).chain(["counted".into(), "next".into()]);
        for expected in expected.chain(["0", "1", "2", "counted", "last"].map(String::from)) {
            assert_eq!(line(&mut stream).await, expected);
        }
        drop(stream);
        server.stop().await;
    }

    async fn a_task_or_a_thread_may_answer_a_request_later() {
        let pool = Pool::builder("office").threads(1).build().unwrap();
        let office = Arc::new(Office { pool: Some(pool), ..Office::default() });
        let server = serve(&office, Lines::new()).await;
        let mut stream = server.connect().await;
        for by in ["task", "thread"] {
            stream.write_all(format!("{by} one\n{by} two\nmeanwhile\n").as_bytes()).await.unwrap();
            let mut lines = Vec::new();
            for _ in 0..5 {
                lines.push(line(&mut stream).await);
            }
            // The session's own responses keep their order, whatever is sent between them.
            let own: Vec<_> = lines.iter().filter(|line| !line.contains(", by a")).collect();
            assert_eq!(own, ["begun", "begun", "meanwhile"]);
            lines.sort();
            assert_eq!(lines[3..], [format!("one, by a {by}"), format!("two, by a {by}")]);
        }
        drop(stream);
        server.stop().await;
    }

    async fn s7_try_send_never_waits_for_a_slow_peer() {
        let office = Arc::new(Office::default());
        let server = serve(&office, Lines::new().max_length(1 << 20)).await;
        let _slow = server.connect().await;
        let slow_peer = office.peer(0).await;
        let mut quick = server.connect().await;
        let quick_peer = office.peer(1).await;
        let text = "x".repeat(60_000);
        // Until neither the kernel nor the queue accepts more for the peer that does not read.
        timeout(LIMIT, async {
            let mut full = 0;
            while full < 100 {
                match slow_peer.try_send(text.clone()) {
                    Ok(()) => full = 0,
                    Err(TrySendError::Full(back)) => {
                        assert_eq!(back.len(), text.len());
                        full += 1;
                    }
                    Err(error) => panic!("{error}"),
                }
                tokio::task::yield_now().await;
            }
        }).await.expect("in time");
        for n in 0..200 {
            let _ = slow_peer.try_send(format!("{n}"));
            quick_peer.try_send(format!("{n}")).unwrap();
            assert_eq!(line(&mut quick).await, n.to_string());
        }
        // The slow peer does not prevent the server from serving others or from stopping.
        send_line(&mut quick, "served").await;
        assert_eq!(line(&mut quick).await, "served");
        drop(quick);
        server.handle.stop_within(Duration::from_millis(50));
        server.stop().await;
    }

    async fn s7_responses_that_are_ready_together_are_written_at_once() {
        let office = Arc::new(Office::default());
        let (near, far) = tokio::io::duplex(1 << 16);
        let (counted, writes) = Counting::new(far);
        let server = Server::new(Arc::clone(&office)).codec(Lines::new());
        let serving = tokio::spawn(server.serve_stream(counted));
        let (mut reads, mut asks) = tokio::io::split(near);
        asks.write_all(&b"x\n".repeat(1000)).await.unwrap();
        asks.shutdown().await.unwrap();
        let mut back = Vec::new();
        timeout(LIMIT, reads.read_to_end(&mut back)).await.expect("in time").unwrap();
        assert_eq!(back, b"x\n".repeat(1000));
        // At most as many writes as reads.
        let writes = writes.load(SeqCst);
        assert!(writes <= 10, "{writes} writes for 1000 answers");
        timeout(LIMIT, serving).await.expect("in time").unwrap().unwrap();
    }

    async fn s8_peer_closed_completes_in_other_tasks_when_the_session_ends() {
        let office = Arc::new(Office::default());
        let server = serve(&office, Lines::new()).await;
        let mut stream = server.connect().await;
        send_line(&mut stream, "here").await;
        assert_eq!(line(&mut stream).await, "here");
        let peer = office.peer(0).await;
        let ends: Vec<_> = (0..3).map(|_| tokio::spawn(peer.closed())).collect();
        // A `closed` future that is dropped is deregistered; one that moves to another task
        // completes there.
        let mut moved = Box::pin(peer.closed());
        assert!(poll_once(&mut moved).is_pending());
        assert!(poll_once(&mut Box::pin(peer.closed())).is_pending());
        let moved = tokio::spawn(moved);
        send_line(&mut stream, "still").await;
        assert_eq!(line(&mut stream).await, "still");
        assert!(!moved.is_finished() && ends.iter().all(|task| !task.is_finished()));
        drop(stream);
        for task in ends.into_iter().chain([moved]) {
            timeout(LIMIT, task).await.expect("in time").unwrap();
        }
        timeout(LIMIT, peer.closed()).await.expect("long since");
        assert!(peer.is_closed());
        server.stop().await;
    }

    async fn s10_a_stop_with_a_peer_that_does_not_read_ends_within_its_grace() {
        let office = Arc::new(Office::default());
        let server = serve(&office, Lines::new().max_length(1 << 20)).await;
        let mut stream = server.connect().await;
        stream.write_all(&b"big 500000\n".repeat(100)).await.unwrap();
        let peer = office.peer(0).await;
        // A send from another task that waits for capacity returns an error.
        let sending = tokio::spawn(async move {
            while peer.send("x".repeat(60_000)).await.is_ok() {}
        });
        server.handle.stop_within(Duration::from_millis(50));
        let report = server.stop().await;
        assert_eq!(report.sessions_stuck, 0, "{report}");
        timeout(LIMIT, sending).await.expect("in time").unwrap();
    }
}

/// A stream that counts the calls of `write`.
struct Counting<IO> {
    io: IO,
    writes: Arc<AtomicUsize>,
}

impl<IO> Counting<IO> {
    fn new(io: IO) -> (Self, Arc<AtomicUsize>) {
        let writes = Arc::default();
        (Self { io, writes: Arc::clone(&writes) }, writes)
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Counting<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Counting<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.writes.fetch_add(1, SeqCst);
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin + Send + Sync + 'static> Transport for Counting<IO> {}
