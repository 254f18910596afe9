//! The pools that there are, by number.
//!
//! A job knows its pool by number and asks here for the pool itself when it needs it, which is
//! seldom: the threads that run jobs keep their pool alive, and counting every job as one more
//! owner would have all callers write to one word.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, Weak};

use super::Inner;
use crate::job::PoolId;

static POOLS: RwLock<BTreeMap<PoolId, Weak<Inner>>> = RwLock::new(BTreeMap::new());

/// From now on [`pool`] finds this one.
pub(super) fn register(pool: &Arc<Inner>) {
    POOLS.write().unwrap_or_else(PoisonError::into_inner).insert(pool.id, Arc::downgrade(pool));
}

/// The pool is going.
pub(super) fn unregister(id: PoolId) {
    POOLS.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
}

/// The pool with this number, unless its last handle was dropped.
pub(super) fn pool(id: PoolId) -> Option<Arc<Inner>> {
    POOLS.read().unwrap_or_else(PoisonError::into_inner).get(&id)?.upgrade()
}
