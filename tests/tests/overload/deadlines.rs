//! O16: which deadline a job has.

use super::*;

on_loops! {
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
}
