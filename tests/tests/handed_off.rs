//! O9 and P1: a job that runs on the thread of one that waits calls the event loop.
//!
//! Its own `Offload` is often polled by that thread alone, which cannot poll before the job ends.

#![forbid(unsafe_code)]

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use portcullis::{Interrupted, Pool};
use portcullis_tests::{Gate, LIMIT, OpenOnDrop, eventually, on_loops, poll_once, wait};

const MS: Duration = Duration::from_millis(1);

/// A pool of one thread: what is offloaded on behalf of its job runs on the thread of that job.
fn one() -> Pool {
    Pool::builder("one").threads(1).queue_capacity(4).build().expect("a thread")
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
    anywhere async fn p1_and_o9_a_job_on_the_thread_of_one_that_waits_calls_the_loop() {
        let one = one();
        let inner = one.clone();
        let job = one.job("outer").deadline(LIMIT).try_run(move |worker| {
            let thread = std::thread::current().id();
            let nested = inner.try_run(move |worker| {
                assert_eq!(std::thread::current().id(), thread);
                let called = worker.call(|| (IN_TASK.get(), std::thread::current().id()))?;
                let polled = worker.run_on_loop(async { IN_TASK.get() })?;
                Ok::<_, Interrupted>((called.0, called.1 == thread, polled))
            });
            nested.wait(worker)
        });
        assert_eq!(marked(7, job).await.unwrap(), (7, false, 7));
    }

    anywhere async fn p1_and_o9_the_outer_job_may_wait_in_any_way_and_hold_the_offload_meanwhile() {
        let one = one();
        let inner = one.clone();
        let job = one.job("outer").deadline(LIMIT).try_run(move |worker| {
            let nested = || inner.try_run(|worker| worker.call(|| IN_TASK.get()));
            let (during_call, during_sleep, on_loop) = (nested(), nested(), nested());
            worker.call(|| ())?;
            eventually(|| worker.sleep(MS).is_ok() && inner.stats().completed >= 1);
            let on_loop = worker.run_on_loop(on_loop)??;
            Ok::<_, Interrupted>((during_call.wait(worker)?, during_sleep.wait(worker)?, on_loop))
        });
        assert_eq!(marked(7, job).await.unwrap(), (7, 7, 7));
    }

    anywhere async fn p1_and_o9_a_job_calls_while_the_host_runs_a_call_of_the_outer_job() {
        let one = one();
        let (inner, seen) = (one.clone(), one.clone());
        let job = one.job("outer").deadline(LIMIT).try_run(move |worker| {
            let called = Arc::new(Gate::default());
            let is_called = Arc::clone(&called);
            let nested = inner.job("nested").try_run(move |worker| {
                assert!(is_called.pass());
                worker.call(|| 3)
            });
            let own = worker.call(move || {
                called.open();
                eventually(|| seen.running_jobs().iter().any(|job| job.method == "nested" && job.host_not_polled));
                4
            })?;
            Ok::<_, Interrupted>((own, nested.wait(worker)?))
        });
        assert_eq!(job.await.unwrap(), (4, 3));
    }

    anywhere async fn o9_a_job_that_is_handed_off_before_a_call_does_not_wait_while_the_thread_spins() {
        let one = Pool::builder("one").threads(1).queue_capacity(4).wait_spins(u32::MAX).build().expect("a thread");
        let inner = one.clone();
        let job = one.job("outer").deadline(LIMIT).try_run(move |worker| {
            let ran = Arc::new(Gate::default());
            let runs = Arc::clone(&ran);
            let nested = inner.run(move |_| runs.open());
            let seen = worker.call(move || ran.pass())?;
            nested.wait(worker)?;
            Ok::<_, Interrupted>(seen)
        });
        assert!(job.await.unwrap());
    }

    anywhere async fn p1_and_o9_each_of_several_jobs_on_one_thread_calls_the_loop() {
        fn level(pool: Pool, depth: u32, worker: &portcullis::Worker) -> Result<u32, Interrupted> {
            let before = worker.call(|| IN_TASK.get())?;
            let below = if depth == 0 {
                0
            } else {
                let inner = pool.clone();
                pool.try_run(move |worker| level(inner, depth - 1, worker)).wait(worker)?
            };
            Ok(before + below + worker.call(|| IN_TASK.get())?)
        }
        let one = one();
        let inner = one.clone();
        let job = one.job("outer").deadline(LIMIT).try_run(move |worker| level(inner, 20, worker));
        assert_eq!(marked(1, job).await.unwrap(), 42);
    }

    anywhere async fn p7_the_calls_of_a_job_on_the_thread_of_another_keep_their_order() {
        let one = one();
        let inner = one.clone();
        let log = Arc::new(Mutex::new(Vec::new()));
        let theirs = Arc::clone(&log);
        let job = one.job("outer").deadline(LIMIT).try_run(move |worker| {
            let log = Arc::clone(&theirs);
            let nested = inner.try_run(move |worker| {
                let note = |n: u32| {
                    let log = Arc::clone(&log);
                    move || log.lock().unwrap().push(n)
                };
                for n in 0..50 {
                    worker.call_soon(note(n))?;
                }
                worker.call(note(50))?;
                (51..100).try_for_each(|n| worker.call_soon(note(n)))
            });
            nested.wait(worker)?;
            // What it has called is done before its output is there.
            Ok::<_, Interrupted>(theirs.lock().unwrap().clone())
        });
        assert_eq!(job.await.unwrap(), (0..100).collect::<Vec<_>>());
    }

    anywhere async fn p2_a_call_of_a_job_on_the_thread_of_another_ends_when_the_outer_offload_is_dropped() {
        let one = one();
        let inner = one.clone();
        let polled = Arc::new(Gate::default());
        let (tx, rx) = std::sync::mpsc::channel();
        let theirs = Arc::clone(&polled);
        let mut job = one.run(move |worker| {
            let nested = inner.run(move |worker| {
                let never = poll_fn(move |_| { theirs.open(); std::task::Poll::<()>::Pending });
                tx.send(worker.run_on_loop(never)).expect("the test listens");
            });
            nested.wait(worker)
        });
        eventually(|| { assert!(poll_once(&mut job).is_pending()); polled.is_open() });
        drop(job);
        let ended = rx.recv_timeout(LIMIT).expect("the call ends");
        assert!(matches!(ended, Err(Interrupted::Abandoned | Interrupted::Cancelled { .. })), "{ended:?}");
        assert_eq!(one.run(|_| 1).await.unwrap(), 1, "the thread came back");
    }

    anywhere async fn p2_a_call_of_a_job_on_the_thread_of_another_ends_at_its_own_deadline() {
        let one = one();
        let inner = one.clone();
        let job = one.job("outer").deadline(LIMIT).run(move |worker| {
            let late = inner.job("nested").deadline(300 * MS).try_run(|worker| worker.run_on_loop(std::future::pending::<()>()));
            let late = late.wait(worker);
            (matches!(late, Err(Interrupted::Deadline { began: true })), worker.call(|| 5).unwrap())
        });
        assert_eq!(job.await.unwrap(), (true, 5));
    }

    anywhere async fn p2_a_call_of_a_job_on_the_thread_of_another_is_dropped_at_the_deadline_of_that_job() {
        let one = one();
        let inner = one.clone();
        let job = one.job("outer").deadline(LIMIT).run(move |worker| {
            let dropped = Arc::new(Gate::default());
            let guard = OpenOnDrop(Arc::clone(&dropped));
            let late = inner.job("nested").deadline(300 * MS).try_run(move |worker| worker.run_on_loop(async move {
                let _guard = guard;
                std::future::pending::<()>().await;
            }));
            (late.wait(worker).is_err(), dropped.pass())
        });
        assert_eq!(job.await.unwrap(), (true, true));
    }

    anywhere async fn p2_a_call_of_a_job_on_the_thread_of_another_ends_at_the_deadline_of_the_outer_job() {
        let one = one();
        let inner = one.clone();
        let job = one.job("outer").deadline(300 * MS).try_run(move |worker| {
            inner.try_run(|worker| worker.run_on_loop(std::future::pending::<()>())).wait(worker)
        });
        assert!(matches!(job.await, Err(Interrupted::Deadline { began: true })));
        assert_eq!(one.run(|_| 1).await.unwrap(), 1, "the thread came back");
    }
}

on_loops! {
    async fn p3_the_calls_of_a_job_on_the_thread_of_a_detached_one_run_as_tasks() {
        let one = one();
        let inner = one.clone();
        let (tx, rx) = tokio::sync::oneshot::channel();
        one.run(move |worker| {
            let nested = inner.try_run(|worker| worker.run_on_loop(async { tokio::task::yield_now().await; 3 }));
            let _ = tx.send(nested.wait(worker));
        }).detach();
        assert_eq!(tokio::time::timeout(LIMIT, rx).await.expect("in time").unwrap().unwrap(), 3);
    }

    async fn p3_a_call_of_a_detached_job_is_dropped_at_the_deadline_of_the_job() {
        let dropped = Arc::new(Gate::default());
        let guard = OpenOnDrop(Arc::clone(&dropped));
        one().job("late").deadline(300 * MS).run(move |worker| worker.run_on_loop(async move {
            let _guard = guard;
            std::future::pending::<()>().await;
        })).detach();
        wait(|| dropped.is_open()).await;
    }

    async fn p3_detaching_a_job_while_one_on_its_thread_calls_hands_the_call_over() {
        let one = one();
        let inner = one.clone();
        let (inside, go) = (Arc::new(Gate::default()), Arc::new(tokio::sync::Notify::new()));
        let (here, goes) = (Arc::clone(&inside), Arc::clone(&go));
        let (tx, rx) = tokio::sync::oneshot::channel();
        let mut job = one.run(move |worker| {
            let nested = inner.try_run(move |worker| worker.run_on_loop(async move { here.open(); goes.notified().await }));
            let _ = tx.send(nested.wait(worker));
        });
        eventually(|| { assert!(poll_once(&mut job).is_pending()); inside.is_open() });
        job.detach();
        go.notify_one();
        tokio::time::timeout(LIMIT, rx).await.expect("in time").unwrap().unwrap();
    }
}
