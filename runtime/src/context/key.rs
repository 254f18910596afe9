//! [`ContextKey`]: values that travel with the work (`context!`), from the event loop to threads and back.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::host_call::{self, BoxCall};
use crate::job::Host;
use crate::values::{ContextValues, Entry};

/// Declares context values: like
/// [`tokio::task_local!`](https://docs.rs/tokio/latest/tokio/macro.task_local.html), and they also
/// follow the work across a crossing.
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
/// A value is set for a future and all that it leads to: jobs that it offloads see it on their
/// thread, what they wait for on the loop and the tasks that they spawn see it too. What is set
/// further in does not flow back out. (EasyNetwork's `handle_contexts`: a copy of the caller's
/// context a call.)
pub struct ContextKey<T> {
    /// Gives the key a size, hence an address of its own, which distinguishes it from every other.
    _address: u8,
    _type: PhantomData<fn() -> T>,
}

impl<T: Clone + Send + Sync + 'static> ContextKey<T> {
    #[doc(hidden)]
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Self { _address: 0, _type: PhantomData }
    }

    /// Polls `future` with this key set to `value`.
    pub fn scope<F: Future>(&'static self, value: T, future: F) -> ContextFuture<F> {
        ContextFuture { future, set: Some((self.key(), Arc::new(value))), values: None }
    }

    /// Runs `f` on this thread with this key set to `value`.
    pub fn sync_scope<R>(&'static self, value: T, f: impl FnOnce() -> R) -> R {
        let entry: Entry = (self.key(), Arc::new(value));
        super::with_values(&mut Some(ContextValues::push(entry, super::values())), f)
    }

    /// The value that is set here, if one is.
    pub fn get(&'static self) -> Option<T> {
        ContextValues::get(super::values().as_ref(), self.key())
    }

    /// The values with this key set to `value`.
    pub(crate) fn add_to(&'static self, value: T, values: Option<Arc<ContextValues>>) -> Arc<ContextValues> {
        ContextValues::push((self.key(), Arc::new(value)), values)
    }

    /// The values without this key.
    pub(crate) fn remove_from(
        &'static self,
        values: Option<Arc<ContextValues>>,
    ) -> Option<Arc<ContextValues>> {
        ContextValues::without_key(self.key(), values)
    }

    fn key(&'static self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}

impl<T> std::fmt::Debug for ContextKey<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ContextKey")
    }
}

pin_project_lite::pin_project! {
    /// The future of [`ContextKey::scope`].
    pub struct ContextFuture<F> {
        #[pin]
        future: F,
        // Until the first poll, which is where its surroundings are known.
        set: Option<Entry>,
        values: Option<Arc<ContextValues>>,
    }
}

impl<F: Future> Future for ContextFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        if let Some(set) = this.set.take() {
            *this.values = Some(ContextValues::push(set, super::values()));
        }
        super::with_values(this.values, || this.future.poll(cx))
    }
}

/// Boxes `future` as a call on behalf of `host`: with the context values that are set here, if they
/// are not the host's own.
pub(crate) fn boxed_call<F>(host: &Arc<dyn Host>, future: F) -> BoxCall
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let here = super::values();
    let same = match (&here, &host.meta().values) {
        (None, None) => true,
        (Some(here), Some(theirs)) => Arc::ptr_eq(here, theirs),
        _ => false,
    };
    if same {
        host_call::boxed(future)
    } else {
        host_call::boxed(ContextFuture { future, set: None, values: here })
    }
}

impl<F> std::fmt::Debug for ContextFuture<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ContextFuture").finish_non_exhaustive()
    }
}
