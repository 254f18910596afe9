//! P9 and P10: `future.wait(worker)` polls the future on the worker's own thread.

#![forbid(unsafe_code)]

use std::cell::Cell;
use std::future::{Future, pending, poll_fn, ready};
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use portcullis::test::{TestPool, TestPoolBuilder};
use portcullis::{Interrupted, Pool, Portal, Spawn, Wait, Worker, context};
use portcullis_tests::{Gate, LIMIT, OpenOnDrop, eventually, on_loops, poll_once};
use tokio::sync::{Notify, Semaphore, mpsc, oneshot};

fn pool() -> Pool {
    Pool::builder("test").threads(2).queue_capacity(16).build().expect("threads")
}

fn pool_of_one_thread() -> Pool {
    Pool::builder("one").threads(1).queue_capacity(1).build().expect("a thread")
}

/// Pending once; the waker is called in the poll itself.
async fn yield_once() {
    let mut has_yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Pending until a thread of its own calls the waker.
async fn woken_by_a_thread() {
    let (sender, receiver) = futures::channel::oneshot::channel();
    thread::spawn(move || sender.send(()));
    receiver.await.expect("sent");
}

context! {
    static TENANT: &'static str;
}

std::thread_local! { static IN_TASK: Cell<u32> = const { Cell::new(0) }; }

/// Polls `future` with a mark that only its own task can see.
async fn marked<F: Future>(mark: u32, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(move |cx| {
        let before = IN_TASK.replace(mark);
        let polled = future.as_mut().poll(cx);
        IN_TASK.set(before);
        polled
    })
    .await
}

on_loops! {
    anywhere async fn p9_each_poll_and_the_drop_run_on_the_workers_thread() {
        struct DroppedOn(Arc<Mutex<Option<thread::ThreadId>>>);
        impl Drop for DroppedOn {
            fn drop(&mut self) {
                *self.0.lock().unwrap() = Some(thread::current().id());
            }
        }
        let dropped_on = Arc::new(Mutex::new(None));
        let held = DroppedOn(dropped_on.clone());
        let (job, polls) = pool().run(move |worker| {
            let polls = async move {
                let _held = held;
                let first = thread::current().id();
                yield_once().await;
                let second = thread::current().id();
                woken_by_a_thread().await;
                [first, second, thread::current().id()]
            };
            (thread::current().id(), polls.wait(worker).unwrap())
        }).await.unwrap();
        assert_eq!(polls, [job; 3]);
        assert_eq!(dropped_on.lock().unwrap().unwrap(), job);
    }

    anywhere async fn p9_the_future_may_borrow_and_need_not_be_send() {
        let got = pool().run(|worker| {
            let text = String::from("borrowed");
            let shared = Rc::new(Cell::new(1));
            let length = async { yield_once().await; shared.set(2); text.len() }.wait(worker).unwrap();
            // Its output need not be `Send` either.
            let output: Rc<Cell<i32>> = async { yield_once().await; Rc::clone(&shared) }.wait(worker).unwrap();
            (length, output.get(), text)
        }).await.unwrap();
        assert_eq!(got, (8, 2, "borrowed".to_owned()));
    }

    anywhere async fn p9_context_values_are_those_of_the_line_that_waits() {
        let seen = TENANT.scope("caller", async {
            pool().run(|worker| {
                let of_the_caller = async { yield_once().await; TENANT.get() }.wait(worker).unwrap();
                let set_here = TENANT.sync_scope("here", || async { yield_once().await; TENANT.get() }.wait(worker).unwrap());
                (of_the_caller, set_here, TENANT.get())
            }).await
        }).await.unwrap();
        assert_eq!(seen, (Some("caller"), Some("here"), Some("caller")));
    }

    anywhere async fn p1_run_on_loop_runs_inside_the_task_that_awaits_the_offload() {
        let offload = pool().run(|worker| {
            let there = worker.run_on_loop(async { yield_once().await; (IN_TASK.get(), thread::current().id()) }).unwrap();
            assert_ne!(there.1, thread::current().id());
            (there.0, worker.call(|| IN_TASK.get()).unwrap(), async { IN_TASK.get() }.wait(worker).unwrap())
        });
        assert_eq!(marked(42, offload).await.unwrap(), (42, 42, 0));
    }

    anywhere async fn p9_a_wait_goes_on_while_no_task_polls_the_offload() {
        let done = Arc::new(Gate::default());
        let done2 = done.clone();
        let mut offload = pool().run(move |worker| {
            woken_by_a_thread().wait(worker).unwrap();
            done2.open();
        });
        assert!(done.pass(), "nothing has polled the `Offload`");
        eventually(|| poll_once(&mut offload).is_ready());
    }

    anywhere async fn p9_and_p7_a_wait_comes_after_earlier_calls_and_not_after_call_soon() {
        let pool = pool();
        let (log, ready_to_poll) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Gate::default()));
        let (log2, ready2) = (log.clone(), ready_to_poll.clone());
        let mut offload = pool.run(move |worker| {
            let note = |what: &'static str| { let log = log2.clone(); move || log.lock().unwrap().push(what) };
            worker.call_soon(note("soon")).unwrap();
            async { note("wait")() }.wait(worker).unwrap();
            ready2.open();
            worker.call(note("call")).unwrap();
            async { note("second wait")() }.wait(worker).unwrap();
            worker.run_on_loop({ let note = note("on the loop"); async move { note() } }).unwrap();
        });
        assert!(ready_to_poll.pass());
        assert_eq!(*log.lock().unwrap(), ["wait"], "no task has polled the `Offload`");
        eventually(|| poll_once(&mut offload).is_ready());
        assert_eq!(*log.lock().unwrap(), ["wait", "soon", "call", "second wait", "on the loop"]);
    }

    anywhere async fn p10_a_wait_ends_when_the_offload_is_dropped() {
        let (inside, dropped, ended) = (Arc::new(Gate::default()), Arc::new(Gate::default()), Arc::new(Gate::default()));
        let (inside2, ended2, opens) = (inside.clone(), ended.clone(), OpenOnDrop(dropped.clone()));
        let pool = pool();
        let offload = pool.run(move |worker| {
            let end = async move { let _opens = opens; inside2.open(); pending::<()>().await }.wait(worker);
            assert!(matches!(end, Err(Interrupted::Cancelled { .. })), "{end:?}");
            let polled = Cell::new(false);
            let again = async { polled.set(true) }.wait(worker);
            assert!(matches!(again, Err(Interrupted::Cancelled { .. })) && !polled.get(), "a cancelled job polls no more");
            ended2.open();
        });
        assert!(inside.pass());
        drop(offload);
        assert!(dropped.pass() && ended.pass());
    }

    anywhere async fn p10_a_wait_ends_at_the_deadline_of_its_job() {
        let (ended, done) = (Arc::new(Mutex::new(None)), Arc::new(Gate::default()));
        let (ended2, done2) = (ended.clone(), done.clone());
        let late = pool().job("late").deadline(Duration::from_millis(100)).run(move |worker| {
            *ended2.lock().unwrap() = Some(pending::<()>().wait(worker));
            done2.open();
        });
        assert!(matches!(late.await, Err(Interrupted::Deadline { .. })));
        assert!(done.pass());
        assert!(matches!(ended.lock().unwrap().take(), Some(Err(Interrupted::Deadline { .. }))));
    }

    anywhere async fn p10_a_wait_ends_at_a_drain() {
        let pool = pool();
        let inside = Arc::new(Gate::default());
        let inside2 = inside.clone();
        let job = pool.run(move |worker| async { inside2.open(); pending::<()>().await }.wait(worker));
        assert!(inside.pass());
        eventually(|| pool.running_jobs().iter().any(|job| job.waits_for == Some(portcullis::WaitsFor::Wakeup)));
        assert!(pool.running_jobs()[0].to_string().contains("waiting for a future at "), "{}", pool.running_jobs()[0]);
        let report = pool.drain(Duration::ZERO).await;
        assert!(report.to_string().contains("1 cancelled, 0 "), "{report}");
        assert!(matches!(job.await, Err(Interrupted::Cancelled { .. })));
    }

    anywhere async fn p10_a_future_that_always_wakes_itself_is_cancelled() {
        let inside = Arc::new(Gate::default());
        let (inside2, ended) = (inside.clone(), Arc::new(Gate::default()));
        let ended2 = ended.clone();
        let offload = pool().run(move |worker| {
            let end = async { loop { inside2.open(); yield_once().await } }.wait(worker);
            assert!(matches!(end, Err::<(), _>(Interrupted::Cancelled { .. })));
            ended2.open();
        });
        assert!(inside.pass());
        drop(offload);
        assert!(ended.pass());
    }

    anywhere async fn p10_a_panic_in_a_poll_and_in_the_drop_of_a_future_comes_back() {
        struct PanicsOnDrop;
        impl Drop for PanicsOnDrop {
            fn drop(&mut self) { panic!("in a drop") }
        }
        let survived = pool().run(|worker| {
            let polled = async { yield_once().await; panic!("in a poll") }.wait(worker);
            assert!(matches!(polled, Err::<(), _>(Interrupted::Panicked(panic)) if panic.message() == "in a poll"));
            let bomb = PanicsOnDrop;
            // The future has its captures until it is dropped, which is after its output.
            let mut polls = poll_fn(move |_| { let _ = &bomb; Poll::Ready(()) });
            let dropped = poll_fn(|cx| std::pin::Pin::new(&mut polls).poll(cx)).wait(worker);
            assert!(dropped.is_ok());
            let dropped = polls.wait(worker);
            assert!(matches!(dropped, Err(Interrupted::Panicked(panic)) if panic.message() == "in a drop"));
            ready(1).wait(worker)
        });
        assert_eq!(survived.await.unwrap().unwrap(), 1);
    }

    anywhere async fn p9_a_wait_inside_a_wait_keeps_the_wake_ups_of_both() {
        // The waker of the outer future is called while the inner one is waited for.
        let got = pool().run(|worker| {
            let mut inner_done = false;
            let (sender, mut receiver) = futures::channel::oneshot::channel();
            let mut sender = Some(sender);
            let outer = poll_fn(|cx| {
                let outer = std::pin::Pin::new(&mut receiver).poll(cx);
                if !inner_done {
                    let sender = sender.take().unwrap();
                    let inner = async { sender.send(7).unwrap(); woken_by_a_thread().await; yield_once().await; 1 };
                    assert_eq!(inner.wait(worker).unwrap(), 1);
                    inner_done = true;
                }
                outer
            });
            outer.wait(worker).unwrap().unwrap()
        });
        assert_eq!(got.await.unwrap(), 7);
    }

    anywhere async fn p9_a_wait_inside_a_wait_does_not_keep_the_thread_busy() {
        let polls = Arc::new(AtomicUsize::new(0));
        let (polls2, wake) = (polls.clone(), Arc::new(Mutex::new(None::<Waker>)));
        let (wake2, pool) = (wake.clone(), pool());
        let job = pool.run(move |worker| {
            poll_fn(|cx| {
                woken_by_a_thread().wait(worker).unwrap();
                *wake2.lock().unwrap() = Some(cx.waker().clone());
                if polls2.fetch_add(1, SeqCst) < 2 { Poll::Pending } else { Poll::Ready(()) }
            }).wait(worker).unwrap();
        });
        let parked = || pool.running_jobs().first().is_some_and(|job| job.waits_for == Some(portcullis::WaitsFor::Wakeup));
        for n in 1..=2 {
            eventually(|| polls.load(SeqCst) == n && parked());
            wake.lock().unwrap().take().unwrap().wake();
        }
        job.await.unwrap();
        assert_eq!(polls.load(SeqCst), 3);
    }

    anywhere async fn p9_a_waker_that_is_called_after_its_wait_wakes_nothing_else() {
        let kept: Arc<Mutex<Vec<Waker>>> = Arc::default();
        let (keep, go) = (kept.clone(), Arc::new(Gate::default()));
        let (inside, go2, pool) = (Arc::new(Gate::default()), go.clone(), pool());
        let inside2 = inside.clone();
        let job = pool.run(move |worker| {
            poll_fn(|cx| { keep.lock().unwrap().push(cx.waker().clone()); Poll::Ready(()) }).wait(worker).unwrap();
            inside2.open();
            assert!(worker.sleep(Duration::from_millis(20)).is_ok());
            poll_fn(|_| if go2.is_open() { Poll::Ready(1) } else { Poll::Pending }).wait(worker).unwrap()
        });
        assert!(inside.pass());
        kept.lock().unwrap()[0].wake_by_ref(); // it sleeps on
        eventually(|| pool.running_jobs()[0].waits_for == Some(portcullis::WaitsFor::Wakeup));
        go.open();
        kept.lock().unwrap()[0].wake_by_ref();
        assert_eq!(job.await.unwrap(), 1);
        // The job has ended; its waker keeps nothing of it.
        kept.lock().unwrap().pop().unwrap().wake();
    }

    anywhere async fn p9_a_waker_that_is_kept_keeps_no_context_values() {
        context! { static HELD: Arc<OpenOnDrop>; }
        let dropped = Arc::new(Gate::default());
        let kept: Arc<Mutex<Option<Waker>>> = Arc::default();
        let keep = kept.clone();
        HELD.scope(Arc::new(OpenOnDrop(dropped.clone())), async {
            let pool = pool();
            pool.run(move |worker| {
                poll_fn(|cx| { *keep.lock().unwrap() = Some(cx.waker().clone()); Poll::Ready(()) }).wait(worker).unwrap();
            }).await.unwrap();
            pool.drain(LIMIT).await;
        }).await;
        assert!(dropped.pass());
        kept.lock().unwrap().take().unwrap().wake();
    }

    anywhere async fn o9_a_job_that_a_waited_future_offloads_runs_on_the_thread_that_waits() {
        let pool = pool_of_one_thread();
        let inner = pool.clone();
        let (outer, nested) = pool.run(move |worker| {
            let nested = async { yield_once().await; inner.run(|_| thread::current().id()).await.unwrap() };
            (thread::current().id(), nested.wait(worker).unwrap())
        }).await.unwrap();
        assert_eq!(outer, nested);
    }

    anywhere async fn o9_a_future_that_polls_on_and_on_for_a_job_of_its_thread_does_not_starve_it() {
        let pool = pool_of_one_thread();
        let inner = pool.clone();
        let got = pool.run(move |worker| {
            let mut job = inner.run(|_| 5);
            let busy = poll_fn(|cx| {
                cx.waker().wake_by_ref();
                std::pin::Pin::new(&mut job).poll(cx)
            });
            busy.wait(worker).unwrap().unwrap()
        });
        assert_eq!(got.await.unwrap(), 5);
    }

    anywhere async fn o9_a_job_and_the_future_that_feeds_it_both_go_on_when_the_future_is_on_the_loop() {
        // The job runs on the thread that waits, so only the loop can poll the other half.
        let pool = pool_of_one_thread();
        let inner = pool.clone();
        let sum = pool.run(move |worker| {
            worker.run_on_loop(async move {
                let (sender, mut receiver) = portcullis::channel(1);
                let job = inner.run(move |worker| (0..10_u64).for_each(|n| sender.send(worker, n).unwrap()));
                let mut sum = 0;
                while let Some(n) = receiver.recv().await { sum += n }
                job.await.unwrap();
                sum
            }).unwrap()
        });
        assert_eq!(sum.await.unwrap(), 45);
    }

    anywhere async fn p9_a_portal_may_be_entered_inside_a_wait() {
        // The thread that polls may block: it is not the loop.
        let spawner: Arc<dyn Spawn> = Arc::new(Nowhere);
        let portal = Portal::new(spawner);
        let entered = pool().run(move |worker| async { portal.enter_thread(|inner| ready(3).wait(inner)) }.wait(worker));
        assert_eq!(entered.await.unwrap().unwrap().unwrap().unwrap(), 3);
    }
}

/// An executor that has been shut down.
struct Nowhere;

impl Spawn for Nowhere {
    fn spawn(&self, _: portcullis::BoxTask) -> Result<(), Interrupted> {
        Err(Interrupted::Closed)
    }
}

#[test]
fn p10_a_wait_of_a_thread_whose_executor_has_ended_ends() {
    let portal = Portal::new(Arc::new(Nowhere));
    let (ready, never) =
        portal.enter_thread(|worker| (ready(1).wait(worker), pending::<()>().wait(worker))).unwrap();
    assert_eq!(ready.unwrap(), 1);
    assert!(matches!(never, Err(Interrupted::Closed)), "{never:?}");
}

/// Keeps its tasks until it is dropped, and never polls them.
#[derive(Default)]
struct Kept(Mutex<Vec<portcullis::BoxTask>>);

impl Spawn for Kept {
    fn spawn(&self, task: portcullis::BoxTask) -> Result<(), Interrupted> {
        self.0.lock().unwrap().push(task);
        Ok(())
    }
}

#[test]
fn p10_a_wait_of_a_thread_ends_with_an_executor_of_another_make() {
    let executor = Arc::new(Kept::default());
    let portal = Portal::new(executor.clone());
    let waiting = thread::spawn(move || portal.enter_thread(|worker| pending::<()>().wait(worker)).unwrap());
    eventually(|| !executor.0.lock().unwrap().is_empty());
    let tasks = std::mem::take(&mut *executor.0.lock().unwrap());
    drop(tasks);
    let ended = waiting.join().unwrap();
    assert!(matches!(ended, Err(Interrupted::Abandoned)), "{ended:?}");
}

#[test]
fn p10_a_wait_of_a_detached_job_ends_with_its_runtime() {
    for detach_first in [true, false] {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let (pool, inside, ended) = (pool(), Arc::new(Gate::default()), Arc::new(Gate::default()));
        let (inside2, ended2, go) = (inside.clone(), ended.clone(), Arc::new(Gate::default()));
        let go2 = go.clone();
        runtime.block_on(async {
            let offload = pool.run(move |worker| {
                if detach_first {
                    assert!(go2.pass());
                }
                let end = async {
                    inside2.open();
                    pending::<()>().await
                }
                .wait(worker);
                assert!(matches!(end, Err(Interrupted::Abandoned)), "{end:?}");
                let again = pending::<()>().wait(worker);
                assert!(matches!(again, Err(Interrupted::Abandoned)), "{again:?}");
                assert_eq!(ready(2).wait(worker).unwrap(), 2, "what needs no runtime goes on");
                ended2.open();
            });
            if !detach_first {
                assert!(inside.pass());
                eventually(|| pool.running_jobs()[0].waits_for.is_some());
            }
            offload.detach();
            go.open();
            assert!(inside.pass());
        });
        runtime.shutdown_background();
        assert!(ended.pass());
    }
}

#[test]
fn p9_a_detached_job_waits_without_any_runtime() {
    let (pool, done) = (pool(), Arc::new(Gate::default()));
    let done2 = done.clone();
    pool.run(move |worker| {
        woken_by_a_thread().wait(worker).unwrap();
        done2.open();
    })
    .detach();
    assert!(done.pass());
}

/// Counts the tasks that it was given, and runs them on threads of their own.
#[derive(Default)]
struct Counts(AtomicUsize);

impl Spawn for Counts {
    fn spawn(&self, task: portcullis::BoxTask) -> Result<(), Interrupted> {
        self.0.fetch_add(1, SeqCst);
        thread::spawn(move || futures::executor::block_on(task));
        Ok(())
    }
}

#[test]
fn p9_the_waits_and_calls_of_a_thread_share_one_task() {
    let executor = Arc::new(Counts::default());
    let portal = Portal::new(executor.clone());
    portal
        .enter_thread(|worker| {
            for n in 0..10 {
                assert_eq!(
                    async {
                        woken_by_a_thread().await;
                        n
                    }
                    .wait(worker)
                    .unwrap(),
                    n
                );
            }
            for n in 0..10 {
                assert_eq!(worker.call(move || n).unwrap(), n);
            }
        })
        .unwrap();
    assert_eq!(executor.0.load(SeqCst), 1);
}

on_loops! {
    async fn p9_futures_of_the_callers_runtime_work_on_the_thread() {
        let got = pool().run(|worker| {
            let (sender, receiver) = oneshot::channel();
            let task = async { tokio::spawn(async move { sender.send(1) }).await.unwrap().unwrap() };
            task.wait(worker).unwrap();
            let timed = async {
                tokio::time::timeout(Duration::from_millis(1), pending::<()>()).await.unwrap_err();
                tokio::time::sleep(Duration::from_millis(1)).await;
                tokio::task::yield_now().await;
                receiver.await.unwrap()
            };
            let listens = tokio::net::TcpListener::bind("127.0.0.1:0").wait(worker).unwrap().unwrap();
            let (client, served) = async {
                tokio::join!(tokio::net::TcpStream::connect(listens.local_addr().unwrap()), listens.accept())
            }.wait(worker).unwrap();
            assert!(client.is_ok() && served.is_ok());
            timed.wait(worker).unwrap()
        });
        assert_eq!(got.await.unwrap(), 1);
    }

    async fn p9_a_future_of_another_executor_is_woken_by_it() {
        // Its timer is a thread that knows nothing of tokio.
        let got = pool().run(|worker| {
            let executor = async_executor::Executor::new();
            let task = executor.spawn(async { woken_by_a_thread().await; 3 });
            executor.run(task).wait(worker).unwrap()
        });
        assert_eq!(got.await.unwrap(), 3);
    }

    async fn p9_tokios_budget_neither_stops_a_wait_nor_makes_it_spin() {
        // Outside of tokio there is no budget; inside `block_on` there is one of 128 steps, which a
        // second poll would find used up.
        let got = pool().run(|worker| {
            let permits = Semaphore::new(1000);
            let polls = Cell::new(0);
            let counted = || {
                let mut takes = Box::pin(async { for _ in 0..1000 { drop(permits.acquire().await.unwrap()); } });
                let polls = &polls;
                poll_fn(move |cx| { polls.set(polls.get() + 1); takes.as_mut().poll(cx) })
            };
            counted().wait(worker).unwrap();
            tokio::runtime::Handle::current().block_on(async { counted().wait(worker).unwrap() });
            polls.get()
        });
        assert_eq!(got.await.unwrap(), 2);
    }

    async fn p9_an_answer_of_the_loop_and_many_of_them_arrive() {
        let (requests, mut inbox) = mpsc::unbounded_channel::<(u64, oneshot::Sender<u64>)>();
        let loop_side = tokio::spawn(async move {
            while let Some((n, answer)) = inbox.recv().await { answer.send(n * 2).unwrap(); }
        });
        let sum = pool().run(move |worker| (0..500).map(|n| {
            let (sender, receiver) = oneshot::channel();
            requests.send((n, sender)).unwrap();
            receiver.wait(worker).unwrap().unwrap()
        }).sum::<u64>());
        assert_eq!(sum.await.unwrap(), 249_500);
        loop_side.await.unwrap();
    }

    async fn p9_a_runtime_that_ends_panics_its_timers_and_not_the_thread() {
        let other = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
        let sleep = { let _entered = other.enter(); tokio::time::sleep(Duration::from_secs(3600)) };
        other.shutdown_background();
        let got = pool().run(move |worker| {
            let ended = sleep.wait(worker);
            assert!(matches!(ended, Err(Interrupted::Panicked(_))), "{ended:?}");
            ready(1).wait(worker)
        });
        assert_eq!(got.await.unwrap().unwrap(), 1);
    }
}

#[test]
fn p9_local_tasks_are_for_run_on_loop() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let local = tokio::task::LocalSet::new();
    let job = pool().run(|worker| {
        let here = async { drop(tokio::task::spawn_local(async {})) }.wait(worker);
        assert!(matches!(here, Err(Interrupted::Panicked(_))));
        let there = async { tokio::task::spawn_local(async { 4 }).await };
        worker.run_on_loop(there).unwrap().unwrap()
    });
    assert_eq!(local.block_on(&runtime, job).unwrap(), 4);
}

#[test]
fn p9_an_inline_pool_goes_on_before_the_waking_line_does() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (notify, reached) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
        let (notified, reach) = (notify.clone(), reached.clone());
        let job = Pool::inline().run(move |worker: &Worker| {
            notified.notified().wait(worker).unwrap();
            reach.store(true, SeqCst);
        });
        assert!(!reached.load(SeqCst));
        notify.notify_one();
        assert!(reached.load(SeqCst), "the job runs where it is woken");
        job.await.unwrap();
    });
}

#[test]
fn p9_a_stepped_pool_runs_a_job_that_waits_to_its_end() {
    let (pool, stepper) = Pool::builder("db").threads(1).stepped().unwrap();
    let mut job = pool.job("waits").run(|worker| woken_by_a_thread().wait(worker).map(|()| 6));
    // No loop is needed.
    assert!(stepper.step().join());
    let polled = poll_once(&mut job);
    assert!(matches!(polled, Poll::Ready(Ok(Ok(6)))), "{polled:?}");
}
