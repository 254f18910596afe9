//! The pools that there are, by number.
//!
//! A job knows its pool by number and asks here for the pool itself when it needs it, which is seldom: the threads
//! that run jobs keep their pool alive, and counting every job as one more owner would have all callers write to one word.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock, Weak};

use super::Inner;

static KNOWN: RwLock<BTreeMap<usize, Weak<Inner>>> = RwLock::new(BTreeMap::new());

/// The number of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PoolId(usize);

impl PoolId {
    /// A number that no pool has had.
    pub(super) fn fresh() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        Self(NEXT.fetch_add(1, Relaxed))
    }

    pub(super) fn is_of(self, pool: &Arc<Inner>) {
        KNOWN.write().unwrap_or_else(PoisonError::into_inner).insert(self.0, Arc::downgrade(pool));
    }

    /// The pool is going.
    pub(super) fn forget(self) {
        KNOWN.write().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }

    /// The pool, if it still is: then nobody can have anything of it any more.
    pub(crate) fn pool(self) -> Option<Arc<Inner>> {
        KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(&self.0)?.upgrade()
    }
}
