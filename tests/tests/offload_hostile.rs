//! O1–O12 among code that does what it had better not do: drops, wakers and subscribers that panic,
//! wakers that own what they wake, numbers without measure.

#![forbid(unsafe_code)]

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use portcullis::{Interrupted, Offload, Overflow, Pool};
use portcullis_tests::{Gate, LIMIT, eventually, hold, on_loops, poll_once};

/// Panics when it is dropped.
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

/// The waker of a task that is woken, or not: nothing but the waker says so.
#[derive(Default)]
struct Woken(Gate);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.open();
    }
}

/// Polls once, and answers with the gate that the offload's waker opens.
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
fn o4_past_its_deadline_a_job_is_answered_though_its_captures_panic_when_they_are_dropped() {
    let pool = pool(4, Overflow::Wait);
    let (gate, held) = hold(&pool);
    let bomb = Bomb;
    let mut queued = pool.job("bomb").deadline(Duration::from_millis(50)).run(move |_| drop(bomb));
    let woken = wait_for(&mut queued);
    assert!(matches!(answer(&mut queued, &woken), Err(Interrupted::Deadline)));
    gate.open();
    assert!(futures::executor::block_on(held).unwrap());
}

/// Holds whoever drops it until the gate opens.
struct Sluggish(Arc<Gate>);

impl Drop for Sluggish {
    fn drop(&mut self) {
        assert!(self.0.pass());
    }
}

/// Holds whoever wakes it until the gate opens.
struct Stubborn {
    woken: Gate,
    gate: Arc<Gate>,
}

impl Wake for Stubborn {
    fn wake(self: Arc<Self>) {
        self.woken.open();
        assert!(self.gate.pass());
    }
}

#[test]
fn o4_a_drop_or_a_waker_that_takes_long_holds_up_no_other_deadline() {
    let pool = pool(16, Overflow::Wait);
    let (held_gate, held) = hold(&pool);
    let gate = Arc::new(Gate::default());
    let short = Duration::from_millis(20);
    // Several at once: each holds a thread of its own.
    let slow: Vec<_> = (0..4)
        .map(|_| {
            let sluggish = Sluggish(Arc::clone(&gate));
            pool.job("slow").deadline(short).run(move |_| drop(sluggish))
        })
        .collect();
    let mut stubborn = pool.job("stubborn").deadline(short).run(|_| ());
    let waker = Arc::new(Stubborn { woken: Gate::default(), gate: Arc::clone(&gate) });
    assert!(
        Pin::new(&mut stubborn).poll(&mut Context::from_waker(&Waker::from(Arc::clone(&waker)))).is_pending()
    );
    for _ in 0..3 {
        let mut timed = pool.job("timed").deadline(short).run(|_| ());
        let woken = wait_for(&mut timed);
        assert!(matches!(answer(&mut timed, &woken), Err(Interrupted::Deadline)));
    }
    assert!(waker.woken.pass());
    // And drains keep their time.
    let report = futures::executor::block_on(pool.drain(short));
    assert_eq!(report.stuck.len(), 1);
    gate.open();
    for job in slow {
        assert!(matches!(futures::executor::block_on(job), Err(Interrupted::Deadline)));
    }
    held_gate.open();
    drop(held);
}

#[test]
fn o2_a_shed_job_is_answered_and_its_captures_panic_into_nobody_elses_call() {
    let pool = pool(1, Overflow::ShedOldest);
    let (gate, _held) = hold(&pool);
    let bomb = Bomb;
    let mut oldest = pool.run(move |_| drop(bomb));
    let woken = wait_for(&mut oldest);
    let newest = pool.run(|_| 7);
    assert!(matches!(answer(&mut oldest, &woken), Err(Interrupted::Shed)));
    gate.open();
    assert_eq!(futures::executor::block_on(newest).unwrap(), 7);
}

on_loops! {
    anywhere async fn o8_a_drain_goes_on_after_a_drop_that_panics() {
        let pool = pool(4, Overflow::Wait);
        let (gate, _held) = hold(&pool);
        let bomb = Bomb;
        let jobs = [pool.run(move |_| drop(bomb)), pool.run(|_| ())];
        let report = pool.drain(Duration::ZERO).await;
        assert_eq!((report.cancelled, report.stuck.len()), (3, 1));
        for job in jobs {
            assert!(matches!(job.await, Err(Interrupted::Cancelled)));
        }
        gate.open();
    }

    anywhere async fn o8_a_drain_may_take_for_ever() {
        let pool = pool(4, Overflow::Wait);
        let (gate, held) = hold(&pool);
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
fn o5_a_waker_that_panics_ends_no_thread() {
    let pool = pool(4, Overflow::Wait);
    for round in 0..3 {
        let (gate, held) = hold(&pool);
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
fn o5_a_context_value_that_panics_when_it_is_dropped_ends_no_thread() {
    let pool = pool(4, Overflow::Wait);
    let (gate, held) = hold(&pool);
    // The job is the last to hold it.
    let value = Arc::new(Bomb);
    let weak = Arc::downgrade(&value);
    VALUE.sync_scope(value, || pool.run(|_| ()).detach());
    gate.open();
    held.detach();
    eventually(|| weak.strong_count() == 0);
    assert_eq!(futures::executor::block_on(pool.run(|_| 7)).unwrap(), 7);
}

#[test]
fn o12_a_threads_value_that_panics_when_it_is_dropped_costs_no_thread() {
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    // Without a spin: on a crowded machine a thread that spins is found by the next job, and never
    // leaves.
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
    // Both at once, each time again: a thread that has left comes back, whatever its leaving was
    // like.
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

/// A task of an executor whose wakers own their tasks: the last waker drops the task.
struct Task {
    looks_at: Pool,
    holds: Mutex<Option<Offload<()>>>,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Task {
    fn drop(&mut self) {
        // What a drop may do: look at the pool's jobs, and give up its own.
        assert!(!self.looks_at.running_jobs().is_empty());
        drop(self.holds.lock().unwrap().take());
    }
}

#[test]
fn o3_an_offload_that_goes_to_another_task_may_be_the_end_of_the_first() {
    let pool = Pool::builder("test").threads(2).build().unwrap();
    let (gate, held) = hold(&pool);
    let (gate2, mut offload) = hold(&pool);
    let task = Task { looks_at: pool.clone(), holds: Mutex::new(Some(pool.run(|_| ()))) };
    let waker = Waker::from(Arc::new(task));
    assert!(Pin::new(&mut offload).poll(&mut Context::from_waker(&waker)).is_pending());
    drop(waker);
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let pending = poll_once(&mut offload).is_pending();
        let _ = tell.send((pending, offload));
    });
    let (pending, offload) = told.recv_timeout(LIMIT).expect("no deadlock");
    assert!(pending);
    gate.open();
    gate2.open();
    assert!(futures::executor::block_on(held).unwrap());
    assert!(futures::executor::block_on(offload).unwrap());
}

#[test]
fn o2_a_queue_without_an_end_is_one_that_is_never_full() {
    for overflow in [Overflow::Wait, Overflow::Reject, Overflow::ShedOldest] {
        let pool = Pool::builder("endless")
            .threads(2)
            .queue_capacity(usize::MAX)
            .overflow(overflow)
            .build()
            .unwrap();
        let (gate, held) = hold(&pool);
        let jobs: Vec<_> = (0..100).map(|n| pool.run(move |_| n)).collect();
        assert_eq!(pool.stats().waiting_for_capacity, 0);
        let again = pool.clone();
        // Lent to, or admitted: in no case refused.
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
fn o10_what_no_system_has_is_an_error_at_build_time() {
    let kind = |builder: portcullis::PoolBuilder| builder.build().unwrap_err().kind();
    assert_eq!(kind(Pool::builder("many").threads(usize::MAX)), std::io::ErrorKind::InvalidInput);
    assert_eq!(kind(Pool::builder("no\0name")), std::io::ErrorKind::InvalidInput);
    assert_eq!(kind(Pool::builder("high").stack_size(usize::MAX)), std::io::ErrorKind::InvalidInput);
}

/// Each job sets a value for the next.
fn relay(pool: Pool, left: u32, end: Arc<Gate>) {
    if left == 0 {
        return end.open();
    }
    let again = pool.clone();
    SERIAL.sync_scope(left, || {
        pool.run(move |_| {
            assert_eq!(SERIAL.get(), Some(left));
            relay(again, left - 1, end);
        })
        .detach();
    });
}

#[test]
fn o6_a_relay_of_jobs_keeps_only_the_values_that_are_set_last() {
    let pool = pool(4, Overflow::Wait);
    let (token, end) = (Arc::new(()), Arc::new(Gate::default()));
    // Beside the one that every job sets anew, one that stays.
    TOKEN.sync_scope(Arc::clone(&token), || relay(pool.clone(), 100_000, Arc::clone(&end)));
    assert!(end.pass());
    drop(pool);
    eventually(|| Arc::strong_count(&token) == 1);
}

#[test]
fn o12_jobs_that_are_given_up_behind_a_long_one_leave_nothing_behind() {
    let pool = pool(4, Overflow::Wait);
    let gate = Arc::new(Gate::default());
    let passes = Arc::clone(&gate);
    let long = pool.job("long").lane("one").run(move |_| passes.pass());
    let token = Arc::new(());
    let mut kept = Vec::new();
    for n in 0..10_000 {
        // Not a capture, which goes with the cancel, but what the job itself holds.
        let job = TOKEN.sync_scope(Arc::clone(&token), || pool.job("short").lane("one").run(move |_| n));
        if n % 1000 == 0 { kept.push(job) } else { drop(job) }
    }
    let left = Arc::strong_count(&token);
    assert!(left < 100, "{left} jobs that nobody wants are kept");
    gate.open();
    assert!(futures::executor::block_on(long).unwrap());
    for (n, job) in kept.into_iter().enumerate() {
        assert_eq!(futures::executor::block_on(job).unwrap(), n * 1000);
    }
}

/// A task whose drop looks, or whatever it does.
struct Looks(Box<dyn Fn() + Send + Sync>);

impl Wake for Looks {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Looks {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Polls `future` in a task that `looks` when it goes, then in another: the first goes when the
/// second comes.
fn handed_on<F: Future + Unpin + Send + 'static>(
    mut future: F,
    looks: impl Fn() + Send + Sync + 'static,
) -> F {
    let waker = Waker::from(Arc::new(Looks(Box::new(looks))));
    assert!(Pin::new(&mut future).poll(&mut Context::from_waker(&waker)).is_pending());
    drop(waker);
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        assert!(poll_once(&mut future).is_pending());
        let _ = tell.send(future);
    });
    told.recv_timeout(LIMIT).expect("no deadlock")
}

on_loops! {
    async fn p3_a_task_that_is_waited_for_elsewhere_may_be_the_end_of_who_waited_first() {
        let portal = portcullis::Portal::current().unwrap();
        let task = portal.spawn(std::future::pending::<()>());
        let cancel_handle = task.cancel_handle();
        let looks = cancel_handle.clone();
        let task = handed_on(task, move || assert!(!looks.is_finished()));
        assert!(cancel_handle.cancel());
        assert!(matches!(task.await, Err(Interrupted::Cancelled)));
    }

    async fn a_receiver_that_goes_to_another_task_may_be_the_end_of_the_first() {
        let (sender, mut receiver) = portcullis::channel::<u32>(1);
        let looks = sender.clone();
        let next = handed_on(Box::pin(async move { receiver.recv().await }), move || {
            assert!(!looks.is_closed());
        });
        drop(sender);
        drop(next);
    }
}

#[test]
fn o5_a_job_that_enters_a_runtime_and_never_leaves_it_ends_no_thread() {
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
fn o11_the_shared_pool_stands_any_environment() {
    const CHILD: &str = "PORTCULLIS_TESTS_CHILD";
    if std::env::var_os(CHILD).is_some() {
        assert_eq!(futures::executor::block_on(Pool::shared().run(|_| 7)).unwrap(), 7);
        return;
    }
    let most = usize::MAX.to_string();
    for (threads, queue) in [("0", "0"), ("-1", "many"), (most.as_str(), most.as_str()), (" 3 ", "1e9")] {
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "o11_the_shared_pool_stands_any_environment"])
            .env(CHILD, "yes")
            .env("PORTCULLIS_SHARED_THREADS", threads)
            .env("PORTCULLIS_SHARED_QUEUE", queue)
            .output()
            .unwrap();
        assert!(child.status.success(), "{threads} threads, {queue} places: {child:?}");
    }
}
