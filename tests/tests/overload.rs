//! O13–O19: what a pool does when more jobs arrive than it can run by their deadlines.

#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use futures::future::join_all;
use portcullis::prelude::*;
use portcullis::{DEADLINE, Interrupted, JobBuilder, Offload, Overflow, test};
use portcullis_tests::{LIMIT, eventually, occupy_thread, on_loops, poll_once};

const MS: Duration = Duration::from_millis(1);

fn pool(threads: usize) -> Pool {
    Pool::builder("test").threads(threads).queue_capacity(1024).build().expect("threads")
}

/// The jobs of one call site: all of one `name` share an estimate.
fn made_here<'a>(pool: &'a Pool, name: &'static str) -> JobBuilder<'a> {
    pool.job(name)
}

/// A job that takes `time`.
fn job(pool: &Pool, name: &'static str, time: Duration, deadline: Duration) -> Offload<()> {
    made_here(pool, name).deadline(deadline).run(move |_| thread::sleep(time))
}

/// Makes the pool expect that jobs of this name take `time` at least.
async fn train(pool: &Pool, name: &'static str, time: Duration) {
    job(pool, name, time, Duration::MAX).await.expect("no deadline");
    assert!(expected(pool, name) >= time);
}

fn expected(pool: &Pool, name: &'static str) -> Duration {
    let stats = pool.stats();
    let of_name = stats.estimates.iter().find(|estimate| estimate.method == name);
    of_name.map_or(Duration::ZERO, |estimate| estimate.run_time)
}

/// The result of a job that has been answered already.
fn answered<T>(mut offload: Offload<T>) -> Result<T, Interrupted>
where
    T: Send + 'static,
{
    match poll_once(&mut offload) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("not answered at the call"),
    }
}

on_loops! {
    anywhere async fn o13_a_job_that_would_wait_beyond_its_deadline_is_refused_at_the_call() {
        let pool = pool(1);
        train(&pool, "work", 100 * MS).await;
        let (gate, held) = occupy_thread(&pool);
        let before: Vec<_> = (0..5).map(|_| job(&pool, "work", MS, Duration::MAX)).collect();

        let refused = answered(job(&pool, "work", MS, 400 * MS));
        let Err(Interrupted::Overloaded { retry_after }) = refused else { panic!("{refused:?}") };
        assert!(retry_after >= 500 * MS, "five jobs of 100 ms on one thread: {retry_after:?}");
        let patient = job(&pool, "work", MS, LIMIT);
        let without = job(&pool, "work", MS, Duration::MAX);

        gate.open();
        held.await.unwrap();
        join_all(before).await.into_iter().for_each(|result| result.unwrap());
        patient.await.unwrap();
        without.await.unwrap();
        let stats = pool.stats();
        assert_eq!((stats.overloaded, stats.rejected, stats.deadline_exceeded), (1, 0, 0));
        assert_eq!(stats.completed, 1 + 1 + 5 + 2);
    }

    anywhere async fn o19_a_slow_job_is_admitted_if_and_only_if_a_quick_one_is() {
        let pool = pool(1);
        train(&pool, "quick", 20 * MS).await;
        train(&pool, "slow", 300 * MS).await;
        let (gate, held) = occupy_thread(&pool);
        let call = |name| job(&pool, name, Duration::ZERO, 1_000 * MS);
        let mut admitted = Vec::new();
        loop {
            let mut quick = call("quick");
            if let Poll::Ready(refused) = poll_once(&mut quick) {
                assert!(matches!(refused, Err(Interrupted::Overloaded { .. })), "{refused:?}");
                break;
            }
            admitted.push(quick);
            assert!(admitted.len() <= 26, "more than half of the time allowed");
        }
        assert!(matches!(answered(call("slow")), Err(Interrupted::Overloaded { .. })));
        // One job less, and the slow one is admitted.
        drop(admitted.pop());
        let slow = call("slow");
        assert!(matches!(answered(call("quick")), Err(Interrupted::Overloaded { .. })));
        assert_eq!(pool.stats().queued, admitted.len() + 1);
        drop((slow, admitted));
        gate.open();
        held.await.unwrap();
    }

    anywhere async fn o20_an_error_says_whether_the_job_had_begun() {
        let pool = Pool::builder("test").threads(1).queue_capacity(1).overflow(Overflow::Reject).build().unwrap();
        let running = pool.job("work").deadline(300 * MS).run(|worker| eventually(|| worker.is_cancelled()));
        let late = running.await.unwrap_err();
        assert!(matches!(late, Interrupted::Deadline { began: true }) && late.began(), "{late}");
        let panicked = pool.run(|_| panic!("on purpose")).await.unwrap_err();
        assert!(panicked.began());

        let (gate, held) = occupy_thread(&pool);
        let queued = pool.job("work").deadline(MS).run(|_| ()).await.unwrap_err();
        assert!(matches!(queued, Interrupted::Deadline { began: false }) && !queued.began(), "{queued}");
        let last = pool.run(|_| ());
        assert!(!pool.run(|_| ()).await.unwrap_err().began(), "the queue is full");
        let report = pool.drain(Duration::ZERO).await;
        assert_eq!((report.cancelled, report.stuck.len()), (2, 1));
        let drained = last.await.unwrap_err();
        assert!(matches!(drained, Interrupted::Cancelled { began: false }), "{drained}");
        assert!(!pool.run(|_| ()).await.unwrap_err().began(), "the pool is closed");
        gate.open();
        let held = held.await.unwrap_err();
        assert!(matches!(held, Interrupted::Cancelled { began: true }), "{held}");
    }

    anywhere async fn o16_and_o20_a_job_whose_inherited_deadline_has_passed_is_late_and_not_refused() {
        let pool = pool(1);
        train(&pool, "work", 20 * MS).await;
        let (gate, held) = occupy_thread(&pool);
        let queued: Vec<_> = (0..5).map(|_| job(&pool, "work", 20 * MS, Duration::MAX)).collect();
        let late = DEADLINE.scope(Instant::now(), async { answered(pool.run(|_| ())) }).await;
        // Not `Overloaded`: there is no time at which to try again.
        assert!(matches!(late, Err(Interrupted::Deadline { began: false })), "{late:?}");
        let stats = pool.stats();
        assert_eq!((stats.overloaded, stats.deadline_exceeded, stats.expired_unstarted), (0, 1, 1));
        drop(queued);
        gate.open();
        held.await.unwrap();
    }

    anywhere async fn o13_a_cancelled_job_is_no_work() {
        let pool = pool(1);
        train(&pool, "work", 100 * MS).await;
        let (gate, held) = occupy_thread(&pool);
        let first = job(&pool, "work", MS, Duration::MAX);
        let many: Vec<_> = (0..100).map(|_| job(&pool, "work", MS, Duration::MAX)).collect();
        assert!(matches!(answered(job(&pool, "work", MS, 1_000 * MS)), Err(Interrupted::Overloaded { .. })));
        drop(many);
        let admitted = job(&pool, "work", MS, LIMIT / 2);
        gate.open();
        held.await.unwrap();
        first.await.unwrap();
        admitted.await.unwrap();
    }

    anywhere async fn o13_and_o14_an_idle_pool_refuses_no_job() {
        let pool = pool(1);
        train(&pool, "work", 200 * MS).await;
        // It is expected to end late, and it does not.
        job(&pool, "work", Duration::ZERO, 150 * MS).await.unwrap();
        // The only job in the queue is one that no other job can be preferred to.
        let (gate, held) = occupy_thread(&pool);
        let only = job(&pool, "work", Duration::ZERO, 150 * MS);
        gate.open();
        held.await.unwrap();
        only.await.unwrap();
        let stats = pool.stats();
        assert_eq!((stats.overloaded, stats.expired_unstarted), (0, 0));
    }

    anywhere async fn o14_a_job_that_cannot_end_in_time_leaves_its_thread_to_one_that_can() {
        let pool = pool(1);
        train(&pool, "long", 300 * MS).await; // expected: 300 ms, with a deviation of 150 ms
        let (gate, held) = occupy_thread(&pool);
        let called = Instant::now();
        let ran = Arc::new(AtomicUsize::new(0));
        let runs = Arc::clone(&ran);
        let long = made_here(&pool, "long").deadline(500 * MS).run(move |_| { runs.fetch_add(1, SeqCst); });
        let quick = pool.run(|_| 7);
        gate.open();
        held.await.unwrap();
        assert_eq!(quick.await.unwrap(), 7);
        assert!(matches!(long.await, Err(Interrupted::Deadline { .. })));
        let answered_after = called.elapsed();
        assert_eq!(ran.load(SeqCst), 0);
        let stats = pool.stats();
        assert_eq!((stats.expired_unstarted, stats.deadline_exceeded), (1, 1));
        assert_eq!((stats.queued, stats.running), (0, 0));
        assert!(answered_after < 500 * MS, "before the deadline itself: {answered_after:?}");
    }

    anywhere async fn o14_of_jobs_that_cannot_end_in_time_the_latest_deadline_runs_first() {
        let pool = pool(1);
        let log = Arc::new(Mutex::new(Vec::new()));
        // The pool learns from the first one that they take up to 800 ms (with two deviations),
        // when the others have less than 700 ms left.
        let first = job(&pool, "long", 400 * MS, Duration::MAX);
        let jobs: Vec<_> = [900_u64, 1_100, 1_000].into_iter().map(|deadline| {
            let log = Arc::clone(&log);
            let run = move |_: &Worker| log.lock().unwrap().push(deadline);
            made_here(&pool, "long").deadline(Duration::from_millis(deadline)).run(run)
        }).collect();
        first.await.unwrap();
        let ended = join_all(jobs).await;
        assert!(ended.iter().all(Result::is_ok), "{ended:?}");
        assert_eq!(*log.lock().unwrap(), [1_100, 1_000, 900]);
    }

    anywhere async fn o14_a_refused_job_passes_its_lane_on() {
        let pool = pool(1);
        train(&pool, "long", 300 * MS).await;
        let (gate, held) = occupy_thread(&pool);
        let long = made_here(&pool, "long").lane("a").deadline(500 * MS).run(|_| ());
        let next = pool.job("next").lane("a").run(|_| 1);
        let other = pool.job("next").run(|_| 2);
        gate.open();
        held.await.unwrap();
        assert!(matches!(long.await, Err(Interrupted::Deadline { .. })));
        assert_eq!((next.await.unwrap(), other.await.unwrap()), (1, 2));
    }

    anywhere async fn o14_a_job_whose_deadline_passes_in_the_queue_is_expired_unstarted() {
        let pool = pool(1);
        let (gate, held) = occupy_thread(&pool);
        let queued = job(&pool, "work", MS, MS);
        assert!(matches!(queued.await, Err(Interrupted::Deadline { .. })));
        gate.open();
        held.await.unwrap();
        let running = pool.job("work").deadline(300 * MS).run(|worker| eventually(|| worker.is_cancelled()));
        assert!(matches!(running.await, Err(Interrupted::Deadline { .. })));
        let stats = pool.stats();
        assert_eq!((stats.expired_unstarted, stats.deadline_exceeded), (1, 2));
    }

    anywhere async fn o15_time_in_the_queue_does_not_count_and_waits_for_the_loop_do() {
        let pool = pool(1);
        let (gate, held) = occupy_thread(&pool);
        let queued = job(&pool, "queued", Duration::ZERO, Duration::MAX);
        let until = Instant::now() + 100 * MS;
        eventually(|| Instant::now() >= until);
        gate.open();
        held.await.unwrap();
        queued.await.unwrap();
        assert!(expected(&pool, "queued") < 50 * MS, "{:?}", pool.stats());

        let (answer, asked) = std::sync::mpsc::channel::<()>();
        let waits = pool.job("waits").run(move |worker| {
            worker.call(move || { let _ = asked.recv_timeout(100 * MS); })
        });
        waits.await.unwrap().unwrap();
        drop(answer);
        assert!(expected(&pool, "waits") >= 50 * MS, "{:?}", pool.stats());
    }

    anywhere async fn o15_each_call_site_has_an_estimate_of_its_own() {
        let pool = pool(1);
        pool.run(|_| thread::sleep(20 * MS)).await.unwrap();
        pool.run(|_| thread::sleep(40 * MS)).await.unwrap();
        let times: Vec<_> = pool.stats().estimates.iter().map(|estimate| (
            estimate.method, estimate.called_at.file().ends_with("overload.rs"), estimate.run_time >= 20 * MS,
        )).collect();
        assert_eq!(times, [("closure", true, true); 2]);
        train(&pool, "named", 10 * MS).await;
        assert_eq!(pool.stats().estimates.len(), 3);
    }

    anywhere async fn o16_a_job_made_by_a_job_has_the_earlier_deadline() {
        let outer = pool(1);
        let inner = pool(1);
        let made = outer.job("outer").deadline(LIMIT).run(move |worker| {
            let deadlines = |job: JobBuilder<'_>| {
                job.run(|worker| worker.deadline()).wait(worker).unwrap()
            };
            let plain = deadlines(inner.job("inner"));
            let earlier = deadlines(inner.job("inner").deadline(LIMIT / 2));
            let later = deadlines(inner.job("inner").deadline(2 * LIMIT));
            let detached = deadlines(inner.job("inner").detached());
            let theirs = inner.clone();
            let on_the_loop = async move { theirs.run(|worker| worker.deadline()).await.unwrap() }.wait(worker).unwrap();
            (worker.deadline(), plain, earlier, later, detached, on_the_loop)
        });
        let (own, plain, earlier, later, detached, on_the_loop) = made.await.unwrap();
        assert!(own.is_some());
        assert_eq!((plain, later, on_the_loop, detached), (own, own, own, None));
        assert!(earlier < own && earlier.is_some());
    }

    anywhere async fn o16_a_handler_with_a_deadline_passes_it_on() {
        let pool = pool(1);
        let at = Instant::now() + LIMIT;
        let seen = DEADLINE.scope(at, async {
            let inner = pool.clone();
            let nested = pool.run(move |worker| {
                (worker.deadline(), inner.run(|worker| worker.deadline()).wait(worker).unwrap())
            });
            let later = pool.job("later").deadline(2 * LIMIT).run(|worker| worker.deadline());
            let detached = pool.job("detached").detached().run(|worker| worker.deadline());
            (nested.await.unwrap(), later.await.unwrap(), detached.await.unwrap())
        }).await;
        assert_eq!(seen, ((Some(at), Some(at)), Some(at), None));
        assert_eq!(pool.run(|worker| worker.deadline()).await.unwrap(), None);
        let passed = DEADLINE.scope(Instant::now(), async { pool.run(|_| ()).await }).await;
        assert!(matches!(passed, Err(Interrupted::Deadline { .. })));
    }

    anywhere async fn o16_a_pool_gives_its_jobs_a_default_deadline() {
        let pool = Pool::builder("test").threads(1).deadline(LIMIT / 2).build().unwrap();
        let called = Instant::now();
        let deadline = pool.run(|worker| worker.deadline()).await.unwrap().unwrap();
        assert!(deadline >= called + LIMIT / 2 && deadline < called + LIMIT);
        let own = pool.job("own").deadline(LIMIT).run(|worker| worker.deadline()).await.unwrap().unwrap();
        assert!(own >= called + LIMIT);
        let none = pool.job("none").deadline(Duration::MAX).run(|worker| worker.deadline());
        assert_eq!(none.await.unwrap(), None);
        let mut mapped = pool.map([()], |worker, ()| worker.deadline());
        assert_eq!(mapped.next().await.unwrap().unwrap(), None);
    }

    anywhere async fn o17_a_queue_that_stands_refuses_jobs_that_have_waited_for_too_long() {
        let target = MS;
        let pool = Pool::builder("test").threads(1).queue_capacity(1024).queue_delay(target).build().unwrap();
        // Two intervals of 20 targets and more: the queue never empties.
        let jobs: Vec<_> = (0..60).map(|n| pool.run(move |_| { thread::sleep(MS); n })).collect();
        let ended = join_all(jobs).await;
        let refused = |result: &&Result<_, Interrupted>| match result {
            Err(Interrupted::Overloaded { retry_after }) => *retry_after == target,
            Err(other) => panic!("{other}"),
            Ok(_) => false,
        };
        let count = ended.iter().filter(refused).count();
        assert!(count > 0, "none was refused");
        assert!(ended[0].is_ok() && ended[5].is_ok(), "none of the first interval is refused: {ended:?}");
        assert!(ended[59].is_ok(), "no job waits behind the last one: {ended:?}");
        assert_eq!(pool.stats().overloaded, count as u64);
        // A burst that is worked off is no overload.
        let until = Instant::now() + 50 * MS;
        eventually(|| Instant::now() >= until);
        for result in join_all((0..5).map(|_| pool.run(|_| ()))).await {
            result.unwrap();
        }
    }

    anywhere async fn o17_jobs_with_a_lane_are_exempt_from_the_limit_of_the_delay() {
        let pool = Pool::builder("test").threads(1).queue_capacity(1024).queue_delay(MS / 4).build().unwrap();
        let jobs = (0..30).map(|_| pool.job("lane").lane("a").run(|_| thread::sleep(MS)));
        for result in join_all(jobs).await {
            result.unwrap();
        }
    }
}

/// In real time, under three times the load that the threads can carry: the threads don't work for
/// callers that have given up.
#[test]
fn o13_and_o14_most_jobs_that_run_under_overload_end_in_time() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let pool = pool(4);
        let ran = Arc::new(AtomicUsize::new(0));
        let (start, gap) = (Instant::now(), Duration::from_micros(400));
        let mut jobs = Vec::new();
        while start.elapsed() < 1_000 * MS {
            while gap * (jobs.len() as u32) < start.elapsed() {
                let ran = Arc::clone(&ran);
                jobs.push(tokio::spawn(pool.job("work").deadline(60 * MS).run(move |_| {
                    ran.fetch_add(1, SeqCst);
                    thread::sleep(5 * MS);
                })));
            }
            tokio::time::sleep(MS).await;
        }
        let results: Vec<_> =
            join_all(jobs).await.into_iter().map(|joined| joined.expect("no panic")).collect();
        let (in_time, ran) = (results.iter().filter(|result| result.is_ok()).count(), ran.load(SeqCst));
        assert!(2 * in_time > ran, "{in_time} of {ran} jobs that ran ended in time: {:?}", pool.stats());
        assert!(results.iter().any(|result| matches!(result, Err(Interrupted::Overloaded { .. }))));
    });
}

/// Runs `test` with a paused clock: what jobs sleep by their worker is no real time, and nothing
/// else takes time.
fn paused<F: Future<Output = ()>>(test: impl FnOnce() -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let started = Instant::now();
    runtime.block_on(async {
        let time = test::pause();
        test().await;
        drop(time);
    });
    assert!(started.elapsed() < LIMIT);
}

/// A job that takes `time` by the paused clock.
fn sleeper(pool: &Pool, name: &'static str, time: Duration, deadline: Duration) -> Offload<bool> {
    pool.job(name).deadline(deadline).run(move |worker| worker.sleep(time).is_ok())
}

async fn runs(pool: &Pool, name: &'static str, time: Duration, count: usize) {
    for _ in 0..count {
        assert!(sleeper(pool, name, time, Duration::MAX).await.unwrap());
    }
}

#[test]
fn o15_the_estimate_follows_a_change_of_phase_by_the_paused_clock() {
    paused(|| async {
        let pool = pool(1);
        runs(&pool, "work", 10 * MS, 30).await;
        let steady = expected(&pool, "work");
        assert!(steady >= 10 * MS && steady < 13 * MS, "{steady:?}");
        runs(&pool, "work", 100 * MS, 10).await;
        assert!(expected(&pool, "work") > 60 * MS, "{:?}", expected(&pool, "work"));
        runs(&pool, "work", 10 * MS, 40).await;
        assert!(expected(&pool, "work") < 15 * MS, "{:?}", expected(&pool, "work"));
    });
}

#[test]
fn o15_one_huge_outlier_does_not_make_the_pool_refuse_jobs() {
    paused(|| async {
        let pool = pool(1);
        runs(&pool, "work", 10 * MS, 30).await;
        runs(&pool, "work", Duration::from_secs(3600), 1).await;
        assert!(expected(&pool, "work") < 20 * MS, "{:?}", expected(&pool, "work"));
        let jobs: Vec<_> = (0..5).map(|_| sleeper(&pool, "work", 10 * MS, 200 * MS)).collect();
        for result in join_all(jobs).await {
            assert!(result.unwrap());
        }
    });
}

#[test]
fn o15_a_first_run_that_was_an_outlier_is_forgotten_while_jobs_go_on() {
    paused(|| async {
        let pool = pool(1);
        runs(&pool, "work", Duration::from_secs(10), 1).await;
        let mut in_time = 0;
        for _ in 0..100 {
            let pair = [(); 2].map(|()| sleeper(&pool, "work", 10 * MS, 100 * MS));
            in_time += join_all(pair).await.iter().filter(|result| result.is_ok()).count();
        }
        assert!(in_time > 150, "{in_time} of 200");
        assert!(expected(&pool, "work") < 20 * MS, "{:?}", expected(&pool, "work"));
    });
}

#[test]
fn o15_a_job_that_is_cut_short_does_not_lower_the_estimate() {
    paused(|| async {
        let pool = pool(1);
        runs(&pool, "work", 100 * MS, 10).await;
        let before = expected(&pool, "work");
        for _ in 0..10 {
            let late = sleeper(&pool, "work", 100 * MS, 20 * MS).await;
            assert!(matches!(late, Err(Interrupted::Deadline { .. })));
        }
        runs(&pool, "other", MS, 1).await; // the thread has returned from the last of them
        assert_eq!(expected(&pool, "work"), before);
    });
}

/// Offers jobs for a second of the paused clock: of `every` milliseconds one, each made by `make`
/// with its number; how many ended in time.
async fn flood(every: Duration, count: u32, make: impl Fn(u32) -> Offload<bool>) -> usize {
    let start = tokio::time::Instant::now();
    let mut jobs = Vec::new();
    for n in 0..count {
        tokio::time::sleep_until(start + every * n).await;
        jobs.push(tokio::spawn(make(n)));
    }
    let results = join_all(jobs).await;
    results.into_iter().filter(|result| matches!(result, Ok(Ok(true)))).count()
}

#[test]
fn o19_quick_and_slow_methods_are_refused_in_the_same_proportion() {
    for every in [2, 4, 6] {
        paused(|| async {
            let pool = pool(2);
            // One in ten takes 100 ms, the others 10 ms: 19 ms on average, 105 a second on two
            // threads. Offered: 500, 250 and 167 a second.
            let in_time = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
            let calls = [AtomicUsize::new(0), AtomicUsize::new(0)];
            let total = flood(every * MS, 1_000, |n| {
                // In no regular order, which could be in step with the threads.
                let is_slow = (n.wrapping_mul(2_654_435_761) >> 16) % 10 == 0;
                let (name, time) = if is_slow { ("slow", 100 * MS) } else { ("quick", 10 * MS) };
                calls[usize::from(is_slow)].fetch_add(1, SeqCst);
                let in_time = Arc::clone(&in_time);
                pool.job(name).deadline(500 * MS).run(move |worker| {
                    let is_ok = worker.sleep(time).is_ok();
                    in_time[usize::from(is_slow)].fetch_add(usize::from(is_ok), SeqCst);
                    is_ok
                })
            })
            .await;
            let share = |kind: usize| in_time[kind].load(SeqCst) as f64 / calls[kind].load(SeqCst) as f64;
            let (quick, slow, capacity) = (share(0), share(1), f64::from(every) * 105.0);
            assert!(total as f64 > 0.8 * capacity, "{total} of {capacity} in time");
            assert!((0.7..1.4).contains(&(slow / quick)), "{quick} of the quick, {slow} of the slow");
        });
    }
}

#[test]
fn o13_and_o14_most_refused_callers_are_informed_at_the_call() {
    paused(|| async {
        let pool = pool(2);
        // One in ten takes 40 ms, the others 4 ms: 7.6 ms on average, 263 a second on two threads.
        // Offered: 1000 a second.
        let in_time = flood(MS, 1_000, |n| {
            let (name, time) = if n % 10 == 0 { ("slow", 40 * MS) } else { ("quick", 4 * MS) };
            sleeper(&pool, name, time, 100 * MS)
        })
        .await;
        assert!(in_time > 200, "{in_time} in time: {:?}", pool.stats());
        let stats = pool.stats();
        assert!(stats.overloaded > 4 * stats.expired_unstarted, "{stats:?}");
    });
}

#[test]
fn o13_and_o14_one_method_with_a_heavy_tail_keeps_its_goodput() {
    paused(|| async {
        let pool = pool(2);
        let in_time = flood(MS, 1_000, |n| {
            let time = if n % 10 == 0 { 40 * MS } else { 4 * MS };
            sleeper(&pool, "tail", time, 100 * MS)
        })
        .await;
        assert!(in_time > 180, "{in_time} in time: {:?}", pool.stats());
    });
}

#[test]
fn o13_and_o14_a_flood_is_forgotten_within_one_deadline() {
    paused(|| async {
        let pool = pool(2);
        flood(MS, 500, |_| sleeper(&pool, "work", 10 * MS, 100 * MS)).await;
        let stats = pool.stats();
        assert_eq!((stats.queued, stats.running), (0, 0), "{stats:?}");
        let after = flood(10 * MS, 50, |_| sleeper(&pool, "work", 10 * MS, 100 * MS)).await;
        assert_eq!(after, 50);
    });
}

#[test]
fn o14_a_stepped_pool_chooses_as_any_other_does() {
    paused(|| async {
        let (pool, stepper) = Pool::builder("db").threads(1).queue_capacity(8).stepped().unwrap();
        let (trained, ()) = tokio::join!(sleeper(&pool, "long", 300 * MS, Duration::MAX), async {
            assert!(stepper.step().await);
        });
        assert!(trained.unwrap());
        let long = sleeper(&pool, "long", 300 * MS, 500 * MS);
        let quick = pool.job("quick").run(|_| 7);
        assert_eq!(stepper.queued(), ["long", "quick"]);
        let step = stepper.step();
        assert_eq!(step.job_name(), Some("quick"));
        assert!(step.await);
        assert_eq!(answered(quick).unwrap(), 7);
        assert!(matches!(answered(long), Err(Interrupted::Deadline { .. })));
        assert!(!stepper.step().await);
        assert_eq!(pool.stats().expired_unstarted, 1);
    });
}

mod metrics_of_overload {
    use std::collections::BTreeMap;
    use std::sync::atomic::AtomicU64;

    use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, SharedString, Unit};

    use super::*;

    /// The values of counters and gauges, by name and labels.
    #[derive(Default)]
    struct Values(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

    impl Values {
        fn of(&self, key: &Key) -> Arc<AtomicU64> {
            let labels: Vec<_> =
                key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
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
}
