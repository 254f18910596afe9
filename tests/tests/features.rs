//! The features `metrics`, `rayon` and `serde`, and portcullis on smol's executor.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use async_executor::Executor;
use futures::FutureExt;
use futures::channel::oneshot;
use futures::executor::block_on;
use metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, SharedString, Unit,
};
use portcullis::{BoxTask, Interrupted, Overflow, Pool, PoolConfig, Portal, PortalTask, Spawn, Wait};
use portcullis_tests::{Gate, LIMIT, OpenOnDrop, eventually, occupy_thread, on_loops};
use rayon::iter::{IntoParallelIterator, ParallelIterator};

// ----------------------------------------------------------------------------------------------
// metrics

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
        let late = pool.job("late").deadline(Duration::from_millis(5)).run(|_| ());
        assert!(matches!(pool.run(|_| ()).await, Err(Interrupted::Full)));
        assert!(matches!(pool.run(|_| ()).await, Err(Interrupted::Full)));
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

// ----------------------------------------------------------------------------------------------
// rayon

on_loops! {
    anywhere async fn rayon_runs_parallel_iterators_of_a_job_on_the_pools_rayon_threads() {
        let pool = Pool::builder("sums").threads(1).rayon(3).build().unwrap();
        let (sum, names, width) = pool.run(|worker| worker.install(|| {
            let name = |_: u64| thread::current().name().map(str::to_owned);
            let names: Vec<_> = (0..64).into_par_iter().map(name).collect();
            ((1..=1000_u64).into_par_iter().map(|n| n * n).sum::<u64>(), names, rayon::current_num_threads())
        })).await.unwrap();
        assert_eq!((sum, width), (333_833_500, 3));
        for name in names {
            let name = name.unwrap();
            assert!(["sums-rayon-0", "sums-rayon-1", "sums-rayon-2"].contains(&name.as_str()), "{name}");
        }
    }

    anywhere async fn rayon_closures_may_borrow_from_the_job() {
        let pool = Pool::builder("sums").threads(1).rayon(2).build().unwrap();
        let words = pool.run(|worker| {
            let mut words = vec!["c", "a", "b"];
            worker.install(|| rayon::slice::ParallelSliceMut::par_sort(words.as_mut_slice()));
            worker.call(move || words.concat()).unwrap()
        }).await.unwrap();
        assert_eq!(words, "abc");
    }

    anywhere async fn rayon_panics_propagate_to_the_job_and_end_no_thread() {
        let pool = Pool::builder("sums").threads(1).rayon(2).build().unwrap();
        let panicked = pool.run(|worker| worker.install(|| (0..8).into_par_iter().for_each(|n| assert_ne!(n, 5, "five")))).await;
        assert!(matches!(panicked, Err(Interrupted::Panicked(panic)) if panic.message().contains("five")));
        assert_eq!(pool.run(|worker| worker.install(|| (0..8).into_par_iter().sum::<u32>())).await.unwrap(), 28);
    }

    anywhere async fn rayon_without_rayon_threads_runs_the_function_in_place() {
        let pool = Pool::builder("plain").threads(1).build().unwrap();
        let name = pool.run(|worker| worker.install(|| thread::current().name().map(str::to_owned))).await.unwrap();
        assert_eq!(name.as_deref(), Some("plain-0"));
    }
}

// ----------------------------------------------------------------------------------------------
// serde

#[derive(serde::Deserialize)]
struct File {
    pools: BTreeMap<String, PoolConfig>,
}

fn read(text: &str) -> Result<BTreeMap<String, PoolConfig>, toml::de::Error> {
    toml::from_str::<File>(text).map(|file| file.pools)
}

#[test]
fn serde_reads_a_pool_from_a_configuration_file() {
    let pools = read(
        r#"
        [pools.cpu]
        threads = 4
        queue_capacity = 64
        overflow = "reject"
        deadline = "1s500ms"
        queue_delay = "5ms"
        thread_keep_alive = "10m"
        stack_size = 1048576
        idle_spins = 0
        wait_spins = 16

        [pools.db]
        overflow = "shed_oldest"

        [pools.log]
        overflow = "wait"

        [pools.rest]
        "#,
    )
    .unwrap();
    let cpu = &pools["cpu"];
    assert_eq!((cpu.threads, cpu.queue_capacity, cpu.overflow), (Some(4), Some(64), Some(Overflow::Reject)));
    assert_eq!((cpu.stack_size, cpu.idle_spins, cpu.wait_spins), (Some(1 << 20), Some(0), Some(16)));
    let millis = |millis| Some(Duration::from_millis(millis));
    assert_eq!((cpu.deadline, cpu.queue_delay), (millis(1_500), millis(5)));
    assert_eq!(cpu.thread_keep_alive, millis(600_000));
    assert_eq!((pools["db"].deadline, pools["db"].queue_delay), (None, None));
    assert_eq!((pools["db"].threads, pools["db"].overflow), (None, Some(Overflow::ShedOldest)));
    assert_eq!(pools["log"].overflow, Some(Overflow::Wait));
    assert_eq!(pools["rest"], PoolConfig::default());
}

#[test]
fn serde_rejects_unknown_fields() {
    let refused = |text| read(text).unwrap_err().to_string();
    let unknown = refused("[pools.cpu]\nthread = 4");
    assert!(unknown.contains("unknown field `thread`") && unknown.contains("`threads`"), "{unknown}");
    let unknown = refused("[pools.cpu]\noverflow = \"drop\"");
    assert!(unknown.contains("unknown variant `drop`") && unknown.contains("`shed_oldest`"), "{unknown}");
    assert!(refused("[pools.cpu]\nqueue = -1").contains("-1"));
    let wrong = refused("[pools.cpu]\ndeadline = \"0.2s\"");
    assert!(wrong.contains("`0.2s` is not a duration") && wrong.contains("250ms"), "{wrong}");
}

on_loops! {
    anywhere async fn o16_the_deadline_in_a_file_is_that_of_the_jobs() {
        let config = &read("[pools.db]\ndeadline = \"5ms\"").unwrap()["db"];
        let pool = Pool::builder("db").threads(1).deadline(LIMIT).config(config).build().unwrap();
        let job = pool.run(|worker| eventually(|| worker.is_cancelled()));
        assert!(matches!(job.await, Err(Interrupted::Deadline { .. })));
        let rest = toml::to_string(config).unwrap();
        assert_eq!(rest.trim(), "deadline = \"5ms\"");
    }

    anywhere async fn serde_settings_in_a_file_override_the_defaults() {
        let config = &read("[pools.cpu]\nthreads = 2\noverflow = \"reject\"").unwrap()["cpu"];
        let pool = Pool::builder("cpu").threads(7).queue_capacity(1).config(config).build().unwrap();
        // The threads and the overflow policy are the file's, the queue of one is the program's.
        let (first, second) = (occupy_thread(&pool), occupy_thread(&pool));
        let queued = pool.run(|_| 1);
        assert_eq!((pool.stats().running, pool.stats().queued), (2, 1));
        assert!(matches!(pool.run(|_| 2).await, Err(Interrupted::Full)));
        first.0.open();
        second.0.open();
        assert_eq!(queued.await.unwrap(), 1);
        assert!(first.1.await.unwrap() && second.1.await.unwrap());
    }
}

// ----------------------------------------------------------------------------------------------
// smol

/// The adapter that a program on smol's executor writes to spawn portcullis' tasks. It is weak
/// because the tasks hold it.
struct Smol(Weak<Executor<'static>>);

impl Spawn for Smol {
    fn spawn(&self, task: BoxTask) -> Result<(), Interrupted> {
        self.0.upgrade().ok_or(Interrupted::Closed)?.spawn(task).detach();
        Ok(())
    }
}

fn smol() -> (Arc<Executor<'static>>, Portal) {
    let executor = Arc::new(Executor::new());
    let portal = Portal::new(Arc::new(Smol(Arc::downgrade(&executor))));
    (executor, portal)
}

/// Runs `test` as a task of an executor with one thread, and of one with two.
fn on_smol<F>(test: impl Fn(Portal) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    for threads in 1..=2 {
        let (executor, portal) = smol();
        let (stop, stopped) = oneshot::channel::<()>();
        let (tx, rx) = std::sync::mpsc::channel();
        let stopped = stopped.shared();
        let test = test(portal);
        let test = async move {
            test.await;
            tx.send(()).unwrap();
        };
        executor.spawn(test).detach();
        let threads: Vec<_> = (0..threads)
            .map(|_| {
                let (executor, stopped) = (Arc::clone(&executor), stopped.clone());
                thread::spawn(move || block_on(executor.run(stopped)).unwrap())
            })
            .collect();
        rx.recv_timeout(LIMIT).expect("in time, and no panic");
        stop.send(()).unwrap();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

fn pool() -> Pool {
    Pool::builder("test").threads(1).queue_capacity(8).build().unwrap()
}

async fn yield_once() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[test]
fn smol_awaits_jobs_and_polls_their_waits() {
    on_smol(|_| async {
        let pool = pool();
        let inner = pool.clone();
        let sum = pool.run(move |worker| {
            let here = thread::current().id();
            let waited = async {
                yield_once().await;
                thread::current().id()
            };
            assert_eq!(waited.wait(worker).unwrap(), here);
            // A job of the waiting thread is handed off to it.
            let nested = async move { inner.run(|_| thread::current().id()).await };
            assert_eq!(nested.wait(worker).unwrap().unwrap(), here);
            let on_loop = async {
                yield_once().await;
                thread::current().id()
            };
            assert_ne!(worker.run_on_loop(on_loop).unwrap(), here);
            (0..100).map(|n| worker.call(move || n).unwrap()).sum::<u32>()
        });
        assert_eq!(sum.await.unwrap(), 4950);
        let late = pool
            .job("late")
            .deadline(Duration::from_millis(5))
            .run(|worker| drop(pending::<()>().wait(worker)));
        assert!(matches!(late.await, Err(Interrupted::Deadline { .. })));
    });
}

#[test]
fn smol_serves_portal_calls_from_external_threads() {
    on_smol(|portal| async move {
        let (tx, rx) = oneshot::channel();
        thread::spawn(move || {
            let all = portal.enter_thread(|worker| {
                let waited = async {
                    yield_once().await;
                    1
                };
                let waited = waited.wait(worker).unwrap();
                let called = portal.call(worker, || 2).unwrap();
                let spawned = portal.spawn(async { 3 }).wait(worker).unwrap().unwrap();
                let (soon, done) = oneshot::channel();
                worker.call_soon(move || soon.send(4).unwrap()).unwrap();
                [waited, called, spawned, done.wait(worker).unwrap().unwrap()]
            });
            tx.send(all.unwrap()).unwrap();
        });
        assert_eq!(rx.await.unwrap(), [1, 2, 3, 4]);
    });
}

#[test]
fn smol_runs_and_cancels_portal_tasks() {
    on_smol(|portal| async move {
        assert_eq!(portal.spawn(async { 5 }).await.unwrap(), 5);
        let panicked = portal.spawn(async { panic!("a task") }).await;
        assert!(
            matches!(panicked, Err::<(), _>(Interrupted::Panicked(panic)) if panic.message() == "a task")
        );
        let dropped = Arc::new(Gate::default());
        let guard = OpenOnDrop(dropped.clone());
        let task: PortalTask<()> = portal.spawn(async move {
            let _guard = guard;
            pending().await
        });
        yield_once().await;
        assert!(task.cancel());
        assert!(matches!(task.await, Err(Interrupted::Cancelled { .. })));
        while !dropped.is_open() {
            yield_once().await;
        }
    });
}

#[test]
fn smol_jobs_of_portal_tasks_inherit_the_portal() {
    on_smol(|portal| async move {
        let (tx, rx) = oneshot::channel();
        let job = async move {
            assert!(Portal::current().is_ok());
            // The job is detached and there is no tokio: its futures run on the executor of the
            // portal task.
            pool()
                .run(move |worker| {
                    let waited = async {
                        yield_once().await;
                        6
                    };
                    tx.send(
                        waited.wait(worker).unwrap()
                            + worker.spawn(async { 1 }).wait(worker).unwrap().unwrap(),
                    )
                })
                .detach();
        };
        portal.spawn(job).await.unwrap();
        assert_eq!(rx.await.unwrap(), 7);
    });
}

#[test]
fn smol_portal_tasks_cannot_wait() {
    on_smol(|portal| async move {
        let inside = portal.clone();
        let refused = portal.spawn(async move { inside.enter_thread(|_| ()) });
        assert!(matches!(refused.await.unwrap(), Err(Interrupted::OnEventLoop)));
    });
}

#[test]
fn a_dropped_smol_executor_cancels_tasks_and_releases_waiting_threads() {
    let (executor, portal) = smol();
    let inside = Arc::new(Gate::default());
    let (inside2, external) = (inside.clone(), portal.clone());
    let waiting = thread::spawn(move || {
        external.enter_thread(|worker| {
            let end = async move {
                inside2.open();
                pending::<()>().await
            };
            (end.wait(worker), worker.call(|| ()))
        })
    });
    let task = portal.spawn(pending::<()>());
    eventually(|| {
        executor.try_tick();
        inside.is_open()
    });
    drop(executor);
    eventually(|| waiting.is_finished());
    let ends = waiting.join().unwrap().unwrap();
    assert!(matches!(ends, (Err(Interrupted::Abandoned), Err(Interrupted::Closed))), "{ends:?}");
    assert!(task.is_finished());
    assert!(matches!(block_on(task), Err(Interrupted::Cancelled { .. })));
    assert!(matches!(block_on(portal.spawn(async {})), Err(Interrupted::Closed)));
    assert!(matches!(portal.call_soon(|| ()), Err(Interrupted::Closed)));
}

/// An executor of one task that, like smol's, does not tolerate panics.
#[derive(Default)]
struct StrictExecutor(Mutex<Option<BoxTask>>);

impl Spawn for StrictExecutor {
    fn spawn(&self, task: BoxTask) -> Result<(), Interrupted> {
        *self.0.lock().unwrap() = Some(task);
        Ok(())
    }
}

impl StrictExecutor {
    fn portal() -> (Arc<Self>, Portal) {
        let this = Arc::new(Self::default());
        let portal = Portal::new(this.clone());
        (this, portal)
    }

    /// Polls the task; drops it if it has completed, or always if `at_once`.
    fn run(&self, at_once: bool) {
        let mut task = self.0.lock().unwrap().take().expect("a task");
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let polled = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            if polled.is_pending() && !at_once { Some(task) } else { None }
        }));
        *self.0.lock().unwrap() = polled.unwrap_or_else(|_| panic!("the panic came through to the executor"));
    }
}

struct Bomb;
impl Drop for Bomb {
    fn drop(&mut self) {
        if !thread::panicking() {
            panic!("in a drop");
        }
    }
}

#[test]
fn a_panic_in_the_drop_of_a_cancelled_task_does_not_reach_the_executor() {
    let (executor, portal) = StrictExecutor::portal();
    let bomb = Bomb;
    let task = portal.spawn(async move {
        let _bomb = bomb;
        pending::<()>().await
    });
    executor.run(false);
    assert!(task.cancel());
    executor.run(false);
    assert!(task.is_finished());
    assert!(matches!(block_on(task), Err(Interrupted::Cancelled { .. })));
}

#[test]
fn a_panic_in_the_drop_of_an_unused_result_does_not_reach_the_executor() {
    let (executor, portal) = StrictExecutor::portal();
    portal.spawn(async { Bomb }).detach();
    executor.run(false);
}

#[test]
fn a_panic_in_the_drop_of_a_completed_task_does_not_reach_the_executor() {
    struct Done(Option<Bomb>);
    impl Future for Done {
        type Output = u32;
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<u32> {
            Poll::Ready(u32::from(self.0.is_some()))
        }
    }
    let (executor, portal) = StrictExecutor::portal();
    let task = portal.spawn(Done(Some(Bomb)));
    executor.run(false);
    assert!(task.is_finished());
}

#[test]
fn a_panic_in_the_drop_of_a_task_does_not_reach_its_dropped_executor() {
    let (executor, portal) = StrictExecutor::portal();
    let bomb = Bomb;
    let task = portal.spawn(async move {
        let _bomb = bomb;
        pending::<()>().await
    });
    executor.run(true);
    assert!(task.is_finished());
    assert!(matches!(block_on(task), Err(Interrupted::Cancelled { .. })));
}

#[test]
fn a_panic_in_the_drop_of_an_external_threads_future_does_not_reach_the_executor() {
    let (executor, portal) = StrictExecutor::portal();
    let waiting = thread::spawn(move || {
        let bomb = Bomb;
        let waits = async move {
            let _bomb = bomb;
            pending::<()>().await
        };
        portal.enter_thread(|worker| worker.run_on_loop(waits))
    });
    eventually(|| executor.0.lock().unwrap().is_some());
    executor.run(true);
    eventually(|| waiting.is_finished());
    assert!(matches!(waiting.join().unwrap().unwrap(), Err(Interrupted::Abandoned)));
}

#[test]
fn a_panic_in_the_drop_of_a_waited_future_is_returned_to_the_external_thread() {
    let (executor, portal) = StrictExecutor::portal();
    let waiting = thread::spawn(move || {
        let bomb = Bomb;
        let waits = async move {
            let _bomb = bomb;
            pending::<()>().await
        };
        portal.enter_thread(|worker| waits.wait(worker))
    });
    eventually(|| executor.0.lock().unwrap().is_some());
    executor.run(true);
    eventually(|| waiting.is_finished());
    assert!(matches!(waiting.join().unwrap().unwrap(), Err(Interrupted::Panicked(_))));
}
