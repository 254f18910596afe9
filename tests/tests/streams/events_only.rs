//! States that take only events.

use super::*;

/// Long enough for what must not happen, on a loaded machine.
const SHORT: Duration = Duration::from_millis(150);

/// `pop NAME` waits for what another task pushes, as `BLPOP` of Redis does.
#[derive(Default)]
struct Queue {
    waiting: Mutex<Vec<Peer<String, String>>>,
    ended: Mutex<Vec<(Option<QueueState>, Reason)>>,
}

#[service(state(derive(Debug, Clone, PartialEq)))]
impl Queue {
    #[state(start)]
    async fn ready(&self, peer: &Peer<String, String>, line: String) -> (Option<String>, QueueState) {
        let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let next = match word {
            "pop" => QueueState::Popping(rest.to_owned()),
            "pop-soon" => QueueState::PoppingSoon,
            "pop-late" => QueueState::PoppingLate,
            "length" => return (Some(rest.len().to_string()), QueueState::Ready),
            _ => return (Some(line), QueueState::Ready),
        };
        self.waiting.lock().unwrap().push(peer.clone());
        (None, next)
    }

    #[state(events_only)]
    async fn popping(&self, name: String, pushed: String) -> (String, QueueState) {
        let text = format!("{name}: {pushed}");
        (text, if pushed == "more" { QueueState::Popping(name) } else { QueueState::Ready })
    }

    #[state(events_only, max_duration = "50ms")]
    async fn popping_soon(&self, pushed: String) -> (String, QueueState) {
        (pushed, QueueState::Ready)
    }

    #[on(timeout = popping_soon)]
    async fn nothing_pushed(&self) -> (String, QueueState) {
        ("nothing".into(), QueueState::Ready)
    }

    #[state(events_only, half_close = answer)]
    async fn popping_late(&self, pushed: String) -> (String, QueueState) {
        (pushed, QueueState::Ready)
    }

    #[on(disconnect)]
    async fn ended(&self, last: Option<QueueState>, reason: Reason) {
        self.ended.lock().unwrap().push((last, reason));
    }
}

impl Queue {
    fn server(self: &Arc<Self>) -> Server<Self, Lines> {
        Server::new(Arc::clone(self)).codec(Lines::new().max_length(1 << 24))
    }

    /// Posts to the session that was the `number`th to pop.
    async fn push(&self, number: usize, text: &str) {
        wait(|| self.waiting.lock().unwrap().len() > number).await;
        let peer = self.waiting.lock().unwrap()[number].clone();
        peer.post(text.to_owned()).await.unwrap();
    }

    /// Waits until one session has ended.
    async fn end(&self) -> (Option<QueueState>, Reason) {
        wait(|| !self.ended.lock().unwrap().is_empty()).await;
        let ended = std::mem::take(&mut *self.ended.lock().unwrap());
        assert_eq!(ended.len(), 1, "{ended:?}");
        ended[0].clone()
    }
}

/// More than a session reads ahead.
fn many_requests() -> Vec<u8> {
    format!("length {}\n", "x".repeat(1000)).repeat(64).into_bytes()
}

on_streams! {
    async fn s27_requests_wait_until_an_event_has_led_to_a_state_that_takes_them(kind) {
        let queue = Arc::new(Queue::default());
        let server = serve(kind, queue.server()).await;
        let mut conn = server.connect().await;
        conn.send("a\npop n\nb\npop m\nlength abc\n").await;
        assert_eq!(conn.line().await, "a");
        for (number, text) in [(0, "more"), (0, "last"), (1, "again")] {
            queue.push(number, text).await;
        }
        for line in ["n: more", "n: last", "b", "m: again", "3"] {
            assert_eq!(conn.line().await, line);
        }
        assert_eq!(conn.call("z").await, "z");
        server.stop().await;
    }

    async fn s27_the_requests_that_wait_are_bounded(kind) {
        let queue = Arc::new(Queue::default());
        let server = serve(kind, queue.server()).await;
        let (mut reads, mut writes) = tokio::io::split(server.connect().await);
        let requests = [b"pop n\n".to_vec(), many_requests().repeat(64)].concat();
        let mut writing = Box::pin(async {
            writes.write_all(&requests).await.unwrap();
            writes.flush().await.unwrap();
        });
        let written = timeout(SHORT, &mut writing).await;
        // The buffers of TCP may be larger.
        if matches!(kind, Kind::Unix | Kind::UnixTls | Kind::Passing) {
            assert!(written.is_err(), "4 MiB were read");
        }
        let answers = async {
            queue.push(0, "x").await;
            assert_eq!(portcullis_tests::served::line(&mut reads).await, "n: x");
            for _ in 0..64 * 64 {
                assert_eq!(portcullis_tests::served::line(&mut reads).await, "1000");
            }
        };
        match written {
            Ok(()) => answers.await,
            Err(_) => drop(tokio::join!(answers, writing)),
        }
        server.stop().await;
    }

    async fn s27_the_limits_of_a_wait_for_a_request_do_not_count(kind) {
        let queue = Arc::new(Queue::default());
        // Long enough for what the client sends in time, on a loaded machine.
        let limit = 4 * SHORT;
        let server = serve(kind, queue.server().idle_timeout(limit).frame_timeout(limit)).await;
        let mut conn = server.connect().await;
        conn.send("pop n\nhal").await;
        assert!(timeout(limit + SHORT, conn.line()).await.is_err());
        queue.push(0, "x").await;
        assert_eq!(conn.line().await, "n: x");
        conn.send("f\n").await;
        assert_eq!(conn.line().await, "half");
        assert!(conn.read_remaining().await.is_empty());
        assert_eq!(queue.end().await, (Some(QueueState::Ready), Reason::Timeout(Limit::Idle)));
        server.stop().await;
    }

    async fn s27_the_limit_of_the_state_counts(kind) {
        let queue = Arc::new(Queue::default());
        let server = serve(kind, queue.server()).await;
        let mut conn = server.connect().await;
        assert_eq!(conn.call("pop-soon").await, "nothing");
        conn.send([&b"pop-soon\n"[..], &many_requests()].concat()).await;
        assert_eq!(conn.line().await, "nothing");
        for _ in 0..64 {
            assert_eq!(conn.line().await, "1000");
        }
        server.stop().await;
    }

    async fn s27_the_end_of_the_input_ends_the_session_unless_the_state_answers(kind) {
        let queue = Arc::new(Queue::default());
        let server = serve(kind, queue.server()).await;
        let mut conn = server.connect().await;
        conn.send("pop n\nb\n").await;
        conn.shutdown().await.unwrap();
        assert!(conn.read_remaining().await.is_empty());
        assert_eq!(queue.end().await, (Some(QueueState::Popping("n".into())), Reason::PeerClosed));

        let mut conn = server.connect().await;
        conn.send("pop-late\nb\n").await;
        conn.shutdown().await.unwrap();
        assert!(timeout(SHORT, conn.line()).await.is_err());
        queue.push(1, "x").await;
        assert_eq!(conn.read_remaining().await, b"x\nb\n");
        assert_eq!(queue.end().await, (Some(QueueState::Ready), Reason::PeerClosed));
        server.stop().await;
    }

    async fn s27_a_reset_ends_the_session_although_requests_wait(kind) {
        let queue = Arc::new(Queue::default());
        let server = serve(kind, queue.server()).await;
        let mut conn = server.connect().await;
        // A Unix socket resets if data was left unread.
        conn.send([&b"x\npop n\n"[..], &many_requests()].concat()).await;
        wait(|| !queue.waiting.lock().unwrap().is_empty()).await;
        conn.readable().await;
        conn.reset();
        assert_eq!(queue.end().await, (Some(QueueState::Popping("n".into())), Reason::Reset));
        server.stop().await;
    }

    async fn s27_a_stop_ends_the_session_at_once(kind) {
        let queue = Arc::new(Queue::default());
        let server = serve(kind, queue.server()).await;
        let (mut quiet, mut busy) = (server.connect().await, server.connect().await);
        quiet.send("pop n\n").await;
        busy.send([&b"pop m\n"[..], &many_requests()].concat()).await;
        wait(|| queue.waiting.lock().unwrap().len() == 2).await;
        let report = server.stop().await;
        assert!(report.is_clean() && report.took < Duration::from_secs(3), "{report}");
        assert!(queue.ended.lock().unwrap().iter().all(|(last, reason)| last.is_some() && *reason == Reason::Stopped));
    }
}
