//! [`CallQueue`]: what a transport takes from an [`RpcClient`](super::RpcClient) and delivers to
//! it.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::mem::take;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use portcullis_codec::DecodeError;
use tokio::time::{self, Sleep};

use super::cell::{CallCell, Outcome};
use super::in_flight::{InFlight, InFlightCall};
use super::shared::{Queued, Shared};
use crate::failure::Failure;
use crate::protocol::Protocol;
use crate::wire::{ClientMessage, INITIAL_CREDIT, Rejected, ServerMessage};

/// The transport's side of an [`RpcClient`](super::RpcClient): takes the messages of the client,
/// and delivers those of the server. [`RpcClient::with_queue`](super::RpcClient::with_queue) makes
/// both.
///
/// It numbers the calls, knows which are in flight, and ends each at its deadline. A call that is
/// dropped or whose deadline passes before it is taken from here is never sent.
///
/// Dropping the queue closes the client: calls in flight end with [`Failure::Lost`], and those that
/// were not sent, or are made later, with [`Failure::Closed`].
pub struct CallQueue<P: Protocol> {
    shared: Weak<Shared<P>>,
    /// Calls that were taken from the shared queue, all at once.
    batch: VecDeque<Queued<P>>,
    /// Calls in flight that the server is to cancel.
    cancelled: Vec<u64>,
    /// Items that callers have taken, by the numbers of their calls.
    credits: Vec<(u64, u32)>,
    in_flight: InFlight<P>,
    max_in_flight: usize,
    /// Wakes the task at the earliest deadline, which `alarm_at` is. The allocation is used again.
    alarm: Pin<Box<Option<Sleep>>>,
    alarm_at: Option<Instant>,
    /// The time of this poll of the task, if it was needed.
    now: Option<Instant>,
    /// The cells of calls that have ended, until their callers have taken the outcome.
    ended: VecDeque<Arc<CallCell<P>>>,
    /// How many callers were woken since calls were last sent: each may make another call.
    woken_callers: usize,
    /// Whether the server has sent a message since the last [`take_received`](Self::take_received).
    has_received: bool,
    /// Whether the server stops, and begins no more calls of this connection.
    is_refused: bool,
}

/// How many cells of calls are kept for later calls.
const MAX_SPARE: usize = 64;

/// The current time by tokio's clock, which tests can pause.
pub(super) fn now() -> Instant {
    time::Instant::now().into_std()
}

/// The deadline `time` from now, or the earlier one that there is.
pub(super) fn with_limit(deadline: Option<Instant>, time: Duration) -> Option<Instant> {
    earlier(deadline, now().checked_add(time))
}

fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}

impl<P: Protocol> CallQueue<P> {
    pub(super) fn new(shared: &Arc<Shared<P>>) -> Self {
        Self {
            shared: Arc::downgrade(shared),
            batch: VecDeque::new(),
            cancelled: Vec::new(),
            credits: Vec::new(),
            in_flight: InFlight::new(),
            max_in_flight: 0,
            alarm: Box::pin(None),
            alarm_at: None,
            now: None,
            ended: VecDeque::new(),
            woken_callers: 0,
            has_received: false,
            is_refused: false,
        }
    }

    /// Waits for the next message to send. Returns `None` when the last client and the last call
    /// were dropped.
    ///
    /// Calls end at their deadlines only while this is polled.
    ///
    /// # Cancellation
    /// If the future is dropped, no message is lost.
    pub async fn next(&mut self) -> Option<ClientMessage<P>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Polls for the next message, as [`next`](Self::next).
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<ClientMessage<P>>> {
        if !self.poll_callers(cx) {
            return Poll::Ready(None);
        }
        self.pop().map_or(Poll::Pending, |message| Poll::Ready(Some(message)))
    }

    /// Returns how many calls are in flight: sent, and neither answered nor cancelled.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Delivers what the server has sent. A message to a call that is not in flight is ignored.
    pub fn deliver(&mut self, message: ServerMessage<P>) {
        self.has_received = true;
        match message {
            ServerMessage::Reply { id, reply } => self.end(id, Ok(reply)),
            ServerMessage::Failed { id, failure } => self.end(id, Err(failure)),
            ServerMessage::Item { id, item } => self.deliver_item(id, item),
            ServerMessage::Closing { last_id } => self.refuse_after(last_id),
            ServerMessage::Notification(notification) => {
                if let Some(shared) = self.shared.upgrade() {
                    shared.notifications.send(*notification);
                }
            }
        }
    }

    fn deliver_item(&mut self, id: u64, item: P::Reply) {
        let Some(call) = self.in_flight.get(id) else { return };
        if !call.cell.push_item(item, INITIAL_CREDIT as usize) {
            let text = "the server has sent more items than it has credit for".to_owned();
            call.cell.end(Err(Failure::InvalidReply(text)));
            self.cancelled.push(id);
        }
    }

    /// Ends the calls that the server has not begun, and sends no more.
    fn refuse_after(&mut self, last_id: u64) {
        self.is_refused = true;
        let refused: Vec<_> =
            self.in_flight.iter_mut().map(|call| call.id).filter(|id| *id > last_id).collect();
        for id in refused {
            self.fail(id, Failure::Closed);
        }
    }

    /// Ends a call that has no reply, if it is in flight.
    pub fn fail(&mut self, id: u64, failure: Failure) {
        self.end(id, Err(failure));
    }

    fn end(&mut self, id: u64, outcome: Outcome<P>) {
        match self.in_flight.remove(id) {
            Some(call) => {
                call.cell.end(outcome);
                self.woken_callers += 1;
                if self.ended.len() < MAX_SPARE {
                    self.ended.push_back(call.cell);
                }
            }
            None => tracing::trace!(id, "a reply to a call that is not in flight"),
        }
    }

    /// Ends the call whose reply cannot be decoded.
    ///
    /// # Errors
    /// The error itself, if it does not say which call it was, or no further message can be read.
    pub(super) fn reject(&mut self, mut error: DecodeError) -> Result<(), DecodeError> {
        match error.take_attachment() {
            Some(Rejected { id, failure }) if error.is_recoverable() => {
                self.fail(id, failure);
                Ok(())
            }
            _ => Err(error),
        }
    }

    /// Ends the calls in flight, because their connection is lost.
    pub(super) fn lose(&mut self) {
        self.cancelled.clear();
        self.credits.clear();
        self.is_refused = false;
        for call in self.in_flight.take_all() {
            call.cell.end(Err(Failure::Lost));
        }
    }

    /// Makes the next messages cancel the calls in flight, because their callers were dropped.
    pub(super) fn cancel_all(&mut self) {
        self.cancelled.extend(self.in_flight.iter_mut().map(|call| call.id));
    }

    /// Ends the calls that are not sent.
    pub(super) fn fail_queued(&mut self, failure: &Failure) {
        let queue = self.shared.upgrade().map(|shared| take(&mut shared.lock().queue));
        for call in take(&mut self.batch).into_iter().chain(queue.into_iter().flatten()) {
            call.cell.end(Err(failure.clone()));
        }
    }

    /// Returns whether the server has sent a message since the last call.
    pub(super) fn take_received(&mut self) -> bool {
        take(&mut self.has_received)
    }

    /// Takes what the callers have left, and ends calls whose deadline has passed. Returns whether
    /// there are callers. The task is woken when they leave more, and at the next deadline.
    pub(super) fn poll_callers(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(shared) = self.shared.upgrade() else { return false };
        self.now = None;
        let mut state = shared.lock();
        self.max_in_flight = state.max_in_flight;
        self.cancelled.append(&mut state.cancelled);
        self.credits.append(&mut state.credits);
        if self.in_flight.len() + self.batch.len() < self.max_in_flight {
            if self.batch.is_empty() {
                std::mem::swap(&mut self.batch, &mut state.queue);
            } else {
                self.batch.append(&mut state.queue);
            }
        }
        while state.spare.len() < MAX_SPARE {
            // The caller has dropped its reference, so the cell is free.
            if self.ended.front().is_none_or(|cell| Arc::strong_count(cell) > 1) {
                break;
            }
            state.spare.extend(self.ended.pop_front());
        }
        state.accepts_calls = self.in_flight.len() + self.batch.len() < self.max_in_flight;
        match &mut state.driver {
            Some(driver) => driver.clone_from(cx.waker()),
            None => state.driver = Some(cx.waker().clone()),
        }
        if self.in_flight.len() == 0 && self.batch.is_empty() && state.queue.is_empty() {
            // A timer that no call needs would advance a paused clock.
            state.alarm = None;
            self.alarm.set(None);
        }
        self.alarm_at = state.alarm;
        drop(state);
        self.poll_alarm(cx);
        true
    }

    /// Returns whether callers that were woken may be about to make more calls than are to be sent
    /// now. Then the task should yield once.
    pub(super) fn may_get_more(&mut self) -> bool {
        !self.batch.is_empty() && self.batch.len() < take(&mut self.woken_callers)
    }

    fn poll_alarm(&mut self, cx: &mut Context<'_>) {
        while let Some(at) = self.alarm_at.map(time::Instant::from_std) {
            match self.alarm.as_mut().as_pin_mut() {
                None => self.alarm.set(Some(time::sleep_until(at))),
                Some(alarm) if alarm.deadline() != at => alarm.reset(at),
                Some(_) => {}
            }
            match self.alarm.as_mut().as_pin_mut().map(|alarm| alarm.poll(cx)) {
                Some(Poll::Ready(())) => self.expire(now()),
                _ => return,
            }
        }
    }

    /// Ends the calls whose deadline has passed, and finds the earliest deadline of the others.
    fn expire(&mut self, now: Instant) {
        let mut next = None;
        let mut is_expired = |deadline: &mut Option<Instant>| {
            let is_expired = deadline.take_if(|at| *at <= now).is_some();
            next = earlier(next, *deadline);
            is_expired
        };
        for call in self.in_flight.iter_mut() {
            if is_expired(&mut call.deadline) {
                call.cell.end(Err(Failure::Deadline));
                self.cancelled.push(call.id);
            }
        }
        for call in &mut self.batch {
            if is_expired(&mut call.deadline) {
                call.cell.end(Err(Failure::Deadline));
            }
        }
        let mut expired = Vec::new();
        if let Some(shared) = self.shared.upgrade() {
            let mut state = shared.lock();
            state.queue.retain_mut(|call| {
                let is_expired = is_expired(&mut call.deadline);
                if is_expired {
                    expired.push(Arc::clone(&call.cell));
                }
                !is_expired
            });
            state.alarm = next;
        }
        self.alarm_at = next;
        for cell in expired {
            cell.end(Err(Failure::Deadline));
        }
    }

    /// Returns the next message to send of those that [`poll_callers`](Self::poll_callers) has
    /// taken.
    pub(super) fn pop(&mut self) -> Option<ClientMessage<P>> {
        while let Some(id) = self.cancelled.pop() {
            // The reply may have arrived meanwhile.
            if self.in_flight.remove(id).is_some() {
                return Some(ClientMessage::Cancel { id });
            }
        }
        while let Some((id, items)) = self.credits.pop() {
            if self.in_flight.get(id).is_some() {
                return Some(ClientMessage::Credit { id, items });
            }
        }
        while self.in_flight.len() < self.max_in_flight && !self.is_refused {
            let Queued { cell, deadline } = self.batch.pop_front()?;
            let time_left =
                deadline.map(|at| at.saturating_duration_since(*self.now.get_or_insert_with(now)));
            if time_left.is_some_and(|time| time.is_zero()) {
                cell.end(Err(Failure::Deadline));
                continue;
            }
            let id = self.in_flight.next_id();
            if let Some(call) = cell.send(id) {
                self.in_flight.insert(InFlightCall { id, cell, deadline });
                return Some(ClientMessage::Call { id, time_left, call });
            }
        }
        None
    }

    /// Waits for a call to send. Returns `false` when the last client and the last call were
    /// dropped.
    pub(super) async fn has_call(&mut self) -> bool {
        poll_fn(|cx| {
            if !self.poll_callers(cx) {
                return Poll::Ready(false);
            }
            while self.batch.front().is_some_and(|call| !call.cell.is_queued()) {
                self.batch.pop_front();
            }
            if self.batch.is_empty() { Poll::Pending } else { Poll::Ready(true) }
        })
        .await
    }
}

impl<P: Protocol> Drop for CallQueue<P> {
    fn drop(&mut self) {
        let queue = self.shared.upgrade().map(|shared| shared.close());
        self.lose();
        for call in take(&mut self.batch).into_iter().chain(queue.into_iter().flatten()) {
            call.cell.end(Err(Failure::Closed));
        }
    }
}

impl<P: Protocol> fmt::Debug for CallQueue<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallQueue").field("in_flight", &self.in_flight.len()).finish_non_exhaustive()
    }
}
