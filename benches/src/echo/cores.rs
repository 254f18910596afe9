//! CPU affinity: one core for the servers' loop and another for the client, so that the figures do
//! not depend on the scheduler.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Pins this thread to the first core that this process may use.
pub(crate) fn first() {
    keep_to(|cores| (0..CpuSet::MAX_CPU).find(|&core| cores.is_set(core)));
}

/// Pins this thread to the last core that this process may use.
pub(crate) fn last() {
    keep_to(|cores| (0..CpuSet::MAX_CPU).rev().find(|&core| cores.is_set(core)));
}

/// The cores that this thread may use.
pub(crate) fn allowed() -> Option<CpuSet> {
    sched_getaffinity(None).ok()
}

/// Lets this thread use these cores. A thread inherits the affinity of the one that starts it.
pub(crate) fn any_of(cores: Option<CpuSet>) {
    if let Some(cores) = cores {
        let _ = sched_setaffinity(None, &cores);
    }
}

/// Does nothing if the system refuses.
fn keep_to(choose: impl Fn(&CpuSet) -> Option<usize>) {
    if let Some(core) = sched_getaffinity(None).ok().as_ref().and_then(choose) {
        let mut only = CpuSet::new();
        only.set(core);
        let _ = sched_setaffinity(None, &only);
    }
}
