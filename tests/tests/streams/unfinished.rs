//! Unfinished frames: a time limit for each, and a memory limit for all of a server (S2), on every
//! kind of stream.

use super::*;
use portcullis::Session;

const SHORT: Duration = Duration::from_millis(150);

/// A state service that echoes; its states have no time limits.
#[derive(Default)]
struct Stated(Mutex<Vec<Reason>>);

#[service]
impl Stated {
    #[state(start)]
    async fn first(&self, line: String) -> (String, StatedState) {
        (line, StatedState::Second(1))
    }

    #[state(idle = "1h", max_duration = "1h")]
    async fn second(&self, count: u32, line: String) -> (String, StatedState) {
        (line, StatedState::Second(count + 1))
    }

    #[on(timeout = second)]
    async fn late(&self, _count: u32) -> (String, StatedState) {
        ("the state's own".into(), StatedState::First)
    }

    #[on(disconnect)]
    async fn ended(&self, reason: Reason) {
        self.0.lock().unwrap().push(reason);
    }
}

#[derive(Default)]
struct Asking(Mutex<Vec<Reason>>);

#[service]
impl Asking {
    #[session]
    async fn talk(&self, session: &mut Session<String, String>) -> Result<(), SessionError> {
        loop {
            // Repeated calls do not extend the time limit of the frame.
            match session.next_timeout(Duration::from_millis(10)).await {
                Ok(line) => session.send(line).await?,
                Err(SessionError::Timeout) => {}
                Err(error) => return Err(error),
            }
        }
    }

    #[on(disconnect)]
    async fn ended(&self, reason: Reason) {
        self.0.lock().unwrap().push(reason);
    }
}

async fn only(ended: &Mutex<Vec<Reason>>) -> Reason {
    wait(|| !ended.lock().unwrap().is_empty()).await;
    ended.lock().unwrap()[0].clone()
}

/// Far more than a session may buffer uncounted.
const LARGE: usize = 1 << 18;

on_streams! {
    async fn s2_an_unfinished_frame_times_out(kind) {
        let service = Arc::new(TestService::default());
        let server = serve(kind, service.server().frame_timeout(SHORT)).await;
        let mut stream = server.connect().await;
        assert_eq!(stream.call("x").await, "x");
        stream.send("half a li").await;
        assert_eq!(stream.read_remaining().await, b"");
        assert_eq!(service.end(1).await, Reason::Timeout(Limit::Frame));
        server.stop().await;
    }

    async fn s2_an_unfinished_frame_times_out_in_states_and_linear_sessions(kind) {
        let (stated, asking) = (Arc::new(Stated::default()), Arc::new(Asking::default()));
        let first = serve(kind, Server::new(Arc::clone(&stated)).codec(Lines::new()).frame_timeout(SHORT)).await;
        let second = serve(kind, Server::new(Arc::clone(&asking)).codec(Lines::new()).frame_timeout(SHORT)).await;
        for server in [&first, &second] {
            let mut stream = server.connect().await;
            assert_eq!(stream.call("x").await, "x");
            stream.send("half a li").await;
            assert_eq!(stream.read_remaining().await, b"");
        }
        assert_eq!(only(&stated.0).await, Reason::Timeout(Limit::Frame));
        assert_eq!(only(&asking.0).await, Reason::Timeout(Limit::Frame));
        first.stop().await;
        second.stop().await;
    }

    async fn s2_the_memory_of_unfinished_frames_is_bounded(kind) {
        let service = Arc::new(TestService::default());
        // A buffer may be twice as large as its contents.
        let server = serve(kind, service.server().max_unfinished_bytes(6 * LARGE)).await;
        let large = "l".repeat(LARGE);
        let mut holding = Vec::new();
        // Open sessions until one exceeds the memory limit.
        let refused = loop {
            let mut stream = server.connect().await;
            assert_eq!(stream.call("x").await, "x");
            // The server may close before it has read everything.
            let said = stream.write_all(large.as_bytes()).await.is_ok() && stream.flush().await.is_ok();
            holding.push(stream);
            let all_is_read = || !service.ended.lock().unwrap().is_empty();
            if !said || timeout(SHORT, wait(all_is_read)).await.is_ok() {
                break service.end(1).await;
            }
            assert!(holding.len() < 20, "no bound");
        };
        assert_eq!(refused, Reason::Overload);
        assert!(holding.len() > 2, "{} of them", holding.len());
        // Small frames are served, and sessions that hold memory continue.
        server.still_echoes().await;
        let mut first = holding.swap_remove(0);
        first.send("!\n").await;
        assert_eq!(first.line().await, format!("{large}!"));
        // The memory is available again when those frames are complete or dropped.
        drop(holding);
        for _ in 0..5 {
            assert_eq!(first.call(&large).await, large);
        }
        drop(first);
        server.stop().await;
    }
}
