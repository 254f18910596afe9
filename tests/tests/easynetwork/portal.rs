//! T: the rules of EasyNetwork's threads portal.

use super::*;

/// An executor that polls its tasks only when the test asks for it.
#[derive(Default)]
struct ManualExecutor(Mutex<Vec<BoxTask>>);

impl Spawn for ManualExecutor {
    fn spawn(&self, task: BoxTask) -> Result<(), Interrupted> {
        self.0.lock().unwrap().push(task);
        Ok(())
    }
}

impl ManualExecutor {
    fn portal() -> (Arc<Self>, Portal) {
        let this = Arc::new(Self::default());
        let portal = Portal::new(this.clone());
        (this, portal)
    }

    /// Polls each task once.
    fn poll_all(&self) {
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
fn t2_a_portal_needs_a_loop() {
    assert!(matches!(Portal::current(), Err(Interrupted::NoRuntime)));
}

on_loops! {
    anywhere async fn t4_a_call_runs_on_the_loop_and_its_panic_reaches_only_the_caller() {
        let here = pool(1, 8).run(|worker| {
            let on = worker.call(|| thread::current().id()).unwrap();
            assert_ne!(on, thread::current().id());
            assert!(matches!(worker.call(|| panic!("mine")), Err::<(), _>(Interrupted::Panicked(panic)) if panic.message() == "mine"));
            worker.call(|| 4).unwrap()
        });
        assert_eq!(here.await.unwrap(), 4);
    }

    // In EasyNetwork giving an `async def` to `run_sync` is a `TypeError`. Here the function
    // returns a future like any other.
    anywhere async fn t7_calling_an_async_function_returns_its_future() {
        let got = pool(1, 8).run(|worker| worker.call(|| async { yield_once().await; 7 }).unwrap().wait(worker).unwrap());
        assert_eq!(got.await.unwrap(), 7);
    }

    // In EasyNetwork a coroutine that was cancelled before its first step still starts, and ends at
    // its first `await`.
    anywhere async fn t6_and_t12_a_task_cancelled_before_its_first_poll_never_starts_and_its_waiter_gets_an_error() {
        let (executor, portal) = ManualExecutor::portal();
        let (ran, dropped) = (Arc::new(Gate::default()), Arc::new(Gate::default()));
        let (ran2, guard) = (ran.clone(), OpenOnDrop(dropped.clone()));
        let mut task = portal.spawn(async move { ran2.open(); drop(guard) });
        assert!(poll_once(&mut task).is_pending());
        assert!(task.cancel());
        assert!(matches!(poll_once(&mut task), Poll::Ready(Err(Interrupted::Cancelled { .. }))), "before the loop polls again");
        executor.poll_all();
        assert!(!ran.is_open() && dropped.is_open());
    }

    // In EasyNetwork the call blocks until the loop has created the task. Here it never blocks.
    anywhere async fn t9_spawn_does_not_wait_for_the_loop() {
        let (executor, portal) = ManualExecutor::portal();
        let mut task = portal.spawn(async { 9 }); // and the loop polls nothing
        assert!(poll_once(&mut task).is_pending() && !task.is_finished());
        executor.poll_all();
        assert_eq!(task.await.unwrap(), 9);
    }

    anywhere async fn t10_a_task_can_be_cancelled_until_it_completes() {
        let (executor, portal) = ManualExecutor::portal();
        let dropped = Arc::new(Gate::default());
        let guard = OpenOnDrop(dropped.clone());
        let mut task = portal.spawn(async move { let _guard = guard; pending::<()>().await });
        let done = portal.spawn(async { 10 });
        executor.poll_all();
        assert!(task.cancel() && !task.cancel());
        assert!(matches!(poll_once(&mut task), Poll::Ready(Err(Interrupted::Cancelled { .. }))));
        assert!(!dropped.is_open(), "it goes on the loop");
        executor.poll_all();
        assert!(dropped.is_open());
        assert!(!done.cancel(), "too late");
        assert_eq!(done.await.unwrap(), 10);
    }

    // In EasyNetwork a coroutine may suppress its cancellation. Here it is dropped. Only a result
    // that is returned by the very poll in which the task is cancelled exists, and it is dropped,
    // as there.
    anywhere async fn t11_a_task_cannot_ignore_cancellation_and_a_late_result_is_dropped() {
        let (executor, portal) = ManualExecutor::portal();
        let slot: Arc<Mutex<Option<PortalTask<OpenOnDrop>>>> = Arc::default();
        let dropped = Arc::new(Gate::default());
        let (slot2, guard) = (slot.clone(), OpenOnDrop(dropped.clone()));
        let task = portal.spawn(async move {
            assert!(slot2.lock().unwrap().as_ref().unwrap().cancel());
            guard
        });
        *slot.lock().unwrap() = Some(task);
        executor.poll_all();
        assert!(dropped.is_open());
        let task = slot.lock().unwrap().take().unwrap();
        assert!(matches!(task.await, Err(Interrupted::Cancelled { .. })));
    }

    anywhere async fn t13_a_task_dropped_by_its_loop_is_reported_as_cancelled() {
        let (executor, portal) = ManualExecutor::portal();
        let (started, unstarted) = (portal.spawn(pending::<()>()), portal.spawn(async { 1 }));
        executor.poll_all();
        assert_eq!(unstarted.await.unwrap(), 1);
        let unstarted = portal.spawn(async { 2 });
        executor.shut_down();
        assert!(matches!(started.await, Err(Interrupted::Cancelled { .. })));
        assert!(matches!(unstarted.await, Err(Interrupted::Cancelled { .. })));
    }

    // In EasyNetwork the context is the calling thread's. Here a job belongs to its caller, and so
    // do its calls to the loop.
    anywhere async fn t14_a_call_sees_the_context_of_the_job() {
        WHO.scope("caller", async {
            let seen = pool(1, 8).run(|worker| {
                let called = worker.call(|| WHO.get()).unwrap();
                let set = worker.call(|| WHO.sync_scope("callback", || WHO.get())).unwrap();
                let waited = async { WHO.scope("callback", async { yield_once().await; WHO.get() }).await }.wait(worker).unwrap();
                (called, set, waited, worker.call(|| WHO.get()).unwrap(), WHO.get())
            }).await.unwrap();
            assert_eq!(seen, (Some("caller"), Some("callback"), Some("callback"), Some("caller"), Some("caller")));
            assert_eq!(WHO.get(), Some("caller"));
        }).await;
    }

    // An external thread has no caller: its own context is used, as in EasyNetwork.
    anywhere async fn t14_a_task_spawned_by_an_external_thread_sees_that_threads_context() {
        let (executor, portal) = ManualExecutor::portal();
        let task = thread::spawn(move || WHO.sync_scope("thread", || portal.spawn(async { WHO.get() }))).join().unwrap();
        executor.poll_all();
        assert_eq!(task.await.unwrap(), Some("thread"));
        assert_eq!(WHO.get(), None);
    }

    anywhere async fn t14_call_soon_from_an_external_thread_sees_that_threads_context() {
        // The context in which the portal was created does not matter.
        let (executor, portal) = WHO.scope("maker", async { ManualExecutor::portal() }).await;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (with, without) = (seen.clone(), seen.clone());
        thread::spawn(move || {
            WHO.sync_scope("thread", || portal.call_soon(move || with.lock().unwrap().push(WHO.get()))).unwrap();
            portal.call_soon(move || without.lock().unwrap().push(WHO.get())).unwrap();
        }).join().unwrap();
        executor.poll_all();
        assert_eq!(*seen.lock().unwrap(), [Some("thread"), None]);
    }
}

#[test]
fn t13_a_waiting_thread_returns_when_its_loop_is_dropped() {
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
        assert!(matches!(late, Err(Interrupted::Abandoned | Interrupted::Cancelled { .. })), "{late:?}");
    }
}

on_loops! {
    // In EasyNetwork a portal is entered on the loop, once. Here portals are handles: threads enter
    // and leave at any time, even nested.
    async fn t1_a_portal_can_be_entered_repeatedly() {
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

    // In EasyNetwork a thread that runs another loop may call, and blocks that loop. Here a thread
    // that runs a loop cannot wait.
    async fn t3_waiting_on_the_loops_own_thread_is_refused() {
        let portal = Portal::current().unwrap();
        assert!(matches!(portal.enter_thread(|_| ()), Err(Interrupted::OnEventLoop)));
        let inside_a_call = portal.clone();
        let called = pool(1, 8).run(move |worker| worker.call(move || inside_a_call.enter_thread(|_| ())).unwrap());
        assert!(matches!(called.await.unwrap(), Err(Interrupted::OnEventLoop)));
        let another = spawn_blocking(move || {
            let other = tokio::runtime::Builder::new_current_thread().build().unwrap();
            other.block_on(async { portal.enter_thread(|_| ()) })
        });
        assert!(matches!(another.await.unwrap(), Err(Interrupted::OnEventLoop)));
    }

    async fn t5_call_soon_from_an_external_thread_keeps_its_order() {
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

    async fn t5_call_soon_from_an_entered_thread_keeps_its_order() {
        let portal = Portal::current().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let asking = log.clone();
        let found = spawn_blocking(move || portal.enter_thread(|worker| call_soon_in_order(worker, &asking))).await.unwrap().unwrap();
        wait(|| log.lock().unwrap().len() == 500).await;
        assert!(log.lock().unwrap().is_sorted());
        assert_eq!(found, 500, "a call comes after every `call_soon` before it");
    }

    async fn t5_call_soon_from_a_detached_job_keeps_its_order() {
        let (log, found) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(None)));
        let (asking, found2) = (log.clone(), found.clone());
        pool(1, 8).run(move |worker| *found2.lock().unwrap() = Some(call_soon_in_order(worker, &asking))).detach();
        wait(|| found.lock().unwrap().is_some() && log.lock().unwrap().len() == 500).await;
        assert!(log.lock().unwrap().is_sorted());
        assert_eq!(*found.lock().unwrap(), Some(500), "a call comes after every `call_soon` before it");
    }

    async fn t8_a_panic_in_a_task_reaches_only_its_caller() {
        let all = pool(1, 8).run(|worker| {
            let go = Arc::new(Notify::new());
            let wait = go.clone();
            let sibling = worker.spawn(async move { wait.notified().await; 8 });
            let failed = worker.spawn(async { yield_once().await; panic!("alone") }).wait(worker).unwrap();
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

/// Makes five hundred `call_soon` calls, and returns how many of them a following `call` sees
/// completed.
fn call_soon_in_order(worker: &Worker, log: &Arc<Mutex<Vec<i32>>>) -> usize {
    for n in 0..500 {
        let log = log.clone();
        worker.call_soon(move || log.lock().unwrap().push(n)).unwrap();
    }
    let log = log.clone();
    worker.call(move || log.lock().unwrap().len()).unwrap()
}
