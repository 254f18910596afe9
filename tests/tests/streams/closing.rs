//! Responses reach a peer that reads late and keeps sending, however the session ends (S12).

use std::sync::atomic::AtomicBool;

use portcullis_tests::eventually_async;
use tokio::io::{AsyncWrite, ReadHalf, split};

use super::*;

/// How a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// `#[on(connect)]` fails.
    Refused,
    /// The next state is `Closed`.
    State,
    /// The handler closes the peer.
    Peer,
    /// Another task closes the peer.
    Elsewhere,
    /// The handler fails, and no `on(error)` answers.
    Error,
    /// The handler panics.
    Panic,
    /// The input is malformed.
    Input,
    /// The state times out.
    Time,
    Stop,
}

const ENDS: [End; 9] = [
    End::Refused,
    End::State,
    End::Peer,
    End::Elsewhere,
    End::Error,
    End::Panic,
    End::Input,
    End::Time,
    End::Stop,
];

/// Far more than the client's receive buffer.
const BIG: usize = 300_000;
/// How much the client sends after the session has ended.
const MORE: usize = 512 * 1024;

/// Counts the bytes that it sends.
#[derive(Default)]
struct Ending {
    refuses: AtomicBool,
    said: AtomicUsize,
    handled: AtomicUsize,
    ended: AtomicUsize,
    peer: Mutex<Option<Peer<String>>>,
}

impl Ending {
    fn bytes_of(&self, line: String) -> String {
        self.said.fetch_add(line.len() + 1, SeqCst);
        self.handled.fetch_add(1, SeqCst);
        line
    }
}

#[service(request = String, response = String)]
impl Ending {
    #[on(connect)]
    async fn connected(&self, peer: &Peer<String>) -> Result<EndingState, String> {
        if self.refuses.load(SeqCst) {
            for _ in 0..2 {
                peer.send(self.bytes_of("r".repeat(BIG))).await.map_err(|error| error.to_string())?;
            }
            self.ended.fetch_add(1, SeqCst);
            return Err("refused".to_owned());
        }
        *self.peer.lock().unwrap() = Some(peer.clone());
        Ok(EndingState::Talking)
    }

    #[state(start, half_close = answer)]
    async fn talking(&self, peer: &Peer<String>, line: String) -> Result<(String, EndingState), String> {
        let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let next = match word {
            "state" => EndingState::Closed,
            "timed" => EndingState::Timed,
            "fail" => return Err("on request".to_owned()),
            "panic" => panic!("on request"),
            "close" => {
                peer.close();
                EndingState::Talking
            }
            "big" => return Ok((self.bytes_of("b".repeat(rest.parse().unwrap())), EndingState::Talking)),
            _ => EndingState::Talking,
        };
        Ok((self.bytes_of(line), next))
    }

    /// The state of a peer that keeps sending until the time limit.
    #[state(max_duration = "100ms")]
    async fn timed(&self, line: String) -> (String, EndingState) {
        (self.bytes_of(line), EndingState::Timed)
    }

    #[on(disconnect)]
    async fn disconnected(&self, peer: &Peer<String>) {
        let word = "a last word".to_owned();
        let length = word.len() + 1;
        if peer.send(word).await.is_ok() {
            self.said.fetch_add(length, SeqCst);
        }
        self.ended.fetch_add(1, SeqCst);
    }
}

/// Writes one line after the other, until writing fails.
fn keep_writing(mut writes: impl AsyncWrite + Unpin + Send + 'static) -> Arc<AtomicUsize> {
    let written = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&written);
    tokio::spawn(async move {
        let lines = "line\n".repeat(1000);
        while let Ok(length) = writes.write(lines.as_bytes()).await {
            count.fetch_add(length, SeqCst);
        }
        // Ends the wait for more.
        count.fetch_add(usize::MAX / 2, SeqCst);
    });
    written
}

/// Reads to a regular end: steadily until `ended`, then very little until `written` has grown by
/// `more`.
async fn read_late(
    mut reads: ReadHalf<Conn>,
    ended: impl Fn() -> bool,
    written: &AtomicUsize,
    more: usize,
) -> Result<usize, (usize, std::io::Error)> {
    let (mut count, mut target) = (0, None);
    let mut buffer = vec![0; 16 * 1024];
    loop {
        if target.is_none() && ended() {
            target = Some(written.load(SeqCst).saturating_add(more));
        }
        let late = target.is_some_and(|target| written.load(SeqCst) < target);
        if late {
            // The tests need a slow reader. It reads a little, because the kernel's buffers might
            // otherwise keep the server from finishing.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let room = if late { 512 } else { buffer.len() };
        match timeout(LIMIT, reads.read(&mut buffer[..room])).await.expect("in time") {
            Ok(0) => return Ok(count),
            Ok(length) => count += length,
            Err(error) => return Err((count, error)),
        }
    }
}

async fn loses_nothing(kind: Kind, end: End) {
    let service = Arc::new(Ending::default());
    service.refuses.store(end == End::Refused, SeqCst);
    // As much time as a loaded machine may need.
    let codec = Lines::new().max_length(1 << 20);
    let server = Server::new(Arc::clone(&service)).codec(codec).grace(LIMIT).linger(LIMIT);
    let server = serve(kind, server).await;
    let (reads, mut writes) = split(server.server_addr.connect_receiving(8192).await);
    let word = match end {
        End::State => &b"state\n"[..],
        End::Peer => b"close\n",
        End::Error => b"fail\n",
        End::Panic => b"panic\n",
        End::Input => b"not UTF-8: \xff\n",
        End::Time => b"timed\n",
        End::Elsewhere | End::Stop | End::Refused => b"",
    };
    let first = [format!("big {BIG}\nbig {BIG}\n").as_bytes(), word].concat();
    let _ = writes.write_all(&first).await;
    let _ = writes.flush().await;
    let written = keep_writing(writes);
    let ended = || service.ended.load(SeqCst) == 1;
    let ending = async {
        eventually_async(|| service.handled.load(SeqCst) >= 2).await;
        match end {
            End::Elsewhere => service.peer.lock().unwrap().as_ref().unwrap().close(),
            End::Stop => server.handle.stop(),
            _ => {}
        }
    };
    let (read, ()) = tokio::join!(read_late(reads, ended, &written, MORE), ending);
    let said = service.said.load(SeqCst);
    match read {
        Ok(count) => assert_eq!(count, said, "{end:?} over {kind:?}"),
        Err((count, error)) => panic!("{end:?} over {kind:?}: {error} after {count} of {said} bytes"),
    }
    server.handle.stop_within(Duration::ZERO);
    stopped(server.serving).await;
}

on_streams! {
    async fn s12_responses_reach_a_late_reader_that_keeps_sending_however_the_session_ends(kind) {
        for end in ENDS {
            loses_nothing(kind, end).await;
        }
    }
}

/// Answers once in its first run, and returns without reading in its second.
#[derive(Default)]
struct Once(AtomicUsize);

#[service]
impl Once {
    #[session]
    async fn once(&self, session: &mut Session<String, String>) -> Result<(), SessionError> {
        if self.0.fetch_add(1, SeqCst) == 0 {
            session.next().await?;
            for _ in 0..2 {
                session.send("b".repeat(BIG)).await?;
            }
        }
        Ok(())
    }
}

/// Ends each session at its first request, except `stay`.
struct Brief;

#[service]
impl Brief {
    #[state(start)]
    async fn first(&self, line: String) -> (String, BriefState) {
        let next = if line == "stay" { BriefState::First } else { BriefState::Closed };
        (line, next)
    }
}

on_streams! {
    async fn s12_responses_reach_a_late_reader_when_a_linear_session_returns(kind) {
        let service = Arc::new(Once::default());
        let codec = Lines::new().max_length(1 << 20);
        let server = serve(kind, Server::new(Arc::clone(&service)).codec(codec).linger(LIMIT)).await;
        let (reads, mut writes) = split(server.server_addr.connect_receiving(8192).await);
        writes.write_all(b"go\n").await.unwrap();
        writes.flush().await.unwrap();
        let written = keep_writing(writes);
        let read = read_late(reads, || service.0.load(SeqCst) == 2, &written, MORE).await;
        assert_eq!(read.unwrap(), 2 * (BIG + 1));
        server.handle.stop_within(Duration::ZERO);
        stopped(server.serving).await;
    }

    async fn s12_a_lingering_connection_does_not_count_as_a_connection(kind) {
        let server = Server::new(Brief).codec(Lines::new()).max_connections(1).linger(LIMIT);
        let server = serve(kind, server).await;
        let (mut reads, mut writes) = split(server.connect().await);
        writes.write_all(b"go\n").await.unwrap();
        writes.flush().await.unwrap();
        // This client keeps sending, and is not closed before the limit.
        let written = keep_writing(writes);
        assert_eq!(portcullis_tests::served::read_remaining(&mut reads).await, b"go\n");
        assert_eq!(server.connect().await.call("stay").await, "stay");
        assert!(written.load(SeqCst) < usize::MAX / 2, "it lingers still");
        server.handle.stop_within(Duration::ZERO);
        stopped(server.serving).await;
    }
}

on_loops! {
    async fn s12_lingering_connections_over_the_bound_count_as_connections() {
        let server = Server::new(Brief).codec(Lines::new()).max_connections(1).max_lingering(0).linger(LIMIT);
        let server = serve(Kind::Tcp, server).await;
        let (mut reads, mut writes) = split(server.connect().await);
        writes.write_all(b"go\n").await.unwrap();
        let written = keep_writing(writes);
        assert_eq!(portcullis_tests::served::read_remaining(&mut reads).await, b"go\n");
        let mut next = server.connect().await;
        let mut asking = std::pin::pin!(next.call("stay"));
        let early = timeout(Duration::from_millis(100), asking.as_mut()).await;
        // On a machine that was stalled either order is right, but not this response while the
        // connection is open.
        assert!(early.is_err() || written.load(SeqCst) >= usize::MAX / 2);
        server.handle.stop_within(Duration::ZERO);
        stopped(server.serving).await;
    }

    async fn s12_a_lingering_connection_is_closed_after_its_timeout() {
        let server = Server::new(Brief).codec(Lines::new()).linger(Duration::from_millis(50));
        let server = serve(Kind::Tcp, server).await;
        let (mut reads, mut writes) = split(server.connect().await);
        writes.write_all(b"go\n").await.unwrap();
        let written = keep_writing(writes);
        assert_eq!(portcullis_tests::served::read_remaining(&mut reads).await, b"go\n");
        // The writes fail eventually.
        eventually_async(|| written.load(SeqCst) >= usize::MAX / 2).await;
        assert!(server.stop().await.is_clean());
    }

    async fn s12_a_lingering_connection_does_not_delay_a_stop_beyond_its_grace() {
        let server = Server::new(Brief).codec(Lines::new()).linger(LIMIT).grace(Duration::from_millis(100));
        let server = serve(Kind::Tcp, server).await;
        let (mut reads, mut writes) = split(server.connect().await);
        writes.write_all(b"stay\n").await.unwrap();
        assert_eq!(portcullis_tests::served::line(&mut reads).await, "stay");
        let written = keep_writing(writes);
        eventually_async(|| written.load(SeqCst) > 0).await;
        let report = server.stop().await;
        assert!(report.took < LIMIT / 2, "{report}");
        // Its session had already ended.
        assert!(report.is_clean(), "{report}");
    }

    async fn s12_a_peer_that_sends_more_than_the_kernel_buffers_loses_no_response() {
        let service = Arc::new(Ending::default());
        let codec = Lines::new().max_length(1 << 20);
        let server = Server::new(Arc::clone(&service)).codec(codec).grace(LIMIT).linger(LIMIT);
        let server = serve(Kind::Tcp, server).await;
        let (reads, mut writes) = split(server.server_addr.connect_receiving(8192).await);
        writes.write_all(format!("big {BIG}\nbig {BIG}\nstate\n").as_bytes()).await.unwrap();
        let written = keep_writing(writes);
        let read = read_late(reads, || service.ended.load(SeqCst) == 1, &written, 20 << 20).await;
        assert_eq!(read.unwrap(), service.said.load(SeqCst));
        server.handle.stop_within(Duration::ZERO);
        stopped(server.serving).await;
    }
}

#[tokio::test(start_paused = true)]
async fn s5_a_stop_does_not_wait_for_a_peer_that_is_idle() {
    let (mut near, far) = tokio::io::duplex(1024);
    let server = Server::new(Brief).codec(Lines::new());
    let handle = server.handle();
    let serving = tokio::spawn(server.serve_stream(far));
    assert_eq!(portcullis_tests::served::call(&mut near, "stay").await, "stay");
    // By the paused clock: until the peer counts as idle.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let began = tokio::time::Instant::now();
    handle.stop();
    assert!(stopped(serving).await.is_clean());
    assert_eq!(began.elapsed(), Duration::ZERO);
    drop(near);
}
