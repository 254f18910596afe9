//! The `metrics` facade: run times and failed jobs by pool.

use super::*;

/// Records all values by name and labels.
#[derive(Default)]
struct Ledger(Mutex<BTreeMap<String, Arc<Account>>>);

#[derive(Default)]
struct Account(Mutex<Vec<f64>>);

impl CounterFn for Account {
    fn increment(&self, by: u64) {
        self.0.lock().unwrap().push(by as f64);
    }

    fn absolute(&self, _: u64) {
        unreachable!("the library sets no counter");
    }
}

impl HistogramFn for Account {
    fn record(&self, value: f64) {
        self.0.lock().unwrap().push(value);
    }
}

impl Ledger {
    /// The process has one recorder, because pool threads report to the global one.
    fn global() -> &'static Self {
        static LEDGER: OnceLock<&'static Ledger> = OnceLock::new();
        LEDGER.get_or_init(|| {
            let ledger: &'static Ledger = Box::leak(Box::default());
            assert!(metrics::set_global_recorder(ledger).is_ok(), "the first");
            ledger
        })
    }

    fn account(&self, key: &Key) -> Arc<Account> {
        let mut labels: Vec<_> =
            key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        labels.sort();
        let name = format!("{}{{{}}}", key.name(), labels.join(","));
        self.0.lock().unwrap().entry(name).or_default().clone()
    }

    /// All values recorded under this name.
    fn values(&self, name: &str) -> Vec<f64> {
        let accounts = self.0.lock().unwrap();
        accounts.get(name).map(|account| account.0.lock().unwrap().clone()).unwrap_or_default()
    }
}

impl metrics::Recorder for &'static Ledger {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.account(key))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.account(key))
    }
}

/// A pool name that no other test uses.
fn unique(name: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("{name}{}", NEXT.fetch_add(1, SeqCst))
}

on_loops! {
    anywhere async fn metrics_record_wait_and_run_times_by_pool() {
        let ledger = Ledger::global();
        let name = unique("timed");
        let pool = Pool::builder(&name).threads(1).queue_capacity(8).build().unwrap();
        let (gate, held) = occupy_thread(&pool);
        let waits = pool.run(|_| ());
        let least = Duration::from_millis(5);
        let until = std::time::Instant::now() + least;
        eventually(|| std::time::Instant::now() >= until);
        gate.open();
        assert!(held.await.unwrap());
        waits.await.unwrap();
        assert!(matches!(pool.run(|_| panic!("it ran, too")).await, Err::<(), _>(Interrupted::Panicked(_))));

        let waited = ledger.values(&format!("portcullis_job_wait_seconds{{pool={name}}}"));
        let ran = ledger.values(&format!("portcullis_job_run_seconds{{pool={name}}}"));
        assert_eq!((waited.len(), ran.len()), (3, 3));
        // Seconds, in the order of the jobs: the first ran for as long as the second waited.
        assert!(ran[0] >= least.as_secs_f64() && waited[1] >= least.as_secs_f64(), "{ran:?} {waited:?}");
        assert!(ran.iter().chain(&waited).all(|seconds| (0.0..LIMIT.as_secs_f64()).contains(seconds)));
    }

    anywhere async fn metrics_count_failed_jobs_by_pool_and_reason() {
        let ledger = Ledger::global();
        let count = |pool: &str, reason: &str| {
            ledger.values(&format!("portcullis_jobs_failed_total{{pool={pool},reason={reason}}}")).iter().sum::<f64>()
        };
        let (rejects, sheds) = (unique("rejects"), unique("sheds"));
        let build = |name: &str, overflow| Pool::builder(name).threads(1).queue_capacity(1).overflow(overflow).build().unwrap();

        let pool = build(&rejects, Overflow::Reject);
        let (gate, held) = occupy_thread(&pool);
        let queued = pool.run(|_| ());
        assert!(matches!(pool.run(|_| ()).await, Err(Interrupted::Full)));
        assert!(matches!(pool.run(|_| ()).await, Err(Interrupted::Full)));
        drop(queued);
        let late = pool.job("late").deadline(Duration::from_millis(5)).run(|_| ());
        assert!(matches!(late.await, Err(Interrupted::Deadline { .. })));
        gate.open();
        assert!(held.await.unwrap());
        assert!(matches!(pool.run(|_| panic!("counted")).await, Err::<(), _>(Interrupted::Panicked(_))));
        assert_eq!(["rejected", "missed its deadline", "panicked", "shed"].map(|reason| count(&rejects, reason)), [2.0, 1.0, 1.0, 0.0]);

        let pool = build(&sheds, Overflow::ShedOldest);
        let (gate, held) = occupy_thread(&pool);
        let (older, newer) = (pool.run(|_| ()), pool.run(|_| ()));
        assert!(matches!(older.await, Err(Interrupted::Shed)));
        gate.open();
        assert!(held.await.unwrap());
        newer.await.unwrap();
        assert_eq!(["rejected", "missed its deadline", "panicked", "shed"].map(|reason| count(&sheds, reason)), [0.0, 0.0, 0.0, 1.0]);
    }
}
