//! Feature `serde`: a pool from a configuration file.

use super::*;

#[derive(serde::Deserialize)]
struct File {
    pools: BTreeMap<String, PoolConfig>,
}

fn read(text: &str) -> Result<BTreeMap<String, PoolConfig>, toml::de::Error> {
    toml::from_str::<File>(text).map(|file| file.pools)
}

#[test]
fn serde_reads_a_pool_from_a_configuration_file() {
    let pools = read(
        r#"
        [pools.cpu]
        threads = 4
        queue_capacity = 64
        overflow = "reject"
        deadline = "1s500ms"
        queue_delay = "5ms"
        thread_keep_alive = "10m"
        stack_size = 1048576
        idle_spins = 0
        wait_spins = 16

        [pools.db]
        overflow = "shed_oldest"

        [pools.log]
        overflow = "wait"

        [pools.rest]
        "#,
    )
    .unwrap();
    let cpu = &pools["cpu"];
    assert_eq!((cpu.threads, cpu.queue_capacity, cpu.overflow), (Some(4), Some(64), Some(Overflow::Reject)));
    assert_eq!((cpu.stack_size, cpu.idle_spins, cpu.wait_spins), (Some(1 << 20), Some(0), Some(16)));
    let millis = |millis| Some(Duration::from_millis(millis));
    assert_eq!((cpu.deadline, cpu.queue_delay), (millis(1_500), millis(5)));
    assert_eq!(cpu.thread_keep_alive, millis(600_000));
    assert_eq!((pools["db"].deadline, pools["db"].queue_delay), (None, None));
    assert_eq!((pools["db"].threads, pools["db"].overflow), (None, Some(Overflow::ShedOldest)));
    assert_eq!(pools["log"].overflow, Some(Overflow::Wait));
    assert_eq!(pools["rest"], PoolConfig::default());
}

#[test]
fn serde_rejects_unknown_fields() {
    let refused = |text| read(text).unwrap_err().to_string();
    let unknown = refused("[pools.cpu]\nthread = 4");
    assert!(unknown.contains("unknown field `thread`") && unknown.contains("`threads`"), "{unknown}");
    let unknown = refused("[pools.cpu]\noverflow = \"drop\"");
    assert!(unknown.contains("unknown variant `drop`") && unknown.contains("`shed_oldest`"), "{unknown}");
    assert!(refused("[pools.cpu]\nqueue = -1").contains("-1"));
    let wrong = refused("[pools.cpu]\ndeadline = \"0.2s\"");
    assert!(wrong.contains("`0.2s` is not a duration") && wrong.contains("250ms"), "{wrong}");
}

on_loops! {
    anywhere async fn o16_the_deadline_in_a_file_is_that_of_the_jobs() {
        let config = &read("[pools.db]\ndeadline = \"5ms\"").unwrap()["db"];
        let pool = Pool::builder("db").threads(1).deadline(LIMIT).config(config).build().unwrap();
        let job = pool.run(|worker| eventually(|| worker.is_cancelled()));
        assert!(matches!(job.await, Err(Interrupted::Deadline { .. })));
        let rest = toml::to_string(config).unwrap();
        assert_eq!(rest.trim(), "deadline = \"5ms\"");
    }

    anywhere async fn serde_settings_in_a_file_override_the_defaults() {
        let config = &read("[pools.cpu]\nthreads = 2\noverflow = \"reject\"").unwrap()["cpu"];
        let pool = Pool::builder("cpu").threads(7).queue_capacity(1).config(config).build().unwrap();
        // The threads and the overflow policy are the file's, the queue of one is the program's.
        let (first, second) = (occupy_thread(&pool), occupy_thread(&pool));
        let queued = pool.run(|_| 1);
        assert_eq!((pool.stats().running, pool.stats().queued), (2, 1));
        assert!(matches!(pool.run(|_| 2).await, Err(Interrupted::Full)));
        first.0.open();
        second.0.open();
        assert_eq!(queued.await.unwrap(), 1);
        assert!(first.1.await.unwrap() && second.1.await.unwrap());
    }
}
