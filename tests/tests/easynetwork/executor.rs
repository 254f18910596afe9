//! E: the rules of EasyNetwork's executor.

use super::*;

on_loops! {
    anywhere async fn e2_a_job_is_submitted_at_the_call_and_runs_on_a_pool_thread() {
        let ran_on = Arc::new(Mutex::new(None));
        let ran_on2 = ran_on.clone();
        let offload = pool(1, 8).run(move |_| *ran_on2.lock().unwrap() = Some(thread::current().id()));
        eventually(|| ran_on.lock().unwrap().is_some()); // although it was never polled
        assert_ne!(*ran_on.lock().unwrap(), Some(thread::current().id()));
        offload.await.unwrap();
    }

    anywhere async fn e3_the_value_or_error_of_a_job_arrives_unchanged() {
        #[derive(Debug, PartialEq)]
        enum Failure { Division, Interrupted }
        impl From<Interrupted> for Failure { fn from(_: Interrupted) -> Self { Self::Interrupted } }
        let pool = pool(1, 8);
        assert_eq!(pool.try_run(|_| Ok::<_, Failure>(6)).await, Ok(6));
        assert_eq!(pool.try_run(|_| Err::<(), _>(Failure::Division)).await, Err(Failure::Division));
        assert_eq!(pool.run(|_| "x".parse::<i32>()).await.unwrap(), "x".parse::<i32>());
    }

    anywhere async fn e5_a_job_gets_a_copy_of_the_callers_context() {
        let pool = pool(1, 8);
        WHO.scope("caller", async {
            // The context is captured at the call, not at the await.
            let early = pool.run(|_| WHO.get());
            assert_eq!(WHO.scope("later", early).await.unwrap(), Some("caller"));
            assert_eq!(pool.run(|_| WHO.sync_scope("worker", || WHO.get())).await.unwrap(), Some("worker"));
            assert_eq!(WHO.get(), Some("caller"));
            assert_eq!(pool.run(|_| WHO.get()).await.unwrap(), Some("caller"), "nor to the next call");
        }).await;
        assert_eq!(pool.run(|_| WHO.get()).await.unwrap(), None);
    }

    anywhere async fn e7_a_job_cancelled_in_the_queue_never_runs_and_its_caller_returns_at_once() {
        let pool = pool(1, 8);
        let ran = Arc::new(Gate::default());
        let (gate, held) = occupy_thread(&pool);
        let ran2 = ran.clone();
        let (waiting, abort) = abortable(pool.run(move |_| ran2.open()));
        let mut waiting = Box::pin(waiting);
        assert!(poll_once(&mut waiting).is_pending());
        abort.abort();
        assert!(waiting.await.is_err(), "while the thread is still held");
        gate.open();
        assert!(held.await.unwrap());
        pool.run(|_| ()).await.unwrap();
        assert!(!ran.is_open());
    }

    // EasyNetwork does not cancel the awaiter of a running job: it waits for the job's result. Here
    // the awaiter returns at once and the job is cancelled, because waiting for a cancelled job is
    // what makes stops hang (H1).
    anywhere async fn e8_cancelling_a_running_job_returns_at_once_and_the_job_sees_it() {
        let pool = pool(1, 8);
        let [inside, saw_cancel, end] = [(); 3].map(|()| Arc::new(Gate::default()));
        let (inside2, saw_cancel2, end2) = (inside.clone(), saw_cancel.clone(), end.clone());
        let (waiting, abort) = abortable(pool.run(move |worker| {
            inside2.open();
            eventually(|| worker.is_cancelled());
            saw_cancel2.open();
            end2.pass()
        }));
        assert!(inside.pass());
        abort.abort();
        assert!(waiting.await.is_err());
        assert!(saw_cancel.pass());
        assert_eq!(pool.stats().running, 1, "it still has its thread");
        end.open();
        pool.run(|_| ()).await.unwrap();
    }

    // In EasyNetwork the awaiter of a queued job gets an exception of another class than the loop's
    // own cancellation. Here it is an ordinary error, and the awaiting task continues.
    anywhere async fn e12_a_job_cancelled_by_a_shutdown_returns_an_error_value() {
        let pool = pool(1, 8);
        let (gate, held) = occupy_thread(&pool);
        let queued = pool.run(|_| 1);
        assert_eq!(pool.drain(Duration::ZERO).await.cancelled, 2);
        assert!(matches!(queued.await, Err(Interrupted::Cancelled { .. })));
        yield_once().await;
        assert!(matches!(held.await, Err(Interrupted::Cancelled { .. })));
        gate.open();
    }

    anywhere async fn e13_a_job_after_the_shutdown_is_rejected() {
        let pool = pool(1, 8);
        assert!(pool.drain(LIMIT).await.is_clean());
        assert!(matches!(pool.run(|_| ()).await, Err(Interrupted::Closed)));
        assert!(matches!(pool.map([1], |_, n| n).next().await, Some(Err(Interrupted::Closed))));
    }

    // EasyNetwork's `shutdown()` waits without a limit, even when it is cancelled. Here a drain has
    // a timeout, and dropping it only ends the wait: the pool stays closed, its jobs continue, and
    // it can be drained again.
    anywhere async fn e14_a_drain_waits_for_pending_jobs_without_blocking_the_loop() {
        let pool = pool(1, 8);
        let (gate, held) = occupy_thread(&pool);
        let queued = pool.run(|_| 5);
        let mut cancelled_caller = Box::pin(pool.drain(LIMIT));
        assert!(poll_once(&mut cancelled_caller).is_pending());
        drop(cancelled_caller);
        assert!(matches!(pool.run(|_| ()).await, Err(Interrupted::Closed)));
        let mut again = Box::pin(pool.drain(LIMIT));
        assert!(poll_once(&mut again).is_pending());
        let (report, ()) = join(again, async { yield_once().await; gate.open() }).await;
        assert!(report.is_clean());
        assert_eq!((held.await.unwrap(), queued.await.unwrap()), (true, 5));
        assert!(pool.drain(Duration::ZERO).await.is_clean(), "idempotent");
    }

    // EasyNetwork's `shutdown(cancel_futures=True)` lets running jobs finish. Here they are
    // cancelled when the drain's timeout is over.
    anywhere async fn e15_a_drain_without_time_cancels_queued_and_running_jobs() {
        let pool = pool(1, 8);
        let inside = Arc::new(Gate::default());
        let inside2 = inside.clone();
        let running = pool.run(move |worker| { inside2.open(); eventually(|| worker.is_cancelled()) });
        assert!(inside.pass());
        let ran = Arc::new(Gate::default());
        let ran2 = ran.clone();
        let queued = pool.run(move |_| ran2.open());
        let report = pool.drain(Duration::ZERO).await;
        assert_eq!((report.cancelled, report.stuck.len()), (2, 0), "{report}");
        assert!(matches!(queued.await, Err(Interrupted::Cancelled { .. })) && !ran.is_open());
        assert!(matches!(running.await, Err(Interrupted::Cancelled { .. })));
    }

    // In EasyNetwork leaving the `async with` waits. Here dropping the last handle does not block;
    // `drain` and `cleanup.pool` wait.
    anywhere async fn e16_a_pool_without_handles_runs_its_queued_jobs() {
        let one = pool(1, 8);
        let (gate, held) = occupy_thread(&one);
        let queued: Vec<_> = (0..8).map(|n| one.run(move |_| n)).collect();
        drop(one); // returns although a job is running
        gate.open();
        assert!(held.await.unwrap());
        for (n, offload) in queued.into_iter().enumerate() { assert_eq!(offload.await.unwrap(), n); }
    }

    // EasyNetwork submits all jobs at the call, without a bound, and the first exception ends the
    // iterator. Here items are submitted as results are taken, as many in advance as the queue
    // holds, and an error takes the place of its result.
    anywhere async fn e17_map_yields_in_order_reads_ahead_by_the_queue_and_continues_after_an_error() {
        let pool = pool(1, 2);
        let taken = Arc::new(AtomicUsize::new(0));
        let (gate, held) = occupy_thread(&pool);
        let items = { let taken = taken.clone(); (0..50).inspect(move |_| { taken.fetch_add(1, SeqCst); }) };
        let mut results = pool.map(items, |_, n| if n == 3 { panic!("three") } else { n });
        assert_eq!(taken.load(SeqCst), 0);
        assert!(poll_once(&mut Box::pin(results.next())).is_pending());
        assert_eq!(taken.load(SeqCst), 2);
        gate.open();
        assert!(held.await.unwrap());
        for n in 0..50 {
            match results.next().await.unwrap() {
                Ok(got) => assert_eq!(got, n),
                Err(error) => assert!(n == 3 && matches!(error, Interrupted::Panicked(_)), "{error}"),
            }
        }
        assert!(results.next().await.is_none());
    }

    anywhere async fn e17_dropping_a_map_cancels_jobs_that_have_not_started() {
        let pool = pool(1, 2);
        let ran = Arc::new(AtomicUsize::new(0));
        let (gate, held) = occupy_thread(&pool);
        let counter = ran.clone();
        let mut results = pool.map(0..50, move |_, _| counter.fetch_add(1, SeqCst));
        assert!(poll_once(&mut Box::pin(results.next())).is_pending());
        drop(results);
        gate.open();
        assert!(held.await.unwrap());
        pool.run(|_| ()).await.unwrap();
        assert_eq!(ran.load(SeqCst), 0);
    }

    // In EasyNetwork 5,000 calls queue 5,000 work items. Here the queue is bounded, for every
    // overflow policy.
    anywhere async fn e18_five_thousand_calls_queue_no_more_than_the_bound() {
        let waits = pool(1, 64);
        let (gate, held) = occupy_thread(&waits);
        let offloads: Vec<_> = (0..5000).map(|n| waits.run(move |_| n)).collect();
        assert_eq!((waits.stats().queued, waits.stats().waiting_for_capacity), (64, 4936));
        gate.open();
        assert!(held.await.unwrap());
        for (n, result) in join_all(offloads).await.into_iter().enumerate() { assert_eq!(result.unwrap(), n); }

        let rejects = Pool::builder("test").threads(1).queue_capacity(64).overflow(Overflow::Reject).build().unwrap();
        let (gate, held) = occupy_thread(&rejects);
        let offloads: Vec<_> = (0..5000).map(|_| rejects.run(|_| ())).collect();
        gate.open();
        assert!(held.await.unwrap());
        let results = join_all(offloads).await;
        let (ran, full): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        assert_eq!(ran.len(), 64);
        assert!(full.iter().all(|result| matches!(result, Err(Interrupted::Full))));
    }

    // EasyNetwork's raw `submit` copies no context. Here a detached job has the same context as any
    // job.
    anywhere async fn e19_fire_and_forget_is_a_detached_job_and_keeps_the_context() {
        let pool = pool(1, 8);
        let (gate, held) = occupy_thread(&pool);
        let seen = Arc::new(Mutex::new(None));
        let seen2 = seen.clone();
        WHO.scope("caller", async { pool.run(move |_| *seen2.lock().unwrap() = WHO.get()).detach() }).await;
        gate.open();
        assert!(held.await.unwrap());
        pool.run(|_| ()).await.unwrap();
        assert_eq!(*seen.lock().unwrap(), Some("caller"));
    }
}

on_loops! {
    // In EasyNetwork the running job swallows the first `task.cancel()`, and the task continues
    // after it.
    async fn e9_a_cancellation_during_a_running_job_is_not_lost() {
        let pool = pool(1, 8);
        let (gate, held) = occupy_thread(&pool);
        let (awaiting, continued) = (Arc::new(Gate::default()), Arc::new(Gate::default()));
        let (awaiting2, continued2) = (awaiting.clone(), continued.clone());
        let task = tokio::spawn(async move {
            awaiting2.open();
            let _ = held.await;
            continued2.open();
        });
        wait(|| awaiting.is_open()).await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled(), "while the job still runs");
        gate.open();
        pool.run(|_| ()).await.unwrap();
        assert!(!continued.is_open());
    }

    // In EasyNetwork a timeout around a job takes as long as the job.
    async fn e10_a_timeout_around_a_running_job_ends_on_time() {
        let pool = pool(1, 8);
        let (gate, held) = occupy_thread(&pool);
        assert!(tokio::time::timeout(Duration::from_millis(10), held).await.is_err());
        assert_eq!(pool.stats().running, 1, "the job goes on");
        gate.open();
    }
}
