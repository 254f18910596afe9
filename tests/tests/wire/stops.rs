//! Stops at any moment, and hooks that hang (S5, S8, O11).

use super::*;

on_loops! {
    async fn s5_a_stop_at_any_moment_ends_in_time_and_runs_on_disconnect_once() {
        for turns in 0..120 {
            let service = Arc::new(TestService::default());
            let server = serve(&service, Lines::new().max_length(1 << 20)).await;
            let addr = server.addr;
            let clients: Vec<_> = (0..3).map(|n| tokio::spawn(async move {
                let Ok(mut stream) = TcpStream::connect(addr).await else { return };
                let text: &[u8] = [&b"one\ntwo\nthree\npartial"[..], b"big 300000\nbig 300000\n", b"fail\nclose\nmore\n"][n];
                let _ = stream.write_all(text).await;
                let mut back = Vec::new();
                let _ = stream.read_to_end(&mut back).await;
            })).collect();
            for _ in 0..turns {
                yield_now().await;
            }
            let report = server.stop().await;
            assert!(report.is_clean(), "after {turns}: {report}");
            assert_eq!(service.ended().len(), service.connected.load(SeqCst), "after {turns}");
            for client in clients {
                timeout(LIMIT, client).await.expect("in time").unwrap();
            }
        }
    }

    async fn o11_two_servers_on_one_pool_stop_one_after_the_other() {
        let pool = Pool::builder("both").threads(2).queue_capacity(8).build().unwrap();
        let (one, two) = (Arc::new(Worked { pool: pool.clone() }), Arc::new(Worked { pool: pool.clone() }));
        let (first, second) = (serve(&one, Lines::new()).await, serve(&two, Lines::new()).await);
        let (mut a, mut b) = (first.connect().await, second.connect().await);
        assert_eq!(call(&mut a, "a").await, "A");
        assert_eq!(call(&mut b, "b").await, "B");
        assert!(first.stop().await.is_clean());
        assert_eq!(call(&mut b, "still").await, "STILL");
        assert!(second.stop().await.is_clean());
        assert_eq!(pool.run(|_| 1).await.unwrap(), 1);
    }
}

struct Worked {
    pool: Pool,
}

#[service]
impl Worked {
    #[request]
    async fn handle(&self, line: String) -> Result<String, portcullis::Interrupted> {
        self.upper(line).await
    }

    #[blocking(pool = self.pool)]
    fn upper(&self, line: String) -> String {
        line.to_uppercase()
    }
}

/// Hangs in one of its hooks, and counts calls and drops.
#[derive(Default)]
struct Hung {
    at: &'static str,
    inside: AtomicUsize,
    dropped: AtomicUsize,
    connected: AtomicUsize,
    ended: AtomicUsize,
}

impl Hung {
    async fn hook(&self, name: &str) {
        if self.at == name {
            let _guard = OpenOnDrop(&self.dropped, false);
            self.inside.fetch_add(1, SeqCst);
            std::future::pending().await
        }
    }
}

#[service]
impl Hung {
    #[on(connect)]
    async fn connected(&self) {
        self.hook("connect").await;
        self.connected.fetch_add(1, SeqCst);
    }

    #[session]
    async fn talk(&self, session: &mut Session<String, String>) -> Result<(), String> {
        let line = session.next().await.map_err(|error| error.to_string())?;
        self.hook("session").await;
        Err(line)
    }

    #[on(error)]
    async fn failed(&self, error: SessionError<String>) -> ControlFlow<Reason, String> {
        self.hook("error").await;
        ControlFlow::Continue(error.to_string())
    }

    #[on(disconnect)]
    async fn disconnected(&self) {
        self.ended.fetch_add(1, SeqCst);
        self.hook("disconnect").await;
    }
}

on_loops! {
    async fn s8_a_pending_hook_is_dropped_by_a_disconnect_and_after_the_grace() {
        for at in ["connect", "session", "error", "disconnect"] {
            for go in ["reset", "half-close", "stop"] {
                let hung = Arc::new(Hung { at, ..Hung::default() });
                let server = serve(&hung, Lines::new()).await;
                let mut stream = server.connect().await;
                stream.write_all(b"x\n").await.unwrap();
                if at == "disconnect" {
                    assert_eq!(line(&mut stream).await, "x");
                } else {
                    wait(|| hung.inside.load(SeqCst) == 1).await;
                }
                match go {
                    "reset" => reset(stream),
                    "half-close" => drop(stream),
                    _ => server.handle.stop_within(Duration::ZERO),
                }
                // A disconnect does not drop the last hook: only the end of the grace does.
                wait(|| if at == "disconnect" { hung.inside.load(SeqCst) == 1 } else { hung.dropped.load(SeqCst) == 1 }).await;
                server.handle.stop_within(Duration::ZERO);
                let report = server.stop().await;
                assert_eq!((report.sessions_stuck, report.unfinished), (0, 0), "{at}, {go}: {report}");
                assert_eq!(hung.dropped.load(SeqCst), 1, "{at}, {go}");
                assert_eq!(hung.connected.load(SeqCst), usize::from(at != "connect"), "{at}, {go}");
                assert_eq!(hung.ended.load(SeqCst), hung.connected.load(SeqCst), "{at}, {go}");
            }
        }
    }

    async fn s5_a_linear_session_is_stopped_at_any_moment() {
        for turns in 0..80 {
            let hung = Arc::new(Hung::default());
            let server = serve(&hung, Lines::new()).await;
            let mut stream = server.connect().await;
            stream.write_all(b"one\ntwo\n\xff\nthree\npart").await.unwrap();
            for _ in 0..turns {
                yield_now().await;
            }
            let report = server.stop().await;
            assert!(report.is_clean(), "after {turns}: {report}");
            assert_eq!(hung.ended.load(SeqCst), hung.connected.load(SeqCst), "after {turns}");
            let mut back = Vec::new();
            // A reset if the connection was never accepted.
            let end = timeout(LIMIT, stream.read_to_end(&mut back)).await.expect("in time");
            assert!(end.is_ok() || hung.connected.load(SeqCst) == 0, "after {turns}: {end:?}");
        }
    }
}
