//! `portcullis::test`: control of time and order, with paused clocks, stepped pools and inline
//! pools.

#![forbid(unsafe_code)]

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use portcullis::prelude::*;
use portcullis::test;
use portcullis::{Interrupted, Overflow};
use portcullis_tests::{Gate, LIMIT, on_loops, poll_once, wait};
use tokio::time::{sleep, timeout};

const HOUR: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);

/// Runs `test` on a current-thread runtime, within [`LIMIT`] by the real clock.
fn in_real_time<F: Future<Output = ()>>(started_paused: bool, test: impl FnOnce() -> F + Send + 'static) {
    let (tx, rx) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(started_paused).build().unwrap().block_on(test());
        tx.send(()).unwrap();
    });
    if let Err(mpsc::RecvTimeoutError::Timeout) = rx.recv_timeout(LIMIT) {
        panic!("not within {LIMIT:?}");
    }
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

/// Defines tests with a paused clock: their sleeps take no real time.
macro_rules! paused {
    ($( async fn $name:ident($time:ident) $body:block )*) => {$(
        #[test]
        fn $name() {
            in_real_time(false, || async move {
                let $time = test::pause();
                $body
            });
        }
    )*};
}

fn pool(threads: usize) -> Pool {
    Pool::builder("test").threads(threads).queue_capacity(16).build().unwrap()
}

/// Keeps a thread busy for some real time, during which the paused clock must not advance.
fn busy() {
    std::thread::sleep(Duration::from_millis(60));
}

paused! {
    async fn time_is_paused_while_a_job_runs(time) {
        let pool = pool(1);
        for _ in 0..5 {
            timeout(Duration::from_millis(1), pool.run(|_| busy())).await.expect("no time has passed").unwrap();
        }
        assert_eq!(time.elapsed(), Duration::ZERO);
    }

    async fn time_is_paused_for_queued_and_detached_jobs(time) {
        let pool = pool(1);
        let ran = Arc::new(AtomicUsize::new(0));
        for _ in 0..5 {
            let ran = Arc::clone(&ran);
            pool.run(move |_| { busy(); ran.fetch_add(1, SeqCst); }).detach();
        }
        sleep(Duration::from_millis(1)).await;
        assert_eq!(ran.load(SeqCst), 5);
        assert!(time.elapsed() < SECOND);
    }

    async fn time_advances_while_a_job_waits_for_the_loop(time) {
        let pool = pool(1);
        // The second is queued after a parked job, and does not stop the clock either.
        let jobs = [HOUR, 2 * HOUR].map(|delay| pool.run(move |worker| { busy(); sleep(delay).wait(worker) }));
        for job in jobs {
            job.await.unwrap().unwrap();
        }
        assert!(time.elapsed() >= 3 * HOUR);
        assert!(time.elapsed() < 3 * HOUR + SECOND);
    }

    async fn time_advances_while_a_lane_waits_for_a_parked_job(time) {
        let pool = pool(2);
        let jobs = [(); 3].map(|()| pool.job("nap").lane("one").run(|worker| sleep(HOUR).wait(worker)));
        for job in jobs {
            job.await.unwrap().unwrap();
        }
        assert!(time.elapsed() >= 3 * HOUR);
    }

    async fn time_advances_while_a_waiting_jobs_offload_is_not_polled(time) {
        let pool = pool(1);
        let asking = pool.run(|worker| async { 1 }.wait(worker));
        sleep(HOUR).await;
        assert_eq!(asking.await.unwrap().unwrap(), 1);
        assert!(time.elapsed() >= HOUR);
    }

    async fn time_advances_while_a_lent_job_is_parked(time) {
        let pool = pool(1);
        let same = pool.clone();
        let pausing = pool.run(move |worker| {
            let delay = async move { same.run(|worker| { busy(); sleep(HOUR).wait(worker) }).await };
            delay.wait(worker)
        });
        pausing.await.unwrap().unwrap().unwrap().unwrap();
        assert!(time.elapsed() >= HOUR && time.elapsed() < HOUR + SECOND);
    }

    async fn time_is_paused_while_a_lent_job_runs(time) {
        let pool = pool(1);
        let same = pool.clone();
        let busy_twice = pool.run(move |worker| {
            let inner = async move { timeout(Duration::from_millis(1), same.run(|_| busy())).await };
            inner.wait(worker)
        });
        busy_twice.await.unwrap().unwrap().expect("no time has passed").unwrap();
        assert_eq!(time.elapsed(), Duration::ZERO);
    }

    async fn worker_sleep_and_deadlines_use_the_paused_clock(time) {
        let pool = pool(1);
        pool.run(|worker| worker.sleep(HOUR)).await.unwrap().unwrap();
        assert!(time.elapsed() >= HOUR);

        let late = pool.job("late").deadline(HOUR).run(|worker| worker.sleep(2 * HOUR));
        assert!(matches!(late.await, Err(Interrupted::Deadline { .. })));
        let waits = pool.job("waits").deadline(HOUR).run(|worker| sleep(2 * HOUR).wait(worker));
        assert!(matches!(waits.await, Err(Interrupted::Deadline { .. })));
        let elapsed = time.elapsed();
        assert!(elapsed >= 3 * HOUR && elapsed < 3 * HOUR + SECOND, "{elapsed:?}");

        let in_time = pool.job("in time").deadline(2 * HOUR).run(|worker| worker.sleep(HOUR));
        in_time.await.unwrap().unwrap();
    }

    async fn a_queued_job_expires_by_the_paused_clock(time) {
        let (pool, stepper) = Pool::builder("stepped").threads(1).stepped().unwrap();
        let late = pool.job("late").deadline(HOUR).run(|_| ());
        sleep(HOUR / 2).await;
        assert_eq!(stepper.queued(), ["late"]);
        sleep(HOUR).await;
        assert!(stepper.queued().is_empty());
        assert!(matches!(late.await, Err(Interrupted::Deadline { .. })));
        assert!(!stepper.step().await);
        assert!(time.elapsed() >= HOUR);
    }

    async fn advancing_the_clock_past_a_deadline_cancels_a_running_job(time) {
        let pool = pool(1);
        let began = Arc::new(Gate::default());
        let here = Arc::clone(&began);
        let mut job = pool.job("busy").deadline(HOUR).run(move |worker| {
            here.open();
            while worker.check().is_ok() {
                std::thread::yield_now();
            }
        });
        assert!(poll_once(&mut job).is_pending());
        assert!(began.pass());
        assert!(time.is_waiting_for_jobs());
        time.advance(HOUR - SECOND).await;
        assert!(poll_once(&mut job).is_pending());
        time.advance(SECOND).await;
        assert!(matches!(job.await, Err(Interrupted::Deadline { .. })));
    }

    async fn time_is_paused_while_a_job_streams_and_advances_while_it_waits(time) {
        let pool = pool(1);
        let (sender, mut receiver) = portcullis::channel(1);
        let job = pool.run(move |worker| {
            for n in 0..5 {
                busy();
                sender.send(worker, n).unwrap();
            }
        });
        sleep(HOUR).await; // capacity for one; then it waits for the receiver
        for n in 0..5 {
            assert_eq!(timeout(Duration::from_millis(1), receiver.recv()).await.unwrap(), Some(n));
        }
        job.await.unwrap();
        assert!(time.elapsed() < HOUR + SECOND);
    }

    async fn requests_events_and_timeouts_drive_a_state_service(time) {
        let mut client = test::connect(Turnstile).await.unwrap();
        assert_eq!(client.call("push".into()).await.unwrap(), "push 1");
        client.peer().post(5).await.unwrap();
        assert_eq!(client.next().await.unwrap(), "added");
        assert_eq!(client.call("push".into()).await.unwrap(), "push 7");
        assert!(time.elapsed() < SECOND);
        assert_eq!(client.next().await.unwrap(), "locked after 7");
        assert!(time.elapsed() >= HOUR);
        assert!(client.close().await.unwrap().is_clean());
    }

    async fn a_service_uses_the_paused_clock(time) {
        let server = Server::new(Slow { cpu: pool(1) }).idle_timeout(HOUR);
        let mut client = test::connect_to(server).await.unwrap();
        assert_eq!(client.call(60).await.unwrap(), 60);
        assert!(time.elapsed() < SECOND);
        assert_eq!(client.ended().await.unwrap(), Reason::Timeout(Limit::Idle));
        assert!(time.elapsed() >= HOUR);
        assert!(client.close().await.unwrap().is_clean());
    }
}

/// Counts pushes; an hour without one ends the session.
struct Turnstile;

#[service]
impl Turnstile {
    #[state(start, idle = "1h")]
    async fn unlocked(&self, pushes: u32, push: String) -> (String, TurnstileState) {
        (format!("{push} {}", pushes + 1), TurnstileState::Unlocked(pushes + 1))
    }

    #[event(unlocked)]
    async fn added(&self, pushes: u32, by: u32) -> (String, TurnstileState) {
        ("added".to_owned(), TurnstileState::Unlocked(pushes + by))
    }

    #[on(timeout = unlocked)]
    async fn locked_again(&self, pushes: u32) -> (String, TurnstileState) {
        (format!("locked after {pushes}"), TurnstileState::Closed)
    }

    #[on(connect)]
    async fn opened(&self) -> TurnstileState {
        TurnstileState::Unlocked(0)
    }
}

struct Slow {
    cpu: Pool,
}

#[service]
impl Slow {
    #[request]
    async fn slow(&self, millis: u64) -> Result<u64, Interrupted> {
        self.work(millis).await
    }

    #[blocking(pool = self.cpu, deadline = "10ms")]
    fn work(&self, millis: u64) -> Result<u64, Interrupted> {
        // The job runs for longer than its deadline, and ignores cancellation.
        std::thread::sleep(Duration::from_millis(millis));
        Ok(millis)
    }
}

#[test]
fn a_runtime_that_was_started_paused_stays_paused() {
    in_real_time(true, || async {
        let time = test::pause();
        timeout(Duration::from_millis(1), pool(1).run(|_| busy())).await.unwrap().unwrap();
        drop(time);
        sleep(HOUR).await;
    });
}

#[test]
fn dropping_the_guard_resumes_time() {
    in_real_time(false, || async {
        let gate = Arc::new(Gate::default());
        let inside = Arc::clone(&gate);
        let time = test::pause();
        let held = pool(1).run(move |_| inside.pass());
        assert!(time.is_waiting_for_jobs());
        drop(time); // and a running job does not block the runtime
        let before = tokio::time::Instant::now();
        // Real time must pass here.
        sleep(Duration::from_millis(2)).await;
        assert!(before.elapsed() >= Duration::from_millis(2) && before.elapsed() < LIMIT);
        gate.open();
        assert!(held.await.unwrap());
    });
}

on_loops! {
    async fn a_stepped_pool_runs_one_job_a_step() {
        let (pool, stepper) = Pool::builder("db").threads(2).stepped().unwrap();
        let order = Arc::new(std::sync::Mutex::new(Vec::new()));
        let jobs: Vec<_> = ["a", "b", "c"].into_iter().map(|name| {
            let order = Arc::clone(&order);
            pool.job(name).run(move |_| {
                let thread = std::thread::current();
                assert!(thread.name().unwrap().starts_with("db-"));
                order.lock().unwrap().push(name);
            })
        }).collect();
        assert_eq!(stepper.queued(), ["a", "b", "c"]);
        assert!(order.lock().unwrap().is_empty());

        let step = stepper.step();
        assert_eq!(step.job_name(), Some("a"));
        assert!(step.await);
        assert_eq!(*order.lock().unwrap(), ["a"]);
        assert_eq!(stepper.run_all().await, 2);
        for job in jobs {
            job.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), ["a", "b", "c"]);
        let nothing = stepper.step();
        assert!(nothing.is_finished() && nothing.job_name().is_none());
        assert!(!nothing.await);
    }

    async fn a_stepped_job_waits_for_the_running_loop() {
        let (pool, stepper) = Pool::builder("db").threads(2).stepped().unwrap();
        let (tx, rx) = tokio::sync::oneshot::channel::<u32>();
        let asking = tokio::spawn(pool.job("asking").run(move |worker| rx.wait(worker)));
        let step = stepper.step();
        assert!(!step.is_finished());
        // Another job runs meanwhile on the other thread; a third finds no free thread.
        let other = pool.job("other").run(move |_| tx.send(7));
        let third = pool.job("third").run(|_| 3);
        assert!(stepper.step().await);
        other.await.unwrap().unwrap();
        assert!(step.await);
        assert_eq!(asking.await.unwrap().unwrap().unwrap(), Ok(7));
        assert!(stepper.step().await);
        assert_eq!(third.await.unwrap(), 3);
    }

    async fn a_stepped_pool_respects_its_threads_and_capacity() {
        let builder = Pool::builder("db").threads(1).queue_capacity(1).overflow(Overflow::Reject);
        let (pool, stepper) = builder.stepped().unwrap();
        let gate = Arc::new(Gate::default());
        let inside = Arc::clone(&gate);
        let held = pool.job("held").run(move |_| inside.pass());
        let queued = pool.job("queued").run(|_| ());
        assert!(matches!(pool.job("refused").run(|_| ()).await, Err(Interrupted::Full)));
        let step = stepper.step();
        assert!(!stepper.step().await); // its one thread is busy
        gate.open();
        assert!(step.await);
        assert!(held.await.unwrap());
        drop(queued);
        assert!(stepper.queued().is_empty());
        assert!(!stepper.step().await);
    }

    async fn a_pool_runs_freely_after_its_stepper_is_dropped() {
        let (pool, stepper) = Pool::builder("db").threads(1).stepped().unwrap();
        let jobs = [1, 2].map(|n| pool.run(move |_| n));
        drop(stepper);
        for (job, n) in jobs.into_iter().zip([1, 2]) {
            assert_eq!(job.await.unwrap(), n);
        }
        // A step that has begun completes without the stepper too.
        let (pool, stepper) = Pool::builder("db").threads(1).stepped().unwrap();
        let job = pool.run(|_| 3);
        drop((stepper.step(), stepper));
        assert_eq!(job.await.unwrap(), 3);
        drop(pool);
    }

    async fn a_thread_is_free_for_a_step_after_its_job_completed() {
        let (pool, stepper) = Pool::builder("db").threads(1).stepped().unwrap();
        for n in 0..200 {
            let job = pool.run(move |_| n);
            drop(stepper.step());
            assert_eq!(job.await.unwrap(), n);
        }
    }

    async fn an_inline_job_has_run_when_the_call_returns() {
        let pool = Pool::inline();
        let ran = Arc::new(AtomicUsize::new(0));
        for n in 1..=50 {
            let counter = Arc::clone(&ran);
            let job = pool.run(move |_| counter.fetch_add(1, SeqCst));
            assert_eq!(ran.load(SeqCst), n);
            assert_eq!(job.await.unwrap(), n - 1);
        }
    }

    async fn an_inline_job_runs_to_its_next_call_of_the_loop() {
        let at = Arc::new(AtomicUsize::new(0));
        let steps = Arc::clone(&at);
        let mut job = Pool::inline().run(move |worker| {
            for n in 1..=3 {
                busy();
                steps.store(n, SeqCst);
                worker.run_on_loop(tokio::task::yield_now()).unwrap();
            }
            busy();
            steps.store(4, SeqCst);
        });
        assert_eq!(at.load(SeqCst), 1);
        for n in 2..=4 {
            // The first poll yields to the loop's other tasks, as `yield_now` does; the second
            // completes.
            std::future::poll_fn(|cx| {
                if at.load(SeqCst) < n && std::pin::Pin::new(&mut job).poll(cx).is_pending() && at.load(SeqCst) < n {
                    return std::task::Poll::Pending;
                }
                std::task::Poll::Ready(())
            }).await;
            assert_eq!(at.load(SeqCst), n);
        }
    }

    async fn parked_inline_jobs_keep_their_threads_busy() {
        let pool = Pool::builder("inline").threads(1).inline().unwrap();
        let (tx, rx) = tokio::sync::oneshot::channel::<u32>();
        let first = pool.run(move |worker| rx.wait(worker));
        let ran = Arc::new(Gate::default());
        let inside = Arc::clone(&ran);
        let second = pool.run(move |_| inside.open()); // queued, and the call returns
        assert!(!ran.is_open());
        tx.send(1).unwrap();
        assert_eq!(first.await.unwrap().unwrap(), Ok(1));
        second.await.unwrap();
        wait(|| ran.is_open()).await;
    }
}

#[test]
fn a_step_can_be_joined_without_a_loop() {
    let (pool, stepper) = Pool::builder("db").threads(1).stepped().unwrap();
    let job = pool.run(|_| 4);
    assert!(stepper.step().join());
    assert_eq!(futures::executor::block_on(job).unwrap(), 4);
    assert!(!stepper.step().join());
}
