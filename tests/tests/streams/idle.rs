//! Sessions whose handler never waits for a request: idle without a future.

use super::*;
use portcullis::{LengthPrefixed, Limit, Postcard};

#[derive(Default)]
struct Sleeper {
    runs: AtomicUsize,
    peers: Mutex<Vec<Peer<String>>>,
    ended: Mutex<Vec<Reason>>,
}

#[service]
impl Sleeper {
    #[on(connect)]
    async fn connected(&self, peer: &Peer<String>) {
        self.peers.lock().unwrap().push(peer.clone());
    }

    #[session(half_close = answer)]
    async fn echo(&self, session: &mut Session<String, String>) -> Result<(), SessionError> {
        self.runs.fetch_add(1, SeqCst);
        loop {
            match session.next_timeout(Duration::ZERO).await {
                Ok(line) => session.send(line).await?,
                Err(SessionError::Timeout) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    #[on(disconnect)]
    async fn disconnected(&self, reason: Reason) {
        self.ended.lock().unwrap().push(reason);
    }
}

impl Sleeper {
    fn server(self: &Arc<Self>) -> Server<Self, Lines> {
        Server::new(Arc::clone(self)).codec(Lines::new().max_length(1 << 24))
    }

    fn peer(&self) -> Peer<String> {
        self.peers.lock().unwrap().last().unwrap().clone()
    }

    fn runs(&self) -> usize {
        self.runs.load(SeqCst)
    }

    async fn end(&self, count: usize) -> Reason {
        wait(|| self.ended.lock().unwrap().len() == count).await;
        self.ended.lock().unwrap()[count - 1].clone()
    }
}

on_streams! {
    async fn s28_the_handler_is_started_again_for_a_whole_request(kind) {
        let service = Arc::new(Sleeper::default());
        let server = serve(kind, service.server()).await;
        let mut conn = server.connect().await;
        // Started at once, it may send first.
        wait(|| service.runs() == 1).await;
        assert_eq!((conn.call("one").await, service.runs()), ("one".into(), 2));
        conn.send("in").await;
        service.peer().try_send("pushed".into()).unwrap();
        assert_eq!((conn.line().await, service.runs()), ("pushed".into(), 2));
        conn.send(" pieces\n").await;
        assert_eq!(conn.line().await, "in pieces");
        conn.send(&"pipelined\n".repeat(300)).await;
        for _ in 0..300 {
            assert_eq!(conn.line().await, "pipelined");
        }
        let runs = service.runs();
        assert!((4..303).contains(&runs), "{runs}");
        server.stop().await;
    }

    async fn s28_an_idle_session_ends_without_another_run(kind) {
        let service = Arc::new(Sleeper::default());
        let server = serve(kind, service.server()).await;
        let mut conn = server.connect().await;
        assert_eq!(conn.call("x").await, "x");
        conn.shutdown().await.unwrap();
        assert_eq!((service.end(1).await, service.runs()), (Reason::PeerClosed, 2));

        let mut conn = server.connect().await;
        assert_eq!(conn.call("x").await, "x");
        service.peer().try_send("bye".into()).unwrap();
        service.peer().close_with(Reason::Overload);
        assert_eq!(conn.read_remaining().await, b"bye\n");
        assert_eq!((service.end(2).await, service.runs()), (Reason::Overload, 4));

        let mut conn = server.connect().await;
        assert_eq!(conn.call("x").await, "x");
        service.peer().abort();
        assert_eq!((service.end(3).await, service.runs()), (Reason::Closed(By::Abort), 6));

        let mut conn = server.connect().await;
        assert_eq!(conn.call("x").await, "x");
        assert!(server.stop().await.is_clean());
        assert_eq!((service.end(4).await, service.runs()), (Reason::Stopped, 8));
    }

    async fn s28_the_idle_time_counts(kind) {
        let service = Arc::new(Sleeper::default());
        let server = serve(kind, service.server().idle_timeout(Duration::from_millis(100))).await;
        let mut conn = server.connect().await;
        assert_eq!(conn.call("x").await, "x");
        assert_eq!((service.end(1).await, service.runs()), (Reason::Timeout(Limit::Idle), 2));
        server.stop().await;
    }

    async fn s28_a_frame_that_is_not_complete_in_time_ends_the_session(kind) {
        let service = Arc::new(Sleeper::default());
        let server = serve(kind, service.server().frame_timeout(Duration::from_millis(100))).await;
        let mut conn = server.connect().await;
        conn.send("in").await;
        assert_eq!((service.end(1).await, service.runs()), (Reason::Timeout(Limit::Frame), 1));
        server.stop().await;
    }

    async fn s28_the_end_of_a_frame_that_is_not_complete_is_an_error_for_the_handler(kind) {
        let service = Arc::new(Sleeper::default());
        let server = serve(kind, Server::new(service.clone()).codec(LengthPrefixed::<Postcard>::new())).await;
        let mut conn = server.connect().await;
        wait(|| service.runs() == 1).await;
        conn.write_all(b"\0\0\0\x09half").await.unwrap();
        conn.shutdown().await.unwrap();
        assert!(matches!(service.end(1).await, Reason::Decode(_)));
        assert_eq!(service.runs(), 2);
        server.stop().await;
    }

    async fn s28_a_session_is_not_idle_before_all_is_written(kind) {
        let service = Arc::new(Sleeper::default());
        let server = serve(kind, service.server()).await;
        let mut conn = server.connect().await;
        // More than the kernel takes.
        let line = "x".repeat(8 << 20);
        conn.send(&format!("{line}\nlast\n")).await;
        wait(|| service.runs() == 2).await;
        let mut received = vec![0; line.len() + 1];
        timeout(LIMIT, conn.read_exact(&mut received)).await.expect("in time").expect("open");
        assert!(received.starts_with(line.as_bytes()));
        assert_eq!(conn.line().await, "last");
        assert_eq!(conn.call("after").await, "after");
        server.stop().await;
    }

    async fn s28_a_request_that_a_pool_decodes_starts_the_handler(kind) {
        let service = Arc::new(Sleeper::default());
        let pool = Pool::builder("decode").threads(1).build().unwrap();
        let server = Server::new(service.clone()).codec(LengthPrefixed::<Postcard>::new()).decode_on(&pool, 1024);
        let server = serve(kind, server).await;
        let mut client = portcullis::Client::<String, String, _, _>::from_stream(
            server.connect().await,
            LengthPrefixed::<Postcard>::new(),
        );
        for length in [10, 10_000, 10] {
            let text = "x".repeat(length);
            assert_eq!(timeout(LIMIT, client.call(text.clone())).await.unwrap().unwrap(), text);
        }
        server.stop().await;
    }
}
