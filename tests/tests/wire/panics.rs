//! Handlers, hooks, drops and codecs that panic (S1).

use std::sync::atomic::AtomicBool;

use bytes::BytesMut;
use portcullis::JsonLines;
use portcullis::codec::{Codec, DecodeError, EncodeError};
use portcullis_tests::served::call;
use serde::{Deserialize, Serialize, Serializer};

use super::*;

/// Panics in the named method.
#[derive(Default)]
struct Mine {
    at: &'static str,
    connected: AtomicUsize,
    ended: Mutex<Vec<Reason>>,
}

#[service]
impl Mine {
    #[on(connect)]
    async fn connected(&self) {
        assert!(self.at != "connect", "on request");
        self.connected.fetch_add(1, SeqCst);
    }

    #[request]
    async fn handle(&self, line: String) -> Result<String, String> {
        assert!(self.at != "request", "on request");
        Err(line)
    }

    #[on(error)]
    async fn failed(&self, error: SessionError<String>) -> ControlFlow<Reason, String> {
        assert!(self.at != "error", "on request");
        ControlFlow::Continue(error.to_string())
    }

    #[on(disconnect)]
    async fn disconnected(&self, reason: Reason) {
        self.ended.lock().unwrap().push(reason);
        assert!(self.at != "disconnect", "on request");
    }
}

/// Responses whose encoding panics.
#[derive(Serialize)]
struct Reply {
    text: String,
    #[serde(serialize_with = "light")]
    fuse: bool,
}

fn light<S: Serializer>(fuse: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    assert!(!*fuse, "on request");
    serializer.serialize_bool(*fuse)
}

#[derive(Deserialize)]
struct Ask {
    fuse: bool,
}

struct Fuse;

#[service]
impl Fuse {
    #[request]
    async fn handle(&self, call: Ask) -> Reply {
        Reply { text: "asked".into(), fuse: call.fuse }
    }

    #[on(error)]
    async fn failed(&self, error: SessionError) -> ControlFlow<Reason, Reply> {
        ControlFlow::Continue(Reply { text: error.to_string(), fuse: false })
    }
}

/// Lines, with a codec whose `clone` can panic.
struct Brittle {
    breaks: Arc<AtomicBool>,
    lines: Lines,
}

impl Clone for Brittle {
    fn clone(&self) -> Self {
        assert!(!self.breaks.load(SeqCst), "on request");
        Self { breaks: Arc::clone(&self.breaks), lines: self.lines.clone() }
    }
}

impl Codec<String, String> for Brittle {
    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<String>, DecodeError> {
        Codec::<String, String>::decode(&mut self.lines, input)
    }

    fn encode(&mut self, response: String, output: &mut BytesMut) -> Result<(), EncodeError> {
        Codec::<String, String>::encode(&mut self.lines, response, output)
    }
}

on_loops! {
    async fn s1_a_panic_in_the_codecs_clone_loses_one_connection() {
        let breaks = Arc::new(AtomicBool::new(false));
        let mine = Arc::new(Mine { at: "nowhere", ..Mine::default() });
        let server = serve(&mine, Brittle { breaks: Arc::clone(&breaks), lines: Lines::new() }).await;
        let mut first = server.connect().await;
        assert_eq!(call(&mut first, "x").await, "x");
        breaks.store(true, SeqCst);
        let mut second = server.connect().await;
        assert_eq!(read_remaining(&mut second).await, b"");
        breaks.store(false, SeqCst);
        // Other sessions continue, and new ones are accepted.
        assert_eq!(call(&mut first, "y").await, "y");
        let mut third = server.connect().await;
        assert_eq!(call(&mut third, "z").await, "z");
        assert!(server.stop().await.is_clean());
    }

    async fn s1_a_panic_anywhere_ends_its_session_and_is_reported_once() {
        for at in ["connect", "request", "error", "disconnect"] {
            let mine = Arc::new(Mine { at, ..Mine::default() });
            let server = serve(&mine, Lines::new()).await;
            for n in 0..3 {
                let mut stream = server.connect().await;
                stream.write_all(b"x\n").await.unwrap();
                stream.shutdown().await.unwrap();
                let back = read_remaining(&mut stream).await;
                let answered: &[u8] = match at {
                    "request" => b"panicked: on request\n",
                    "disconnect" => b"x\n",
                    _ => b"",
                };
                assert_eq!(back, answered, "{at}");
                let ends = if at == "connect" { 0 } else { n + 1 };
                wait(|| mine.ended.lock().unwrap().len() == ends).await;
            }
            let report = server.stop().await;
            assert!(report.is_clean(), "{at}: {report}");
            let ended = mine.ended.lock().unwrap().clone();
            assert_eq!(ended.len(), mine.connected.load(SeqCst));
            let panicked = |end: &Reason| matches!(end, Reason::Panicked(text) if text == "on request");
            assert_eq!(ended.iter().filter(|end| panicked(end)).count(), if matches!(at, "request" | "error") { 3 } else { 0 });
        }
    }

    async fn s1_a_handler_that_panics_on_drop_does_not_skip_on_disconnect() {
        let service = Arc::new(TestService::default());
        let server = serve(&service, Lines::new().max_length(1 << 20)).await;
        let mut stream = server.connect().await;
        stream.write_all(b"trap\n").await.unwrap();
        service.holds(1).await;
        server.handle.stop_within(Duration::ZERO);
        let report = server.stop().await;
        assert_eq!((report.sessions_cancelled, report.sessions_stuck), (1, 0), "{report}");
        assert_eq!(service.dropped.load(SeqCst), 1);
        assert_eq!(service.ended().len(), 1);
    }

    async fn s1_a_response_whose_encoding_panics_is_not_sent() {
        let server = serve(&Arc::new(Fuse), JsonLines::new()).await;
        let mut stream = server.connect().await;
        stream.write_all(b"{\"fuse\":false}\n{\"fuse\":true}\n{\"fuse\":false}\n").await.unwrap();
        let back = String::from_utf8(read_remaining(&mut stream).await).unwrap();
        let lines: Vec<_> = back.lines().collect();
        assert_eq!(lines, [r#"{"text":"asked","fuse":false}"#, r#"{"text":"panicked: on request","fuse":false}"#]);
        server.stop().await;
    }
}
