//! O18: the counters of the `metrics` facade.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, SharedString, Unit};

use super::*;

/// The values of counters and gauges, by name and labels.
#[derive(Default)]
struct Values(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

impl Values {
    fn of(&self, key: &Key) -> Arc<AtomicU64> {
        let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let name = format!("{}{{{}}}", key.name(), labels.join(","));
        Arc::clone(self.0.lock().unwrap().entry(name).or_default())
    }

    fn get(&self, name: &str) -> u64 {
        self.0.lock().unwrap().get(name).map_or(0, |value| value.load(SeqCst))
    }
}

impl metrics::Recorder for &'static Values {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.of(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.of(key))
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[test]
fn o18_metrics_count_refused_jobs_and_show_the_estimate_of_each_method() {
    let values: &'static Values = Box::leak(Box::default());
    metrics::set_global_recorder(values).expect("the only recorder of this program");
    portcullis_tests::on_futures_executor(async {
        let pool = Pool::builder("metered").threads(1).queue_capacity(8).build().unwrap();
        train(&pool, "long", 300 * MS).await;
        let (gate, held) = occupy_thread(&pool);
        let long = job(&pool, "long", Duration::ZERO, 500 * MS);
        let refused = job(&pool, "long", Duration::ZERO, 500 * MS);
        let quick = pool.run(|_| ());
        gate.open();
        held.await.unwrap();
        quick.await.unwrap();
        assert!(matches!(long.await, Err(Interrupted::Deadline { .. })));
        assert!(matches!(refused.await, Err(Interrupted::Overloaded { .. })));
    });
    assert_eq!(values.get("portcullis_jobs_failed_total{pool=metered,reason=overloaded}"), 1);
    assert_eq!(values.get("portcullis_jobs_expired_unstarted_total{pool=metered}"), 1);
    let estimate = values.get("portcullis_job_estimate_seconds{pool=metered,method=long}");
    assert!(f64::from_bits(estimate) >= 0.3, "{}", f64::from_bits(estimate));
}
