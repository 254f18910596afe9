//! O13, O19 and O20: which jobs are refused at the call.

use super::*;

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
}
