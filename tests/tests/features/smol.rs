//! Portcullis on smol's executor.

use super::*;

/// The adapter that a program on smol's executor writes to spawn portcullis' tasks. It is weak
/// because the tasks hold it.
struct Smol(Weak<Executor<'static>>);

impl Spawn for Smol {
    fn spawn(&self, task: BoxTask) -> Result<(), Interrupted> {
        self.0.upgrade().ok_or(Interrupted::Closed)?.spawn(task).detach();
        Ok(())
    }
}

fn smol() -> (Arc<Executor<'static>>, Portal) {
    let executor = Arc::new(Executor::new());
    let portal = Portal::new(Arc::new(Smol(Arc::downgrade(&executor))));
    (executor, portal)
}

/// Runs `test` as a task of an executor with one thread, and of one with two.
fn on_smol<F>(test: impl Fn(Portal) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    for threads in 1..=2 {
        let (executor, portal) = smol();
        let (stop, stopped) = oneshot::channel::<()>();
        let (tx, rx) = std::sync::mpsc::channel();
        let stopped = stopped.shared();
        let test = test(portal);
        let test = async move {
            test.await;
            tx.send(()).unwrap();
        };
        executor.spawn(test).detach();
        let threads: Vec<_> = (0..threads)
            .map(|_| {
                let (executor, stopped) = (Arc::clone(&executor), stopped.clone());
                thread::spawn(move || block_on(executor.run(stopped)).unwrap())
            })
            .collect();
        rx.recv_timeout(LIMIT).expect("in time, and no panic");
        stop.send(()).unwrap();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

fn pool() -> Pool {
    Pool::builder("test").threads(1).queue_capacity(8).build().unwrap()
}

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

#[test]
fn smol_awaits_jobs_and_polls_their_waits() {
    on_smol(|_| async {
        let pool = pool();
        let inner = pool.clone();
        let sum = pool.run(move |worker| {
            let here = thread::current().id();
            let waited = async {
                yield_once().await;
                thread::current().id()
            };
            assert_eq!(waited.wait(worker).unwrap(), here);
            // A job of the waiting thread is handed off to it.
            let nested = async move { inner.run(|_| thread::current().id()).await };
            assert_eq!(nested.wait(worker).unwrap().unwrap(), here);
            let on_loop = async {
                yield_once().await;
                thread::current().id()
            };
            assert_ne!(worker.run_on_loop(on_loop).unwrap(), here);
            (0..100).map(|n| worker.call(move || n).unwrap()).sum::<u32>()
        });
        assert_eq!(sum.await.unwrap(), 4950);
        let late = pool
            .job("late")
            .deadline(Duration::from_millis(5))
            .run(|worker| drop(pending::<()>().wait(worker)));
        assert!(matches!(late.await, Err(Interrupted::Deadline { .. })));
    });
}

#[test]
fn smol_serves_portal_calls_from_external_threads() {
    on_smol(|portal| async move {
        let (tx, rx) = oneshot::channel();
        thread::spawn(move || {
            let all = portal.enter_thread(|worker| {
                let waited = async {
                    yield_once().await;
                    1
                };
                let waited = waited.wait(worker).unwrap();
                let called = portal.call(worker, || 2).unwrap();
                let spawned = portal.spawn(async { 3 }).wait(worker).unwrap().unwrap();
                let (soon, done) = oneshot::channel();
                worker.call_soon(move || soon.send(4).unwrap()).unwrap();
                [waited, called, spawned, done.wait(worker).unwrap().unwrap()]
            });
            tx.send(all.unwrap()).unwrap();
        });
        assert_eq!(rx.await.unwrap(), [1, 2, 3, 4]);
    });
}

#[test]
fn smol_runs_and_cancels_portal_tasks() {
    on_smol(|portal| async move {
        assert_eq!(portal.spawn(async { 5 }).await.unwrap(), 5);
        let panicked = portal.spawn(async { panic!("a task") }).await;
        assert!(
            matches!(panicked, Err::<(), _>(Interrupted::Panicked(panic)) if panic.message() == "a task")
        );
        let dropped = Arc::new(Gate::default());
        let guard = OpenOnDrop(dropped.clone());
        let task: PortalTask<()> = portal.spawn(async move {
            let _guard = guard;
            pending().await
        });
        yield_once().await;
        assert!(task.cancel());
        assert!(matches!(task.await, Err(Interrupted::Cancelled { .. })));
        while !dropped.is_open() {
            yield_once().await;
        }
    });
}

#[test]
fn smol_jobs_of_portal_tasks_inherit_the_portal() {
    on_smol(|portal| async move {
        let (tx, rx) = oneshot::channel();
        let job = async move {
            assert!(Portal::current().is_ok());
            // The job is detached and there is no tokio: its futures run on the executor of the
            // portal task.
            pool()
                .run(move |worker| {
                    let waited = async {
                        yield_once().await;
                        6
                    };
                    tx.send(
                        waited.wait(worker).unwrap()
                            + worker.spawn(async { 1 }).wait(worker).unwrap().unwrap(),
                    )
                })
                .detach();
        };
        portal.spawn(job).await.unwrap();
        assert_eq!(rx.await.unwrap(), 7);
    });
}

#[test]
fn smol_portal_tasks_cannot_wait() {
    on_smol(|portal| async move {
        let inside = portal.clone();
        let refused = portal.spawn(async move { inside.enter_thread(|_| ()) });
        assert!(matches!(refused.await.unwrap(), Err(Interrupted::OnEventLoop)));
    });
}

#[test]
fn a_dropped_smol_executor_cancels_tasks_and_releases_waiting_threads() {
    let (executor, portal) = smol();
    let inside = Arc::new(Gate::default());
    let (inside2, external) = (inside.clone(), portal.clone());
    let waiting = thread::spawn(move || {
        external.enter_thread(|worker| {
            let end = async move {
                inside2.open();
                pending::<()>().await
            };
            (end.wait(worker), worker.call(|| ()))
        })
    });
    let task = portal.spawn(pending::<()>());
    // Until both tasks have begun: that of the portal, and the one that the waiting thread makes
    // after its first poll.
    let mut ticks = 0;
    eventually(|| {
        ticks += usize::from(executor.try_tick());
        inside.is_open() && ticks >= 2
    });
    drop(executor);
    eventually(|| waiting.is_finished());
    let ends = waiting.join().unwrap().unwrap();
    assert!(matches!(ends, (Err(Interrupted::Abandoned), Err(Interrupted::Closed))), "{ends:?}");
    assert!(task.is_finished());
    assert!(matches!(block_on(task), Err(Interrupted::Cancelled { .. })));
    assert!(matches!(block_on(portal.spawn(async {})), Err(Interrupted::Closed)));
    assert!(matches!(portal.call_soon(|| ()), Err(Interrupted::Closed)));
}
