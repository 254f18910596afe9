//! [`ContextValues`]: the context values that travel with a job.

use std::any::Any;
use std::sync::Arc;

/// A key, identified by its address, and its value.
pub(crate) type Entry = (usize, Arc<dyn Any + Send + Sync>);

/// A linked list of context values, innermost first. All jobs with the same values share it.
pub(crate) struct ContextValues {
    entry: Entry,
    next: Option<Arc<ContextValues>>,
}

impl ContextValues {
    /// `entry` on top of `values`.
    pub(crate) fn push(entry: Entry, values: Option<Arc<Self>>) -> Arc<Self> {
        let next = Self::without_key(entry.0, values);
        Arc::new(Self { entry, next })
    }

    /// The value of `key`.
    pub(crate) fn get<T: Clone + 'static>(values: Option<&Arc<Self>>, key: usize) -> Option<T> {
        let entry = std::iter::successors(values, |at| at.next.as_ref()).find(|at| at.entry.0 == key)?;
        entry.entry.1.downcast_ref::<T>().cloned()
    }

    /// `values` without the entry of `key`.
    ///
    /// The list holds each key once: a relay of jobs, each of which sets a key for the next, would
    /// otherwise keep every value that was ever set.
    pub(crate) fn without_key(key: usize, values: Option<Arc<Self>>) -> Option<Arc<Self>> {
        let entries = || std::iter::successors(values.as_ref(), |at| at.next.as_ref());
        if entries().all(|at| at.entry.0 != key) {
            return values;
        }
        let others: Vec<Entry> =
            entries().map(|at| at.entry.clone()).filter(|entry| entry.0 != key).collect();
        others.into_iter().rev().fold(None, |next, entry| Some(Arc::new(Self { entry, next })))
    }
}
