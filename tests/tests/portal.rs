//! P1–P8: what the portal promises.

#![forbid(unsafe_code)]

use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use portcullis::{Interrupted, Pool, Wait};
use portcullis_tests::{Gate, LIMIT, OpenOnDrop, eventually, on_loops, poll_once};

fn pool() -> Pool {
    Pool::builder("test").threads(2).queue_capacity(16).build().expect("threads")
}

/// How many functions of one job may wait for the loop.
const QUEUED_CALLS: usize = 16_384;

/// Yields once to the loop.
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

std::thread_local! { static IN_TASK: Cell<u32> = const { Cell::new(0) }; }

/// Polls `future` with a mark that only its own task can see.
async fn marked<F: Future>(mark: u32, future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    poll_fn(move |cx| {
        let before = IN_TASK.replace(mark);
        let polled = future.as_mut().poll(cx);
        IN_TASK.set(before);
        polled
    })
    .await
}

on_loops! {
    anywhere async fn p1_a_call_runs_inside_the_task_that_awaits_the_offload() {
        let offload = pool().run(|worker| {
            let here = IN_TASK.get();
            let there = worker.run_on_loop(async { yield_once().await; (IN_TASK.get(), std::thread::current().id()) }).unwrap();
            let called = worker.call(|| IN_TASK.get()).unwrap();
            assert_ne!(there.1, std::thread::current().id());
            (here, there.0, called)
        });
        assert_eq!(marked(42, offload).await.unwrap(), (0, 42, 42));
    }

    anywhere async fn p1_a_thousand_calls_of_one_job() {
        let sum = pool().run(|worker| (0..1000_u64).map(|n| worker.run_on_loop(async move { yield_once().await; n }).unwrap()).sum::<u64>());
        assert_eq!(sum.await.unwrap(), 499_500);
    }

    anywhere async fn p2_a_call_ends_at_once_when_the_task_is_dropped() {
        let (inside, ended) = (Arc::new(Gate::default()), Arc::new(Gate::default()));
        let (inside2, ended2) = (inside.clone(), ended.clone());
        let polled_dropped = Arc::new(Gate::default());
        let guard = OpenOnDrop(polled_dropped.clone());
        let mut offload = pool().run(move |worker| {
            let end = worker.run_on_loop(async move { let _guard = guard; inside2.open(); pending::<()>().await });
            assert!(matches!(end, Err(Interrupted::Abandoned)), "{end:?}");
            assert!(matches!(worker.call(|| ()), Err(Interrupted::Abandoned)));
            ended2.open();
        });
        eventually(|| { assert!(poll_once(&mut offload).is_pending()); inside.is_open() });
        drop(offload);
        assert!(polled_dropped.is_open(), "the future is dropped on the loop");
        assert!(ended.pass());
    }

    anywhere async fn p2_a_call_that_is_not_polled_ends_when_its_task_is_dropped() {
        let (inside, ended) = (Arc::new(Gate::default()), Arc::new(Gate::default()));
        let (inside2, ended2) = (inside.clone(), ended.clone());
        let offload = pool().run(move |worker| {
            inside2.open();
            if matches!(worker.call(|| ()), Err(Interrupted::Abandoned)) { ended2.open() }
        });
        assert!(inside.pass());
        drop(offload);
        assert!(ended.pass());
    }

    anywhere async fn p2_a_call_ends_at_the_deadline_of_its_job() {
        let ended = Arc::new(Mutex::new(None));
        let ended2 = ended.clone();
        let late = pool().job("late").deadline(Duration::from_millis(300)).run(move |worker| {
            let end = worker.run_on_loop(pending::<()>());
            *ended2.lock().unwrap() = Some(end);
        });
        assert!(matches!(late.await, Err(Interrupted::Deadline { .. })));
        eventually(|| ended.lock().unwrap().is_some());
        assert!(matches!(ended.lock().unwrap().take(), Some(Err(Interrupted::Deadline { .. }))));
    }

    anywhere async fn p2_a_panic_in_the_future_comes_back_and_not_into_the_loop() {
        let survived = pool().run(|worker| {
            let Err(Interrupted::Panicked(panic)) = worker.run_on_loop(async { yield_once().await; panic!("on the loop") }) else { return false };
            let Err(Interrupted::Panicked(call)) = worker.call(|| panic!("in a call")) else { return false };
            panic.message() == "on the loop" && call.message() == "in a call" && worker.call(|| 1).is_ok()
        });
        assert!(survived.await.unwrap());
    }

    anywhere async fn p4_call_soon_does_not_wait_and_p7_order_holds() {
        let log = Arc::new(Mutex::new(Vec::new()));
        let seen = pool().run({ let log = log.clone(); move |worker| {
            for n in 0..50 {
                let log = log.clone();
                worker.call_soon(move || log.lock().unwrap().push((n, IN_TASK.get()))).unwrap();
            }
            let log2 = log.clone();
            let before = worker.call(move || log2.lock().unwrap().len()).unwrap();
            let log = log.clone();
            worker.call_soon(move || log.lock().unwrap().push((50, IN_TASK.get()))).unwrap();
            before
        }});
        assert_eq!(marked(7, seen).await.unwrap(), 50, "a call comes after every `call_soon` before it");
        // What was asked for before the job ended is done before its result is there.
        assert_eq!(*log.lock().unwrap(), (0..=50).map(|n| (n, 7)).collect::<Vec<_>>());
    }

    anywhere async fn p4_a_panic_in_call_soon_ends_nothing() {
        let fine = pool().run(|worker| {
            worker.call_soon(|| panic!("soon")).unwrap();
            worker.call(|| 3)
        });
        assert_eq!(fine.await.unwrap().unwrap(), 3);
    }

    anywhere async fn p4_a_job_that_is_faster_than_the_loop_is_slowed_down() {
        let pool = pool();
        let (calls, ran) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (made, count) = (Arc::clone(&calls), Arc::clone(&ran));
        let mut job = pool.run(move |worker| {
            for n in 0..3 * QUEUED_CALLS {
                made.store(n, SeqCst);
                let count = Arc::clone(&count);
                worker.call_soon(move || assert_eq!(count.fetch_add(1, SeqCst), n)).expect("awaited");
            }
        });
        eventually(|| pool.running_jobs().iter().any(|job| job.host_not_polled));
        assert_eq!((calls.load(SeqCst), ran.load(SeqCst)), (QUEUED_CALLS, 0));
        eventually(|| poll_once(&mut job).is_ready());
        assert_eq!(ran.load(SeqCst), 3 * QUEUED_CALLS);
    }

    anywhere async fn p8_an_offload_that_is_held_but_not_polled_leaves_its_worker_waiting() {
        let done = Arc::new(Gate::default());
        let done2 = done.clone();
        let pool = pool();
        let mut offload = pool.run(move |worker| { worker.call(|| ()).unwrap(); done2.open(); });
        eventually(|| pool.running_jobs().iter().any(|job| job.host_not_polled));
        assert!(pool.running_jobs()[0].to_string().contains("an `Offload` that is not polled"));
        assert!(!done.is_open());
        eventually(|| poll_once(&mut offload).is_ready());
        assert!(done.is_open());
    }
}

#[test]
fn p3_spawn_needs_somewhere_to_run() {
    let pool = pool();
    let result = portcullis_tests::on_futures_executor(
        pool.run(|worker| worker.spawn(async { 1 }).wait(worker).unwrap()),
    );
    assert!(matches!(result.unwrap(), Err(Interrupted::NoRuntime)));
}

#[test]
fn p2_a_detached_job_whose_runtime_is_gone_is_told() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (pool, inside) = (pool(), Arc::new(Gate::default()));
    let noticed = Arc::new(Gate::default());
    runtime.block_on(async {
        let (inside, noticed) = (inside.clone(), noticed.clone());
        pool.run(move |worker| {
            inside.pass();
            if worker.call(|| ()).is_err()
                && worker.run_on_loop(async {}).is_err()
                && pending::<()>().wait(worker).is_err()
            {
                noticed.open();
            }
        })
        .detach();
    });
    drop(runtime);
    inside.open();
    assert!(noticed.pass());
}

on_loops! {
    async fn p3_spawned_tasks_run_outlive_the_job_and_give_their_results() {
        let (gate, log) = (Arc::new(Gate::default()), Arc::new(AtomicUsize::new(0)));
        let task = pool().run({ let (gate, log) = (gate.clone(), log.clone()); move |worker| {
            let quick = worker.spawn(async { yield_once().await; 5 });
            assert_eq!(quick.wait(worker).unwrap().unwrap(), 5);
            worker.spawn(async move { while !gate.is_open() { tokio::task::yield_now().await } log.fetch_add(1, SeqCst) })
        }}).await.unwrap();
        assert!(!task.is_finished());
        gate.open();
        assert_eq!(task.await.unwrap(), 0);
        assert_eq!(log.load(SeqCst), 1);
    }

    async fn p3_dropping_the_handle_detaches_the_task() {
        let (go, done) = (Arc::new(tokio::sync::Notify::new()), Arc::new(tokio::sync::Notify::new()));
        let (go2, done2) = (go.clone(), done.clone());
        pool().run(move |worker| drop(worker.spawn(async move { go2.notified().await; done2.notify_one() }))).await.unwrap();
        go.notify_one();
        done.notified().await;
    }

    async fn p3_cancel_at_any_time_before_completion_and_whoever_waits_is_told() {
        let dropped = Arc::new(Gate::default());
        let guard = OpenOnDrop(dropped.clone());
        let end = pool().run(move |worker| {
            let task = worker.spawn(async move { let _guard = guard; pending::<()>().await });
            let done = worker.spawn(async { 3 });
            worker.call(|| ()).unwrap();
            eventually(|| done.is_finished());
            assert!(!done.cancel(), "too late");
            assert!(task.cancel());
            assert!(!task.cancel(), "once");
            (task.wait(worker).unwrap(), done.wait(worker).unwrap())
        }).await.unwrap();
        assert!(matches!(end, (Err(Interrupted::Cancelled { .. }), Ok(3))), "{end:?}");
        tokio::time::timeout(LIMIT, async { while !dropped.is_open() { tokio::task::yield_now().await } }).await.unwrap();
    }

    async fn p3_a_canceller_works_while_somebody_waits_for_the_task() {
        let (tx, rx) = tokio::sync::oneshot::channel();
        let waiting = tokio::spawn(pool().run(move |worker| {
            let task = worker.spawn(pending::<()>());
            tx.send(task.cancel_handle()).unwrap();
            task.wait(worker).unwrap()
        }));
        let cancel_handle = rx.await.unwrap();
        assert!(!cancel_handle.is_finished() && cancel_handle.cancel());
        assert!(matches!(waiting.await.unwrap().unwrap(), Err(Interrupted::Cancelled { .. })));
    }

    async fn timers_and_sockets_of_the_callers_runtime_can_be_made_on_the_thread() {
        let waited = pool().run(|worker| {
            // A timer, made on the thread.
            tokio::time::sleep(Duration::from_millis(1)).wait(worker).unwrap();
            tokio::net::TcpListener::bind("127.0.0.1:0").wait(worker).unwrap().unwrap().local_addr().unwrap().port()
        });
        assert_ne!(waited.await.unwrap(), 0);
    }

    async fn p3_a_panic_of_a_spawned_task_is_its_result() {
        let end = pool().run(|worker| worker.spawn(async { panic!("task") }).wait(worker).unwrap()).await.unwrap();
        assert!(matches!(end, Err::<(), _>(Interrupted::Panicked(p)) if p.message() == "task"));
    }

    async fn p3_the_calls_of_a_detached_job_run_as_a_task() {
        let done = Arc::new(tokio::sync::Notify::new());
        let done2 = done.clone();
        pool().run(move |worker| {
            assert_eq!(async { yield_once().await; 3 }.wait(worker).unwrap(), 3);
            assert_eq!(worker.run_on_loop(async { yield_once().await; 4 }).unwrap(), 4);
            assert_eq!(worker.call(|| 5).unwrap(), 5);
            worker.call_soon(move || done2.notify_one()).unwrap();
        }).detach();
        done.notified().await;
    }

    async fn p3_detaching_while_the_worker_waits_hands_its_call_over() {
        let (inside, go, done) = (Arc::new(Gate::default()), Arc::new(tokio::sync::Notify::new()), Arc::new(tokio::sync::Notify::new()));
        let (inside2, go2, done2) = (inside.clone(), go.clone(), done.clone());
        let mut offload = pool().run(move |worker| {
            worker.run_on_loop(async move { inside2.open(); go2.notified().await }).unwrap();
            done2.notify_one();
        });
        eventually(|| { assert!(poll_once(&mut offload).is_pending()); inside.is_open() });
        offload.detach();
        go.notify_one();
        done.notified().await;
    }

    async fn o9_a_task_that_a_worker_spawned_and_waits_for_may_offload_to_the_workers_pool() {
        let one = Pool::builder("one").threads(1).queue_capacity(1).build().unwrap();
        let inner = one.clone();
        let got = one.run(move |worker| worker.spawn(async move { inner.run(|_| 9).await.unwrap() }).wait(worker).unwrap().unwrap());
        assert_eq!(got.await.unwrap(), 9);
    }
}

on_loops! {
    async fn p3_as_completed_and_join_all_on_a_thread() {
        let gates: Vec<_> = (0..4).map(|_| Arc::new(tokio::sync::Notify::new())).collect();
        let theirs = gates.clone();
        let (order, all) = pool().run(move |worker| {
            let tasks: Vec<_> = theirs.iter().cloned().enumerate()
                .map(|(n, gate)| worker.spawn(async move { gate.notified().await; n * 10 })).collect();
            assert!(tasks[1].cancel());
            let mut order = Vec::new();
            let mut completed = portcullis::as_completed(worker, tasks);
            let (first, result) = completed.next().unwrap();
            assert!(first == 1 && matches!(result, Err(Interrupted::Cancelled { .. })));
            for next in [3, 0, 2] {
                theirs[next].notify_one();
                let (at, result) = completed.next().unwrap();
                order.push((at, result.unwrap()));
            }
            assert!(completed.next().is_none());
            let all = portcullis::join_all(worker, (0..3).map(|n| worker.spawn(async move { n }))).unwrap();
            (order, all.into_iter().map(Result::unwrap).collect::<Vec<_>>())
        }).await.unwrap();
        assert_eq!(order, [(3, 30), (0, 0), (2, 20)]);
        assert_eq!(all, [0, 1, 2]);
    }

    async fn p4_a_portal_lets_threads_in_that_no_pool_owns() {
        let portal = portcullis::Portal::current().unwrap();
        let (tx, rx) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let entered = portal.enter_thread(|worker| {
                let waited = async { yield_once().await; 1 }.wait(worker).unwrap();
                assert_eq!(worker.run_on_loop(async { yield_once().await; 1 }).unwrap(), waited);
                let called = portal.call(worker, || 2).unwrap();
                let by_worker = worker.call(|| 3).unwrap();
                let spawned = portal.spawn(async { 4 }).wait(worker).unwrap().unwrap();
                assert!(worker.check().is_ok());
                (waited, called, by_worker, spawned)
            });
            tx.send(entered.unwrap()).unwrap();
        });
        assert_eq!(rx.await.unwrap(), (1, 2, 3, 4));
    }

    async fn p5_on_the_loops_own_thread_a_visit_is_refused() {
        let portal = portcullis::Portal::current().unwrap();
        let refused = portal.enter_thread(|_| ());
        assert!(matches!(refused, Err(Interrupted::OnEventLoop)), "{refused:?}");
        // Inside a portal call too, and on a thread of tokio's blocking pool it is fine.
        let inner = portal.clone();
        let refused = pool().run(move |worker| worker.call(move || inner.enter_thread(|_| ()).map(drop)).unwrap()).await.unwrap();
        assert!(matches!(refused, Err(Interrupted::OnEventLoop)));
        let fine = tokio::task::spawn_blocking(move || portal.enter_thread(|worker| worker.call(|| 5))).await.unwrap();
        assert_eq!(fine.unwrap().unwrap(), 5);
    }

    async fn p4_a_portal_refuses_calls_while_too_many_wait() {
        let portal = portcullis::Portal::current().unwrap();
        let ran = Arc::new(AtomicUsize::new(0));
        let call = || {
            let ran = Arc::clone(&ran);
            portal.call_soon(move || { ran.fetch_add(1, SeqCst); })
        };
        // The host task takes some while they are made, on a runtime of several threads.
        let refused = (0..1_000 * QUEUED_CALLS).find_map(|n| call().err().map(|error| (n, error)));
        let (made, error) = refused.expect("a bound");
        assert!(matches!(error, Interrupted::Full) && made >= QUEUED_CALLS, "{made}: {error:?}");
        let all = async { while ran.load(SeqCst) < made { tokio::task::yield_now().await } };
        tokio::time::timeout(LIMIT, all).await.expect("all that were accepted run");
        call().expect("there is space again");
    }

    async fn p4_call_soon_from_a_foreign_thread() {
        let portal = portcullis::Portal::current().unwrap();
        let (tx, rx) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || portal.call_soon(move || tx.send(6).unwrap()).unwrap());
        assert_eq!(rx.await.unwrap(), 6);
    }
}

#[test]
fn p5_without_a_loop_there_is_no_portal() {
    assert!(matches!(portcullis::Portal::current(), Err(Interrupted::NoRuntime)));
}
