//! A call from a thread to the loop: one box that holds the future, then its result.
//!
//! A worker that waits hands the box to the task that awaits its job (the *host*), which polls it
//! and hands it back: one allocation a call, nothing is spawned, and the future runs with that
//! task's span, cancellation and order (runtime promise P1; the idea is trio's,
//! `trio/_threads.py`).

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::error::{CatchUnwind, Interrupted, catch_panic};

pub(crate) type BoxCall = Pin<Box<dyn ErasedCall>>;

/// A [`HostCall`] with its type forgotten.
pub(crate) trait ErasedCall: Send {
    /// Polls the future. When it is done (or has panicked) it is dropped, here on the loop, and its
    /// result kept.
    fn poll_call(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()>;
    /// Moves the result into `slot`, an `Option<Result<F::Output, Interrupted>>`.
    fn take_output(self: Pin<&mut Self>, slot: &mut dyn Any);
}

pin_project_lite::pin_project! {
    /// A future on its way to the loop, or its result on the way back.
    struct HostCall<F: Future> {
        #[pin]
        future: Option<CatchUnwind<F>>,
        result: Option<Result<F::Output, Interrupted>>,
    }
}

impl<F> ErasedCall for HostCall<F>
where
    F: Future + Send,
    F::Output: Send + 'static,
{
    fn poll_call(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            return Poll::Ready(());
        };
        let result = std::task::ready!(future.poll(cx));
        // The future holds things of the loop: it is dropped there, and its drop may panic too.
        let dropped = catch_panic(|| this.future.set(None));
        *this.result = Some(dropped.and(result).map_err(Interrupted::Panicked));
        Poll::Ready(())
    }

    fn take_output(self: Pin<&mut Self>, slot: &mut dyn Any) {
        if let Some(slot) = slot.downcast_mut() {
            *slot = self.project().result.take();
        }
    }
}

/// Boxes `future` as a call.
pub(crate) fn boxed<F>(future: F) -> BoxCall
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    Box::pin(HostCall { future: Some(CatchUnwind::new(future)), result: None })
}

/// The result of a call that came back; `Abandoned` if it was never polled to its end.
pub(crate) fn into_output<T: 'static>(mut call: BoxCall) -> Result<T, Interrupted> {
    let mut slot: Option<Result<T, Interrupted>> = None;
    call.as_mut().take_output(&mut slot);
    slot.unwrap_or(Err(Interrupted::Abandoned))
}

/// A future that is ready at its first poll, for a function whose panic no caller receives.
pub(crate) async fn catch_and_log_panic<F: FnOnce() + Send>(f: F) {
    if catch_panic(f).is_err() {
        tracing::error!("a panic in a `call_soon` function");
    }
}
