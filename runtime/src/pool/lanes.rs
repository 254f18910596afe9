//! Lanes: jobs with one key run one after the other, in the order of their calls. Jobs with other
//! keys run in parallel.
//!
//! The first job of a lane enters the queue as any other job, and *holds* the lane until it has
//! ended. The later jobs of the lane are *blocked*: they count as queued, and no thread is notified
//! for them. When the holder ends, the next job of the lane goes to the front of the queue, because
//! it was called before the jobs that wait there.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Arc, OnceLock};

use super::QueuedJob;
use crate::job::LaneKey;
use crate::sync::Mutex;

/// The number of a key.
pub(crate) fn lane_key<K: Hash + ?Sized>(key: &K) -> LaneKey {
    static STATE: OnceLock<RandomState> = OnceLock::new();
    STATE.get_or_init(RandomState::new).hash_one(key)
}

/// The lanes that are held, each with the jobs that wait for it.
#[derive(Default)]
pub(crate) struct Lanes(Mutex<HashMap<LaneKey, VecDeque<Arc<dyn QueuedJob>>>>);

impl Lanes {
    /// Gives the lane to `job` if it is free, and returns `None`. Otherwise calls `admit`, under
    /// the lock, and adds `job` to the blocked jobs of the lane if that returns `Ok`.
    pub(super) fn acquire<R>(
        &self,
        key: LaneKey,
        job: &Arc<dyn QueuedJob>,
        admit: impl FnOnce() -> Result<R, R>,
    ) -> Option<R> {
        let mut cancelled = Vec::new(); // freed after the lock
        let mut lanes = self.0.lock();
        let Some(blocked) = lanes.get_mut(&key) else {
            lanes.insert(key, VecDeque::new());
            return None;
        };
        Some(match admit() {
            Ok(admitted) => {
                if blocked.len() == blocked.capacity() {
                    purge_cancelled(blocked, &mut cancelled);
                }
                blocked.push_back(Arc::clone(job));
                admitted
            }
            Err(refused) => refused,
        })
    }

    /// The holder of the lane has ended, or will never run. Returns the next job of the lane that
    /// was not cancelled, which holds it from now on.
    pub(super) fn release(&self, key: LaneKey) -> Option<Arc<dyn QueuedJob>> {
        let mut cancelled = Vec::new(); // freed after the lock
        let mut lanes = self.0.lock();
        let blocked = lanes.get_mut(&key)?;
        while let Some(next) = blocked.pop_front() {
            if !next.is_cancelled() {
                return Some(next);
            }
            cancelled.push(next);
        }
        lanes.remove(&key);
        drop(lanes);
        None
    }

    /// The blocked jobs of all lanes, cancelled ones included.
    pub(super) fn snapshot(&self) -> Vec<Arc<dyn QueuedJob>> {
        self.0.lock().values().flatten().cloned().collect()
    }
}

/// Removes the jobs that were cancelled while they were blocked, so that a holder that runs for
/// long does not keep more of them than of live ones. Reserves capacity for as many again, so the
/// amortised cost for each job is constant.
fn purge_cancelled(blocked: &mut VecDeque<Arc<dyn QueuedJob>>, cancelled: &mut Vec<Arc<dyn QueuedJob>>) {
    for job in std::mem::take(blocked) {
        if job.is_cancelled() { cancelled.push(job) } else { blocked.push_back(job) }
    }
    blocked.reserve(blocked.len().max(8));
}
