//! Thread names as the operating system shows them (O1), and a system that starts no more threads
//! (O10).

#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::process::Command;

use futures::executor::block_on;
use portcullis::Interrupted;
use portcullis::prelude::*;
use portcullis_tests::{eventually, occupy_thread};

/// Runs this test again in a child process. Returns `true` in the child.
fn in_own_process(test: &str) -> bool {
    const CHILD: &str = "PORTCULLIS_TESTS_CHILD";
    if std::env::var_os(CHILD).is_some() {
        return true;
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(CHILD, "yes")
        .output()
        .unwrap();
    assert!(
        child.status.success(),
        "{}{}",
        String::from_utf8_lossy(&child.stdout),
        String::from_utf8_lossy(&child.stderr)
    );
    false
}

/// The names of this process' threads, as the system shows them. (A thread that has just started
/// may have a truncated name.)
fn names() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let read = |task: std::io::Result<std::fs::DirEntry>| std::fs::read(task.ok()?.path().join("comm")).ok();
    tasks.filter_map(read).map(|name| String::from_utf8_lossy(&name).trim().to_owned()).collect()
}

fn wait_for(wanted: &[&str]) {
    let wanted: BTreeSet<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
    eventually(|| wanted.is_subset(&names().into_iter().collect()));
}

struct Echo;

#[service]
impl Echo {
    #[request]
    async fn echo(&self, text: String) -> String {
        text
    }
}

#[test]
fn o1_the_threads_of_a_pool_show_distinct_names() {
    let _pool = Pool::builder("thumbnails-of-cpu").threads(4).build().unwrap();
    wait_for(&["thumbnails-of-0", "thumbnails-of-1", "thumbnails-of-2", "thumbnails-of-3"]);
    let many = Pool::builder("a-pool-of-a-dozen").threads(12).build().unwrap();
    wait_for(&["a-pool-of-a-d-9", "a-pool-of-a--10", "a-pool-of-a--11"]);
    // `std` has the full names.
    let full = block_on(many.run(|_| std::thread::current().name().map(str::to_owned))).unwrap().unwrap();
    assert!(full.starts_with("a-pool-of-a-dozen-"), "{full}");
    let _short = Pool::builder("short").threads(1).build().unwrap();
    wait_for(&["short-0"]);
}

#[test]
fn o1_a_long_thread_name_is_truncated_at_a_character_boundary() {
    let _pool = Pool::builder("прекрасный-пул").threads(2).build().unwrap();
    wait_for(&["прекра-0", "прекра-1"]);
    let _pool = Pool::builder("🦀🦀🦀🦀").threads(1).build().unwrap();
    wait_for(&["🦀🦀🦀-0"]);
}

#[test]
fn o1_the_rayon_threads_of_a_pool_show_distinct_names_beside_its_own() {
    let _pool = Pool::builder("histograms-of-cpu").threads(2).rayon(2).build().unwrap();
    wait_for(&["histograms-of-0", "histograms-of-1", "histogr-rayon-0", "histogr-rayon-1"]);
}

/// The names of all threads of servers, loops and the timer start with `portcullis`, and no two
/// threads of several servers have the same name.
#[test]
fn the_threads_of_several_servers_show_distinct_names() {
    if !in_own_process("the_threads_of_several_servers_show_distinct_names") {
        return;
    }
    let serve =
        || Server::new(Echo).codec(JsonLines::new()).bind("127.0.0.1:0").unwrap().spawn_thread().unwrap();
    let servers = [serve(), serve()];
    block_on(Pool::shared().job("timed").deadline(std::time::Duration::from_secs(60)).run(|_| ())).unwrap();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let ours = || names().into_iter().filter(|name| name.starts_with("portcullis")).collect::<Vec<_>>();
    // A new thread has the name of its parent for a moment.
    eventually(|| {
        let distinct: BTreeSet<_> = ours().into_iter().collect();
        let of = |start: &str| distinct.iter().filter(|name| name.starts_with(start)).count();
        distinct.len() == ours().len() && of("portcullis-se-") == 2 && of("portcullis-lo-") == 2 * cores
    });
    for server in servers {
        assert!(server.stop().unwrap().is_clean());
    }
}

/// Runs `f` while the address space is limited to its present size, so that no thread stack can be
/// allocated.
fn without_threads<R>(f: impl FnOnce() -> R) -> R {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let before = getrlimit(Resource::As);
    let pages: u64 =
        std::fs::read_to_string("/proc/self/statm").unwrap().split(' ').next().unwrap().parse().unwrap();
    let now = pages * rustix::param::page_size() as u64;
    // A small reserve for other allocations.
    setrlimit(Resource::As, Rlimit { current: Some(now + (1 << 20)), maximum: before.maximum }).unwrap();
    assert!(std::thread::Builder::new().spawn(|| ()).is_err(), "the limit is not one");
    let result = f();
    setrlimit(Resource::As, before).unwrap();
    result
}

#[test]
fn o10_the_shared_pool_recovers_when_threads_are_available_again() {
    if !in_own_process("o10_the_shared_pool_recovers_when_threads_are_available_again") {
        return;
    }
    let refused = without_threads(|| [(); 3].map(|()| block_on(Pool::shared().run(|_| 7))));
    for answer in refused {
        assert!(matches!(answer, Err(Interrupted::Full)), "{answer:?}");
    }
    assert_eq!(Pool::shared().stats().rejected, 3);
    assert_eq!(block_on(Pool::shared().run(|_| 8)).unwrap(), 8);
    // Starts all of its threads, one after the other.
    let held: Vec<_> = (0..4).map(|_| occupy_thread(Pool::shared())).collect();
    for (gate, held) in held {
        gate.open();
        assert!(block_on(held).unwrap());
    }
}

#[test]
fn o10_spawn_thread_returns_an_error_if_no_thread_starts() {
    if !in_own_process("o10_spawn_thread_returns_an_error_if_no_thread_starts") {
        return;
    }
    let bound = || Server::new(Echo).codec(JsonLines::new()).bind("127.0.0.1:0").unwrap();
    let (one, other) = (bound(), bound());
    let refused = without_threads(|| (one.spawn_thread().map(drop), other.run_until_signal().map(drop)));
    assert!(refused.0.is_err() && refused.1.is_err(), "{refused:?}");
    // Also inside a runtime, where another runtime must not be dropped.
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let server = bound();
    assert!(runtime.block_on(async { without_threads(|| server.spawn_thread().is_err()) }));
    assert!(bound().spawn_thread().unwrap().stop().unwrap().is_clean());
}

#[test]
fn o10_a_job_with_a_deadline_is_rejected_without_a_timer_thread() {
    if !in_own_process("o10_a_job_with_a_deadline_is_rejected_without_a_timer_thread") {
        return;
    }
    let pool = Pool::builder("ready").threads(1).build().unwrap();
    let minute = std::time::Duration::from_secs(60);
    let refused = without_threads(|| block_on(pool.job("timed").deadline(minute).run(|_| 1)));
    assert!(matches!(refused, Err(Interrupted::Full)), "{refused:?}");
    assert_eq!(block_on(pool.job("timed").deadline(minute).run(|_| 2)).unwrap(), 2);
}
