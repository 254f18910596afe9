//! O21–O23: the point of no return, the deadline of a start, and thread state that may fail.

#![forbid(unsafe_code)]

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use portcullis::{DEADLINE, Interrupted, Pool, Wait, Worker, blocking, test};
use portcullis_tests::{Gate, LIMIT, eventually, occupy_thread, on_loops};

const MS: Duration = Duration::from_millis(1);

fn pool(threads: usize) -> Pool {
    Pool::builder("test").threads(threads).queue_capacity(16).build().expect("threads")
}

/// Writes with a deadline for the start.
struct Disk {
    pool: Pool,
    written: AtomicUsize,
}

impl Disk {
    #[blocking(pool = self.pool, start_deadline = "20ms")]
    fn write(self: &Arc<Self>, bytes: Vec<u8>) -> usize {
        self.written.fetch_add(bytes.len(), SeqCst)
    }

    #[blocking(pool = self.pool, deadline = "1h", start_deadline = limit.unwrap_or(LIMIT), nested)]
    fn write_within(self: &Arc<Self>, worker: &Worker, limit: Option<Duration>) -> Result<(), Interrupted> {
        worker.sleep(limit.map_or(MS, |limit| limit + 50 * MS))
    }
}

on_loops! {
    anywhere async fn o21_a_committed_job_outlasts_its_deadline_and_its_caller_gets_the_result() {
        let pool = pool(1);
        let job = pool.job("commit").deadline(500 * MS).run(|worker| {
            let deadline = worker.deadline().expect("a deadline");
            worker.commit().expect("in time");
            worker.commit().expect("again");
            eventually(|| Instant::now() >= deadline + 20 * MS);
            worker.sleep(MS).expect("not interrupted");
            let waited = async { 7 }.wait(worker).expect("not interrupted");
            (worker.deadline(), worker.is_cancelled(), worker.check().is_ok(), waited)
        });
        assert_eq!(job.await.unwrap(), (None, false, true, 7));
        assert_eq!(pool.stats().deadline_exceeded, 0);
    }

    anywhere async fn o21_a_job_that_was_interrupted_cannot_commit() {
        let pool = pool(1);
        let (tx, rx) = std::sync::mpsc::channel();
        let late = pool.job("late").deadline(300 * MS).run(move |worker| {
            eventually(|| worker.is_cancelled());
            tx.send(worker.commit()).expect("the test listens");
        });
        assert!(matches!(late.await, Err(Interrupted::Deadline { began: true })));
        let refused = rx.recv_timeout(LIMIT).unwrap();
        assert!(matches!(refused, Err(Interrupted::Deadline { began: true })), "{refused:?}");

        let passed = test::WorkerBuilder::new().deadline(Duration::ZERO).run(|worker| worker.commit());
        assert!(matches!(passed, Err(Interrupted::Deadline { .. })));
        let cancelled = test::WorkerBuilder::new().cancelled().run(|worker| worker.commit());
        assert!(matches!(cancelled, Err(Interrupted::Cancelled { .. })));
    }

    anywhere async fn o21_a_committed_job_runs_on_when_its_offload_is_dropped() {
        let pool = pool(1);
        let (committed, dropped) = (Arc::new(Gate::default()), Arc::new(Gate::default()));
        let (tx, rx) = std::sync::mpsc::channel();
        let (commit, go_on) = (Arc::clone(&committed), Arc::clone(&dropped));
        let job = pool.run(move |worker| {
            worker.commit().expect("wanted");
            commit.open();
            assert!(go_on.pass());
            let waited = async { 7 }.wait(worker);
            tx.send((waited.ok(), worker.check().is_ok())).expect("the test listens");
        });
        assert!(committed.pass());
        drop(job);
        dropped.open();
        assert_eq!(rx.recv_timeout(LIMIT).unwrap(), (Some(7), true));
        assert_eq!(pool.run(|_| 1).await.unwrap(), 1, "the thread came back");
    }

    anywhere async fn o21_a_job_whose_offload_was_dropped_cannot_commit() {
        let pool = pool(1);
        let (began, dropped) = (Arc::new(Gate::default()), Arc::new(Gate::default()));
        let (tx, rx) = std::sync::mpsc::channel();
        let (begin, go_on) = (Arc::clone(&began), Arc::clone(&dropped));
        let job = pool.run(move |worker| {
            begin.open();
            assert!(go_on.pass());
            tx.send(worker.commit()).expect("the test listens");
        });
        assert!(began.pass());
        drop(job);
        dropped.open();
        let refused = rx.recv_timeout(LIMIT).unwrap();
        assert!(matches!(refused, Err(Interrupted::Cancelled { began: true })), "{refused:?}");
    }

    anywhere async fn o21_a_job_made_by_a_committed_one_has_no_deadline() {
        let (outer, inner) = (pool(1), pool(1));
        let at = Instant::now() + LIMIT;
        let deadlines = DEADLINE.scope(at, async {
            outer.job("outer").deadline(LIMIT / 2).run(move |worker| {
                let deadline = || inner.run(|worker| worker.deadline()).wait(worker).unwrap();
                let before = deadline();
                worker.commit().expect("in time");
                (before.is_some(), deadline())
            }).await.unwrap()
        });
        assert_eq!(deadlines.await, (true, None));
    }

    // The time of the request has passed: what would inherit it would never run.
    anywhere async fn o16_and_o21_what_inherits_no_deadline_passes_none_on() {
        let (outer, inner) = (pool(1), pool(1));
        let at = Instant::now() + LIMIT;
        let deadlines = DEADLINE.scope(at, async {
            let (middle, leaf) = (inner.clone(), pool(1));
            let detached = leaf.clone();
            let committed = outer.run(move |worker| {
                assert_eq!(portcullis::deadline(), Some(at));
                worker.commit().expect("in time");
                assert_eq!(portcullis::deadline(), None);
                let leaf = leaf.clone();
                let grandchild = middle.try_run(move |worker| leaf.run(|worker| worker.deadline()).wait(worker));
                grandchild.wait(worker).expect("not interrupted")
            });
            let child = inner.job("audit").detached().try_run(move |worker| {
                detached.run(|worker| worker.deadline()).wait(worker)
            });
            (committed.await.unwrap(), child.await.unwrap())
        });
        assert_eq!(deadlines.await, (None, None));
    }

    anywhere async fn o8_and_o21_a_drain_does_not_cancel_a_committed_job() {
        let pool = pool(1);
        let (committed, gate) = (Arc::new(Gate::default()), Arc::new(Gate::default()));
        let (commit, go_on) = (Arc::clone(&committed), Arc::clone(&gate));
        let job = pool.run(move |worker| {
            worker.commit().expect("wanted");
            commit.open();
            go_on.pass()
        });
        assert!(committed.pass());
        let report = pool.drain(Duration::ZERO).await;
        assert_eq!((report.cancelled, report.stuck.len(), report.is_clean()), (0, 1, false), "{report}");
        gate.open();
        assert!(job.await.unwrap());
        let report = pool.drain(LIMIT).await;
        assert!(report.is_clean(), "{report}");
    }

    // Commits against deadlines, drops and a drain that come at about the same time.
    anywhere async fn o21_a_commit_and_an_interruption_exclude_each_other() {
        let pool = Pool::builder("test").threads(2).queue_capacity(64).build().unwrap();
        let (committed, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (mut kept, mut answered) = (0, 0);
        for round in 0..400_u32 {
            let [commits, ends] = [&committed, &ended].map(Arc::clone);
            let time = Duration::from_micros(u64::from(round % 40) * 10);
            let job = pool.job("race").deadline(time + 50 * MS / 1000).run(move |worker| {
                let at = worker.deadline();
                while at.is_some_and(|at| Instant::now() + MS / 20 < at) {
                    std::hint::spin_loop();
                }
                let result = worker.commit();
                if result.is_ok() {
                    commits.fetch_add(1, SeqCst);
                    worker.sleep(MS / 10).expect("nothing interrupts it");
                    ends.fetch_add(1, SeqCst);
                }
                result
            });
            if round % 4 == 0 {
                drop(job);
                continue;
            }
            kept += 1;
            match job.await {
                Ok(result) => {
                    assert!(result.is_ok(), "an interrupted job has been answered: {result:?}");
                    answered += 1;
                }
                Err(error) => assert!(matches!(error, Interrupted::Deadline { .. }), "{error:?}"),
            }
        }
        let report = pool.drain(LIMIT).await;
        assert!(report.is_clean(), "{report}");
        let committed = committed.load(SeqCst);
        assert_eq!(committed, ended.load(SeqCst));
        let dropped = 400 - kept;
        assert!((answered..=answered + dropped).contains(&committed), "{answered} of {committed}");
    }

    anywhere async fn o21_a_drain_reports_a_committed_job_and_its_caller_gets_the_result() {
        let pool = pool(1);
        let (committed, gate) = (Arc::new(Gate::default()), Arc::new(Gate::default()));
        let (commit, go_on) = (Arc::clone(&committed), Arc::clone(&gate));
        let job = pool.run(move |worker| {
            worker.commit().expect("wanted");
            commit.open();
            (go_on.pass(), worker.check().is_ok())
        });
        assert!(committed.pass());
        let report = pool.drain(Duration::ZERO).await;
        assert_eq!(report.stuck.len(), 1, "{report}");
        gate.open();
        assert_eq!(job.await.unwrap(), (true, true));
    }

    anywhere async fn o22_a_job_that_has_not_begun_by_its_start_deadline_never_runs() {
        let pool = pool(1);
        let (gate, held) = occupy_thread(&pool);
        let ran = Arc::new(AtomicUsize::new(0));
        let runs = Arc::clone(&ran);
        let called = Instant::now();
        let late = pool.job("late").start_deadline(5 * MS).deadline(LIMIT).run(move |_| runs.fetch_add(1, SeqCst));
        let late = late.await;
        assert!(matches!(late, Err(Interrupted::Deadline { began: false })), "{late:?}");
        assert!(called.elapsed() < LIMIT / 2);
        let patient = pool.job("patient").start_deadline(Duration::MAX).run(|worker| worker.deadline());
        gate.open();
        held.await.unwrap();
        assert_eq!(patient.await.unwrap(), None);
        let passed = pool.job("passed").start_deadline(Duration::ZERO).run(|_| ());
        assert!(matches!(passed.await, Err(Interrupted::Deadline { began: false })));
        eventually(|| pool.stats().expired_unstarted == 2 && pool.stats().deadline_exceeded == 2);
        assert_eq!(ran.load(SeqCst), 0);
    }

    anywhere async fn o22_a_job_that_has_begun_is_not_interrupted_by_its_start_deadline() {
        let pool = pool(1);
        let job = pool.job("long").start_deadline(300 * MS).run(|worker| {
            worker.sleep(350 * MS).expect("not interrupted");
            (worker.deadline(), worker.is_cancelled())
        });
        assert_eq!(job.await.unwrap(), (None, false));
        // The deadline of the end still applies.
        let both = pool.job("both").start_deadline(LIMIT).deadline(300 * MS).run(|worker| worker.sleep(LIMIT));
        assert!(matches!(both.await, Err(Interrupted::Deadline { began: true })));
    }

    anywhere async fn o22_a_job_that_would_wait_beyond_its_start_deadline_is_refused_at_the_call() {
        let pool = pool(1);
        let work = || pool.job("work").run(|_| std::thread::sleep(100 * MS));
        work().await.unwrap();
        let (gate, held) = occupy_thread(&pool);
        let queued = [work(), work(), work()];
        let refused = pool.job("late").start_deadline(250 * MS).run(|_| ()).await;
        assert!(matches!(refused, Err(Interrupted::Overloaded { .. })), "{refused:?}");
        drop(queued);
        gate.open();
        held.await.unwrap();
    }

    anywhere async fn o22_the_jobs_of_a_blocking_method_have_its_start_deadline() {
        let disk = Arc::new(Disk { pool: pool(1), written: AtomicUsize::new(0) });
        let (gate, held) = occupy_thread(&disk.pool);
        let (late, within) = (disk.write(vec![1; 8]), disk.write_within(Some(20 * MS)));
        let patient = disk.write_within(None);
        assert!(matches!(late.await, Err(Interrupted::Deadline { began: false })));
        assert!(matches!(within.await, Err(Interrupted::Deadline { began: false })));
        gate.open();
        held.await.unwrap();
        patient.await.unwrap().unwrap();
        assert_eq!(disk.written.load(SeqCst), 0);
        // Once it has begun, this deadline does not apply.
        disk.write_within(Some(200 * MS)).await.unwrap().unwrap();
    }

    anywhere async fn o22_jobs_that_a_job_makes_do_not_inherit_its_start_deadline() {
        let (outer, inner) = (pool(1), pool(1));
        let job = outer.job("outer").start_deadline(300 * MS).run(move |worker| {
            worker.sleep(350 * MS).expect("not interrupted");
            inner.run(|_| 7).wait(worker)
        });
        assert_eq!(job.await.unwrap().unwrap(), 7);
    }

    anywhere async fn o23_thread_state_that_cannot_be_created_fails_the_build() {
        let calls = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&calls);
        // The third thread gets no connection.
        let connect = move || match count.fetch_add(1, SeqCst) {
            2 => Err(io::Error::new(io::ErrorKind::ConnectionRefused, "no connection")),
            number => Ok(number),
        };
        let failed = Pool::builder("db").threads(3).try_thread_state(connect).build().unwrap_err();
        assert_eq!((failed.kind(), failed.to_string().as_str()), (io::ErrorKind::ConnectionRefused, "no connection"));
        assert_eq!(calls.load(SeqCst), 3);

        let panicked = Pool::builder("db").threads(1).try_thread_state(|| -> Result<u8, io::Error> {
            panic!("on purpose")
        });
        assert_eq!(panicked.build().unwrap_err().to_string(), "panicked: on purpose");
        let text = Pool::builder("db").threads(1).try_thread_state(|| Err::<u8, _>("no luck")).build();
        assert_eq!(text.unwrap_err().to_string(), "no luck");
    }

    anywhere async fn o23_each_thread_has_its_state_when_the_pool_is_built() {
        let calls = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&calls);
        let pool = Pool::builder("db").threads(2)
            .try_thread_state(move || Ok::<_, io::Error>(count.fetch_add(1, SeqCst)))
            .build().unwrap();
        assert_eq!(calls.load(SeqCst), 2);
        let (gate, held) = occupy_thread(&pool);
        let first = pool.run(|worker| *worker.local::<usize>()).await.unwrap();
        assert!(first < 2);
        assert_eq!(pool.run(|worker| *worker.local::<usize>()).await.unwrap(), first);
        gate.open();
        held.await.unwrap();
        assert_eq!(calls.load(SeqCst), 2);
    }

    anywhere async fn o23_a_thread_that_starts_later_tries_again_at_the_first_use() {
        let calls = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&calls);
        let connect = move || match count.fetch_add(1, SeqCst) {
            0 => Ok(0),
            1 | 2 => Err("no connection"),
            later => Ok(later),
        };
        let pool = Pool::builder("db").threads(1).try_thread_state(connect).build().unwrap();
        assert_eq!(pool.run(|worker| *worker.local::<usize>()).await.unwrap(), 0);
        // This thread counts as one of the pool's, and has no value yet.
        let (tries, last) = test::WorkerBuilder::new().pool(&pool).run(|worker| {
            let tries = [(); 2].map(|()| {
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| *worker.local::<usize>())).map_err(|panic| {
                    panic.downcast_ref::<String>().cloned().unwrap_or_default()
                })
            });
            (tries, *worker.local::<usize>())
        });
        for failed in tries {
            let message = failed.unwrap_err();
            assert!(message.contains("`thread_state` of type `usize`: no connection"), "{message}");
        }
        assert_eq!(last, 3);
    }
}

#[test]
fn o22_a_start_deadline_counts_by_the_paused_clock() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let time = test::pause();
        let pool = pool(1);
        let hour = Duration::from_secs(3600);
        let first = pool.run(move |worker| worker.sleep(3 * hour));
        let late = pool.job("late").start_deadline(2 * hour).run(|_| ());
        let in_time = pool.job("in time").start_deadline(4 * hour).run(move |worker| worker.sleep(5 * hour));
        let began = tokio::time::Instant::now();
        assert!(matches!(late.await, Err(Interrupted::Deadline { began: false })));
        assert_eq!(began.elapsed().as_secs() / 3600, 2);
        first.await.unwrap().unwrap();
        in_time.await.unwrap().unwrap();
        assert_eq!(began.elapsed().as_secs() / 3600, 8);
        drop(time);
    });
}
