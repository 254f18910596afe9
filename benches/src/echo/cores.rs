//! A core for the servers' loop and another one for the client, so that no figure hangs on where
//! the scheduler put them.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Keeps this thread on the first core that this process may use.
pub(super) fn first() {
    keep_to(|cores| (0..CpuSet::MAX_CPU).find(|&core| cores.is_set(core)));
}

/// Keeps this thread on the last core that this process may use.
pub(super) fn last() {
    keep_to(|cores| (0..CpuSet::MAX_CPU).rev().find(|&core| cores.is_set(core)));
}

/// Where that is refused the scheduler places the thread.
fn keep_to(choose: impl Fn(&CpuSet) -> Option<usize>) {
    if let Some(core) = sched_getaffinity(None).ok().as_ref().and_then(choose) {
        let mut only = CpuSet::new();
        only.set(core);
        let _ = sched_setaffinity(None, &only);
    }
}
