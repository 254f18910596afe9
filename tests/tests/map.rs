//! O7: `pool.map`, and how it respects the capacity of the pool's queue beside other jobs.

#![forbid(unsafe_code)]

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures::{Stream, StreamExt, future};
use portcullis::test::TestPoolBuilder;
use portcullis::{Interrupted, Overflow, Pool, Wait};
use portcullis_tests::{Gate, occupy_thread, on_loops};

fn pool(threads: usize, queue: usize, overflow: Overflow) -> Pool {
    Pool::builder("map").threads(threads).queue_capacity(queue).overflow(overflow).build().expect("threads")
}

const KINDS: [Overflow; 3] = [Overflow::Wait, Overflow::Reject, Overflow::ShedOldest];

/// Doubles the numbers up to `n` with `map`, and returns the errors.
async fn doubled(pool: &Pool, n: u32) -> Vec<Interrupted> {
    let results: Vec<_> = pool.map(0..n, |_, n| n * 2).collect().await;
    assert_eq!(results.len(), n as usize);
    let (right, wrong): (Vec<_>, Vec<_>) = (0..n).zip(results).partition(|(_, result)| result.is_ok());
    assert!(right.into_iter().all(|(n, result)| result.unwrap() == 2 * n));
    wrong.into_iter().filter_map(|(_, result)| result.err()).collect()
}

/// Polls once, with a waker that does nothing.
fn poll_next_once<S: Stream + Unpin>(map: &mut S) -> Poll<Option<S::Item>> {
    map.poll_next_unpin(&mut Context::from_waker(Waker::noop()))
}

/// Counts how often it was woken.
#[derive(Default)]
struct Counted(AtomicUsize);

impl Wake for Counted {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

on_loops! {
    anywhere async fn o7_concurrent_maps_share_the_queue_and_none_is_rejected() {
        for overflow in KINDS {
            for (threads, queue) in [(2, 4), (1, 1), (2, 0)] {
                let pool = pool(threads, queue, overflow);
                let maps = future::join_all((0..3).map(|_| doubled(&pool, 100))).await;
                assert!(maps.iter().all(Vec::is_empty), "{overflow:?}, {threads} threads, {queue} places: {maps:?}");
                let stats = pool.stats();
                assert_eq!((stats.completed, stats.rejected, stats.shed), (300, 0, 0));
            }
        }
    }

    anywhere async fn o7_a_map_waits_for_capacity_without_busy_polling() {
        let pool = pool(1, 1, Overflow::Reject);
        let (gate, held) = occupy_thread(&pool);
        let queued = pool.run(|_| 1);
        let mut map = pool.map([5], |_, n| n);
        let counted = Arc::new(Counted::default());
        let waker = Waker::from(Arc::clone(&counted));
        for _ in 0..3 {
            assert!(map.poll_next_unpin(&mut Context::from_waker(&waker)).is_pending());
        }
        assert_eq!((counted.0.load(SeqCst), pool.stats().rejected, pool.stats().queued), (0, 0, 1));
        gate.open();
        assert!(held.await.unwrap());
        assert_eq!(queued.await.unwrap(), 1);
        assert!(counted.0.load(SeqCst) >= 1);
        assert_eq!(map.next().await.unwrap().unwrap(), 5);
        assert!(map.next().await.is_none());
    }

    anywhere async fn o7_a_cancelled_job_frees_capacity_for_a_map() {
        let pool = pool(1, 1, Overflow::Reject);
        let (gate, held) = occupy_thread(&pool);
        let queued = pool.run(|_| 1);
        let mut map = pool.map([5], |_, n| n);
        let counted = Arc::new(Counted::default());
        assert!(map.poll_next_unpin(&mut Context::from_waker(&Waker::from(Arc::clone(&counted)))).is_pending());
        drop(queued);
        assert_eq!(counted.0.load(SeqCst), 1);
        gate.open();
        assert_eq!(map.next().await.unwrap().unwrap(), 5);
        assert!(held.await.unwrap());
    }

    anywhere async fn o7_other_jobs_are_rejected_beside_a_map_and_the_maps_jobs_are_not() {
        let pool = pool(2, 2, Overflow::Reject);
        let others = async {
            for _ in 0..200 {
                match pool.run(|_| ()).await {
                    Ok(()) | Err(Interrupted::Full) => {}
                    Err(other) => panic!("{other}"),
                }
            }
        };
        let ((), one, other) = future::join3(others, doubled(&pool, 200), doubled(&pool, 200)).await;
        assert!(one.is_empty() && other.is_empty(), "{one:?}, {other:?}");
    }

    anywhere async fn o7_other_jobs_may_shed_jobs_of_a_map_which_sheds_none() {
        let pool = pool(1, 2, Overflow::ShedOldest);
        let (gate, held) = occupy_thread(&pool);
        let foreign = pool.run(|_| 1);
        let mut map = pool.map([5, 6], |_, n| n);
        assert!(poll_next_once(&mut map).is_pending()); // one queue slot is left for it
        assert_eq!((pool.stats().queued, pool.stats().shed), (2, 0));
        let (second, third) = (pool.run(|_| 2), pool.run(|_| 3));
        assert!(matches!(foreign.await, Err(Interrupted::Shed)));
        gate.open();
        assert!(matches!(map.next().await, Some(Err(Interrupted::Shed))));
        assert_eq!(map.next().await.unwrap().unwrap(), 6);
        assert_eq!((second.await.unwrap(), third.await.unwrap()), (2, 3));
        assert!(held.await.unwrap());
    }

    anywhere async fn o7_a_map_in_a_job_of_the_same_pool_runs_on_its_thread() {
        for overflow in KINDS {
            for queue in [0, 2] {
                let pool = pool(1, queue, overflow);
                let same = pool.clone();
                let wrong = pool.run(move |worker| async move { doubled(&same, 20).await }.wait(worker)).await.unwrap().unwrap();
                assert!(wrong.is_empty(), "{overflow:?}, {queue}: {wrong:?}");
            }
        }
    }

    anywhere async fn o7_a_map_in_a_job_of_another_pool_waits_for_capacity() {
        let (outer, inner) = (pool(2, 2, Overflow::Wait), pool(1, 1, Overflow::Reject));
        let maps = [(); 2].map(|()| {
            let inner = inner.clone();
            outer.run(move |worker| async move { doubled(&inner, 50).await }.wait(worker))
        });
        for map in future::join_all(maps).await {
            assert!(map.unwrap().unwrap().is_empty());
        }
    }

    anywhere async fn o7_a_map_that_waits_for_capacity_ends_when_the_pool_is_closed() {
        let pool = pool(1, 0, Overflow::Reject);
        let (gate, held) = occupy_thread(&pool);
        let mut map = pool.map(0..2, |_, n| n);
        let mut draining = Box::pin(pool.drain(Duration::MAX));
        let first = std::future::poll_fn(|cx| {
            // The drain closes the pool while the map waits.
            let polled = map.poll_next_unpin(cx);
            assert!(draining.as_mut().poll(cx).is_pending());
            polled
        }).await;
        assert!(matches!(first, Some(Err(Interrupted::Closed))));
        gate.open();
        assert!(held.await.unwrap());
        assert!(draining.await.is_clean());
    }

    anywhere async fn o7_a_dropped_waiting_map_leaves_its_capacity_to_others() {
        let pool = pool(1, 1, Overflow::Reject);
        let (gate, held) = occupy_thread(&pool);
        let queued = pool.run(|_| 1);
        let mut dropped = pool.map([5], |_, n| n);
        let mut stays = pool.map([6], |_, n| n);
        assert!(poll_next_once(&mut dropped).is_pending());
        assert!(poll_next_once(&mut stays).is_pending());
        drop(dropped);
        gate.open();
        assert_eq!(queued.await.unwrap(), 1);
        assert_eq!(stays.next().await.unwrap().unwrap(), 6);
        assert!(held.await.unwrap());
        assert!(pool.drain(Duration::ZERO).await.is_clean());
    }

    anywhere async fn o7_a_panicking_iterator_occupies_no_capacity() {
        let pool = pool(1, 1, Overflow::Reject);
        let mut map = pool.map((0..2).inspect(|n| assert_ne!(*n, 0, "an iterator that panics")), |_, n| n);
        let polled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| poll_next_once(&mut map)));
        assert!(polled.is_err());
        assert_eq!(pool.stats().queued, 0);
        assert_eq!(map.next().await.unwrap().unwrap(), 1);
    }

}

on_loops! {
    async fn o7_maps_on_an_inline_pool_and_on_a_stepped_one() {
        for overflow in KINDS {
            let inline = Pool::builder("inline").threads(2).queue_capacity(1).overflow(overflow).inline().unwrap();
            let maps = future::join(doubled(&inline, 20), doubled(&inline, 20)).await;
            assert!(maps.0.is_empty() && maps.1.is_empty(), "{overflow:?}: {maps:?}");

            let (stepped, stepper) = Pool::builder("stepped").threads(1).queue_capacity(2).overflow(overflow).stepped().unwrap();
            let order = Arc::new(Mutex::new(Vec::new()));
            let map = |name: u32| {
                let order = Arc::clone(&order);
                stepped.map(0..3, move |_, n| order.lock().unwrap().push((name, n))).collect::<Vec<_>>()
            };
            let mut maps = Box::pin(future::join(map(1), map(2)));
            let mut steps = 0;
            let results = loop {
                if let Poll::Ready(results) = maps.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    break results;
                }
                assert!(stepper.step().await, "a map waits and nothing is queued");
                steps += 1;
            };
            assert_eq!((steps, results.0.len(), results.1.len()), (6, 3, 3));
            assert!(results.0.iter().chain(&results.1).all(Result::is_ok), "{overflow:?}: {results:?}");
            let of = |name: u32| order.lock().unwrap().iter().filter(|(of, _)| *of == name).map(|(_, n)| *n).collect::<Vec<_>>();
            assert_eq!((of(1), of(2)), (vec![0, 1, 2], vec![0, 1, 2]));
        }
    }
}

/// The watcher for capacity is removed when nothing waits: a pool is as fast as before, since its
/// jobs take no lock at their end.
#[test]
fn o7_capacity_is_accurate_after_many_maps() {
    let pool = pool(2, 2, Overflow::Reject);
    futures::executor::block_on(async {
        for _ in 0..20 {
            let maps = future::join(doubled(&pool, 20), doubled(&pool, 20)).await;
            assert!(maps.0.is_empty() && maps.1.is_empty());
        }
        // The pool has its whole capacity: two threads and two queue slots, and no more.
        let gate = Arc::new(Gate::default());
        let held: Vec<_> = (0..4)
            .map(|_| {
                pool.run({
                    let gate = Arc::clone(&gate);
                    move |_| gate.pass()
                })
            })
            .collect();
        assert!(matches!(pool.run(|_| ()).await, Err(Interrupted::Full)));
        gate.open();
        for held in held {
            assert!(held.await.unwrap());
        }
    });
}
