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
use self::mailbox::{Discarded, Mailbox, SendState};
use super::encoded::QueuedResponse;
use super::origin::Origin;
use super::reason::{By, Limit, Reason};
use super::server_shared::{ServerShared, ShutdownPhase};
use portcullis_runtime::internal::error::catch_and_log;
use portcullis_runtime::internal::sync::Mutex;
use portcullis_runtime::internal::sync::atomic::{AtomicU64, Ordering};

/// How many bits of a deadline name its limit.
const LIMIT_BITS: u32 = 3;
const LIMIT_MASK: u64 = (1 << LIMIT_BITS) - 1;

/// What a connection's driver, its peers and its server share.
pub struct SessionShared<Rsp, Ev> {
    /// In its lowest bit, whether the mailbox holds anything or is not open; written under the
    /// lock. A request that changes nothing there costs the driver a look at this, and no lock.
    /// Above, the id, which never changes: a flag of its own would cost each session eight bytes.
    id_and_dirty: AtomicU64,
    origin: Origin,
    server: Arc<ServerShared>,
    /// A point of the server's clock, and in the lowest bits the limit that passes then; zero is
    /// none. Written by the driver, read by the sweeper.
    deadline: AtomicU64,
    mailbox: Mutex<Mailbox<Rsp, Ev>>,
}

impl<Rsp, Ev> SessionShared<Rsp, Ev> {
    /// For a session with this number.
    pub fn new(id: u64, origin: Origin, server: Arc<ServerShared>) -> Arc<Self> {
        let mailbox = Mutex::new(Mailbox::new());
        let (deadline, id_and_dirty) = (AtomicU64::new(0), AtomicU64::new(id << 1));
        Arc::new(Self { id_and_dirty, origin, server, deadline, mailbox })
    }

    /// The number of the session.
    pub fn id(&self) -> u64 {
        self.id_and_dirty.load(Ordering::Relaxed) >> 1
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
        self.set_dirty(!mailbox.is_idle());
        drop(mailbox);
        wake(woken);
        value
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

    /// Drops what is queued, and makes the driver end the session at once.
    pub fn abort(&self) {
        self.close_to(SendState::Aborted, Some(Reason::Closed(By::Abort)));
    }

    /// Whether the session was [aborted](Self::abort).
    pub fn is_aborted(&self) -> bool {
        self.is_dirty() && self.mailbox.lock().send_state() == SendState::Aborted
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

    /// Whether nothing can be sent any more.
    pub fn is_closed(&self) -> bool {
        self.is_dirty() && self.mailbox.lock().send_state() != SendState::Open
    }

    // ---- the driver's side

    /// Whether the mailbox holds anything, or is not open.
    pub fn is_dirty(&self) -> bool {
        self.id_and_dirty.load(Ordering::Acquire) & 1 == 1
    }

    /// Under the lock.
    fn set_dirty(&self, dirty: bool) {
        self.id_and_dirty.store(self.id() << 1 | u64::from(dirty), Ordering::Release);
    }

    /// As [`close`](Self::close), and what is queued is dropped.
    pub fn end(&self) {
        self.close_to(SendState::Closed, None);
    }

    fn close_to(&self, state: SendState, reason: Option<Reason>) {
        let mut mailbox = self.mailbox.lock();
        let (wakers, discarded) = mailbox.close(state, reason);
        self.set_dirty(true);
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
            let is_open = mailbox.send_state() == SendState::Open;
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
        if mailbox.send_state() == SendState::Closed { Reason::Reset } else { mailbox.close_reason() }
    }

    /// Sets the point of the clock at which `limit` has passed and the driver is woken.
    pub fn set_deadline(&self, at: u64, limit: Limit) {
        let at = at.min(u64::MAX >> LIMIT_BITS);
        self.deadline.store(at << LIMIT_BITS | limit as u64, Ordering::Relaxed);
    }

    /// Clears the deadline.
    pub fn clear_deadline(&self) {
        self.deadline.store(0, Ordering::Relaxed);
    }

    /// Whether that point has passed.
    pub fn is_past_deadline(&self) -> bool {
        self.passed_limit().is_some()
    }

    /// The limit that has passed.
    fn passed_limit(&self) -> Option<Limit> {
        let deadline = self.deadline.load(Ordering::Relaxed);
        let has_passed = deadline != 0 && deadline >> LIMIT_BITS <= self.server.now();
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
