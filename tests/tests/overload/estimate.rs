//! O15: what a pool expects of the jobs of a call site.

use super::*;

on_loops! {
    anywhere async fn o15_time_in_the_queue_does_not_count_and_waits_for_the_loop_do() {
        let pool = pool(1);
        let (gate, held) = occupy_thread(&pool);
        let queued = job(&pool, "queued", Duration::ZERO, Duration::MAX);
        let until = Instant::now() + 100 * MS;
        eventually(|| Instant::now() >= until);
        gate.open();
        held.await.unwrap();
        queued.await.unwrap();
        assert!(expected(&pool, "queued") < 50 * MS, "{:?}", pool.stats());

        let (answer, asked) = std::sync::mpsc::channel::<()>();
        let waits = pool.job("waits").run(move |worker| {
            worker.call(move || { let _ = asked.recv_timeout(100 * MS); })
        });
        waits.await.unwrap().unwrap();
        drop(answer);
        assert!(expected(&pool, "waits") >= 50 * MS, "{:?}", pool.stats());
    }

    anywhere async fn o15_each_call_site_has_an_estimate_of_its_own() {
        let pool = pool(1);
        pool.run(|_| thread::sleep(20 * MS)).await.unwrap();
        pool.run(|_| thread::sleep(40 * MS)).await.unwrap();
        let times: Vec<_> = pool.stats().estimates.iter().map(|estimate| (
            estimate.method, estimate.called_at.file().ends_with("estimate.rs"), estimate.run_time >= 20 * MS,
        )).collect();
        assert_eq!(times, [("closure", true, true); 2]);
        train(&pool, "named", 10 * MS).await;
        assert_eq!(pool.stats().estimates.len(), 3);
    }
}

async fn runs(pool: &Pool, name: &'static str, time: Duration, count: usize) {
    for _ in 0..count {
        assert!(sleeper(pool, name, time, Duration::MAX).await.unwrap());
    }
}

#[test]
fn o15_the_estimate_follows_a_change_of_phase_by_the_paused_clock() {
    paused(|| async {
        let pool = pool(1);
        runs(&pool, "work", 10 * MS, 30).await;
        let steady = expected(&pool, "work");
        assert!(steady >= 10 * MS && steady < 13 * MS, "{steady:?}");
        runs(&pool, "work", 100 * MS, 10).await;
        assert!(expected(&pool, "work") > 60 * MS, "{:?}", expected(&pool, "work"));
        runs(&pool, "work", 10 * MS, 40).await;
        assert!(expected(&pool, "work") < 15 * MS, "{:?}", expected(&pool, "work"));
    });
}

#[test]
fn o15_one_huge_outlier_does_not_make_the_pool_refuse_jobs() {
    paused(|| async {
        let pool = pool(1);
        runs(&pool, "work", 10 * MS, 30).await;
        runs(&pool, "work", Duration::from_secs(3600), 1).await;
        assert!(expected(&pool, "work") < 20 * MS, "{:?}", expected(&pool, "work"));
        let jobs: Vec<_> = (0..5).map(|_| sleeper(&pool, "work", 10 * MS, 200 * MS)).collect();
        for result in join_all(jobs).await {
            assert!(result.unwrap());
        }
    });
}

#[test]
fn o15_a_first_run_that_was_an_outlier_is_forgotten_while_jobs_go_on() {
    paused(|| async {
        let pool = pool(1);
        runs(&pool, "work", Duration::from_secs(10), 1).await;
        let mut in_time = 0;
        for _ in 0..100 {
            let pair = [(); 2].map(|()| sleeper(&pool, "work", 10 * MS, 100 * MS));
            in_time += join_all(pair).await.iter().filter(|result| result.is_ok()).count();
        }
        assert!(in_time > 150, "{in_time} of 200");
        assert!(expected(&pool, "work") < 20 * MS, "{:?}", expected(&pool, "work"));
    });
}

#[test]
fn o15_a_job_that_is_cut_short_does_not_lower_the_estimate() {
    paused(|| async {
        let pool = pool(1);
        runs(&pool, "work", 100 * MS, 10).await;
        let before = expected(&pool, "work");
        for _ in 0..10 {
            let late = sleeper(&pool, "work", 100 * MS, 20 * MS).await;
            assert!(matches!(late, Err(Interrupted::Deadline { .. })));
        }
        runs(&pool, "other", MS, 1).await; // the thread has returned from the last of them
        assert_eq!(expected(&pool, "work"), before);
    });
}
