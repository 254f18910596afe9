//! A channel from a thread to the loop, with back-pressure: tokens of a model, rows of a query.
//!
//! The sender blocks its thread while the channel is full, or waits, if it is in a task; the
//! receiver is a [`Stream`]. A blocked send ends when the job is cancelled, and each send fails
//! after the receiver was dropped, so a job that produces a long sequence stops soon after its
//! consumer has.

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;

use crate::error::Interrupted;
use crate::job::Host;
use crate::report::WaitsFor;
use crate::sync::Mutex;
use crate::worker::Worker;

/// A channel that holds at most `capacity` items (at least one).
///
/// ```
/// # use portcullis_runtime::{Pool, channel};
/// # futures::executor::block_on(async {
/// let (sender, mut receiver) = channel(8);
/// let job = Pool::shared().run(move |worker| {
///     for n in 0..1000 {
///         if sender.send(worker, n).is_err() { break } // the receiver was dropped
///     }
/// });
/// let mut got = 0;
/// while let Some(n) = receiver.recv().await {
///     assert_eq!(n, got);
///     got += 1;
/// }
/// job.await.unwrap();
/// assert_eq!(got, 1000);
/// # });
/// ```
pub fn channel<T: Send + 'static>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let state = State {
        items: VecDeque::new(),
        senders: 1,
        receiver_dropped: false,
        receiver: None,
        blocked_senders: Vec::new(),
        blocked_tasks: Vec::new(),
        next_waiter: 0,
    };
    let shared = Arc::new(Shared { state: Mutex::new(state), capacity: capacity.max(1) });
    (Sender { shared: Arc::clone(&shared) }, Receiver { shared })
}

struct Shared<T> {
    state: Mutex<State<T>>,
    capacity: usize,
}

struct State<T> {
    items: VecDeque<T>,
    senders: usize,
    receiver_dropped: bool,
    receiver: Option<Waker>,
    /// The jobs whose workers wait for capacity.
    blocked_senders: Vec<Arc<dyn Host>>,
    /// The tasks that wait for capacity.
    blocked_tasks: Vec<BlockedTask>,
    /// The number of the next [`BlockedTask`].
    next_waiter: u64,
}

/// A task that waits in [`Sender::send_async`]. The number distinguishes the sends of one task,
/// which have the same waker.
struct BlockedTask {
    number: u64,
    waker: Waker,
}

impl<T> State<T> {
    /// Takes those that wait for capacity, to be woken after the lock is released.
    fn take_blocked(&mut self) -> (Vec<Arc<dyn Host>>, Vec<BlockedTask>) {
        (mem::take(&mut self.blocked_senders), mem::take(&mut self.blocked_tasks))
    }
}

fn wake((workers, tasks): (Vec<Arc<dyn Host>>, Vec<BlockedTask>)) {
    workers.iter().for_each(|host| host.notify_worker());
    tasks.into_iter().for_each(|task| task.waker.wake());
}

/// The sending side, for threads and tasks.
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

/// Why an item was not sent.
#[derive(Debug)]
#[non_exhaustive]
pub enum ChannelError<T> {
    /// The receiver was dropped.
    Closed(T),
    /// The job was cancelled while it waited for capacity.
    Interrupted(T, Interrupted),
}

impl<T> fmt::Display for ChannelError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(_) => f.write_str("the receiver was dropped"),
            Self::Interrupted(_, why) => write!(f, "interrupted while waiting for capacity: {why}"),
        }
    }
}

impl<T: fmt::Debug> Error for ChannelError<T> {}

/// A dropped receiver is a cancellation.
impl<T> From<ChannelError<T>> for Interrupted {
    fn from(error: ChannelError<T>) -> Self {
        match error {
            ChannelError::Closed(_) => Self::Cancelled { began: true },
            ChannelError::Interrupted(_, why) => why,
        }
    }
}

impl<T: Send + 'static> Sender<T> {
    /// Sends one item, and blocks this thread while the channel is full. Items of one sender arrive
    /// in order.
    ///
    /// # Errors
    /// [`ChannelError`] returns the item: the receiver was dropped, or the job was cancelled.
    #[track_caller]
    pub fn send(&self, worker: &Worker, item: T) -> Result<(), ChannelError<T>> {
        let at = (Location::caller(), WaitsFor::Capacity);
        let mut state = self.shared.state.lock();
        while state.items.len() >= self.shared.capacity && !state.receiver_dropped {
            let host = worker.host();
            if !state.blocked_senders.iter().any(|known| Arc::ptr_eq(known, host)) {
                state.blocked_senders.push(Arc::clone(host));
            }
            drop(state);
            let has_capacity = || {
                let state = self.shared.state.lock();
                state.items.len() < self.shared.capacity || state.receiver_dropped
            };
            if let Err(why) = host.park(at, &has_capacity) {
                // A receiver that is never polled again must not keep the jobs that have ended.
                self.shared.state.lock().blocked_senders.retain(|known| !Arc::ptr_eq(known, host));
                return Err(ChannelError::Interrupted(item, why));
            }
            state = self.shared.state.lock();
        }
        if state.receiver_dropped {
            return Err(ChannelError::Closed(item));
        }
        state.items.push_back(item);
        let receiver = state.receiver.take();
        drop(state);
        if let Some(receiver) = receiver {
            receiver.wake();
        }
        Ok(())
    }

    /// As [`send`](Self::send) in a task: waits while the channel is full.
    ///
    /// # Errors
    /// [`ChannelError::Closed`] returns the item: the receiver was dropped.
    ///
    /// # Cancellation
    /// Dropped while it waits, it sends nothing.
    pub async fn send_async(&self, item: T) -> Result<(), ChannelError<T>> {
        SendAsync { shared: &self.shared, item: Some(item), number: None }.await
    }
}

/// The future of [`Sender::send_async`].
struct SendAsync<'a, T> {
    shared: &'a Shared<T>,
    /// `None` when it was sent.
    item: Option<T>,
    /// That of its [`BlockedTask`], once it has waited.
    number: Option<u64>,
}

// The item is not polled in place.
impl<T> Unpin for SendAsync<'_, T> {}

impl<T> Future for SendAsync<'_, T> {
    type Output = Result<(), ChannelError<T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let mut state = this.shared.state.lock();
        if !state.receiver_dropped && state.items.len() >= this.shared.capacity {
            let known = state.blocked_tasks.iter_mut().find(|task| Some(task.number) == this.number);
            let before = match known {
                Some(task) if task.waker.will_wake(cx.waker()) => None,
                Some(task) => Some(mem::replace(&mut task.waker, cx.waker().clone())),
                None => {
                    let number = state.next_waiter;
                    state.next_waiter += 1;
                    state.blocked_tasks.push(BlockedTask { number, waker: cx.waker().clone() });
                    this.number = Some(number);
                    None
                }
            };
            drop(state);
            drop(before); // a waker may own its task, whose drop is user code
            return Poll::Pending;
        }
        let Some(item) = this.item.take() else { return Poll::Ready(Ok(())) };
        if state.receiver_dropped {
            return Poll::Ready(Err(ChannelError::Closed(item)));
        }
        state.items.push_back(item);
        let receiver = state.receiver.take();
        drop(state);
        receiver.into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(()))
    }
}

impl<T> Drop for SendAsync<'_, T> {
    /// A receiver that is never polled again must not keep the tasks that have given up.
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let mut state = self.shared.state.lock();
        let at = state.blocked_tasks.iter().position(|task| task.number == number);
        let task = at.map(|at| state.blocked_tasks.swap_remove(at));
        drop(state);
        drop(task);
    }
}

impl<T> Sender<T> {
    /// Whether the receiver was dropped.
    pub fn is_closed(&self) -> bool {
        self.shared.state.lock().receiver_dropped
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.shared.state.lock().senders += 1;
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        state.senders -= 1;
        let receiver = if state.senders == 0 { state.receiver.take() } else { None };
        drop(state);
        if let Some(receiver) = receiver {
            receiver.wake();
        }
    }
}

/// The receiving side, for the loop: a [`Stream`], or one [`recv`](Self::recv) after the other.
/// Dropping it makes each send fail.
#[must_use = "dropping the receiver makes each send fail"]
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Receiver<T> {
    /// The next item; `None` after every sender was dropped and every item was received.
    /// Cancel-safe.
    pub async fn recv(&mut self) -> Option<T> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut state = self.shared.state.lock();
        let Some(item) = state.items.pop_front() else {
            if state.senders == 0 {
                return Poll::Ready(None);
            }
            let before = state.receiver.replace(cx.waker().clone());
            drop(state);
            drop(before); // a waker may own its task, whose drop is user code
            return Poll::Pending;
        };
        let blocked = state.take_blocked();
        drop(state);
        wake(blocked);
        Poll::Ready(Some(item))
    }
}

impl<T> Stream for Receiver<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_recv(cx)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        state.receiver_dropped = true;
        let (blocked, items) = (state.take_blocked(), mem::take(&mut state.items));
        drop(state);
        wake(blocked);
        drop(items);
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("waiting", &self.shared.state.lock().items.len())
            .finish_non_exhaustive()
    }
}
