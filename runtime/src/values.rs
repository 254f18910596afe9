//! [`ContextKey`]: values that travel with the work (`context!`), from the loop to threads and back.

use std::any::Any;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::context;

/// Declares context values: like [`tokio::task_local!`](https://docs.rs/tokio/latest/tokio/macro.task_local.html), and
/// they also follow the work across a crossing.
///
/// ```
/// portcullis_runtime::context! {
///     /// The tenant that a request belongs to.
///     pub static TENANT: String;
/// }
/// # use portcullis_runtime::{Pool, Wait};
/// # futures::executor::block_on(async {
/// let seen = TENANT.scope("acme".to_owned(), async {
///     Pool::shared().run(|worker| {
///         let on_the_thread = TENANT.get();
///         let back_on_the_loop = async { TENANT.get() }.wait(worker).unwrap();
///         (on_the_thread, back_on_the_loop)
///     }).await
/// }).await.unwrap();
/// assert_eq!(seen, (Some("acme".to_owned()), Some("acme".to_owned())));
/// # });
/// ```
#[macro_export]
macro_rules! context {
    ($( $(#[$meta:meta])* $vis:vis static $name:ident: $type:ty; )+) => {$(
        $(#[$meta])*
        $vis static $name: $crate::ContextKey<$type> = $crate::ContextKey::new();
    )+};
}

/// The key of a value that travels with the work; declared by [`context!`](crate::context!).
///
/// A value is set for a future and all that it leads to: jobs that it offloads see it on their thread, what they
/// wait for on the loop and the tasks that they spawn see it too. What is set further in does not flow back out.
/// (EasyNetwork's `handle_contexts`: a copy of the caller's context a call.)
pub struct ContextKey<T> {
    /// Gives the key a size, hence an address of its own, which tells it from every other.
    _place: u8,
    _type: PhantomData<fn() -> T>,
}

/// The values that are set here, innermost first; shared between all who were given the same.
pub(crate) struct Values {
    key: usize,
    value: Arc<dyn Any + Send + Sync>,
    outer: Option<Arc<Values>>,
}

impl<T: Clone + Send + Sync + 'static> ContextKey<T> {
    #[doc(hidden)]
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Self { _place: 0, _type: PhantomData }
    }

    /// Polls `future` with this key set to `value`.
    pub fn scope<F: Future>(&'static self, value: T, future: F) -> InContext<F> {
        InContext { future, set: Some((self.key(), Arc::new(value))), values: None }
    }

    /// Runs `f` on this thread with this key set to `value`.
    pub fn sync_scope<R>(&'static self, value: T, f: impl FnOnce() -> R) -> R {
        context::with_values(&mut Some(over((self.key(), Arc::new(value)))), f)
    }

    /// The value that is set here, if one is.
    pub fn get(&'static self) -> Option<T> {
        let key = self.key();
        let values = context::values();
        let mut at = values.as_ref();
        while let Some(here) = at {
            if here.key == key {
                return here.value.downcast_ref::<T>().cloned();
            }
            at = here.outer.as_ref();
        }
        None
    }

    fn key(&'static self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}

/// A key's value, on top of what is set here.
fn over((key, value): Set) -> Arc<Values> {
    Arc::new(Values { key, value, outer: without(key, context::values()) })
}

/// What is set besides `key`, so that the chain is as long as there are keys: a relay of jobs, each of which sets one for
/// the next, would else keep all that ever were set.
fn without(key: usize, values: Option<Arc<Values>>) -> Option<Arc<Values>> {
    let set = |at: &Option<Arc<Values>>| std::iter::successors(at.clone(), |here| here.outer.clone());
    if set(&values).all(|here| here.key != key) {
        return values;
    }
    let others: Vec<_> = set(&values).filter(|here| here.key != key).collect();
    others.into_iter().rev().fold(None, |outer, here| {
        Some(Arc::new(Values { key: here.key, value: Arc::clone(&here.value), outer }))
    })
}

type Set = (usize, Arc<dyn Any + Send + Sync>);

impl<T> std::fmt::Debug for ContextKey<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ContextKey")
    }
}

pin_project_lite::pin_project! {
    /// The future of [`ContextKey::scope`].
    pub struct InContext<F> {
        #[pin]
        future: F,
        // Until the first poll, which is where its surroundings are known.
        set: Option<Set>,
        values: Option<Arc<Values>>,
    }
}

impl<F: Future> Future for InContext<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        if let Some(set) = this.set.take() {
            *this.values = Some(over(set));
        }
        context::with_values(this.values, || this.future.poll(cx))
    }
}

/// Polls `future` with these values and no others.
pub(crate) fn carry<F: Future>(values: Option<Arc<Values>>, future: F) -> InContext<F> {
    InContext { future, set: None, values }
}

impl<F> std::fmt::Debug for InContext<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InContext").finish_non_exhaustive()
    }
}
