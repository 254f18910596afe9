//! Lanes: jobs of one key run one after the other, in the order of their calls; other keys run beside them.
//!
//! A lane's first job goes through the line as any other and *holds* the lane until it has ended. Those behind it stand
//! aside: they count as queued, and no thread is called for them. The end of the holder brings the next one to the front
//! of the line: its ticket is older than what waits there.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Arc, OnceLock};

use super::QueuedJob;
use crate::job::LaneKey;
use crate::sync::Mutex;

pub(crate) fn lane_key<K: Hash + ?Sized>(key: &K) -> LaneKey {
    static STATE: OnceLock<RandomState> = OnceLock::new();
    STATE.get_or_init(RandomState::new).hash_one(key)
}

/// The lanes that are held, each with the jobs behind its holder.
#[derive(Default)]
pub(crate) struct Lanes(Mutex<HashMap<LaneKey, VecDeque<Arc<dyn QueuedJob>>>>);

impl Lanes {
    /// Takes the lane for `job` if it is free, and puts it behind the holder if not: then `admit` is asked first,
    /// under the lock. `None`: the lane is `job`'s.
    pub(super) fn enter<R>(
        &self,
        key: LaneKey,
        job: &Arc<dyn QueuedJob>,
        admit: impl FnOnce() -> Result<R, R>,
    ) -> Option<R> {
        let mut shells = Vec::new(); // freed after the lock
        let mut lanes = self.0.lock();
        let Some(behind) = lanes.get_mut(&key) else {
            lanes.insert(key, VecDeque::new());
            return None;
        };
        Some(match admit() {
            Ok(admitted) => {
                if behind.len() == behind.capacity() {
                    sweep(behind, &mut shells);
                }
                behind.push_back(Arc::clone(job));
                admitted
            }
            Err(refused) => refused,
        })
    }

    /// The holder has ended, or never will run: the next live job of the lane, which holds it now.
    pub(super) fn leave(&self, key: LaneKey) -> Option<Arc<dyn QueuedJob>> {
        let mut shells = Vec::new(); // freed after the lock
        let mut lanes = self.0.lock();
        let behind = lanes.get_mut(&key)?;
        while let Some(next) = behind.pop_front() {
            if !next.is_dead() {
                return Some(next);
            }
            shells.push(next);
        }
        lanes.remove(&key);
        drop(lanes);
        None
    }

    /// Everything that stands aside, shells included.
    pub(super) fn snapshot(&self) -> Vec<Arc<dyn QueuedJob>> {
        self.0.lock().values().flatten().cloned().collect()
    }
}

/// Takes out the jobs that were cancelled where they stood, so that behind a holder that stays for long there are no more of them
/// than of live ones. Makes room for as many again, so that a sweep costs each job a step or two.
fn sweep(behind: &mut VecDeque<Arc<dyn QueuedJob>>, shells: &mut Vec<Arc<dyn QueuedJob>>) {
    for job in std::mem::take(behind) {
        if job.is_dead() { shells.push(job) } else { behind.push_back(job) }
    }
    behind.reserve(behind.len().max(8));
}
