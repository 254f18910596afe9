//! Feature `rayon`: parallel iterators in a job.

use super::*;

on_loops! {
    anywhere async fn rayon_runs_parallel_iterators_of_a_job_on_the_pools_rayon_threads() {
        let pool = Pool::builder("sums").threads(1).rayon(3).build().unwrap();
        let (sum, names, width) = pool.run(|worker| worker.install(|| {
            let name = |_: u64| thread::current().name().map(str::to_owned);
            let names: Vec<_> = (0..64).into_par_iter().map(name).collect();
            ((1..=1000_u64).into_par_iter().map(|n| n * n).sum::<u64>(), names, rayon::current_num_threads())
        })).await.unwrap();
        assert_eq!((sum, width), (333_833_500, 3));
        for name in names {
            let name = name.unwrap();
            assert!(["sums-rayon-0", "sums-rayon-1", "sums-rayon-2"].contains(&name.as_str()), "{name}");
        }
    }

    anywhere async fn rayon_closures_may_borrow_from_the_job() {
        let pool = Pool::builder("sums").threads(1).rayon(2).build().unwrap();
        let words = pool.run(|worker| {
            let mut words = vec!["c", "a", "b"];
            worker.install(|| rayon::slice::ParallelSliceMut::par_sort(words.as_mut_slice()));
            worker.call(move || words.concat()).unwrap()
        }).await.unwrap();
        assert_eq!(words, "abc");
    }

    anywhere async fn rayon_panics_propagate_to_the_job_and_end_no_thread() {
        let pool = Pool::builder("sums").threads(1).rayon(2).build().unwrap();
        let panicked = pool.run(|worker| worker.install(|| (0..8).into_par_iter().for_each(|n| assert_ne!(n, 5, "five")))).await;
        assert!(matches!(panicked, Err(Interrupted::Panicked(panic)) if panic.message().contains("five")));
        assert_eq!(pool.run(|worker| worker.install(|| (0..8).into_par_iter().sum::<u32>())).await.unwrap(), 28);
    }

    anywhere async fn rayon_without_rayon_threads_runs_the_function_in_place() {
        let pool = Pool::builder("plain").threads(1).build().unwrap();
        let name = pool.run(|worker| worker.install(|| thread::current().name().map(str::to_owned))).await.unwrap();
        assert_eq!(name.as_deref(), Some("plain-0"));
    }
}
