//! S15: what the log says of the ends of sessions. A separate test program, because tracing caches
//! callsite interest for all threads.

#![forbid(unsafe_code)]

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};

use portcullis::prelude::*;
use portcullis_tests::LIMIT;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Records warnings and errors, each as one line with its fields.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, " {}={value:?}", field.name());
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Fragile;

#[service]
impl Fragile {
    #[state(start)]
    async fn talking(&self, line: String) -> (String, FragileState) {
        assert!(line != "panic", "on request");
        (line, FragileState::Talking)
    }
}

#[tokio::test]
async fn s15_garbage_is_one_warning_and_a_panic_names_its_state() {
    let log = Log::default();
    let _set = tracing::subscriber::set_default(log.clone());
    let server = Server::new(Fragile).codec(Lines::new()).bind("127.0.0.1:0").unwrap();
    let server = server.spawn().await.unwrap();
    let end_of = async |sent: &[u8]| {
        let mut stream = TcpStream::connect(server.local_addr()).await.unwrap();
        stream.write_all(sent).await.unwrap();
        timeout(LIMIT, stream.read_to_end(&mut Vec::new())).await.expect("the session ends").unwrap();
    };
    for _ in 0..5 {
        end_of(b"not UTF-8: \xff\n").await;
    }
    let lines = std::mem::take(&mut *log.0.lock().unwrap());
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert!(lines[0].starts_with("WARN") && lines[0].contains("total=1"), "{lines:?}");
    end_of(b"panic\n").await;
    let lines = std::mem::take(&mut *log.0.lock().unwrap());
    assert!(lines[0].starts_with("ERROR") && lines[0].contains("state=\"talking\""), "{lines:#?}");
    server.stop().await.unwrap();
}
