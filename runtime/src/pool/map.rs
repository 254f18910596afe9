//! [`Pool::map`]: one function over many items, in order, a bounded number at a time.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::iter::Fuse;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_core::Stream;

use super::queue::Reserved;
use super::{JobBuilder, Offload, Pool};
use crate::error::Interrupted;
use crate::worker::Worker;

/// The results of [`Pool::map`], in the order of the items: a [`Stream`], or [`next`](Self::next)
/// after `next`.
///
/// Dropping it cancels the jobs that are in flight; items not yet asked for are never taken from
/// the iterator.
#[must_use = "a stream does nothing until it is polled"]
pub struct PoolMap<I: Iterator, F, T> {
    pool: Pool,
    items: Fuse<I>,
    /// An item that was taken from `items` and waits for a slot.
    next: Option<I::Item>,
    f: Arc<F>,
    ahead: usize,
    called_at: &'static Location<'static>,
    flight: VecDeque<Flight<T>>,
}

enum Flight<T> {
    Running(Offload<T>),
    Done(Result<T, Interrupted>),
}

impl<I: Iterator, F, T> Unpin for PoolMap<I, F, T> {}

impl Pool {
    /// Runs `f` on this pool's threads for each item, and returns the results in the order of the
    /// items.
    ///
    /// At most as many jobs as the queue has slots (at least one) are in flight: the next item is
    /// taken when a result has been taken. The result of a job that panics or is interrupted is its
    /// error; the others go on.
    ///
    /// Whatever the pool's [`Overflow`](crate::Overflow), it is never this function that makes a
    /// full queue overflow: if others (another `map`, for example) have filled it, this one waits
    /// until a slot is free, and neither returns [`Interrupted::Full`] nor sheds their jobs. Under
    /// [`Overflow::ShedOldest`](crate::Overflow::ShedOldest) jobs that others submit may shed one
    /// of these: its result is [`Interrupted::Shed`].
    ///
    /// ```
    /// # use portcullis_runtime::Pool;
    /// # futures::executor::block_on(async {
    /// let pool = Pool::builder("cpu").threads(2).queue_capacity(4).build()?;
    /// let mut squares = pool.map(1..=10_u64, |_, n| n * n);
    /// let mut sum = 0;
    /// while let Some(square) = squares.next().await {
    ///     sum += square?;
    /// }
    /// assert_eq!(sum, 385);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    #[track_caller]
    pub fn map<I, F, T>(&self, items: I, f: F) -> PoolMap<I::IntoIter, F, T>
    where
        I: IntoIterator,
        I::Item: Send + 'static,
        F: Fn(&Worker, I::Item) -> T + Send + Sync + 'static,
        T: Send + 'static,
    {
        let ahead = self.inner().queue.capacity().max(1);
        PoolMap {
            pool: self.clone(),
            items: items.into_iter().fuse(),
            next: None,
            f: Arc::new(f),
            ahead,
            called_at: Location::caller(),
            flight: VecDeque::new(),
        }
    }
}

impl<I, F, T> PoolMap<I, F, T>
where
    I: Iterator,
    I::Item: Send + 'static,
    F: Fn(&Worker, I::Item) -> T + Send + Sync + 'static,
    T: Send + 'static,
{
    /// The next result; `None` when there are no more.
    pub async fn next(&mut self) -> Option<Result<T, Interrupted>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    fn fill(&mut self, waker: &Waker) {
        while self.flight.len() < self.ahead {
            let Some(item) = self.next.take().or_else(|| self.items.next()) else { return };
            let (f, job) = (
                Arc::clone(&self.f),
                JobBuilder::new(&self.pool, "map", self.called_at).deadline(Duration::MAX),
            );
            let offload = match self.pool.reserve(waker) {
                Reserved::Slot(slot) => job.run_in(slot, move |worker| f(worker, item)),
                Reserved::NotNeeded => job.run(move |worker| f(worker, item)),
                Reserved::Later => {
                    self.next = Some(item);
                    return;
                }
            };
            self.flight.push_back(Flight::Running(offload));
        }
    }
}

impl<I, F, T> Stream for PoolMap<I, F, T>
where
    I: Iterator,
    I::Item: Send + 'static,
    F: Fn(&Worker, I::Item) -> T + Send + Sync + 'static,
    T: Send + 'static,
{
    type Item = Result<T, Interrupted>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        this.fill(cx.waker());
        // All of them, since each is the host of its own worker.
        for flight in &mut this.flight {
            if let Flight::Running(offload) = flight {
                if let Poll::Ready(result) = Future::poll(Pin::new(offload), cx) {
                    *flight = Flight::Done(result);
                }
            }
        }
        match this.flight.pop_front() {
            None if this.next.is_some() => Poll::Pending,
            None => Poll::Ready(None),
            Some(Flight::Done(result)) => Poll::Ready(Some(result)),
            Some(running) => {
                this.flight.push_front(running);
                Poll::Pending
            }
        }
    }
}

impl<I: Iterator, F, T> fmt::Debug for PoolMap<I, F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolMap").field("in_flight", &self.flight.len()).finish_non_exhaustive()
    }
}
