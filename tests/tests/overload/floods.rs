//! Floods: what of the capacity is left for answers in time.

use super::*;

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

/// Deadlines of start and end, a limit of the delay and a queue that sheds, all at once: each job
/// is answered once and counted once, and the answer says whether it has run.
#[test]
fn o17_and_o18_and_o20_and_o22_each_job_of_a_flood_is_counted_by_what_became_of_it() {
    paused(|| async {
        let pool = Pool::builder("test").threads(2).queue_capacity(6).overflow(Overflow::ShedOldest);
        let pool = pool.queue_delay(5 * MS).build().expect("threads");
        let mut jobs = Vec::new();
        for n in 0..300_u32 {
            tokio::time::sleep(MS).await;
            let ran = Arc::new(AtomicUsize::new(0));
            let runs = Arc::clone(&ran);
            let patience = |every, time| if n % every == 0 { time } else { Duration::MAX };
            let job = pool.job(["a", "b", "c"][n as usize % 3]).deadline(patience(2, 60 * MS));
            // One in eleven takes much longer than the estimate says.
            let time = if n % 11 == 0 { 90 * MS } else { 4 * MS };
            let job = job.start_deadline(patience(3, 20 * MS)).run(move |worker| {
                runs.fetch_add(1, SeqCst);
                worker.sleep(time).is_ok()
            });
            match n % 7 {
                0 => drop(job),
                _ => jobs.push((ran, tokio::spawn(job))),
            }
        }
        let [mut shed, mut overloaded, mut late, mut unstarted] = [0; 4];
        for (ran, job) in jobs {
            let (answer, ran) = (job.await.expect("no panic"), ran);
            match &answer {
                Ok(_) => assert_eq!(ran.load(SeqCst), 1),
                Err(Interrupted::Shed) => shed += 1,
                Err(Interrupted::Overloaded { .. }) => overloaded += 1,
                Err(Interrupted::Deadline { began }) => {
                    late += 1;
                    unstarted += u64::from(!began);
                }
                other => panic!("{other:?}"),
            }
            if let Err(error) = &answer {
                assert_eq!(ran.load(SeqCst), usize::from(error.began()), "{error:?}");
            }
        }
        // The threads of jobs that were dropped return.
        eventually(|| pool.stats().queued + pool.stats().running == 0);
        let stats = pool.stats();
        assert!(shed + overloaded + late > 100, "{stats:?}");
        // Those that were dropped may have been shed, refused or late before.
        let counted = [(stats.shed, shed), (stats.overloaded, overloaded)];
        let counted = counted
            .into_iter()
            .chain([(stats.deadline_exceeded, late), (stats.expired_unstarted, unstarted)]);
        for (counted, seen) in counted {
            assert!((seen..=seen + 300 / 7 + 1).contains(&counted), "{counted} of {seen}: {stats:?}");
        }
    });
}
