//! [`SessionShared`]: what a connection's driver, its peers and its server share. One allocation for each session.
//!
//! [`Peer`](crate::Peer) is a handle on it. What peers send and post waits in the [`mailbox`],
//! which has two bounded [`queue`]s; [`send`] has the futures that wait for a place in them,
//! [`closed`] the future of the session's end, and [`congestion`] makes a session that sends faster
//! than another receives wait for it.

pub(crate) mod closed;
pub(crate) mod congestion;
pub(crate) mod mailbox;
pub(crate) mod queue;
pub(crate) mod send;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use self::congestion::{Congested, RunningSession};
use self::mailbox::{ABORTED, CLOSING, DIRTY, Discarded, FLAG_BITS, Mailbox, SEND_CLOSED, SendState};
use self::queue::{BoundedQueue, Cost};
use super::encoded::QueuedResponse;
use super::error::TrySendError;
use super::origin::Origin;
use super::reason::{By, Limit, Reason};
use super::server_shared::{ServerShared, ShutdownPhase};
use portcullis_runtime::internal::error::catch_and_log;
use portcullis_runtime::internal::sync::Mutex;
use portcullis_runtime::internal::sync::atomic::{AtomicU64, Ordering};

/// How many bits of a deadline name its limit.
const LIMIT_BITS: u32 = 3;
const LIMIT_MASK: u64 = (1 << LIMIT_BITS) - 1;
/// The bits between the limit and the point of the clock.
const STATE_MASK: u64 = (u16::MAX as u64) << LIMIT_BITS;
/// The remaining bits are milliseconds of a thousand years.
const CLOCK_SHIFT: u32 = LIMIT_BITS + u16::BITS;

/// What a connection's driver, its peers and its server share.
pub struct SessionShared<Rsp, Ev> {
    /// In its lowest bits, the flags of the mailbox; written under the lock. A request that changes
    /// nothing there costs the driver a look at this, and no lock. Above, the id, which never
    /// changes: flags of their own would cost each session eight bytes.
    id_and_flags: AtomicU64,
    origin: Origin,
    server: Arc<ServerShared>,
    /// A point of the server's clock, or zero for none; below it the index of the state plus one,
    /// or zero before the first state; in the lowest bits the limit that passes at that point.
    /// Written by the driver alone, so it needs no read-modify-write. Read by the sweeper and by
    /// [`AnyPeer`](crate::AnyPeer).
    deadline: AtomicU64,
    mailbox: Mutex<Mailbox<Rsp, Ev>>,
}

impl<Rsp, Ev> SessionShared<Rsp, Ev> {
    /// For a session with this number.
    pub fn new(id: u64, origin: Origin, server: Arc<ServerShared>) -> Arc<Self> {
        let mailbox = Mutex::new(Mailbox::new());
        let (deadline, id_and_flags) = (AtomicU64::new(0), AtomicU64::new(id << FLAG_BITS));
        Arc::new(Self { id_and_flags, origin, server, deadline, mailbox })
    }

    /// The number of the session.
    pub fn id(&self) -> u64 {
        self.id_and_flags.load(Ordering::Relaxed) >> FLAG_BITS
    }

    /// Where the connection comes from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    // ---- the peers' side

    /// Runs `work` on the mailbox under its lock, and wakes the tasks that it returns after that.
    pub(crate) fn with_mailbox<T, W: IntoIterator<Item = Waker>>(
        &self,
        work: impl FnOnce(&mut Mailbox<Rsp, Ev>) -> (T, W),
    ) -> T {
        let mut mailbox = self.mailbox.lock();
        let (value, woken) = work(&mut mailbox);
        self.set_flags(&mailbox);
        drop(mailbox);
        wake(woken);
        value
    }

    /// What an event adds to its queue.
    pub(crate) fn cost_of_event(&self) -> Cost {
        Cost { max_count: self.server.queue_limits().events, weight: None }
    }

    /// Puts an item into the queue that `open_queue` returns, if that takes any more and has room
    /// for it. Returns whether the queue is half full then.
    #[inline]
    pub(crate) fn try_enqueue<T>(
        &self,
        item: T,
        cost: Cost,
        open_queue: impl FnOnce(&mut Mailbox<Rsp, Ev>) -> Option<&mut BoundedQueue<T>>,
    ) -> Result<bool, TrySendError<T>> {
        let mut mailbox = self.mailbox.lock();
        let Some(queue) = open_queue(&mut mailbox) else { return Err(TrySendError::Closed(item)) };
        if !queue.has_room(cost) {
            return Err(TrySendError::Full(item));
        }
        let is_half_full = queue.push(item, cost);
        let woken = mailbox.notify();
        if !self.is_dirty() {
            self.set_flags(&mailbox);
        }
        drop(mailbox);
        wake(woken);
        Ok(is_half_full)
    }

    /// Puts the first of `responses` into the queue, as many as it has capacity for, if it takes
    /// any. Returns whether the queue is half full then; `None` if it takes none.
    pub(crate) fn try_enqueue_responses(&self, responses: &mut VecDeque<Rsp>, cost: Cost) -> Option<bool> {
        let mut mailbox = self.mailbox.lock();
        if !mailbox.send_state().takes_responses() {
            return None;
        }
        let queue = &mut mailbox.queues().responses;
        let mut is_half_full = false;
        while queue.has_room(cost) {
            let Some(response) = responses.pop_front() else { break };
            is_half_full = queue.push(QueuedResponse::Response(response), cost);
        }
        let woken = mailbox.notify();
        if !self.is_dirty() {
            self.set_flags(&mailbox);
        }
        drop(mailbox);
        wake(woken);
        Some(is_half_full)
    }

    /// Takes nothing more; what is queued is still sent.
    pub fn close(&self) {
        self.close_to(SendState::Closing, None);
    }

    /// As [`close`](Self::close), and sets the reason of the session's end, unless the session was
    /// closed before.
    pub fn close_with(&self, reason: Reason) {
        self.close_to(SendState::Closing, Some(reason));
    }

    /// Takes no more responses. What is queued is still sent, then the driver shuts down the
    /// writing side of the connection.
    pub fn shutdown_write(&self) {
        self.with_mailbox(|mailbox| ((), mailbox.shutdown_write()));
    }

    /// Whether the driver is to shut down the writing side now: all responses have been taken.
    pub fn is_shutdown_due(&self) -> bool {
        self.is_dirty() && self.mailbox.lock().is_shutdown_due()
    }

    /// The driver has shut down the writing side.
    pub fn mark_shut_down(&self) {
        self.with_mailbox(|mailbox| (mailbox.mark_shut_down(), None));
    }

    /// Drops what is queued, and makes the driver end the session at once.
    pub fn abort(&self) {
        self.close_to(SendState::Aborted, Some(Reason::Closed(By::Abort)));
    }

    /// Whether the session was [aborted](Self::abort).
    pub fn is_aborted(&self) -> bool {
        self.has_flag(ABORTED)
    }

    /// The reason of a session that was closed or aborted.
    pub fn close_reason(&self) -> Reason {
        self.mailbox.lock().close_reason()
    }

    /// Notes that the session has ended and its last hook has run, for
    /// [`Peer::ended`](crate::Peer::ended).
    pub fn mark_ended(&self) {
        let wakers = self.mailbox.lock().mark_ended();
        wake(wakers);
    }

    /// Whether the session has ended and its last hook has run.
    pub fn has_ended(&self) -> bool {
        self.mailbox.lock().has_ended()
    }

    /// Whether the session has ended or is closing.
    pub fn is_closing(&self) -> bool {
        self.has_flag(CLOSING)
    }

    /// Whether nothing can be sent any more.
    pub fn is_closed(&self) -> bool {
        self.has_flag(SEND_CLOSED)
    }

    // ---- the driver's side

    /// Whether the mailbox holds anything, or the driver has something to close or to shut down.
    pub fn is_dirty(&self) -> bool {
        self.has_flag(DIRTY)
    }

    fn has_flag(&self, flag: u8) -> bool {
        self.id_and_flags.load(Ordering::Acquire) & u64::from(flag) != 0
    }

    /// Under the lock.
    fn set_flags(&self, mailbox: &Mailbox<Rsp, Ev>) {
        let flags = u64::from(mailbox.flags());
        self.id_and_flags.store(self.id() << FLAG_BITS | flags, Ordering::Release);
    }

    /// As [`close`](Self::close), and what is queued is dropped.
    pub fn end(&self) {
        self.close_to(SendState::Closed, None);
    }

    fn close_to(&self, state: SendState, reason: Option<Reason>) {
        let mut mailbox = self.mailbox.lock();
        let (wakers, discarded) = mailbox.close(state, reason);
        self.set_flags(&mailbox);
        drop(mailbox);
        wake(wakers);
        discard(discarded);
    }

    /// As [`end`](Self::end), and drops the driver's waker: a peer that is kept must not keep the
    /// driver's task.
    pub fn release_driver(&self) {
        self.end();
        self.mark_ended();
        let driver = self.mailbox.lock().forget_driver();
        drop(driver);
    }

    /// Notes that the session has given up its place in `max_connections`.
    pub fn release_capacity(&self) {
        self.mailbox.lock().release_capacity();
    }

    /// Whether the session has given up its place in `max_connections`.
    pub fn has_released_capacity(&self) -> bool {
        self.mailbox.lock().has_released_capacity()
    }

    /// The driver is about to look at everything. Called at the beginning of each of its polls.
    pub fn begin_poll(&self, waker: &Waker) {
        self.mailbox.lock().begin_poll(waker);
    }

    /// As [`try_park`](Self::try_park), by a driver that has woken itself already.
    pub fn end_poll(&self) {
        self.mailbox.lock().end_poll();
    }

    /// The poll of the driver that is going on, if one is.
    pub fn poll(&self) -> Option<u16> {
        self.mailbox.lock().poll()
    }

    /// Whether the driver may return `Pending`; if not, something has changed since
    /// [`begin_poll`](Self::begin_poll).
    pub fn try_park(&self) -> bool {
        let (parked, relieved) = self.mailbox.lock().try_park();
        wake(relieved.into_iter().flatten());
        parked
    }

    /// Notes that this session runs on the current thread, until the returned value is dropped.
    #[inline]
    pub fn enter_running(&self) -> RunningSession {
        RunningSession::enter(self.address())
    }

    /// Releases the memory of empty queues, before the session is idle. For sessions that send each
    /// response through their queue; for others, keeping it is cheaper.
    pub fn release_queues(&self) {
        self.mailbox.lock().release_queues();
    }

    /// Which session this is, for as long as it exists.
    pub(crate) fn address(&self) -> usize {
        (&raw const *self).addr()
    }

    /// Wakes the driver, so that it looks at the stop and at its deadline.
    pub fn wake_driver(&self) {
        let driver = self.mailbox.lock().notify();
        wake(driver);
    }

    /// Takes all queued responses. `None` if there are none. The responses that are left when the
    /// returned value is dropped go back to the queue.
    pub fn take_responses(&self) -> Option<TakenResponses<'_, Rsp, Ev>> {
        if !self.is_dirty() {
            return None;
        }
        let mut responses = VecDeque::new();
        self.with_mailbox(|mailbox| {
            if let Some(queues) = mailbox.existing_queues() {
                queues.responses.take(&mut responses);
            }
            ((), None)
        });
        (!responses.is_empty()).then_some(TakenResponses { shared: self, responses })
    }

    /// Takes all queued events into `events`, which is empty. Returns false if there are none, as
    /// in a session that is closing. The caller [puts back](Self::put_back_events) those that it
    /// has not handled before it waits for anything.
    pub fn take_events(&self, events: &mut VecDeque<Ev>) -> bool {
        if self.is_dirty() {
            self.with_mailbox(|mailbox| {
                if let Some(queues) = mailbox.existing_queues() {
                    queues.events.take(events);
                }
                ((), None)
            });
        }
        !events.is_empty()
    }

    /// Puts back the events that were taken and not handled. If the session is closing they are
    /// dropped.
    pub fn put_back_events(&self, events: &mut VecDeque<Ev>) {
        let discarded = self.with_mailbox(|mailbox| {
            let is_open = mailbox.send_state().takes_events();
            let (discarded, woken) = match mailbox.existing_queues() {
                Some(queues) if is_open => (VecDeque::new(), queues.events.put_back(events)),
                _ => (mem::take(events), Vec::new()),
            };
            (discarded, woken.into_iter().chain(mailbox.relieved().into_iter().flatten()))
        });
        discard((VecDeque::<QueuedResponse<Rsp>>::new(), discarded));
    }

    /// The next response to write.
    pub fn pop(&self) -> Option<Rsp> {
        self.pop_with(|mailbox| mailbox.existing_queues()?.responses.pop()).map(QueuedResponse::into_message)
    }

    /// The next event to handle; none in a session that is closing.
    pub fn pop_event(&self) -> Option<Ev> {
        self.pop_with(|mailbox| mailbox.existing_queues()?.events.pop())
    }

    fn pop_with<T>(
        &self,
        pop: impl FnOnce(&mut Mailbox<Rsp, Ev>) -> Option<(T, Option<Waker>)>,
    ) -> Option<T> {
        if !self.is_dirty() {
            return None;
        }
        self.with_mailbox(|mailbox| match pop(mailbox) {
            Some((item, sender)) => (Some(item), sender),
            None => (None, None),
        })
    }

    /// How many responses are queued.
    pub fn queued_responses(&self) -> usize {
        if self.is_dirty() { self.mailbox.lock().queued_responses() } else { 0 }
    }

    /// How many events are queued.
    pub fn queued_events(&self) -> usize {
        if self.is_dirty() { self.mailbox.lock().queued_events() } else { 0 }
    }

    /// Whether an idle session has something to do that is not reading.
    pub fn has_work(&self) -> bool {
        self.is_dirty() || self.stopping() || self.is_past_deadline()
    }

    /// What all sessions of the server share.
    pub fn server(&self) -> &ServerShared {
        &self.server
    }

    /// As [`server`](Self::server), to keep.
    pub fn server_arc(&self) -> &Arc<ServerShared> {
        &self.server
    }

    /// Whether the stop of the server has begun.
    pub fn stopping(&self) -> bool {
        self.server.phase() >= ShutdownPhase::Draining
    }

    /// Why nothing can be sent any more.
    pub fn end_reason(&self) -> Reason {
        let mailbox = self.mailbox.lock();
        match mailbox.send_state() {
            SendState::Closed => Reason::Reset,
            SendState::ShuttingDown | SendState::ShutDown => Reason::Closed(By::ShutdownWrite),
            SendState::Open | SendState::Closing | SendState::Aborted => mailbox.close_reason(),
        }
    }

    /// Sets the point of the clock at which `limit` has passed and the driver is woken.
    pub fn set_deadline(&self, at: u64, limit: Limit) {
        let at = at.min(u64::MAX >> CLOCK_SHIFT);
        self.deadline.store(at << CLOCK_SHIFT | self.state_bits() | limit as u64, Ordering::Relaxed);
    }

    /// Clears the deadline.
    pub fn clear_deadline(&self) {
        self.deadline.store(self.state_bits(), Ordering::Relaxed);
    }

    fn state_bits(&self) -> u64 {
        self.deadline.load(Ordering::Relaxed) & STATE_MASK
    }

    /// Notes that the session has entered the state with this index.
    pub fn set_state(&self, index: u16) {
        let state = u64::from(index.saturating_add(1)) << LIMIT_BITS;
        let deadline = self.deadline.load(Ordering::Relaxed) & !STATE_MASK;
        self.deadline.store(deadline | state, Ordering::Relaxed);
    }

    /// The name of the state that the session has entered last. `None` before its first state, and
    /// if the service has no states.
    pub fn state_name(&self) -> Option<&'static str> {
        let state = (self.state_bits() >> LIMIT_BITS) as u16;
        let name = self.server.state_name(state.checked_sub(1)?);
        (!name.is_empty()).then_some(name)
    }

    /// Whether that point has passed.
    pub fn is_past_deadline(&self) -> bool {
        self.passed_limit().is_some()
    }

    /// The limit that has passed.
    fn passed_limit(&self) -> Option<Limit> {
        let deadline = self.deadline.load(Ordering::Relaxed);
        let at = deadline >> CLOCK_SHIFT;
        let has_passed = at != 0 && at <= self.server.now();
        has_passed.then(|| Limit::ALL[(deadline & LIMIT_MASK) as usize])
    }

    /// Why work must be dropped now, if it must: the stop has come to `phase`.
    pub fn stop_reason(&self, phase: ShutdownPhase) -> Option<Reason> {
        (self.server.phase() >= phase).then_some(Reason::Stopped)
    }

    /// As [`stop_reason`](Self::stop_reason), and also when the session was aborted.
    pub fn cancel_reason(&self, phase: ShutdownPhase) -> Option<Reason> {
        self.stop_reason(phase).or_else(|| self.is_aborted().then(|| self.close_reason()))
    }

    /// As [`cancel_reason`](Self::cancel_reason), and also when the deadline has passed.
    pub fn abort_reason(&self, phase: ShutdownPhase) -> Option<Reason> {
        self.cancel_reason(phase).or_else(|| self.passed_limit().map(Reason::Timeout))
    }
}

impl<Rsp: Send, Ev: Send> Congested for SessionShared<Rsp, Ev> {
    fn poll_relief(&self, waiter_id: &mut Option<u64>, cx: &Context<'_>) -> Poll<()> {
        let mut mailbox = self.mailbox.lock();
        let is_congested = mailbox.is_congested();
        let waiters = &mut mailbox.queues().relief_waiters;
        let (polled, before) = if is_congested {
            let (id, before) = waiters.register(*waiter_id, cx.waker());
            *waiter_id = Some(id);
            (Poll::Pending, before)
        } else {
            (Poll::Ready(()), waiter_id.take().and_then(|id| waiters.unregister(id)))
        };
        drop(mailbox);
        drop(before); // outside the lock: it may be the last owner of its task
        polled
    }

    fn cancel_relief(&self, waiter_id: u64) {
        let waker = self.mailbox.lock().queues().relief_waiters.unregister(waiter_id);
        drop(waker);
    }
}

/// The responses that a driver has taken from the queue, in order.
pub struct TakenResponses<'a, Rsp, Ev> {
    shared: &'a SessionShared<Rsp, Ev>,
    responses: VecDeque<QueuedResponse<Rsp>>,
}

impl<Rsp, Ev> Iterator for TakenResponses<'_, Rsp, Ev> {
    type Item = QueuedResponse<Rsp>;

    fn next(&mut self) -> Option<QueuedResponse<Rsp>> {
        self.responses.pop_front()
    }
}

impl<Rsp, Ev> Drop for TakenResponses<'_, Rsp, Ev> {
    fn drop(&mut self) {
        let responses = &mut self.responses;
        let discarded = self.shared.with_mailbox(|mailbox| {
            let discards = mailbox.send_state().discards_responses();
            let (discarded, woken) = match mailbox.existing_queues() {
                Some(queues) if !discards => (VecDeque::new(), queues.responses.put_back(responses)),
                _ => (mem::take(responses), Vec::new()),
            };
            (discarded, woken.into_iter().chain(mailbox.relieved().into_iter().flatten()))
        });
        discard((discarded, VecDeque::<Ev>::new()));
    }
}

/// Drops what was queued. The drop of an item is the user's code. If it panics, the other items are
/// dropped all the same, and the caller goes on: it may be the session's task, which has
/// `on(disconnect)` to run.
fn discard<Rsp, Ev>((responses, events): Discarded<Rsp, Ev>) {
    responses
        .into_iter()
        .for_each(|response| catch_and_log("a drop of a response that was not sent", || drop(response)));
    events
        .into_iter()
        .for_each(|event| catch_and_log("a drop of an event that was not handled", || drop(event)));
}

fn wake(wakers: impl IntoIterator<Item = Waker>) {
    wakers.into_iter().for_each(Waker::wake);
}
