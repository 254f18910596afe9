//! A portal call with tokio alone: spawn a task on the loop, and block on its handle.

use tokio::runtime::Handle;

pub(crate) const NAME: &str = "Handle::block_on(spawn)";

/// Runs a trivial task on the loop and waits for its value.
pub(crate) fn trip(handle: &Handle, n: u64) -> u64 {
    handle.block_on(handle.spawn(async move { n })).expect("no panic")
}
