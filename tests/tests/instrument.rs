//! `#[tracing::instrument]` on jobs, helpers and handlers. A separate test program, because tracing
//! caches callsite interest for all threads.

#![forbid(unsafe_code)]
#![deny(warnings)]

use std::sync::{Arc, Mutex};

use portcullis::prelude::*;
use portcullis::{Interrupted, Pool};
use tracing::instrument;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// A span: its name and the names of its recorded fields.
type Recorded = (&'static str, Vec<&'static str>);

#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<Recorded>>>);

impl Subscriber for Spans {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span()
    }
    fn new_span(&self, span: &Attributes<'_>) -> Id {
        struct Fields(Vec<&'static str>);
        impl tracing::field::Visit for Fields {
            fn record_debug(&mut self, field: &tracing::field::Field, _: &dyn std::fmt::Debug) {
                self.0.push(field.name());
            }
        }
        let mut fields = Fields(Vec::new());
        span.record(&mut fields);
        let mut spans = self.0.lock().unwrap();
        spans.push((span.metadata().name(), fields.0));
        Id::from_u64(spans.len() as u64)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[derive(Debug)]
struct Mill {
    pool: Pool,
}

#[service]
impl Mill {
    #[request]
    #[instrument(skip(self))]
    async fn handle(&self, grain: u32) -> Result<u32, Interrupted> {
        let helped = self.help(grain).await;
        self.grind(helped).await
    }

    #[instrument(skip(self))]
    async fn help(&self, grain: u32) -> u32 {
        grain + 1
    }

    #[instrument(skip(self))]
    #[blocking(pool = self.pool)]
    fn grind(&self, worker: &Worker, grain: u32) -> Result<u32, Interrupted> {
        worker.check()?;
        Ok(grain * 2)
    }

    /// A method without a worker parameter has a worker nevertheless.
    #[blocking(pool = self.pool)]
    #[instrument(skip(self))]
    fn sift(&self, grain: u32) -> u32 {
        grain
    }

    #[blocking(pool = self.pool)]
    #[instrument(name = "stone", skip_all)]
    fn named(&self, _worker: &Worker, grain: u32) -> u32 {
        grain
    }
}

/// A function for which the attribute cannot tell whether it is free or associated.
#[blocking]
#[instrument]
fn weigh(worker: &Worker, grain: u32) -> Result<u32, Interrupted> {
    worker.check()?;
    Ok(grain)
}

struct Scales;

impl Scales {
    #[blocking]
    #[instrument]
    fn weigh(grain: u32) -> u32 {
        grain
    }
}

fn recorded(spans: &Spans) -> Vec<Recorded> {
    std::mem::take(&mut *spans.0.lock().unwrap())
}

#[test]
fn spans_have_the_methods_names_and_do_not_record_the_worker() {
    let spans = Spans::default();
    let mill = Arc::new(Mill { pool: Pool::inline() });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    tracing::subscriber::with_default(spans.clone(), || {
        runtime.block_on(async {
            let grain = || vec!["grain"];
            assert_eq!(mill.grind(1).await.unwrap(), 2);
            assert_eq!(recorded(&spans), [("grind", grain())]);
            assert_eq!(mill.sift(1).await.unwrap(), 1);
            assert_eq!(recorded(&spans), [("sift", grain())]);
            assert_eq!(mill.named(1).await.unwrap(), 1);
            assert_eq!(recorded(&spans), [("stone", vec![])]);
            assert_eq!(mill.help(1).await, 2);
            assert_eq!(recorded(&spans), [("help", grain())]);
            assert_eq!(weigh(1).await.unwrap(), 1);
            assert_eq!(recorded(&spans), [("weigh", grain())]);
            assert_eq!(Scales::weigh(1).await.unwrap(), 1);
            assert_eq!(recorded(&spans), [("weigh", grain())]);
            assert_eq!(mill.handle(1).await.unwrap(), 4);
            let of_the_request = recorded(&spans);
            let names: Vec<_> = of_the_request.iter().map(|(name, _)| *name).collect();
            assert_eq!(names, ["handle", "help", "grind"], "{of_the_request:?}");
            assert!(of_the_request.iter().all(|(_, fields)| *fields == grain()), "{of_the_request:?}");
        });
        portcullis::test::worker(|worker| {
            assert_eq!(mill.blocking_grind(worker, 2).unwrap(), 4);
            assert_eq!(recorded(&spans), [("grind", vec!["grain"])]);
            assert_eq!(blocking_weigh(worker, 2).unwrap(), 2);
            assert_eq!(recorded(&spans), [("weigh", vec!["grain"])]);
        });
    });
}
