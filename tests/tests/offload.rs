//! O1 to O12: the guarantees of offloads, on every event loop.

#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::future::{BoxFuture, join_all};
use portcullis::{Interrupted, Overflow, Pool, Wait};
use portcullis_tests::{Gate, LIMIT, OpenOnDrop, eventually, occupy_thread, on_loops, poll_once};

fn pool(threads: usize, queue: usize) -> Pool {
    Pool::builder("test").threads(threads).queue_capacity(queue).build().expect("threads")
}

fn rejecting(threads: usize, queue: usize, overflow: Overflow) -> Pool {
    Pool::builder("test").threads(threads).queue_capacity(queue).overflow(overflow).build().expect("threads")
}

/// A user-defined error that contains why the job was interrupted.
#[derive(Debug)]
struct Stopped(String);

impl From<Interrupted> for Stopped {
    fn from(interrupted: Interrupted) -> Self {
        Stopped(interrupted.to_string())
    }
}

on_loops! {
    anywhere async fn o1_a_job_runs_on_a_named_thread_of_its_own_pool() {
        let pool = Pool::builder("mill").threads(2).build().unwrap();
        let here = std::thread::current().id();
        for _ in 0..8 {
            let (id, name) = pool.run(|_| (std::thread::current().id(), std::thread::current().name().map(str::to_owned))).await.unwrap();
            assert_ne!(id, here);
            let name = name.unwrap();
            assert!(name == "mill-0" || name == "mill-1", "{name}");
        }
    }

    anywhere async fn o2_reject_returns_full_when_the_queue_is_full() {
        let pool = rejecting(1, 2, Overflow::Reject);
        let (gate, held) = occupy_thread(&pool);
        let queued: Vec<_> = (0..2).map(|n| pool.run(move |_| n)).collect();
        assert!(matches!(pool.run(|_| ()).await, Err(Interrupted::Full)));
        assert_eq!(pool.stats().rejected, 1);
        gate.open();
        assert!(held.await.unwrap());
        for (n, offload) in queued.into_iter().enumerate() {
            assert_eq!(offload.await.unwrap(), n);
        }
    }

    anywhere async fn o2_an_idle_thread_does_not_count_as_queue_capacity() {
        let pool = rejecting(2, 0, Overflow::Reject);
        let (gate, held) = occupy_thread(&pool);
        // One thread is idle, and the queue has no capacity.
        assert_eq!(pool.run(|_| 1).await.unwrap(), 1);
        let (gate2, held2) = occupy_thread(&pool);
        assert!(matches!(pool.run(|_| ()).await, Err(Interrupted::Full)));
        gate.open();
        gate2.open();
        held.await.unwrap();
        held2.await.unwrap();
    }

    anywhere async fn o2_waiting_callers_are_admitted_in_call_order() {
        let pool = pool(1, 2);
        let log = Arc::new(Mutex::new(Vec::new()));
        let (gate, held) = occupy_thread(&pool);
        let mut offloads: Vec<_> = (0..100).map(|n| {
            let log = log.clone();
            pool.run(move |_| log.lock().unwrap().push(n))
        }).collect();
        assert_eq!((pool.stats().queued, pool.stats().waiting_for_capacity), (2, 98));
        // The order of the polls does not matter, only the order of the calls.
        offloads.reverse();
        gate.open();
        held.await.unwrap();
        join_all(offloads).await.into_iter().for_each(|r| r.unwrap());
        assert_eq!(*log.lock().unwrap(), (0..100).collect::<Vec<_>>());
    }

    anywhere async fn o2_shed_oldest_replaces_the_oldest_job() {
        let pool = rejecting(1, 2, Overflow::ShedOldest);
        let (gate, held) = occupy_thread(&pool);
        let offloads: Vec<_> = (0..5).map(|n| pool.run(move |_| n)).collect();
        gate.open();
        held.await.unwrap();
        let results = join_all(offloads).await;
        assert!(results[..3].iter().all(|r| matches!(r, Err(Interrupted::Shed))), "{results:?}");
        assert_eq!((results[3].as_ref().unwrap(), results[4].as_ref().unwrap()), (&3, &4));
        assert_eq!(pool.stats().shed, 3);
    }

    anywhere async fn o3_a_dropped_offload_cancels_its_queued_job() {
        let pool = rejecting(1, 2, Overflow::Reject);
        let (gate, held) = occupy_thread(&pool);
        let ran = Arc::new(AtomicUsize::new(0));
        for _ in 0..100 {
            let dropped = Arc::new(Gate::default());
            let (guard, ran) = (OpenOnDrop(dropped.clone()), ran.clone());
            let offload = pool.run(move |_| { ran.fetch_add(1, SeqCst); drop(guard); });
            drop(offload);
            assert!(dropped.is_open(), "captures are dropped at once");
        }
        // A hundred cancelled jobs occupy no capacity.
        let after: Vec<_> = (0..2).map(|_| pool.run(|_| ())).collect();
        gate.open();
        held.await.unwrap();
        for offload in after { offload.await.unwrap(); }
        assert_eq!(ran.load(SeqCst), 0);
    }

    anywhere async fn o3_a_dropped_offload_cancels_its_running_job_and_drops_the_result_on_the_pool_thread() {
        struct OnDrop(Arc<Mutex<Option<std::thread::ThreadId>>>);
        impl Drop for OnDrop { fn drop(&mut self) { *self.0.lock().unwrap() = Some(std::thread::current().id()); } }
        let pool = pool(1, 4);
        let inside = Arc::new(Gate::default());
        let dropped_on = Arc::new(Mutex::new(None));
        let (inside2, on) = (inside.clone(), dropped_on.clone());
        let offload = pool.run(move |worker| {
            inside2.open();
            eventually(|| worker.is_cancelled());
            assert!(matches!(worker.check(), Err(Interrupted::Cancelled { .. })));
            OnDrop(on)
        });
        assert!(inside.pass());
        drop(offload);
        let id = pool.run(|_| std::thread::current().id()).await.unwrap();
        assert_eq!(*dropped_on.lock().unwrap(), Some(id));
    }

    anywhere async fn o3_a_cancelled_running_job_occupies_its_thread_until_it_returns() {
        let pool = rejecting(1, 0, Overflow::Reject);
        let (gate, held) = occupy_thread(&pool);
        drop(held);
        assert!(matches!(pool.run(|_| ()).await, Err(Interrupted::Full)));
        gate.open();
        eventually(|| pool.stats().running == 0);
        pool.run(|_| ()).await.unwrap();
    }

    anywhere async fn o3_a_detached_job_runs_to_completion() {
        let pool = pool(1, 4);
        let done = Arc::new(Gate::default());
        let (queued, by_option) = (done.clone(), Arc::new(Gate::default()));
        let (gate, held) = occupy_thread(&pool);
        pool.run(move |worker| { assert!(!worker.is_cancelled()); queued.open() }).detach();
        let by_option2 = by_option.clone();
        drop(pool.job("log").detached().run(move |worker| { assert!(!worker.is_cancelled()); by_option2.open() }));
        gate.open();
        held.await.unwrap();
        assert!(done.pass() && by_option.pass());
    }

    anywhere async fn o4_a_queued_job_past_its_deadline_never_runs() {
        let pool = pool(1, 4);
        let (gate, held) = occupy_thread(&pool);
        let ran = Arc::new(AtomicUsize::new(0));
        let ran2 = ran.clone();
        let late = pool.job("late").deadline(Duration::from_millis(20)).run(move |_| ran2.fetch_add(1, SeqCst));
        assert!(matches!(late.await, Err(Interrupted::Deadline { .. })), "answered while the pool is still busy");
        gate.open();
        held.await.unwrap();
        pool.run(|_| ()).await.unwrap();
        assert_eq!(ran.load(SeqCst), 0);
        assert_eq!(pool.stats().deadline_exceeded, 1);
    }

    anywhere async fn o4_the_deadline_starts_at_the_call_not_at_the_first_poll() {
        let pool = pool(1, 4);
        let (gate, held) = occupy_thread(&pool);
        let mut late = pool.job("late").deadline(Duration::from_millis(10)).run(|_| ());
        let until = Instant::now() + Duration::from_millis(10);
        eventually(|| Instant::now() > until);
        gate.open();
        held.await.unwrap();
        eventually(|| match poll_once(&mut late) {
            std::task::Poll::Ready(result) => { assert!(matches!(result, Err(Interrupted::Deadline { .. }))); true }
            std::task::Poll::Pending => false,
        });
    }

    anywhere async fn o4_a_running_job_past_its_deadline_is_cancelled_and_its_caller_gets_an_error() {
        let pool = pool(1, 4);
        let saw_cancel = Arc::new(Gate::default());
        let saw_cancel2 = saw_cancel.clone();
        let late = pool.job("late").deadline(Duration::from_millis(300)).run(move |worker| {
            assert!(worker.deadline().is_some());
            eventually(|| worker.check().is_err());
            assert!(matches!(worker.check(), Err(Interrupted::Deadline { .. })));
            saw_cancel2.open();
        });
        assert!(matches!(late.await, Err(Interrupted::Deadline { .. })));
        assert!(saw_cancel.pass());
    }

    anywhere async fn o4_sleep_ends_early_at_the_deadline() {
        let pool = pool(1, 4);
        let slept = Arc::new(Mutex::new(None));
        let slept2 = slept.clone();
        let late = pool.job("late").deadline(Duration::from_millis(300)).run(move |worker| {
            *slept2.lock().unwrap() = Some(worker.sleep(LIMIT * 10));
        });
        assert!(matches!(late.await, Err(Interrupted::Deadline { .. })));
        eventually(|| slept.lock().unwrap().is_some());
        assert!(matches!(slept.lock().unwrap().take(), Some(Err(Interrupted::Deadline { .. }))));
    }

    anywhere async fn o5_a_panic_reaches_the_caller_with_its_payload_and_the_thread_survives() {
        let pool = pool(1, 4);
        let before = pool.run(|_| std::thread::current().id()).await.unwrap();
        let Err(Interrupted::Panicked(panic)) = pool.run(|_| -> u8 { panic!("boiler {}", std::hint::black_box(7)) }).await else { panic!("no panic") };
        assert_eq!(panic.message(), "boiler 7");
        fn sync<T: Send + Sync + 'static>(_: &T) {}
        sync(&panic);
        assert_eq!(panic.into_payload().downcast_ref::<String>().unwrap(), "boiler 7");
        assert_eq!(pool.run(|_| std::thread::current().id()).await.unwrap(), before);
        assert_eq!(pool.stats().panicked, 1);
    }

    anywhere async fn o5_a_panic_in_the_drop_of_an_unused_result_does_not_end_the_thread() {
        struct Bomb;
        impl Drop for Bomb { fn drop(&mut self) { if !std::thread::panicking() { panic!("in a drop") } } }
        let pool = pool(1, 4);
        let (inside, gate) = (Arc::new(Gate::default()), Arc::new(Gate::default()));
        let (inside2, gate2) = (inside.clone(), gate.clone());
        let offload = pool.run(move |_| { inside2.open(); gate2.pass(); Bomb });
        assert!(inside.pass());
        drop(offload);
        gate.open();
        assert_eq!(pool.run(|_| 1).await.unwrap(), 1);
    }

    anywhere async fn o8_drain_runs_queued_jobs_and_rejects_new_ones() {
        let pool = pool(1, 8);
        let (gate, held) = occupy_thread(&pool);
        let queued: Vec<_> = (0..4).map(|n| pool.run(move |_| n)).collect();
        let mut drain = Box::pin(pool.drain(LIMIT));
        assert!(poll_once(&mut drain).is_pending());
        assert!(matches!(pool.run(|_| ()).await, Err(Interrupted::Closed)));
        gate.open();
        assert!(drain.await.is_clean());
        held.await.unwrap();
        for (n, offload) in queued.into_iter().enumerate() { assert_eq!(offload.await.unwrap(), n); }
    }

    anywhere async fn o8_drain_cancels_at_its_deadline_and_reports_stuck_jobs() {
        let pool = pool(2, 8);
        let (gate, held) = occupy_thread(&pool);
        let checks = pool.job("Mill::checks").run(|worker| { eventually(|| worker.is_cancelled()); });
        eventually(|| pool.stats().running == 2);
        let queued = pool.run(|_| ());
        let report = pool.drain(Duration::from_millis(10)).await;
        assert_eq!(report.cancelled, 3);
        assert_eq!(report.stuck.len(), 1, "{report}");
        assert_eq!((report.stuck[0].method, report.stuck[0].pool.as_str()), ("closure", "test"));
        assert!(report.to_string().contains("on pool `test`"), "{report}");
        for ended in [checks.await.map(drop), queued.await, held.await.map(drop)] {
            assert!(matches!(ended, Err(Interrupted::Cancelled { .. })));
        }
        gate.open();
    }

    anywhere async fn o8_a_stuck_job_is_reported_with_the_location_where_it_waits() {
        let pool = pool(1, 8);
        let (inside, line) = (Arc::new(Gate::default()), line!() + 3);
        let mut host_not_polled = pool.job("Mill::waits").run({ let inside = inside.clone(); move |worker| {
            inside.open();
            worker.call(|| ())
        }});
        assert!(inside.pass());
        let mut report = None;
        eventually(|| {
            let jobs = pool.running_jobs();
            let found = jobs.first().is_some_and(|job| job.host_not_polled);
            report = jobs.into_iter().next();
            found
        });
        let stuck = report.unwrap();
        assert_eq!(stuck.method, "Mill::waits");
        let at = stuck.waiting_at.unwrap();
        assert_eq!((at.file(), at.line()), (file!(), line));
        // P8: the offload is held and not polled. Its worker is released by the drain (P2).
        assert!(pool.drain(Duration::ZERO).await.stuck.is_empty());
        eventually(|| match poll_once(&mut host_not_polled) {
            std::task::Poll::Ready(r) => { assert!(matches!(r, Err(Interrupted::Cancelled { .. }))); true }
            std::task::Poll::Pending => false,
        });
    }

    anywhere async fn o9_nested_offloads_and_waits_complete_on_one_thread() {
        fn chain(pool: Pool, n: u32) -> BoxFuture<'static, Result<u32, Interrupted>> {
            Box::pin(async move {
                if n == 0 { return Ok(0) }
                let inner = pool.clone();
                pool.try_run(move |worker| Ok::<_, Interrupted>(chain(inner, n - 1).wait(worker)?? + 1)).await
            })
        }
        assert_eq!(chain(pool(1, 1), 60).await.unwrap(), 60);
        assert!(matches!(chain(pool(1, 1), 80).await, Err(Interrupted::TooDeep)));
    }

    anywhere async fn o9_nested_offloads_between_two_single_thread_pools_complete() {
        fn chain(a: Pool, b: Pool, n: u32) -> BoxFuture<'static, Result<u32, Interrupted>> {
            Box::pin(async move {
                if n == 0 { return Ok(0) }
                let (next, after) = (b.clone(), a.clone());
                a.try_run(move |worker| Ok::<_, Interrupted>(chain(next, after, n - 1).wait(worker)?? + 1)).await
            })
        }
        assert_eq!(chain(pool(1, 1), pool(1, 1), 60).await.unwrap(), 60);
    }

    anywhere async fn o9_a_waiting_thread_runs_several_offloads_made_for_it() {
        let one = rejecting(1, 0, Overflow::Reject);
        let inner = one.clone();
        let sum = one.run(move |worker| async move {
            let (a, b, c) = futures::join!(inner.run(|_| 1), inner.run(|_| 2), inner.run(|_| 3));
            a.unwrap() + b.unwrap() + c.unwrap()
        }.wait(worker).unwrap()).await.unwrap();
        assert_eq!(sum, 6);
    }

    anywhere async fn o9_an_offload_made_on_the_thread_itself_runs_in_place() {
        let one = pool(1, 1);
        let inner = one.clone();
        let (outer, nested) = one.run(move |worker| {
            let offload = inner.run(|_| std::thread::current().id());
            (std::thread::current().id(), offload.wait(worker).unwrap())
        }).await.unwrap();
        assert_eq!(outer, nested);
    }

    // One `?` for every job: an interruption of the wait is converted to the job's own error.
    anywhere async fn o9_waiting_for_an_offload_returns_what_awaiting_it_returns() {
        let one = pool(1, 1);
        let inner = one.clone();
        let (plain, failed, panicked, late) = one.try_run(move |worker| {
            let plain = inner.run(|_| 5).wait(worker)?;
            let failed = inner.try_run(|_| Err::<(), _>(Stopped("odd".to_owned()))).wait(worker);
            let panicked = inner.run(|_| -> u32 { panic!("on purpose") }).wait(worker);
            let late = inner.job("late").deadline(Duration::ZERO).try_run(|_| Ok::<_, Stopped>(())).wait(worker);
            Ok::<_, Interrupted>((plain, failed, panicked, late))
        }).await.unwrap();
        assert_eq!((plain, failed.unwrap_err().0), (5, "odd".to_owned()));
        assert!(matches!(panicked, Err(Interrupted::Panicked(_))));
        assert_eq!(late.unwrap_err().0, Interrupted::Deadline { began: false }.to_string());
    }

    anywhere async fn o9_a_job_lent_to_a_thread_that_never_waits_returns_to_the_queue() {
        let one = pool(1, 1);
        let inner = one.clone();
        let offload = one.run(move |_| inner.run(|_| 7)).await.unwrap();
        assert_eq!(offload.await.unwrap(), 7);
    }

    anywhere async fn o9_jobs_that_submit_their_successor_do_not_form_a_chain() {
        let one = pool(1, 1);
        let (done, exited) = (Arc::new(Gate::default()), Arc::new(AtomicUsize::new(500)));
        fn next(pool: Pool, exited: Arc<AtomicUsize>, done: Arc<Gate>) {
            let again = pool.clone();
            pool.run(move |_| {
                if exited.fetch_sub(1, SeqCst) == 1 { done.open() } else { next(again, exited, done) }
            }).detach();
        }
        next(one.clone(), exited, done.clone());
        assert!(done.pass());
    }

    anywhere async fn idle_threads_exit_and_restart_on_demand() {
        let pool = Pool::builder("lazy").threads(3).thread_keep_alive(Duration::from_millis(1)).build().unwrap();
        let ended = Arc::new(AtomicUsize::new(0));
        struct Count(Arc<AtomicUsize>);
        impl Drop for Count { fn drop(&mut self) { self.0.fetch_add(1, SeqCst); } }
        std::thread_local! { static COUNT: std::cell::RefCell<Option<Count>> = const { std::cell::RefCell::new(None) }; }
        for round in 1..=3 {
            // All three threads run at once, and each marks itself.
            let inside = Arc::new(std::sync::Barrier::new(3));
            let offloads: Vec<_> = (0..3).map(|_| {
                let (inside, ended) = (inside.clone(), ended.clone());
                pool.run(move |_| { COUNT.with(|slot| slot.borrow_mut().get_or_insert_with(|| Count(ended)).0.clone()); inside.wait(); })
            }).collect();
            // A thread that was just exiting is replaced at the next call.
            let wake = pool.clone();
            eventually(|| { wake.run(|_| ()).detach(); pool.stats().running + pool.stats().completed as usize >= 3 * round });
            for offload in offloads { offload.await.unwrap(); }
            eventually(|| ended.load(SeqCst) >= 2 * round);
        }
    }

    anywhere async fn o10_a_failure_to_start_a_thread_is_an_error_at_build() {
        // No machine has the address space for this stack.
        let refused = Pool::builder("huge").threads(2).stack_size(usize::MAX / 4).build();
        assert!(refused.is_err());
    }

    anywhere async fn o11_dropping_the_last_handle_stops_the_pool_after_its_queued_jobs() {
        let one = pool(1, 8);
        let (gate, held) = occupy_thread(&one);
        let queued = one.run(|_| 5);
        let ended = Arc::new(Gate::default());
        std::thread_local! { static TELL: std::cell::RefCell<Option<OpenOnDrop>> = const { std::cell::RefCell::new(None) }; }
        let guard = OpenOnDrop(ended.clone());
        let sets = one.run(move |_| TELL.with(|slot| *slot.borrow_mut() = Some(guard)));
        drop(one);
        gate.open();
        held.await.unwrap();
        assert_eq!(queued.await.unwrap(), 5);
        sets.await.unwrap();
        assert!(ended.pass(), "the thread has ended");
    }

    anywhere async fn o12_a_lane_keeps_its_jobs_in_order_while_other_jobs_run() {
        let pool = pool(3, 64);
        let (log, at_once) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
        let (gate, held) = occupy_thread(&pool);
        let offloads: Vec<_> = (0..60_u32).map(|n| {
            let (log, at_once, lane) = (log.clone(), at_once.clone(), n % 3);
            pool.job("lane").lane(&lane).run(move |_| {
                assert_eq!(at_once.fetch_add(1 << (8 * lane), SeqCst) >> (8 * lane) & 0xff, 0, "one at a time");
                log.lock().unwrap().push(n);
                at_once.fetch_sub(1 << (8 * lane), SeqCst);
            })
        }).collect();
        join_all(offloads).await.into_iter().for_each(|r| r.unwrap());
        gate.open();
        held.await.unwrap();
        let log = log.lock().unwrap();
        for lane in 0..3 {
            let of_lane: Vec<_> = log.iter().copied().filter(|n| n % 3 == lane).collect();
            assert_eq!(of_lane, (0..60).filter(|n| n % 3 == lane).collect::<Vec<_>>());
        }
    }

    anywhere async fn o12_a_cancelled_job_of_a_lane_does_not_block_it() {
        let pool = rejecting(1, 4, Overflow::Reject);
        let (gate, held) = occupy_thread(&pool);
        let mut offloads: Vec<_> = (0..4).map(|n| pool.job("lane").lane("a").run(move |_| n)).collect();
        assert!(matches!(pool.job("lane").lane("a").run(|_| 0).await, Err(Interrupted::Full)), "those aside hold places");
        drop(offloads.remove(2));
        drop(offloads.remove(0));
        let more: Vec<_> = (4..6).map(|n| pool.job("lane").lane("a").run(move |_| n)).collect();
        gate.open();
        held.await.unwrap();
        offloads.extend(more);
        let mut results = Vec::new();
        for offload in offloads { results.push(offload.await.unwrap()); }
        assert_eq!(results, [1, 3, 4, 5]);
        assert!(pool.drain(LIMIT).await.is_clean());
    }

    anywhere async fn o12_a_nested_job_of_the_same_lane_does_not_deadlock() {
        let pool = pool(2, 8);
        let inner = pool.clone();
        let nested = pool.job("lane").lane(&1).run(move |worker| inner.job("lane").lane(&1).run(|_| 5).wait(worker).unwrap());
        assert_eq!(nested.await.unwrap(), 5);
    }

    anywhere async fn o11_threads_exit_after_the_last_job_of_a_lane() {
        std::thread_local! { static TELL: std::cell::RefCell<Option<OpenOnDrop>> = const { std::cell::RefCell::new(None) }; }
        for cancel in [false, true] {
            let pool = pool(2, 8);
            let ends: Vec<_> = (0..2).map(|_| Arc::new(Gate::default())).collect();
            let (gate, mut holds) = (Arc::new(Gate::default()), Vec::new());
            let both = Arc::new(std::sync::Barrier::new(2));
            for end in &ends {
                let (guard, gate, both) = (OpenOnDrop(end.clone()), gate.clone(), both.clone());
                holds.push(pool.job("hold").lane(&holds.len()).run(move |_| {
                    TELL.with(|slot| *slot.borrow_mut() = Some(guard));
                    both.wait();
                    gate.pass()
                }));
            }
            let next = pool.job("next").lane(&0_usize).run(|_| ());
            eventually(|| pool.stats().running == 2);
            drop(pool);
            if cancel { drop(next) } else { gate.open(); next.await.unwrap(); }
            gate.open();
            for hold in holds { hold.await.unwrap(); }
            assert!(ends.iter().all(|end| end.pass()));
        }
    }

    anywhere async fn o12_lanes_lose_no_job_when_offloads_are_dropped() {
        let pool = pool(2, 2);
        for round in 0..200_u32 {
            let offloads: Vec<_> = (0..8_u32).map(|n| pool.job("lane").lane(&(n % 2)).run(move |_| n)).collect();
            let mut kept = Vec::new();
            for (n, offload) in offloads.into_iter().enumerate() {
                if (n as u32 + round).is_multiple_of(3) { drop(offload) } else { kept.push((n as u32, offload)) }
            }
            for (n, offload) in kept { assert_eq!(offload.await.unwrap(), n); }
        }
    }

    anywhere async fn e2_the_job_is_submitted_at_the_call() {
        let pool = pool(1, 8);
        let ran = Arc::new(Gate::default());
        let ran2 = ran.clone();
        let offload = pool.run(move |_| ran2.open());
        assert!(ran.pass(), "without a poll");
        offload.await.unwrap();
    }

    anywhere async fn stress_new_pools_lose_no_wake_up() {
        // The pattern that found tokio's lost wake-up (tokio#8068): threads that are about to park
        // for the first time.
        for round in 0..300_u32 {
            let pool = Pool::builder("fresh").threads(2).queue_capacity(4).idle_spins(round % 3).build().unwrap();
            let submitters: Vec<_> = (0..2).map(|_| {
                let pool = pool.clone();
                std::thread::spawn(move || (0..3).map(|n| pool.run(move |_| n)).collect::<Vec<_>>())
            }).collect();
            for submitter in submitters {
                for (n, offload) in submitter.join().unwrap().into_iter().enumerate() {
                    assert_eq!(offload.await.unwrap(), n);
                }
            }
        }
    }

    anywhere async fn stress_no_job_is_lost_among_drops_and_nested_calls() {
        for _ in 0..20 {
            let pool = pool(2, 1);
            let tasks: Vec<_> = (0..50_u32).map(|i| { let pool = pool.clone(); async move {
                for k in 0..20_u32 {
                    if (i + k) % 7 == 0 {
                        let mut offload = pool.run(|_| ());
                        let _ = poll_once(&mut offload);
                    } else if (i + k) % 5 == 0 {
                        let inner = pool.clone();
                        pool.run(move |worker| async move { inner.run(|_| 1).await.unwrap() }.wait(worker).unwrap()).await.unwrap();
                    } else {
                        assert_eq!(pool.run(move |_| i + k).await.unwrap(), i + k);
                    }
                }
            }}).collect();
            join_all(tasks).await;
        }
    }
}

on_loops! {
    async fn o9_an_offload_that_lost_its_chain_ends_at_its_deadline() {
        let one = pool(1, 1);
        let inner = one.clone();
        let lost = one.job("lost").deadline(Duration::from_millis(50)).run(move |worker| async move {
            // A plain `tokio::spawn` loses the chain of waiting jobs: its offload waits for the
            // only thread, which waits for the task. (An offload that is created before the spawn
            // and moved into the task keeps the chain.)
            tokio::spawn(async move { inner.run(|_| 1).await }).await.unwrap()
        }.wait(worker));
        assert!(matches!(lost.await, Err(Interrupted::Deadline { .. })));
        assert_eq!(one.run(|_| 2).await.unwrap(), 2, "the thread came back");
    }
}
