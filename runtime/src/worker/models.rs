//! Models of a wait that polls in place, for loom: the waker and the end of the wait against the
//! park, in every interleaving up to a bound of preemptions.
//!
//! `RUSTFLAGS="--cfg portcullis_loom" cargo test -p portcullis-runtime --release --lib models`

use std::future::{Future, pending, poll_fn};
use std::sync::Arc;
use std::task::{Poll, Waker};

use loom::future::block_on;
use loom::sync::Mutex;
use loom::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use loom::thread;

use super::Wait;
use crate::error::Interrupted;
use crate::pool::Pool;
use crate::portal::Portal;
use crate::spawn::{BoxTask, Spawn};

fn model(f: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(3);
    builder.check(f);
}

fn pool(wait_spins: u32) -> Pool {
    let pool = Pool::builder("model").threads(1).queue_capacity(1).idle_spins(0).wait_spins(wait_spins);
    pool.build().expect("a thread")
}

/// An event that wakes the last future that has polled it.
#[derive(Default)]
struct Event(Mutex<(bool, Option<Waker>)>);

impl Event {
    fn set(&self) {
        let mut state = self.0.lock().unwrap();
        state.0 = true;
        let waker = state.1.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn wait(&self) -> impl Future<Output = ()> + '_ {
        poll_fn(|cx| {
            let mut state = self.0.lock().unwrap();
            if state.0 {
                return Poll::Ready(());
            }
            state.1 = Some(cx.waker().clone());
            Poll::Pending
        })
    }
}

fn a_wake_up_is_not_lost(wait_spins: u32) {
    model(move || {
        let pool = pool(wait_spins);
        let event = Arc::new(Event::default());
        let theirs = Arc::clone(&event);
        let job = pool.run(move |worker| theirs.wait().wait(worker));
        event.set();
        assert!(matches!(block_on(job), Ok(Ok(()))));
    });
}

#[test]
fn a_wake_up_against_the_park() {
    a_wake_up_is_not_lost(0);
}

#[test]
fn a_wake_up_against_the_spinning_thread() {
    a_wake_up_is_not_lost(1);
}

/// The second waker finds the flag set by the first, and leaves the notification to it.
#[test]
fn two_wake_ups_against_the_park() {
    model(|| {
        let pool = pool(0);
        let events = [Arc::new(Event::default()), Arc::new(Event::default())];
        let theirs = events.clone();
        let job = pool.run(move |worker| {
            let mut both = Box::pin(async {
                theirs[0].wait().await;
                theirs[1].wait().await;
            });
            // Both events know the waker from the first poll on.
            let mut second = Box::pin(theirs[1].wait());
            let polls = poll_fn(|cx| {
                let _ = second.as_mut().poll(cx);
                both.as_mut().poll(cx)
            });
            polls.wait(worker)
        });
        let event = Arc::clone(&events[0]);
        let waker = thread::spawn(move || event.set());
        events[1].set();
        waker.join().unwrap();
        assert!(matches!(block_on(job), Ok(Ok(()))));
    });
}

/// The wait ends by whichever comes first, and the waker may outlive the job.
#[test]
fn a_wake_up_next_to_a_cancellation() {
    for wakes_first in [true, false] {
        model(move || {
            let pool = pool(0);
            let event = Arc::new(Event::default());
            let ended = Arc::new(AtomicUsize::new(0));
            let (theirs, ends) = (Arc::clone(&event), Arc::clone(&ended));
            let job = pool.run(move |worker| {
                let end = theirs.wait().wait(worker);
                assert!(matches!(end, Ok(()) | Err(Interrupted::Cancelled { .. })));
                ends.fetch_add(1, SeqCst);
            });
            if wakes_first {
                event.set();
                drop(job);
            } else {
                drop(job);
                event.set();
            }
            // The one thread has come back from its wait, or has never begun the job.
            block_on(pool.run(|_| ())).expect("the thread lives on");
            assert!(ended.load(SeqCst) <= 1);
        });
    }
}

/// Keeps the task of a thread, until the model drops it.
#[derive(Default)]
struct Keeps(Mutex<Vec<BoxTask>>);

impl Spawn for Keeps {
    fn spawn(&self, task: BoxTask) -> Result<(), Interrupted> {
        self.0.lock().unwrap().push(task);
        Ok(())
    }
}

fn next_task(executor: &Keeps) -> BoxTask {
    loop {
        if let Some(task) = executor.0.lock().unwrap().pop() {
            return task;
        }
        thread::yield_now();
    }
}

/// The host task is dropped before, while and after the worker parks.
#[test]
fn the_end_of_an_executor_against_the_park() {
    model(|| {
        let executor = Arc::new(Keeps::default());
        let portal = Portal::new(Arc::clone(&executor) as Arc<dyn Spawn>);
        let waiting = thread::spawn(move || portal.enter_thread(|worker| pending::<()>().wait(worker)));
        drop(next_task(&executor));
        assert!(matches!(waiting.join().unwrap(), Ok(Err(Interrupted::Abandoned))));
    });
}

/// The last call of a thread, and its end, against the host task that stays for its waits.
#[test]
fn a_call_against_a_host_task_that_stays() {
    model(|| {
        let executor = Arc::new(Keeps::default());
        let portal = Portal::new(Arc::clone(&executor) as Arc<dyn Spawn>);
        let event = Arc::new(Event::default());
        let theirs = Arc::clone(&event);
        let entered = thread::spawn(move || {
            portal.enter_thread(|worker| {
                theirs.wait().wait(worker)?;
                worker.call(|| 5)
            })
        });
        event.set();
        // The call needs a host task, and finds the one of the wait if the wait had to park.
        block_on(next_task(&executor));
        assert!(matches!(entered.join().unwrap(), Ok(Ok(5))));
        assert!(executor.0.lock().unwrap().is_empty());
    });
}
