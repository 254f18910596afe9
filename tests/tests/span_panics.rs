//! O6: a subscriber that panics. A separate test program, because tracing caches callsite interest
//! for all threads.

#![forbid(unsafe_code)]

use portcullis::{Interrupted, Pool};
use portcullis_tests::{LIMIT, on_current_thread};
use tracing::span;

/// A subscriber that panics in every method about a job.
struct PanickingSubscriber;

impl tracing::Subscriber for PanickingSubscriber {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "portcullis::pool"
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, _: &tracing::Event<'_>) {
        panic!("a subscriber that panics");
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

#[test]
fn o6_a_panicking_subscriber_loses_neither_the_result_nor_the_thread() {
    let pool = Pool::builder("test").threads(1).build().expect("a thread");
    let mut offload = tracing::subscriber::with_default(PanickingSubscriber, || pool.run(|_| 7));
    let answered = on_current_thread(async { tokio::time::timeout(LIMIT / 2, &mut offload).await });
    match answered.expect("an answer") {
        Err(Interrupted::Panicked(panic)) => assert_eq!(panic.message(), "a subscriber that panics"),
        other => panic!("{other:?}"),
    }
    assert_eq!(futures::executor::block_on(pool.run(|_| 7)).unwrap(), 7);
}
