//! Panics in the drops of users' values do not reach the executor.

use super::*;

/// An executor of one task that, like smol's, does not tolerate panics.
#[derive(Default)]
struct StrictExecutor(Mutex<Option<BoxTask>>);

impl Spawn for StrictExecutor {
    fn spawn(&self, task: BoxTask) -> Result<(), Interrupted> {
        *self.0.lock().unwrap() = Some(task);
        Ok(())
    }
}

impl StrictExecutor {
    fn portal() -> (Arc<Self>, Portal) {
        let this = Arc::new(Self::default());
        let portal = Portal::new(this.clone());
        (this, portal)
    }

    /// Polls the task; drops it if it has completed, or always if `at_once`.
    fn run(&self, at_once: bool) {
        let mut task = self.0.lock().unwrap().take().expect("a task");
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let polled = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            if polled.is_pending() && !at_once { Some(task) } else { None }
        }));
        *self.0.lock().unwrap() = polled.unwrap_or_else(|_| panic!("the panic came through to the executor"));
    }
}

struct Bomb;
impl Drop for Bomb {
    fn drop(&mut self) {
        if !thread::panicking() {
            panic!("in a drop");
        }
    }
}

#[test]
fn a_panic_in_the_drop_of_a_cancelled_task_does_not_reach_the_executor() {
    let (executor, portal) = StrictExecutor::portal();
    let bomb = Bomb;
    let task = portal.spawn(async move {
        let _bomb = bomb;
        pending::<()>().await
    });
    executor.run(false);
    assert!(task.cancel());
    executor.run(false);
    assert!(task.is_finished());
    assert!(matches!(block_on(task), Err(Interrupted::Cancelled { .. })));
}

#[test]
fn a_panic_in_the_drop_of_an_unused_result_does_not_reach_the_executor() {
    let (executor, portal) = StrictExecutor::portal();
    portal.spawn(async { Bomb }).detach();
    executor.run(false);
}

#[test]
fn a_panic_in_the_drop_of_a_completed_task_does_not_reach_the_executor() {
    struct Done(Option<Bomb>);
    impl Future for Done {
        type Output = u32;
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<u32> {
            Poll::Ready(u32::from(self.0.is_some()))
        }
    }
    let (executor, portal) = StrictExecutor::portal();
    let task = portal.spawn(Done(Some(Bomb)));
    executor.run(false);
    assert!(task.is_finished());
}

#[test]
fn a_panic_in_the_drop_of_a_task_does_not_reach_its_dropped_executor() {
    let (executor, portal) = StrictExecutor::portal();
    let bomb = Bomb;
    let task = portal.spawn(async move {
        let _bomb = bomb;
        pending::<()>().await
    });
    executor.run(true);
    assert!(task.is_finished());
    assert!(matches!(block_on(task), Err(Interrupted::Cancelled { .. })));
}

#[test]
fn a_panic_in_the_drop_of_an_external_threads_future_does_not_reach_the_executor() {
    let (executor, portal) = StrictExecutor::portal();
    let waiting = thread::spawn(move || {
        let bomb = Bomb;
        let waits = async move {
            let _bomb = bomb;
            pending::<()>().await
        };
        portal.enter_thread(|worker| worker.run_on_loop(waits))
    });
    eventually(|| executor.0.lock().unwrap().is_some());
    executor.run(true);
    eventually(|| waiting.is_finished());
    assert!(matches!(waiting.join().unwrap().unwrap(), Err(Interrupted::Abandoned)));
}

#[test]
fn a_panic_in_the_drop_of_a_waited_future_is_returned_to_the_external_thread() {
    let (executor, portal) = StrictExecutor::portal();
    let waiting = thread::spawn(move || {
        let bomb = Bomb;
        let waits = async move {
            let _bomb = bomb;
            pending::<()>().await
        };
        portal.enter_thread(|worker| waits.wait(worker))
    });
    eventually(|| executor.0.lock().unwrap().is_some());
    executor.run(true);
    eventually(|| waiting.is_finished());
    assert!(matches!(waiting.join().unwrap().unwrap(), Err(Interrupted::Panicked(_))));
}
