//! The rules of EasyNetwork, the system that this one learnt from, as tests beside our promises: E (executor), T (threads
//! portal), H (its guide's pattern at shutdown). Where we differ on purpose the test asserts ours and says so in its comment.
//!
//! Without a counterpart here:
//! - E1 (not an executor), T7's error (an `async def` given to `run_sync`): these don't compile, or are no mistake.
//! - E4 (`StopIteration`): Rust has none. A job that panics is O5.
//! - E6 (`handle_contexts=False`): is for process pools. There are none.
//! - E11 (which of two cancellations wins): a future that was dropped has nobody left to tell.
//! - E20, T17's fork: what a portal costs there, and what a fork does to its lock.

#![forbid(unsafe_code)]

use std::future::{pending, poll_fn};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use futures::future::{abortable, join, join_all};
use portcullis::prelude::*;
use portcullis::{
    BoxTask, Client, ClientError, Interrupted, Lines, Overflow, Portal, PortalTask, ServerHandle, Spawn,
    StopReport,
};
use portcullis_tests::{Gate, LIMIT, Tell, eventually, hold, on_loops, poll_once, wait};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, spawn_blocking};

portcullis::context! {
    /// On whose behalf.
    static WHO: &'static str;
}

fn pool(threads: usize, queue: usize) -> Pool {
    Pool::builder("test").threads(threads).queue(queue).build().expect("threads")
}

/// Yields once to the loop.
async fn turn() {
    let mut turned = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut turned, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

// ---------------------------------------------------------------------------------------------- E: the executor

on_loops! {
    anywhere async fn e2_a_job_is_submitted_at_once_and_runs_on_a_thread_of_the_pool() {
        let ran_on = Arc::new(Mutex::new(None));
        let ran_on2 = ran_on.clone();
        let offload = pool(1, 8).run(move |_| *ran_on2.lock().unwrap() = Some(thread::current().id()));
        eventually(|| ran_on.lock().unwrap().is_some()); // and nobody has polled
        assert_ne!(*ran_on.lock().unwrap(), Some(thread::current().id()));
        offload.await.unwrap();
    }

    anywhere async fn e3_the_value_or_the_error_of_the_job_arrives_unchanged() {
        #[derive(Debug, PartialEq)]
        enum Failure { Division, Interrupted }
        impl From<Interrupted> for Failure { fn from(_: Interrupted) -> Self { Self::Interrupted } }
        let pool = pool(1, 8);
        assert_eq!(pool.try_run(|_| Ok::<_, Failure>(6)).await, Ok(6));
        assert_eq!(pool.try_run(|_| Err::<(), _>(Failure::Division)).await, Err(Failure::Division));
        assert_eq!(pool.run(|_| "x".parse::<i32>()).await.unwrap(), "x".parse::<i32>());
    }

    anywhere async fn e5_a_call_takes_a_copy_of_the_callers_context_and_nothing_flows_back() {
        let pool = pool(1, 8);
        WHO.scope("caller", async {
            // Taken at the call: what is current where it is awaited does not matter.
            let early = pool.run(|_| WHO.get());
            assert_eq!(WHO.scope("later", early).await.unwrap(), Some("caller"));
            assert_eq!(pool.run(|_| WHO.sync_scope("worker", || WHO.get())).await.unwrap(), Some("worker"));
            assert_eq!(WHO.get(), Some("caller"));
            assert_eq!(pool.run(|_| WHO.get()).await.unwrap(), Some("caller"), "nor to the next call");
        }).await;
        assert_eq!(pool.run(|_| WHO.get()).await.unwrap(), None);
    }

    anywhere async fn e7_cancelled_while_queued_a_job_never_runs_and_its_awaiter_ends_at_once() {
        let pool = pool(1, 8);
        let ran = Arc::new(Gate::default());
        let (gate, held) = hold(&pool);
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

    // There a running job's awaiter can't be cancelled: it waits for the end of the job, and gets its result. Here it goes at
    // once and the job is told, since a cancel that has to wait for what it cancels is what stops hang on (H1).
    anywhere async fn e8_cancelled_while_running_the_awaiter_ends_at_once_and_the_job_is_told() {
        let pool = pool(1, 8);
        let [inside, told, end] = [(); 3].map(|()| Arc::new(Gate::default()));
        let (inside2, told2, end2) = (inside.clone(), told.clone(), end.clone());
        let (waiting, abort) = abortable(pool.run(move |worker| {
            inside2.open();
            eventually(|| worker.is_cancelled());
            told2.open();
            end2.pass()
        }));
        assert!(inside.pass());
        abort.abort();
        assert!(waiting.await.is_err());
        assert!(told.pass());
        assert_eq!(pool.stats().running, 1, "it still has its thread");
        end.open();
        pool.run(|_| ()).await.unwrap();
    }

    // There the awaiter of a queued job gets an exception of another class than the loop's own cancellation. Here it is a
    // value like any other, and the task that awaits goes on.
    anywhere async fn e12_a_job_cancelled_by_the_shutdown_answers_its_awaiter_with_a_value() {
        let pool = pool(1, 8);
        let (gate, held) = hold(&pool);
        let queued = pool.run(|_| 1);
        assert_eq!(pool.drain(Duration::ZERO).await.cancelled, 2);
        assert!(matches!(queued.await, Err(Interrupted::Cancelled)));
        turn().await;
        assert!(matches!(held.await, Err(Interrupted::Cancelled)));
        gate.open();
    }

    anywhere async fn e13_after_the_shutdown_a_job_is_refused() {
        let pool = pool(1, 8);
        assert!(pool.drain(LIMIT).await.is_clean());
        assert!(matches!(pool.run(|_| ()).await, Err(Interrupted::Closed)));
        assert!(matches!(pool.map([1], |_, n| n).next().await, Some(Err(Interrupted::Closed))));
    }

    // There `shutdown()` waits without a limit, even when it is cancelled. Here it has a deadline, and a dropped drain only
    // stops waiting: the pool stays closed, its jobs go on, and it can be drained again.
    anywhere async fn e14_a_drain_waits_for_what_is_pending_and_the_loop_lives_on() {
        let pool = pool(1, 8);
        let (gate, held) = hold(&pool);
        let queued = pool.run(|_| 5);
        let mut given_up = Box::pin(pool.drain(LIMIT));
        assert!(poll_once(&mut given_up).is_pending());
        drop(given_up);
        assert!(matches!(pool.run(|_| ()).await, Err(Interrupted::Closed)));
        let mut again = Box::pin(pool.drain(LIMIT));
        assert!(poll_once(&mut again).is_pending());
        let (report, ()) = join(again, async { turn().await; gate.open() }).await;
        assert!(report.is_clean());
        assert_eq!((held.await.unwrap(), queued.await.unwrap()), (true, 5));
        assert!(pool.drain(Duration::ZERO).await.is_clean(), "idempotent");
    }

    // There `shutdown(cancel_futures=True)` lets running jobs finish. Here the drain's time being over they are told, too.
    anywhere async fn e15_a_drain_without_time_cancels_what_is_queued_and_tells_what_runs() {
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
        assert!(matches!(queued.await, Err(Interrupted::Cancelled)) && !ran.is_open());
        assert!(matches!(running.await, Err(Interrupted::Cancelled)));
    }

    // There leaving the `async with` waits. Here the end of the last handle blocks nobody; `drain` and `cleanup.pool` wait.
    anywhere async fn e16_after_its_last_handle_a_pool_runs_what_is_queued() {
        let one = pool(1, 8);
        let (gate, held) = hold(&one);
        let queued: Vec<_> = (0..8).map(|n| one.run(move |_| n)).collect();
        drop(one); // returns, although a job is held
        gate.open();
        assert!(held.await.unwrap());
        for (n, offload) in queued.into_iter().enumerate() { assert_eq!(offload.await.unwrap(), n); }
    }

    // There all jobs are submitted at the call, with no bound, and the first exception ends the iterator. Here items are taken as
    // results are, a queue's worth ahead, and an error stands in its place.
    anywhere async fn e17_map_gives_results_in_order_takes_no_more_than_it_needs_and_goes_on_after_an_error() {
        let pool = pool(1, 2);
        let taken = Arc::new(AtomicUsize::new(0));
        let (gate, held) = hold(&pool);
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

    anywhere async fn e17_leaving_a_map_early_cancels_what_has_not_started() {
        let pool = pool(1, 2);
        let ran = Arc::new(AtomicUsize::new(0));
        let (gate, held) = hold(&pool);
        let counter = ran.clone();
        let mut results = pool.map(0..50, move |_, _| counter.fetch_add(1, SeqCst));
        assert!(poll_once(&mut Box::pin(results.next())).is_pending());
        drop(results);
        gate.open();
        assert!(held.await.unwrap());
        pool.run(|_| ()).await.unwrap();
        assert_eq!(ran.load(SeqCst), 0);
    }

    // There 5 000 calls queue 5 000 work items. Here the queue is bounded, whichever way the rest is dealt with.
    anywhere async fn e18_of_five_thousand_calls_no_more_than_the_bound_are_queued() {
        let waits = pool(1, 64);
        let (gate, held) = hold(&waits);
        let offloads: Vec<_> = (0..5000).map(|n| waits.run(move |_| n)).collect();
        assert_eq!((waits.stats().queued, waits.stats().waiting), (64, 4936));
        gate.open();
        assert!(held.await.unwrap());
        for (n, result) in join_all(offloads).await.into_iter().enumerate() { assert_eq!(result.unwrap(), n); }

        let rejects = Pool::builder("test").threads(1).queue(64).overflow(Overflow::Reject).build().unwrap();
        let (gate, held) = hold(&rejects);
        let offloads: Vec<_> = (0..5000).map(|_| rejects.run(|_| ())).collect();
        gate.open();
        assert!(held.await.unwrap());
        let results = join_all(offloads).await;
        let (ran, full): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        assert_eq!(ran.len(), 64);
        assert!(full.iter().all(|result| matches!(result, Err(Interrupted::Full))));
    }

    // There the raw executor's `submit` copies no context. Here a detached job is a job like any other.
    anywhere async fn e19_fire_and_forget_is_a_detached_job_and_keeps_the_context() {
        let pool = pool(1, 8);
        let (gate, held) = hold(&pool);
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
    // There the first `task.cancel()` is swallowed by the running job, and the task goes on after it.
    async fn e9_a_cancellation_is_not_lost_to_a_running_job() {
        let pool = pool(1, 8);
        let (gate, held) = hold(&pool);
        let (awaiting, went_on) = (Arc::new(Gate::default()), Arc::new(Gate::default()));
        let (awaiting2, went_on2) = (awaiting.clone(), went_on.clone());
        let task = tokio::spawn(async move {
            awaiting2.open();
            let _ = held.await;
            went_on2.open();
        });
        wait(|| awaiting.is_open()).await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled(), "while the job still runs");
        gate.open();
        pool.run(|_| ()).await.unwrap();
        assert!(!went_on.is_open());
    }

    // There a timeout round a job takes as long as the job.
    async fn e10_a_timeout_round_a_running_job_takes_its_time_and_no_longer() {
        let pool = pool(1, 8);
        let (gate, held) = hold(&pool);
        assert!(tokio::time::timeout(Duration::from_millis(10), held).await.is_err());
        assert_eq!(pool.stats().running, 1, "the job goes on");
        gate.open();
    }
}

// ---------------------------------------------------------------------------------------------- T: the portal

/// A loop whose tasks run when the test says so.
#[derive(Default)]
struct ByHand(Mutex<Vec<BoxTask>>);

impl Spawn for ByHand {
    fn spawn(&self, task: BoxTask) -> Result<(), Interrupted> {
        self.0.lock().unwrap().push(task);
        Ok(())
    }
}

impl ByHand {
    fn portal() -> (Arc<Self>, Portal) {
        let this = Arc::new(Self::default());
        let portal = Portal::new(this.clone());
        (this, portal)
    }

    /// Polls each task once.
    fn turn(&self) {
        let tasks = std::mem::take(&mut *self.0.lock().unwrap());
        for mut task in tasks {
            if task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
                self.0.lock().unwrap().push(task);
            }
        }
    }

    fn shut_down(&self) {
        let tasks = std::mem::take(&mut *self.0.lock().unwrap());
        drop(tasks);
    }
}

#[test]
fn t2_without_a_loop_there_is_no_portal_to_call() {
    assert!(matches!(Portal::current(), Err(Interrupted::NoLoop)));
}

on_loops! {
    anywhere async fn t4_a_call_runs_on_the_loop_and_its_panic_is_the_callers_alone() {
        let here = pool(1, 8).run(|worker| {
            let on = worker.call(|| thread::current().id()).unwrap();
            assert_ne!(on, thread::current().id());
            assert!(matches!(worker.call(|| panic!("mine")), Err::<(), _>(Interrupted::Panicked(panic)) if panic.message() == "mine"));
            worker.call(|| 4).unwrap()
        });
        assert_eq!(here.await.unwrap(), 4);
    }

    // There giving an `async def` to `run_sync` is a `TypeError`. Here what it returns is a future like any other.
    anywhere async fn t7_an_async_function_given_to_call_gives_a_future_to_wait_for() {
        let got = pool(1, 8).run(|worker| worker.call(|| async { turn().await; 7 }).unwrap().wait(worker).unwrap());
        assert_eq!(got.await.unwrap(), 7);
    }

    // There a coroutine that was cancelled before its first step still starts, and ends at its first `await`.
    anywhere async fn t6_and_t12_what_is_cancelled_before_its_first_step_never_starts_and_whoever_waits_is_told() {
        let (the_loop, portal) = ByHand::portal();
        let (ran, dropped) = (Arc::new(Gate::default()), Arc::new(Gate::default()));
        let (ran2, tell) = (ran.clone(), Tell(dropped.clone()));
        let mut task = portal.spawn(async move { ran2.open(); drop(tell) });
        assert!(poll_once(&mut task).is_pending());
        assert!(task.cancel());
        assert!(matches!(poll_once(&mut task), Poll::Ready(Err(Interrupted::Cancelled))), "before the loop's next turn");
        the_loop.turn();
        assert!(!ran.is_open() && dropped.is_open());
    }

    // There the call blocks until the loop has made the task. Here it never does.
    anywhere async fn t9_spawn_does_not_wait_for_the_loop() {
        let (the_loop, portal) = ByHand::portal();
        let mut task = portal.spawn(async { 9 }); // and the loop does not turn
        assert!(poll_once(&mut task).is_pending() && !task.is_finished());
        the_loop.turn();
        assert_eq!(task.await.unwrap(), 9);
    }

    anywhere async fn t10_a_task_can_be_cancelled_at_any_time_before_it_is_done() {
        let (the_loop, portal) = ByHand::portal();
        let dropped = Arc::new(Gate::default());
        let tell = Tell(dropped.clone());
        let mut task = portal.spawn(async move { let _tell = tell; pending::<()>().await });
        let done = portal.spawn(async { 10 });
        the_loop.turn();
        assert!(task.cancel() && !task.cancel());
        assert!(matches!(poll_once(&mut task), Poll::Ready(Err(Interrupted::Cancelled))));
        assert!(!dropped.is_open(), "it goes on the loop");
        the_loop.turn();
        assert!(dropped.is_open());
        assert!(!done.cancel(), "too late");
        assert_eq!(done.await.unwrap(), 10);
    }

    // There a coroutine may suppress its cancellation and go on. Here it can't: it is dropped. Only a result that comes in the
    // very poll in which it is cancelled exists, and is dropped, as there.
    anywhere async fn t11_a_task_cannot_refuse_and_a_result_that_comes_too_late_is_dropped() {
        let (the_loop, portal) = ByHand::portal();
        let slot: Arc<Mutex<Option<PortalTask<Tell>>>> = Arc::default();
        let dropped = Arc::new(Gate::default());
        let (slot2, tell) = (slot.clone(), Tell(dropped.clone()));
        let task = portal.spawn(async move {
            assert!(slot2.lock().unwrap().as_ref().unwrap().cancel());
            tell
        });
        *slot.lock().unwrap() = Some(task);
        the_loop.turn();
        assert!(dropped.is_open());
        let task = slot.lock().unwrap().take().unwrap();
        assert!(matches!(task.await, Err(Interrupted::Cancelled)));
    }

    anywhere async fn t13_a_task_that_its_loop_drops_answers_cancelled() {
        let (the_loop, portal) = ByHand::portal();
        let (started, unstarted) = (portal.spawn(pending::<()>()), portal.spawn(async { 1 }));
        the_loop.turn();
        assert_eq!(unstarted.await.unwrap(), 1);
        let unstarted = portal.spawn(async { 2 });
        the_loop.shut_down();
        assert!(matches!(started.await, Err(Interrupted::Cancelled)));
        assert!(matches!(unstarted.await, Err(Interrupted::Cancelled)));
    }

    // There it is the calling thread's. Here a job is part of what its caller does, and so is all that it asks of the loop.
    anywhere async fn t14_a_call_sees_the_context_of_the_job_and_nothing_flows_back() {
        WHO.scope("caller", async {
            let seen = pool(1, 8).run(|worker| {
                let called = worker.call(|| WHO.get()).unwrap();
                let set = worker.call(|| WHO.sync_scope("callback", || WHO.get())).unwrap();
                let waited = async { WHO.scope("callback", async { turn().await; WHO.get() }).await }.wait(worker).unwrap();
                (called, set, waited, worker.call(|| WHO.get()).unwrap(), WHO.get())
            }).await.unwrap();
            assert_eq!(seen, (Some("caller"), Some("callback"), Some("callback"), Some("caller"), Some("caller")));
            assert_eq!(WHO.get(), Some("caller"));
        }).await;
    }

    // A thread that no pool owns has no caller: there it is its own context that travels, as in EasyNetwork.
    anywhere async fn t14_a_task_of_a_foreign_thread_sees_that_threads_context() {
        let (the_loop, portal) = ByHand::portal();
        let task = thread::spawn(move || WHO.sync_scope("thread", || portal.spawn(async { WHO.get() }))).join().unwrap();
        the_loop.turn();
        assert_eq!(task.await.unwrap(), Some("thread"));
        assert_eq!(WHO.get(), None);
    }

    anywhere async fn t14_what_a_foreign_thread_asks_for_soon_sees_that_threads_context() {
        // Whoever made the portal has nothing to do with what comes through it.
        let (the_loop, portal) = WHO.scope("maker", async { ByHand::portal() }).await;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (with, without) = (seen.clone(), seen.clone());
        thread::spawn(move || {
            WHO.sync_scope("thread", || portal.call_soon(move || with.lock().unwrap().push(WHO.get()))).unwrap();
            portal.call_soon(move || without.lock().unwrap().push(WHO.get())).unwrap();
        }).join().unwrap();
        the_loop.turn();
        assert_eq!(*seen.lock().unwrap(), [Some("thread"), None]);
    }
}

#[test]
fn t13_a_thread_that_waits_when_its_loop_goes_is_told() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let portal = runtime.block_on(async { Portal::current().unwrap() });
    let inside = Arc::new(Gate::default());
    let inside2 = inside.clone();
    let waiting = thread::spawn(move || {
        portal.enter_thread(|worker| {
            let waited = async move {
                inside2.open();
                pending::<()>().await
            }
            .wait(worker);
            (waited, portal.spawn(async {}).wait(worker), portal.call(worker, || ()))
        })
    });
    assert!(inside.pass());
    runtime.shutdown_background();
    eventually(|| waiting.is_finished());
    let (waited, spawned, called) = waiting.join().unwrap().unwrap();
    assert!(matches!(waited, Err(Interrupted::Abandoned)), "{waited:?}");
    for late in [spawned.and_then(|task| task), called] {
        assert!(matches!(late, Err(Interrupted::Abandoned | Interrupted::Cancelled)), "{late:?}");
    }
}

on_loops! {
    // There a portal is entered on the loop, once, and used up when left. Here there is nothing to enter on the loop: portals are
    // handles, and threads come and go, even one inside its own visit.
    async fn t1_a_portal_can_be_used_again_and_again() {
        let portal = Portal::current().unwrap();
        for _ in 0..2 {
            let portal = portal.clone();
            let sum = spawn_blocking(move || portal.enter_thread(|outer| {
                let inner = portal.clone().enter_thread(|inner| inner.call(|| 1).unwrap()).unwrap();
                inner + outer.call(|| 2).unwrap()
            }));
            assert_eq!(sum.await.unwrap().unwrap(), 3);
        }
    }

    // There a thread that runs another loop may call, and blocks that loop. Here no loop's thread waits.
    async fn t3_a_loops_own_thread_does_not_wait() {
        let portal = Portal::current().unwrap();
        assert!(matches!(portal.enter_thread(|_| ()), Err(Interrupted::OnLoop)));
        let inside_a_call = portal.clone();
        let called = pool(1, 8).run(move |worker| worker.call(move || inside_a_call.enter_thread(|_| ())).unwrap());
        assert!(matches!(called.await.unwrap(), Err(Interrupted::OnLoop)));
        let another = spawn_blocking(move || {
            let other = tokio::runtime::Builder::new_current_thread().build().unwrap();
            other.block_on(async { portal.enter_thread(|_| ()) })
        });
        assert!(matches!(another.await.unwrap(), Err(Interrupted::OnLoop)));
    }

    async fn t5_what_a_foreign_thread_asks_for_soon_happens_in_its_order() {
        let portal = Portal::current().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let asking = log.clone();
        let found = spawn_blocking(move || portal.enter_thread(|worker| {
            for n in 0..500 {
                let log = asking.clone();
                portal.call_soon(move || log.lock().unwrap().push(n)).unwrap();
            }
            let log = asking.clone();
            portal.call(worker, move || log.lock().unwrap().len()).unwrap()
        })).await.unwrap().unwrap();
        wait(|| log.lock().unwrap().len() == 500).await;
        assert!(log.lock().unwrap().is_sorted());
        assert_eq!(found, 500, "a call comes after every `call_soon` before it");
    }

    async fn t5_what_a_visiting_thread_asks_for_soon_happens_in_its_order() {
        let portal = Portal::current().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let asking = log.clone();
        let found = spawn_blocking(move || portal.enter_thread(|worker| ask_in_order(worker, &asking))).await.unwrap().unwrap();
        wait(|| log.lock().unwrap().len() == 500).await;
        assert!(log.lock().unwrap().is_sorted());
        assert_eq!(found, 500, "a call comes after every `call_soon` before it");
    }

    async fn t5_what_a_detached_job_asks_for_soon_happens_in_its_order() {
        let (log, found) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(None)));
        let (asking, found2) = (log.clone(), found.clone());
        pool(1, 8).run(move |worker| *found2.lock().unwrap() = Some(ask_in_order(worker, &asking))).detach();
        wait(|| found.lock().unwrap().is_some() && log.lock().unwrap().len() == 500).await;
        assert!(log.lock().unwrap().is_sorted());
        assert_eq!(*found.lock().unwrap(), Some(500), "a call comes after every `call_soon` before it");
    }

    async fn t8_a_tasks_panic_is_its_callers_alone() {
        let all = pool(1, 8).run(|worker| {
            let go = Arc::new(Notify::new());
            let wait = go.clone();
            let sibling = worker.spawn(async move { wait.notified().await; 8 });
            let failed = worker.spawn(async { turn().await; panic!("alone") }).wait(worker).unwrap();
            go.notify_one();
            (failed, sibling.wait(worker).unwrap().unwrap())
        }).await.unwrap();
        assert!(matches!(all, (Err::<(), _>(Interrupted::Panicked(panic)), 8) if panic.message() == "alone"));
    }

    async fn t9_a_worker_spawns_while_its_loop_is_busy() {
        let spawned = Arc::new(Gate::default());
        let spawned2 = spawned.clone();
        let offload = pool(1, 8).run(move |worker| {
            let task = worker.spawn(async { 9 });
            spawned2.open();
            task.wait(worker).unwrap().unwrap()
        });
        assert!(spawned.pass(), "this line keeps the loop busy");
        assert_eq!(offload.await.unwrap(), 9);
    }
}

/// Asks for five hundred things soon, and returns how many a call after them finds done.
fn ask_in_order(worker: &Worker, log: &Arc<Mutex<Vec<i32>>>) -> usize {
    for n in 0..500 {
        let log = log.clone();
        worker.call_soon(move || log.lock().unwrap().push(n)).unwrap();
    }
    let log = log.clone();
    worker.call(move || log.lock().unwrap().len()).unwrap()
}

// ---------------------------------------------------------------------------------------------- H: at shutdown

type Lined = Client<String, String, Lines>;
type Serving = JoinHandle<std::io::Result<StopReport>>;

/// Short enough for a test to be over soon.
const SHORT: Duration = Duration::from_millis(50);
/// What a stop may take beyond its grace (a second, and a tenth for its jobs), and what a loaded machine adds.
const BEYOND: Duration = Duration::from_secs(4);

async fn start<S>(service: Arc<S>, grace: Duration) -> (SocketAddr, ServerHandle, Serving)
where
    S: portcullis::Service<Request = String, Response = String>,
{
    let server = Server::new(service).codec(Lines::new()).grace(grace).bind("127.0.0.1:0").unwrap();
    let (addr, handle) = (server.local_addr(), server.handle());
    let serving = tokio::spawn(server.serve());
    assert!(handle.ready().await);
    (addr, handle, serving)
}

async fn client(addr: SocketAddr) -> Lined {
    Client::connect(addr, Lines::new()).await.unwrap().limit(LIMIT)
}

/// The guide's service: an executor, a portal, and a line that says what to do with them.
struct Guide {
    pool: Pool,
    jobs: AtomicUsize,
    inside: Gate,
    told: Gate,
    release: Gate,
    called: Mutex<Option<Result<u32, Interrupted>>>,
    portal: Mutex<Option<Portal>>,
    task: Mutex<Option<PortalTask<u32>>>,
    go: Arc<Notify>,
}

impl Guide {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            pool: pool(1, 8),
            jobs: AtomicUsize::new(0),
            inside: Gate::default(),
            told: Gate::default(),
            release: Gate::default(),
            called: Mutex::default(),
            portal: Mutex::default(),
            task: Mutex::default(),
            go: Arc::default(),
        })
    }
}

#[service]
impl Guide {
    #[on(start)]
    async fn service_init(&self, cleanup: &mut Cleanup) {
        cleanup.pool(self.pool.clone());
    }

    #[request]
    async fn handle(&self, line: String) -> Result<String, Interrupted> {
        match line.as_str() {
            "run" => self.run().await?,
            "wait" => self.wait_for_ever().await?,
            "wait for a task" => self.wait_for_a_task().await?,
            "submit a wait" => self.wait_for_ever().detach(),
            "submit a call" => self.call_later().detach(),
            "submit three" => (0..3).for_each(|_| self.run().detach()),
            "spawn" => self.spawn().await?,
            _ => *self.portal.lock().unwrap() = Some(Portal::current()?),
        }
        Ok(line)
    }

    /// Listens to nobody.
    #[blocking(on = self.pool)]
    fn run(&self) {
        self.jobs.fetch_add(1, SeqCst);
        self.inside.open();
        self.release.pass();
    }

    #[blocking(on = self.pool)]
    fn wait_for_ever(&self, worker: &Worker) {
        self.inside.open();
        if pending::<()>().wait(worker).is_err() {
            self.told.open();
        }
    }

    #[blocking(on = self.pool)]
    fn wait_for_a_task(&self, worker: &Worker) {
        self.inside.open();
        if !matches!(worker.spawn(pending::<()>()).wait(worker), Ok(Ok(()))) {
            self.told.open();
        }
    }

    #[blocking(on = self.pool)]
    fn call_later(&self, worker: &Worker) {
        self.inside.open();
        self.release.pass();
        *self.called.lock().unwrap() = Some(worker.call(|| 1));
    }

    #[blocking(on = self.pool)]
    fn spawn(&self, worker: &Worker) {
        let go = Arc::clone(&self.go);
        *self.task.lock().unwrap() = Some(worker.spawn(async move {
            go.notified().await;
            15
        }));
    }
}

/// The same as a conversation: `yield`, `yield`, `yield`.
struct Conversation(Arc<Guide>);

#[service]
impl Conversation {
    #[session]
    async fn handle(&self, session: &mut Session<String, String>) -> Result<(), SessionError> {
        loop {
            let line = session.next().await?;
            let guide = Arc::clone(&self.0);
            let job = self.0.pool.job("Conversation::run").run(move |_| {
                guide.inside.open();
                guide.release.pass()
            });
            let _ = job.await;
            session.send(line).await?;
        }
    }
}

/// A client that stays sees the end, and not an answer.
async fn sees_the_end(client: &mut Lined) {
    assert!(matches!(client.next().await, Ok(None)));
}

on_loops! {
    // The defect: there the cancellation is lost, the answer sent, and the shutdown waits until this client leaves.
    async fn h1_a_stop_ends_while_a_handler_awaits_a_running_job_and_the_client_stays() {
        let guide = Guide::new();
        let (addr, handle, serving) = start(guide.clone(), SHORT).await;
        let mut client = client(addr).await;
        client.send("run".into()).await.unwrap();
        wait(|| guide.inside.is_open()).await;
        handle.stop();
        let report = serving.await.unwrap().unwrap();
        assert!(report.took < SHORT + BEYOND, "{report}");
        assert_eq!((report.sessions_cancelled, report.stuck.len()), (1, 1), "{report}");
        assert_eq!((report.stuck[0].method, report.stuck[0].pool.as_str()), ("Guide::run", "test"));
        sees_the_end(&mut client).await;
        guide.release.open();
    }

    async fn h1_a_stop_ends_while_a_session_awaits_a_running_job_and_the_client_stays() {
        let guide = Guide::new();
        let (addr, handle, serving) = start(Arc::new(Conversation(guide.clone())), SHORT).await;
        let mut client = client(addr).await;
        client.send("hello".into()).await.unwrap();
        wait(|| guide.inside.is_open()).await;
        handle.stop();
        let report = serving.await.unwrap().unwrap();
        assert!(report.took < SHORT + BEYOND, "{report}");
        assert_eq!((report.sessions_cancelled, report.stuck.len()), (1, 1), "{report}");
        assert_eq!(report.stuck[0].method, "Conversation::run");
        sees_the_end(&mut client).await;
        guide.release.open();
    }

    async fn h1_a_job_that_ends_within_the_grace_is_answered_and_no_request_follows() {
        let guide = Guide::new();
        let (addr, handle, serving) = start(guide.clone(), LIMIT / 2).await;
        let (mut client, mut idle) = (client(addr).await, client(addr).await);
        assert_eq!(idle.call("portal".into()).await.unwrap(), "portal");
        client.send("run".into()).await.unwrap();
        wait(|| guide.inside.is_open()).await;
        handle.stop();
        sees_the_end(&mut idle).await; // the stop has begun
        guide.release.open();
        assert_eq!(client.next().await.unwrap().unwrap(), "run");
        sees_the_end(&mut client).await;
        let report = serving.await.unwrap().unwrap();
        assert!(report.is_clean(), "{report}");
    }

    // There, in this order (executor before portal), the portal goes first and late calls raise. Here the loop serves its jobs
    // for as long as the grace.
    async fn h2_during_the_drain_a_job_may_still_call_the_loop() {
        let guide = Guide::new();
        let (addr, handle, serving) = start(guide.clone(), LIMIT / 2).await;
        let mut client = client(addr).await;
        assert_eq!(client.call("submit a call".into()).await.unwrap(), "submit a call");
        wait(|| guide.inside.is_open()).await;
        handle.stop();
        sees_the_end(&mut client).await;
        guide.release.open();
        let report = serving.await.unwrap().unwrap();
        assert!(report.is_clean(), "{report}");
        assert!(matches!(guide.called.lock().unwrap().take(), Some(Ok(1))));
    }

    // There, in the other order, the drain waits for the worker, and the worker for a coroutine that nobody cancels.
    async fn h3_a_worker_that_waits_for_what_never_ends_does_not_hold_the_stop() {
        for how in ["wait", "wait for a task", "submit a wait"] {
            let guide = Guide::new();
            let (addr, handle, serving) = start(guide.clone(), SHORT).await;
            let mut client = client(addr).await;
            client.send(how.into()).await.unwrap();
            wait(|| guide.inside.is_open()).await;
            handle.stop();
            let report = serving.await.unwrap().unwrap();
            assert!(report.took < SHORT + BEYOND && report.stuck.is_empty(), "{how}: {report}");
            wait(|| guide.told.is_open()).await;
        }
    }

    // The rule is of datagrams. Of two requests on one connection, the second behind a running job: there the stop takes as long
    // as the job, and the second is dropped with an error logged; here it ends within its grace, and the second is never begun.
    async fn h4_what_is_behind_a_running_job_is_dropped_by_the_stop_and_does_not_hold_it() {
        let guide = Guide::new();
        let (addr, handle, serving) = start(guide.clone(), SHORT).await;
        let mut client = client(addr).await;
        client.send("run".into()).await.unwrap();
        client.send("run".into()).await.unwrap();
        wait(|| guide.inside.is_open()).await;
        handle.stop();
        let report = serving.await.unwrap().unwrap();
        assert!(report.took < SHORT + BEYOND, "{report}");
        // A reset, if the second request was not even read.
        assert!(matches!(client.next().await, Ok(None) | Err(ClientError::Io(_))));
        guide.release.open();
        wait(|| guide.pool.stats().running == 0).await;
        assert_eq!(guide.jobs.load(SeqCst), 1);
    }

    // There nothing cuts a shutdown short that waits for a job.
    async fn h5_a_second_order_ends_the_grace_of_a_stop_that_waits_for_a_job() {
        let guide = Guide::new();
        let (addr, handle, serving) = start(guide.clone(), LIMIT * 10).await;
        let (mut client, mut idle) = (client(addr).await, client(addr).await);
        assert_eq!(idle.call("portal".into()).await.unwrap(), "portal");
        client.send("run".into()).await.unwrap();
        wait(|| guide.inside.is_open()).await;
        handle.stop();
        sees_the_end(&mut idle).await;
        assert!(!serving.is_finished());
        handle.stop_within(Duration::ZERO);
        let report = serving.await.unwrap().unwrap();
        assert_eq!((report.sessions_cancelled, report.stuck.len()), (1, 1), "{report}");
        guide.release.open();
    }

    // `async with AsyncExecutor()` in `service_init`.
    async fn e16_a_pool_on_the_cleanup_runs_what_is_queued_before_the_stop_ends() {
        let guide = Guide::new();
        let (addr, handle, serving) = start(guide.clone(), LIMIT / 2).await;
        let mut client = client(addr).await;
        assert_eq!(client.call("submit three".into()).await.unwrap(), "submit three");
        wait(|| guide.inside.is_open()).await;
        handle.stop();
        sees_the_end(&mut client).await;
        guide.release.open();
        let report = serving.await.unwrap().unwrap();
        assert!(report.is_clean(), "{report}");
        assert_eq!(guide.jobs.load(SeqCst), 3);
    }

    // There the portal's exit waits for its coroutines without a limit. Here for as long as the grace …
    async fn t15_a_task_that_ends_within_the_grace_is_waited_for() {
        let guide = Guide::new();
        let (addr, handle, serving) = start(guide.clone(), LIMIT / 2).await;
        let mut client = client(addr).await;
        assert_eq!(client.call("spawn".into()).await.unwrap(), "spawn");
        handle.stop();
        sees_the_end(&mut client).await;
        assert!(!serving.is_finished());
        guide.go.notify_one();
        let report = serving.await.unwrap().unwrap();
        assert!(report.is_clean(), "{report}");
        let task = guide.task.lock().unwrap().take().unwrap();
        assert!(task.is_finished());
        assert_eq!(task.await.unwrap(), 15);
    }

    // … and there a server's shutdown, which leaves the portal by an exception, cancels them at once. Here when it is over.
    async fn t16_a_task_that_does_not_end_is_cancelled_when_the_grace_is_over() {
        let guide = Guide::new();
        let (addr, handle, serving) = start(guide.clone(), SHORT).await;
        let mut client = client(addr).await;
        assert_eq!(client.call("spawn".into()).await.unwrap(), "spawn");
        handle.stop();
        assert!(serving.await.unwrap().unwrap().took < SHORT + BEYOND);
        let task = guide.task.lock().unwrap().take().unwrap();
        assert!(matches!(task.await, Err(Interrupted::Cancelled)));
    }

    async fn t2_and_t17_calls_of_many_threads_all_end_when_the_server_stops() {
        let guide = Guide::new();
        let (addr, handle, serving) = start(guide.clone(), SHORT).await;
        assert_eq!(client(addr).await.call("portal".into()).await.unwrap(), "portal");
        let portal = guide.portal.lock().unwrap().take().unwrap();
        let rounds = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (0..4).map(|_| {
            let (portal, rounds) = (portal.clone(), rounds.clone());
            thread::spawn(move || portal.enter_thread(|worker| loop {
                let soon = portal.call_soon(|| ()).map(|()| 0);
                let called = portal.call(worker, || 1);
                let waited = async { turn().await; 2 }.wait(worker);
                let spawned = portal.spawn(async { turn().await; 3 }).wait(worker).and_then(|task| task);
                let ends = [soon, called, waited, spawned];
                if ends.iter().any(Result::is_err) { break ends }
                rounds.fetch_add(1, SeqCst);
            }))
        }).collect();
        wait(|| rounds.load(SeqCst) >= 20).await;
        handle.stop();
        serving.await.unwrap().unwrap();
        wait(|| threads.iter().all(|thread| thread.is_finished())).await;
        for thread in threads {
            for end in thread.join().unwrap().unwrap() {
                assert!(matches!(end, Ok(0..=3) | Err(Interrupted::Closed | Interrupted::Abandoned | Interrupted::Cancelled)), "{end:?}");
            }
        }
        assert!(matches!(portal.call_soon(|| ()), Err(Interrupted::Closed)));
        assert!(matches!(portal.spawn(async {}).await, Err(Interrupted::Closed)));
    }
}
