//! [`StreamCall`]: a call whose method sends items before it returns.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures_util::stream::Stream;

use super::call::{CallState, to_result};
use super::error::CallError;
use super::queue::with_limit;
use super::shared::Shared;
use crate::failure::Failure;
use crate::protocol::Protocol;
use crate::wire::INITIAL_CREDIT;

/// A call of a method that sends items (`rows: &Sender<Row>`) before it returns.
///
/// The service sends at most 32 items that were not taken from here: a caller that does not take
/// them stops the method, and no other call of the connection.
///
/// ```ignore
/// let mut rows = db.search("text".to_owned());
/// while let Some(row) = rows.next().await? {
///     println!("{row:?}");
/// }
/// ```
///
/// It is a [`Stream`] of `Result<Item, CallError<E>>`, too.
///
/// Deadline, executors, errors and cancellation are those of a [`Call`](super::Call). The deadline
/// ends the call also while items arrive.
#[must_use = "a call is sent when `next` or `finish` is awaited"]
pub struct StreamCall<P: Protocol, I, T = (), E = std::convert::Infallible> {
    shared: Arc<Shared<P>>,
    deadline: Option<Instant>,
    state: CallState<P>,
    /// The value, after the last item.
    returned: Option<T>,
    /// Items that were taken since credit was granted last.
    taken: u32,
    item: fn(P::Reply) -> Option<I>,
    value: fn(P::Reply) -> Option<Result<T, E>>,
}

// Nothing in it is polled in place.
impl<P: Protocol, I, T, E> Unpin for StreamCall<P, I, T, E> {}

impl<P: Protocol, I, T, E> StreamCall<P, I, T, E> {
    pub(super) fn new(
        shared: &Arc<Shared<P>>,
        call: P,
        item: fn(P::Reply) -> Option<I>,
        value: fn(P::Reply) -> Option<Result<T, E>>,
    ) -> Self {
        Self {
            shared: Arc::clone(shared),
            deadline: portcullis_runtime::deadline(),
            state: CallState::New(call),
            returned: None,
            taken: 0,
            item,
            value,
        }
    }

    /// Ends the call `time` after this, as [`Call::deadline`](super::Call::deadline).
    pub fn deadline(mut self, time: Duration) -> Self {
        self.deadline = with_limit(self.deadline, time);
        self
    }

    /// Takes the next item. Returns `None` when the method has returned.
    ///
    /// # Errors
    /// Those of the call, once; `None` follows.
    ///
    /// # Cancellation
    /// If the future is dropped, no item is lost. To cancel the call, drop the `StreamCall`.
    pub async fn next(&mut self) -> Result<Option<I>, CallError<E>> {
        poll_fn(|cx| self.poll_item(cx)).await
    }

    /// Waits for what the method returns. Items that were not taken are dropped.
    ///
    /// # Errors
    /// Those of the call.
    ///
    /// # Panics
    /// If [`next`](Self::next) has returned an error.
    pub async fn finish(mut self) -> Result<T, CallError<E>> {
        while self.next().await?.is_some() {}
        Ok(self.returned.take().expect("`finish` is not called after an error"))
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<I>, CallError<E>>> {
        if let CallState::Ended = self.state {
            return Poll::Ready(Ok(None));
        }
        let cell = match ready!(self.state.poll_sent(&self.shared, self.deadline, cx)) {
            Ok(cell) => cell,
            Err(failure) => return Poll::Ready(Err(failure.into())),
        };
        match ready!(cell.poll_item(cx)) {
            Some(item) => {
                self.taken += 1;
                if self.taken >= INITIAL_CREDIT / 2 {
                    if let Some(id) = cell.id() {
                        self.shared.grant(id, std::mem::take(&mut self.taken));
                    }
                }
                match (self.item)(item) {
                    Some(item) => Poll::Ready(Ok(Some(item))),
                    None => {
                        self.state.cancel(&self.shared);
                        let text = "an item of another method".to_owned();
                        Poll::Ready(Err(Failure::InvalidReply(text).into()))
                    }
                }
            }
            None => {
                let outcome = ready!(cell.poll(cx));
                self.state = CallState::Ended;
                self.returned = Some(to_result::<P, T, E>(self.value, outcome)?);
                Poll::Ready(Ok(None))
            }
        }
    }
}

impl<P: Protocol, I, T, E> Stream for StreamCall<P, I, T, E> {
    type Item = Result<I, CallError<E>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_item(cx).map(Result::transpose)
    }
}

impl<P: Protocol, I, T, E> Drop for StreamCall<P, I, T, E> {
    fn drop(&mut self) {
        self.state.cancel(&self.shared);
    }
}

impl<P: Protocol, I, T, E> fmt::Debug for StreamCall<P, I, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamCall").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}
