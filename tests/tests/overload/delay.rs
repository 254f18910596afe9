//! O17: the limit of the time in the queue.

use super::*;

on_loops! {
    anywhere async fn o17_a_queue_that_stands_refuses_jobs_that_have_waited_for_too_long() {
        let target = 4 * MS;
        let pool = Pool::builder("test").threads(1).queue_capacity(1024).queue_delay(target).build().unwrap();
        // Two intervals of 20 targets and more: the queue never empties.
        let jobs: Vec<_> = (0..60).map(|n| pool.run(move |_| { thread::sleep(target); n })).collect();
        let ended = join_all(jobs).await;
        let refused = |result: &&Result<_, Interrupted>| match result {
            Err(Interrupted::Overloaded { retry_after }) => *retry_after == target,
            Err(other) => panic!("{other}"),
            Ok(_) => false,
        };
        let count = ended.iter().filter(refused).count();
        assert!(count > 0, "none was refused");
        assert!(ended[0].is_ok() && ended[2].is_ok(), "none of the first interval is refused: {ended:?}");
        assert!(ended[59].is_ok(), "no job waits behind the last one: {ended:?}");
        assert_eq!(pool.stats().overloaded, count as u64);
        // A burst that is worked off is no overload.
        let until = Instant::now() + 50 * target;
        eventually(|| Instant::now() >= until);
        for result in join_all((0..5).map(|_| pool.run(|_| ()))).await {
            result.unwrap();
        }
    }

    anywhere async fn o17_jobs_with_a_lane_are_exempt_from_the_limit_of_the_delay() {
        let pool = Pool::builder("test").threads(1).queue_capacity(1024).queue_delay(MS / 4).build().unwrap();
        let jobs = (0..30).map(|_| pool.job("lane").lane("a").run(|_| thread::sleep(MS)));
        for result in join_all(jobs).await {
            result.unwrap();
        }
    }
}
