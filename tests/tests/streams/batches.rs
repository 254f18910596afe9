//! Handlers that take together what a client has pipelined.

use super::*;

/// Responds to each request with the size of its batch.
#[derive(Default)]
struct Journal {
    batches: Mutex<Vec<usize>>,
}

const LARGEST: usize = 8;

#[service]
impl Journal {
    #[session(half_close = answer)]
    async fn append(&self, session: &mut Session<String, String>) -> Result<(), SessionError> {
        let mut batch = vec![session.next().await?];
        while batch.len() < LARGEST {
            match session.next_timeout(Duration::ZERO).await {
                Ok(entry) => batch.push(entry),
                Err(SessionError::Timeout | SessionError::Ended(_)) => break,
                Err(error) => return Err(error),
            }
        }
        self.batches.lock().unwrap().push(batch.len());
        for entry in batch {
            session.send(entry).await?;
        }
        Ok(())
    }
}

/// Drops a `next_timeout(ZERO)` at the moment at which it has run out of time, then waits for a
/// request.
struct Distracted;

#[service]
impl Distracted {
    #[session]
    async fn listen(&self, session: &mut Session<String, String>) -> Result<(), SessionError> {
        tokio::select! {
            biased;
            // Ready when it is polled for the second time, which is before `next_timeout` is.
            () = tokio::task::yield_now() => {}
            request = session.next_timeout(Duration::ZERO) => {
                return session.send(format!("not dropped: {request:?}")).await;
            }
        }
        let request = session.next().await;
        session.send(format!("{request:?}")).await
    }
}

/// Responds to what was pipelined together. Some entries are commands.
#[derive(Default)]
struct Batches {
    sizes: Mutex<Vec<usize>>,
    after: AtomicUsize,
    ended: Mutex<Vec<Reason>>,
}

#[service]
impl Batches {
    #[request(batch = LARGEST)]
    async fn append(&self, peer: &Peer<String>, entries: Vec<String>) -> Result<Vec<String>, String> {
        self.sizes.lock().unwrap().push(entries.len());
        if entries.iter().any(|entry| entry == "fail") {
            return Err("on request".into());
        }
        if entries.iter().any(|entry| entry == "later") {
            tokio::task::yield_now().await;
        }
        if entries.iter().any(|entry| entry == "close") {
            peer.close();
        }
        Ok(entries.into_iter().filter(|entry| entry != "silent").collect())
    }

    #[after]
    async fn count(&self, _response: &String) {
        self.after.fetch_add(1, SeqCst);
    }

    #[on(error)]
    async fn failed(&self, error: SessionError<String>) -> ControlFlow<Reason, String> {
        ControlFlow::Continue(format!("error: {error}"))
    }

    #[on(disconnect)]
    async fn ended(&self, reason: Reason) {
        self.ended.lock().unwrap().push(reason);
    }
}

impl Batches {
    fn take_sizes(&self) -> Vec<usize> {
        std::mem::take(&mut self.sizes.lock().unwrap())
    }
}

async fn serve_batches(kind: Kind) -> (Arc<Batches>, TestServer) {
    let batches = Arc::new(Batches::default());
    let server = Server::new(batches.clone()).codec(Lines::new().max_length(100));
    (batches, serve(kind, server).await)
}

on_streams! {
    async fn s29_requests_that_were_received_are_handled_together(kind) {
        let (batches, server) = serve_batches(kind).await;
        let mut conn = server.connect().await;
        // In one write, which arrives at once. The last line is not complete.
        conn.write_all("a\n".repeat(20).as_bytes()).await.unwrap();
        conn.write_all(b"in").await.unwrap();
        for _ in 0..20 {
            assert_eq!(conn.line().await, "a");
        }
        let sizes = batches.take_sizes();
        assert_eq!(sizes.iter().sum::<usize>(), 20);
        assert_eq!(sizes[0], LARGEST, "{sizes:?}");
        conn.write_all(b" pieces\n").await.unwrap();
        assert_eq!(conn.line().await, "in pieces");
        assert_eq!(conn.call("later").await, "later");
        assert_eq!(batches.take_sizes(), [1, 1]);
        conn.write_all(b"silent\nb\nsilent\nlater\n").await.unwrap();
        assert_eq!(conn.line().await, "b");
        assert_eq!(conn.line().await, "later");
        assert_eq!(batches.after.load(SeqCst), 24);
        server.stop().await;
    }

    async fn s29_malformed_input_is_handled_after_the_requests_before_it(kind) {
        let (batches, server) = serve_batches(kind).await;
        let mut conn = server.connect().await;
        let input = format!("a\nlater\n{}\nc\n", "x".repeat(101));
        conn.write_all(input.as_bytes()).await.unwrap();
        for line in ["a", "later", "error: malformed input: a frame is longer than 100 bytes", "c"] {
            assert_eq!(conn.line().await, line);
        }
        assert_eq!(batches.take_sizes(), [2, 1]);
        server.stop().await;
    }

    async fn s29_an_error_of_a_batch_ends_the_session_after_its_answer(kind) {
        let (batches, server) = serve_batches(kind).await;
        let mut conn = server.connect().await;
        assert_eq!(conn.call("a").await, "a");
        conn.write_all(b"b\nfail\nc\n").await.unwrap();
        assert_eq!(conn.line().await, "error: on request");
        assert!(conn.read_remaining().await.is_empty());
        wait(|| !batches.ended.lock().unwrap().is_empty()).await;
        assert_eq!(*batches.ended.lock().unwrap(), [Reason::Failed("on request".into())]);
        server.stop().await;
    }

    async fn s29_a_batch_ends_with_the_input_or_with_the_session(kind) {
        let (batches, server) = serve_batches(kind).await;
        let mut conn = server.connect().await;
        conn.write_all(b"a\nb").await.unwrap();
        conn.shutdown().await.unwrap();
        assert_eq!(conn.read_remaining().await, b"a\nb\n");

        let mut conn = server.connect().await;
        let more = [&b"close\n"[..], &b"c\n".repeat(LARGEST), b"not handled\n"].concat();
        conn.write_all(&more).await.unwrap();
        let answers = [&b"close\n"[..], &b"c\n".repeat(LARGEST - 1)].concat();
        assert_eq!(conn.read_remaining().await, answers);
        wait(|| batches.ended.lock().unwrap().len() == 2).await;
        assert_eq!(*batches.ended.lock().unwrap(), [Reason::PeerClosed, Reason::Closed(By::Close)]);
        server.stop().await;
    }
}

on_streams! {
    async fn s21_a_limit_of_zero_takes_what_was_received_and_does_not_wait(kind) {
        let journal = Arc::new(Journal::default());
        let server = serve(kind, Server::new(journal.clone()).codec(Lines::new())).await;
        let mut conn = server.connect().await;
        // In one write, which arrives at once. The last line is not complete.
        conn.write_all("a\n".repeat(20).as_bytes()).await.unwrap();
        conn.write_all(b"in").await.unwrap();
        for _ in 0..20 {
            assert_eq!(conn.line().await, "a");
        }
        let batches = std::mem::take(&mut *journal.batches.lock().unwrap());
        assert_eq!(batches.iter().sum::<usize>(), 20);
        assert_eq!(batches[0], LARGEST, "{batches:?}");
        conn.write_all(b" pieces\n").await.unwrap();
        assert_eq!(conn.line().await, "in pieces");
        assert_eq!(conn.call("alone").await, "alone");
        assert_eq!(*journal.batches.lock().unwrap(), [1, 1]);
        server.stop().await;
    }

    async fn s21_a_batch_ends_with_the_input(kind) {
        let journal = Arc::new(Journal::default());
        let server = serve(kind, Server::new(journal.clone()).codec(Lines::new())).await;
        let mut conn = server.connect().await;
        conn.write_all(b"a\nb\n").await.unwrap();
        conn.shutdown().await.unwrap();
        assert_eq!(conn.line().await, "a");
        assert_eq!(conn.line().await, "b");
        assert!(conn.read_remaining().await.is_empty());
        server.stop().await;
    }

    async fn s21_a_timeout_that_was_dropped_is_not_returned_by_the_next_call(kind) {
        let server = serve(kind, Server::new(Distracted).codec(Lines::new())).await;
        let mut conn = server.connect().await;
        assert_eq!(conn.call("hello").await, "Ok(\"hello\")");
        server.stop().await;
    }
}
