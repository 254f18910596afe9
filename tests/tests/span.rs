//! O6: the caller's span and subscriber. A separate test program, because tracing caches callsite
//! interest for all threads.

#![forbid(unsafe_code)]

use std::sync::{Arc, Mutex};

use portcullis::Pool;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// A subscriber that records the current span of each event, and the open spans.
#[derive(Default)]
struct Notes {
    spans: Mutex<Vec<(&'static str, bool)>>,
    entered: Mutex<Vec<(std::thread::ThreadId, u64)>>,
    events: Mutex<Vec<(String, Option<&'static str>)>>,
}

struct Shared(Arc<Notes>);

impl Notes {
    fn current_here(&self) -> Option<u64> {
        let here = std::thread::current().id();
        self.entered.lock().unwrap().iter().rev().find(|(thread, _)| *thread == here).map(|(_, id)| *id)
    }

    fn name(&self, id: u64) -> &'static str {
        self.spans.lock().unwrap()[id as usize - 1].0
    }
}

impl Subscriber for Shared {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut spans = self.0.spans.lock().unwrap();
        spans.push((span.metadata().name(), true));
        Id::from_u64(spans.len() as u64)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        struct Text(String);
        impl tracing::field::Visit for Text {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                if field.name() == "message" {
                    self.0 = format!("{value:?}");
                }
            }
        }
        let mut text = Text(String::new());
        event.record(&mut text);
        let span = self.0.current_here().map(|id| self.0.name(id));
        self.0.events.lock().unwrap().push((text.0, span));
    }
    fn enter(&self, id: &Id) {
        self.0.entered.lock().unwrap().push((std::thread::current().id(), id.into_u64()));
    }
    fn exit(&self, id: &Id) {
        let here = (std::thread::current().id(), id.into_u64());
        let mut entered = self.0.entered.lock().unwrap();
        if let Some(at) = entered.iter().rposition(|one| *one == here) {
            entered.remove(at);
        }
    }
    fn current_span(&self) -> tracing_core::span::Current {
        match self.0.current_here() {
            Some(id) => tracing_core::span::Current::new(Id::from_u64(id), METADATA.get().expect("a span")),
            None => tracing_core::span::Current::none(),
        }
    }
    fn try_close(&self, id: Id) -> bool {
        self.0.spans.lock().unwrap()[id.into_u64() as usize - 1].1 = false;
        true
    }
}

static METADATA: std::sync::OnceLock<&'static Metadata<'static>> = std::sync::OnceLock::new();

#[test]
fn o6_the_callers_span_and_subscriber_are_current_in_the_job_and_one_event_is_logged() {
    let notes = Arc::new(Notes::default());
    let pool = Pool::builder("test").threads(1).build().expect("a thread");
    tracing::subscriber::with_default(Shared(notes.clone()), || {
        let span = tracing::info_span!("request");
        let _ = METADATA.set(span.metadata().expect("enabled"));
        let offload = span.in_scope(|| pool.job("Mill::grind").run(|_| tracing::info!("inside")));
        drop(span);
        futures::executor::block_on(offload).unwrap();
        // The span was released before the result was delivered.
        assert!(notes.entered.lock().unwrap().is_empty());
    });
    let events = notes.events.lock().unwrap();
    assert_eq!(events[0], ("inside".to_owned(), Some("request")));
    let (line, span) = &events[1];
    assert!(line.starts_with("queued ") && line.contains(" ran ") && line.ends_with(" on test-0"), "{line}");
    assert_eq!(*span, Some("request"));
    // Without a subscriber at the call, the job has none.
    futures::executor::block_on(pool.run(|_| tracing::info!("outside"))).unwrap();
    assert_eq!(events.len(), 2);
}
