//! O14: which job a free thread takes, and which it refuses.

use super::*;

on_loops! {
    anywhere async fn o14_a_job_that_cannot_end_in_time_leaves_its_thread_to_one_that_can() {
        let pool = pool(1);
        train(&pool, "long", 300 * MS).await; // expected: 300 ms, with a deviation of 150 ms
        let (gate, held) = occupy_thread(&pool);
        let ran = Arc::new(AtomicUsize::new(0));
        let runs = Arc::clone(&ran);
        let long = made_here(&pool, "long").deadline(500 * MS).run(move |_| { runs.fetch_add(1, SeqCst); });
        let quick = pool.run(|_| 7);
        gate.open();
        held.await.unwrap();
        assert_eq!(quick.await.unwrap(), 7);
        // Before the job that took its thread has run, and before the deadline itself.
        assert!(matches!(answered(long), Err(Interrupted::Deadline { began: false })));
        assert_eq!(ran.load(SeqCst), 0);
        let stats = pool.stats();
        assert_eq!((stats.expired_unstarted, stats.deadline_exceeded), (1, 1));
        assert_eq!((stats.queued, stats.running), (0, 0));
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
