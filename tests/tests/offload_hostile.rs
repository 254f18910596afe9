//! O1 to O12 with misbehaving user code: drops, wakers and subscribers that panic, wakers that own
//! their tasks, and extreme settings.

#![forbid(unsafe_code)]

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use portcullis::{Interrupted, Offload, Overflow, Pool};
use portcullis_tests::{Gate, LIMIT, eventually, occupy_thread, on_loops, poll_once};

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("a drop that panics");
        }
    }
}

fn pool(queue: usize, overflow: Overflow) -> Pool {
    Pool::builder("test").threads(1).queue_capacity(queue).overflow(overflow).build().expect("a thread")
}

/// A waker that records whether it was called.
#[derive(Default)]
struct Woken(Gate);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.open();
    }
}

/// Polls once, and returns the gate that the offload's waker opens.
fn wait_for<T>(offload: &mut Offload<T>) -> Arc<Woken> {
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    assert!(Pin::new(offload).poll(&mut Context::from_waker(&waker)).is_pending());
    woken
}

fn answer<T>(offload: &mut Offload<T>, woken: &Woken) -> Result<T, Interrupted> {
    assert!(woken.0.pass(), "never woken");
    match poll_once(offload) {
        std::task::Poll::Ready(answer) => answer,
        std::task::Poll::Pending => panic!("woken for nothing"),
    }
}

#[test]
fn o4_a_job_past_its_deadline_returns_although_its_captures_panic_on_drop() {
    let pool = pool(4, Overflow::Wait);
    let (gate, held) = occupy_thread(&pool);
    let bomb = Bomb;
    let mut queued = pool.job("bomb").deadline(Duration::from_millis(50)).run(move |_| drop(bomb));
    let woken = wait_for(&mut queued);
    assert!(matches!(answer(&mut queued, &woken), Err(Interrupted::Deadline { .. })));
    gate.open();
    assert!(futures::executor::block_on(held).unwrap());
}

/// Blocks the thread that drops it until the gate opens.
struct BlockingDrop(Arc<Gate>);

impl Drop for BlockingDrop {
    fn drop(&mut self) {
        assert!(self.0.pass());
    }
}

/// Blocks the thread that wakes it until the gate opens.
struct BlockingWaker {
    woken: Gate,
    gate: Arc<Gate>,
}

impl Wake for BlockingWaker {
    fn wake(self: Arc<Self>) {
        self.woken.open();
        assert!(self.gate.pass());
    }
}

#[test]
fn o4_a_slow_drop_or_waker_delays_no_other_deadline() {
    let pool = pool(16, Overflow::Wait);
    let (held_gate, held) = occupy_thread(&pool);
    let gate = Arc::new(Gate::default());
    let short = Duration::from_millis(20);
    // Several at once: each blocks a thread.
    let slow: Vec<_> = (0..4)
        .map(|_| {
            let blocking_drop = BlockingDrop(Arc::clone(&gate));
            pool.job("slow").deadline(short).run(move |_| drop(blocking_drop))
        })
        .collect();
    let mut blocking_waker = pool.job("stubborn").deadline(short).run(|_| ());
    let waker = Arc::new(BlockingWaker { woken: Gate::default(), gate: Arc::clone(&gate) });
    assert!(
        Pin::new(&mut blocking_waker)
            .poll(&mut Context::from_waker(&Waker::from(Arc::clone(&waker))))
            .is_pending()
    );
    for _ in 0..3 {
        let mut timed = pool.job("timed").deadline(short).run(|_| ());
        let woken = wait_for(&mut timed);
        assert!(matches!(answer(&mut timed, &woken), Err(Interrupted::Deadline { .. })));
    }
    assert!(waker.woken.pass());
    // Drains end on time too.
    let report = futures::executor::block_on(pool.drain(short));
    assert_eq!(report.stuck.len(), 1);
    gate.open();
    for job in slow {
        assert!(matches!(futures::executor::block_on(job), Err(Interrupted::Deadline { .. })));
    }
    held_gate.open();
    drop(held);
}

#[test]
fn o2_a_shed_job_returns_and_its_panicking_captures_reach_no_other_call() {
    let pool = pool(1, Overflow::ShedOldest);
    let (gate, _held) = occupy_thread(&pool);
    let bomb = Bomb;
    let mut oldest = pool.run(move |_| drop(bomb));
    let woken = wait_for(&mut oldest);
    let newest = pool.run(|_| 7);
    assert!(matches!(answer(&mut oldest, &woken), Err(Interrupted::Shed)));
    gate.open();
    assert_eq!(futures::executor::block_on(newest).unwrap(), 7);
}

on_loops! {
    anywhere async fn o8_a_drain_continues_after_a_panicking_drop() {
        let pool = pool(4, Overflow::Wait);
        let (gate, _held) = occupy_thread(&pool);
        let bomb = Bomb;
        let jobs = [pool.run(move |_| drop(bomb)), pool.run(|_| ())];
        let report = pool.drain(Duration::ZERO).await;
        assert_eq!((report.cancelled, report.stuck.len()), (3, 1));
        for job in jobs {
            assert!(matches!(job.await, Err(Interrupted::Cancelled { .. })));
        }
        gate.open();
    }

    anywhere async fn o8_a_drain_accepts_an_unlimited_timeout() {
        let pool = pool(4, Overflow::Wait);
        let (gate, held) = occupy_thread(&pool);
        held.detach();
        let mut draining = Box::pin(pool.drain(Duration::MAX));
        assert!(poll_once(&mut draining).is_pending());
        gate.open();
        assert!(draining.await.is_clean());
    }
}

#[derive(Default)]
struct Refuses(Gate);

impl Wake for Refuses {
    fn wake(self: Arc<Self>) {
        self.0.open();
        panic!("a waker that panics");
    }
}

#[test]
fn o5_a_panicking_waker_ends_no_thread() {
    let pool = pool(4, Overflow::Wait);
    for round in 0..3 {
        let (gate, held) = occupy_thread(&pool);
        let mut offload = pool.run(move |_| round);
        let refuses = Arc::new(Refuses::default());
        let waker = Waker::from(Arc::clone(&refuses));
        assert!(Pin::new(&mut offload).poll(&mut Context::from_waker(&waker)).is_pending());
        gate.open();
        drop(held);
        assert!(refuses.0.pass());
        assert_eq!(futures::executor::block_on(offload).unwrap(), round);
    }
}

portcullis::context! {
    static VALUE: Arc<Bomb>;
    static SERIAL: u32;
    static TOKEN: Arc<()>;
}

#[test]
fn o5_a_context_value_that_panics_on_drop_ends_no_thread() {
    let pool = pool(4, Overflow::Wait);
    let (gate, held) = occupy_thread(&pool);
    // The job holds the last reference.
    let value = Arc::new(Bomb);
    let weak = Arc::downgrade(&value);
    VALUE.sync_scope(value, || pool.run(|_| ()).detach());
    gate.open();
    held.detach();
    eventually(|| weak.strong_count() == 0);
    assert_eq!(futures::executor::block_on(pool.run(|_| 7)).unwrap(), 7);
}

#[test]
fn o12_a_thread_state_that_panics_on_drop_loses_no_thread() {
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    // Without spinning: on a loaded machine a spinning thread finds the next job, and never exits.
    let pool = Pool::builder("state")
        .threads(2)
        .idle_spins(0)
        .thread_keep_alive(Duration::ZERO)
        .thread_state(move || {
            count.fetch_add(1, SeqCst);
            Bomb
        })
        .build()
        .unwrap();
    // Both threads, repeatedly: a thread that exited is replaced, although its exit panicked.
    while made.load(SeqCst) < 6 {
        let both: [_; 2] = std::array::from_fn(|_| Arc::new(Gate::default()));
        let jobs = [(0, 1), (1, 0)].map(|(mine, other)| {
            let (mine, other) = (Arc::clone(&both[mine]), Arc::clone(&both[other]));
            pool.run(move |worker| {
                worker.local::<Bomb>();
                mine.open();
                other.pass()
            })
        });
        for job in jobs {
            assert!(futures::executor::block_on(job).unwrap(), "one thread only");
        }
    }
}

/// A task of an executor whose wakers own their tasks: dropping the last waker drops the task.
struct Task {
    watched: Pool,
    holds: Mutex<Option<Offload<()>>>,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Task {
    fn drop(&mut self) {
        // A drop may list the pool's jobs, and drop its own offload.
        assert!(!self.watched.running_jobs().is_empty());
        drop(self.holds.lock().unwrap().take());
    }
}

#[test]
fn o3_moving_an_offload_to_another_task_may_drop_the_first_task() {
    let pool = Pool::builder("test").threads(2).build().unwrap();
    let (gate, held) = occupy_thread(&pool);
    let (gate2, mut offload) = occupy_thread(&pool);
    let task = Task { watched: pool.clone(), holds: Mutex::new(Some(pool.run(|_| ()))) };
    let waker = Waker::from(Arc::new(task));
    assert!(Pin::new(&mut offload).poll(&mut Context::from_waker(&waker)).is_pending());
    drop(waker);
    let (tx, rx) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let pending = poll_once(&mut offload).is_pending();
        let _ = tx.send((pending, offload));
    });
    let (pending, offload) = rx.recv_timeout(LIMIT).expect("no deadlock");
    assert!(pending);
    gate.open();
    gate2.open();
    assert!(futures::executor::block_on(held).unwrap());
    assert!(futures::executor::block_on(offload).unwrap());
}

#[test]
fn o2_a_queue_of_usize_max_is_never_full() {
    for overflow in [Overflow::Wait, Overflow::Reject, Overflow::ShedOldest] {
        let pool = Pool::builder("endless")
            .threads(2)
            .queue_capacity(usize::MAX)
            .overflow(overflow)
            .build()
            .unwrap();
        let (gate, held) = occupy_thread(&pool);
        let jobs: Vec<_> = (0..100).map(|n| pool.run(move |_| n)).collect();
        assert_eq!(pool.stats().waiting_for_capacity, 0);
        let again = pool.clone();
        // The job is lent or admitted, and never rejected.
        let nested = pool.run(move |worker| again.run(|_| 7).wait(worker));
        gate.open();
        assert_eq!(futures::executor::block_on(nested).unwrap().unwrap(), 7);
        for (n, job) in jobs.into_iter().enumerate() {
            assert_eq!(futures::executor::block_on(job).unwrap(), n);
        }
        drop(held);
    }
}

#[test]
fn o10_impossible_settings_are_errors_at_build() {
    let kind = |builder: portcullis::PoolBuilder| builder.build().unwrap_err().kind();
    assert_eq!(kind(Pool::builder("many").threads(usize::MAX)), std::io::ErrorKind::InvalidInput);
    assert_eq!(kind(Pool::builder("no\0name")), std::io::ErrorKind::InvalidInput);
    assert_eq!(kind(Pool::builder("high").stack_size(usize::MAX)), std::io::ErrorKind::InvalidInput);
}

/// Each job sets a context value and submits the next job.
fn submit_next(pool: Pool, left: u32, end: Arc<Gate>) {
    if left == 0 {
        return end.open();
    }
    let again = pool.clone();
    SERIAL.sync_scope(left, || {
        pool.run(move |_| {
            assert_eq!(SERIAL.get(), Some(left));
            submit_next(again, left - 1, end);
        })
        .detach();
    });
}

#[test]
fn o6_a_chain_of_jobs_keeps_only_the_latest_context_values() {
    let pool = pool(4, Overflow::Wait);
    let (token, end) = (Arc::new(()), Arc::new(Gate::default()));
    // One value is set by every job, the other is set once and inherited.
    TOKEN.sync_scope(Arc::clone(&token), || submit_next(pool.clone(), 100_000, Arc::clone(&end)));
    assert!(end.pass());
    drop(pool);
    eventually(|| Arc::strong_count(&token) == 1);
}

#[test]
fn o12_cancelled_jobs_of_a_blocked_lane_leak_nothing() {
    let pool = pool(4, Overflow::Wait);
    let gate = Arc::new(Gate::default());
    let passes = Arc::clone(&gate);
    let long = pool.job("long").lane("one").run(move |_| passes.pass());
    let token = Arc::new(());
    let mut kept = Vec::new();
    for n in 0..10_000 {
        // The job's own context, not a capture, which the cancellation drops.
        let job = TOKEN.sync_scope(Arc::clone(&token), || pool.job("short").lane("one").run(move |_| n));
        if n % 1000 == 0 { kept.push(job) } else { drop(job) }
    }
    let left = Arc::strong_count(&token);
    assert!(left < 100, "{left} cancelled jobs are kept");
    gate.open();
    assert!(futures::executor::block_on(long).unwrap());
    for (n, job) in kept.into_iter().enumerate() {
        assert_eq!(futures::executor::block_on(job).unwrap(), n * 1000);
    }
}

/// Runs a function on drop.
struct RunOnDrop(Box<dyn Fn() + Send + Sync>);

impl Wake for RunOnDrop {
    fn wake(self: Arc<Self>) {}
}

impl Drop for RunOnDrop {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Polls `future` in a task that runs a function on drop, then in a second task. The second poll
/// drops the first task.
fn poll_in_two_tasks<F: Future + Unpin + Send + 'static>(
    mut future: F,
    on_drop: impl Fn() + Send + Sync + 'static,
) -> F {
    let waker = Waker::from(Arc::new(RunOnDrop(Box::new(on_drop))));
    assert!(Pin::new(&mut future).poll(&mut Context::from_waker(&waker)).is_pending());
    drop(waker);
    let (tx, rx) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        assert!(poll_once(&mut future).is_pending());
        let _ = tx.send(future);
    });
    rx.recv_timeout(LIMIT).expect("no deadlock")
}

on_loops! {
    async fn p3_moving_a_portal_task_may_drop_the_task_that_awaited_it() {
        let portal = portcullis::Portal::current().unwrap();
        let task = portal.spawn(std::future::pending::<()>());
        let cancel_handle = task.cancel_handle();
        let on_drop = cancel_handle.clone();
        let task = poll_in_two_tasks(task, move || assert!(!on_drop.is_finished()));
        assert!(cancel_handle.cancel());
        assert!(matches!(task.await, Err(Interrupted::Cancelled { .. })));
    }

    async fn moving_a_receiver_may_drop_the_task_that_awaited_it() {
        let (sender, mut receiver) = portcullis::channel::<u32>(1);
        let on_drop = sender.clone();
        let next = poll_in_two_tasks(Box::pin(async move { receiver.recv().await }), move || {
            assert!(!on_drop.is_closed());
        });
        drop(sender);
        drop(next);
    }
}

#[test]
fn o5_a_job_that_leaks_a_runtime_guard_ends_no_thread() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (mine, other) = (runtime(), runtime());
    let pool = pool(4, Overflow::Wait);
    let handle: &'static tokio::runtime::Handle = Box::leak(Box::new(other.handle().clone()));
    mine.block_on(async {
        pool.run(|_| std::mem::forget(handle.enter())).await.unwrap();
        for n in 0..3 {
            let job = tokio::time::timeout(LIMIT / 2, pool.run(move |_| n));
            assert_eq!(job.await.expect("a thread").unwrap(), n);
        }
    });
}

#[test]
fn o11_the_shared_pool_ignores_invalid_environment_variables() {
    const CHILD: &str = "PORTCULLIS_TESTS_CHILD";
    if std::env::var_os(CHILD).is_some() {
        assert_eq!(futures::executor::block_on(Pool::shared().run(|_| 7)).unwrap(), 7);
        return;
    }
    let most = usize::MAX.to_string();
    for (threads, queue) in [("0", "0"), ("-1", "many"), (most.as_str(), most.as_str()), (" 3 ", "1e9")] {
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "o11_the_shared_pool_ignores_invalid_environment_variables"])
            .env(CHILD, "yes")
            .env("PORTCULLIS_SHARED_THREADS", threads)
            .env("PORTCULLIS_SHARED_QUEUE", queue)
            .output()
            .unwrap();
        assert!(child.status.success(), "{threads} threads, {queue} places: {child:?}");
    }
}
