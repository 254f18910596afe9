//! [`Post`]: what a connection's driver, its peers and its server share. One allocation a session.

use std::sync::Arc;
use std::task::Waker;

use super::mail::{Dropped, Gate, Mail};
use super::reason::Reason;
use super::watch::{Phase, Watch};
use crate::error::contained;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::transport::origin::Origin;

pub(crate) struct Post<Rsp, Ev> {
    /// In its lowest bit, whether there is any mail, or the gate is not open; written under the lock. A request that
    /// changes nothing there costs the driver a look at this, and no lock. Above, the id, which never changes: a flag of
    /// its own would cost each session eight bytes.
    id_and_touched: AtomicU64,
    origin: Origin,
    watch: Arc<Watch>,
    /// A point of the watch's clock; zero is none. Written by the driver, read by the sweeper.
    deadline: AtomicU64,
    mail: Mutex<Mail<Rsp, Ev>>,
}

impl<Rsp, Ev> Post<Rsp, Ev> {
    pub(super) fn new(id: u64, origin: Origin, watch: Arc<Watch>) -> Arc<Self> {
        let mail = Mutex::new(Mail::new());
        let (deadline, id_and_touched) = (AtomicU64::new(0), AtomicU64::new(id << 1));
        Arc::new(Self { id_and_touched, origin, watch, deadline, mail })
    }

    pub(super) fn id(&self) -> u64 {
        self.id_and_touched.load(Ordering::Relaxed) >> 1
    }

    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    // ---- the peers' side

    /// Works on the mail under its lock, and afterwards wakes who comes out of it.
    pub(super) fn with_mail<T>(&self, work: impl FnOnce(&mut Mail<Rsp, Ev>) -> (T, Option<Waker>)) -> T {
        let mut mail = self.mail.lock();
        let (value, woken) = work(&mut mail);
        self.touch(!mail.is_untouched());
        drop(mail);
        wake(woken);
        value
    }

    /// Takes nothing more; what is queued is still sent.
    pub(super) fn close(&self) {
        self.shut(Gate::Closing);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_touched() && self.mail.lock().gate() != Gate::Open
    }

    // ---- the driver's side

    /// Whether there is any mail, or the gate is not open.
    pub(super) fn is_touched(&self) -> bool {
        self.id_and_touched.load(Ordering::Acquire) & 1 == 1
    }

    /// Under the lock.
    fn touch(&self, touched: bool) {
        self.id_and_touched.store(self.id() << 1 | u64::from(touched), Ordering::Release);
    }

    /// As [`close`](Self::close), and what is queued is dropped.
    pub(super) fn end(&self) {
        self.shut(Gate::Ended);
    }

    fn shut(&self, gate: Gate) {
        let mut mail = self.mail.lock();
        let (wakers, dropped) = mail.shut(gate);
        self.touch(true);
        drop(mail);
        wake(wakers);
        discard(dropped);
    }

    /// As [`end`](Self::end), by a driver that goes for good: peers that are kept must not keep its task.
    pub(super) fn leave(&self) {
        self.end();
        let driver = self.mail.lock().forget_driver();
        drop(driver);
    }

    /// Notes that the session has given up its place in `max_connections`.
    pub(super) fn leave_place(&self) {
        self.mail.lock().leave_place();
    }

    pub(super) fn has_left_place(&self) -> bool {
        self.mail.lock().has_left_place()
    }

    pub(super) fn awake(&self, waker: &Waker) {
        self.mail.lock().awake(waker);
    }

    /// As [`sleep`](Self::sleep), by a driver that has had itself woken.
    pub(super) fn yields(&self) {
        self.mail.lock().yields();
    }

    /// The poll of the driver that is going on, if one is.
    pub(super) fn poll(&self) -> Option<u16> {
        self.mail.lock().poll()
    }

    pub(super) fn sleep(&self) -> bool {
        self.mail.lock().sleep()
    }

    /// Has the driver look at the stop and at its deadline.
    pub(super) fn nudge(&self) {
        let driver = self.mail.lock().ring();
        wake(driver);
    }

    /// The next response to write.
    pub(super) fn pop(&self) -> Option<Rsp> {
        self.take(|mail| mail.known()?.responses.pop())
    }

    /// The next event to handle; none in a session that is closing.
    pub(super) fn pop_event(&self) -> Option<Ev> {
        self.take(|mail| mail.known()?.events.pop())
    }

    fn take<T>(&self, pop: impl FnOnce(&mut Mail<Rsp, Ev>) -> Option<(T, Option<Waker>)>) -> Option<T> {
        if !self.is_touched() {
            return None;
        }
        self.with_mail(|mail| match pop(mail) {
            Some((item, putter)) => (Some(item), putter),
            None => (None, None),
        })
    }

    /// How many responses are queued.
    pub(super) fn outgoing(&self) -> usize {
        if self.is_touched() { self.mail.lock().outgoing() } else { 0 }
    }

    /// Whether an idle session has something to do that is not reading.
    pub(super) fn calls(&self) -> bool {
        self.is_touched() || self.stopping() || self.overdue()
    }

    pub(super) fn watch(&self) -> &Watch {
        &self.watch
    }

    pub(super) fn shared_watch(&self) -> &Arc<Watch> {
        &self.watch
    }

    pub(super) fn stopping(&self) -> bool {
        self.watch.phase() >= Phase::Stopping
    }

    /// Why nothing can be sent any more.
    pub(super) fn end_reason(&self) -> Reason {
        match self.mail.lock().gate() {
            Gate::Ended => Reason::Reset,
            Gate::Open | Gate::Closing => Reason::Closed,
        }
    }

    pub(super) fn set_deadline(&self, at: u64) {
        self.deadline.store(at, Ordering::Relaxed);
    }

    pub(super) fn overdue(&self) -> bool {
        let deadline = self.deadline.load(Ordering::Relaxed);
        deadline != 0 && deadline <= self.watch.now()
    }

    /// Why work must be dropped now, if it must: the stop has come to `phase`.
    pub(super) fn stopped(&self, phase: Phase) -> Option<Reason> {
        (self.watch.phase() >= phase).then_some(Reason::Stopped)
    }

    /// As [`stopped`](Self::stopped), and also when the deadline has passed.
    pub(super) fn interrupted(&self, phase: Phase) -> Option<Reason> {
        self.stopped(phase).or_else(|| self.overdue().then_some(Reason::Timeout))
    }
}

/// Drops what nobody will get. One that panics must neither keep the others nor end whoever closes the session: that is its own
/// task, which has `on(disconnect)` to run, or anybody else.
fn discard<Rsp, Ev>((responses, events): Dropped<Rsp, Ev>) {
    responses
        .into_iter()
        .for_each(|response| contained("a drop of a response that was not sent", || drop(response)));
    events.into_iter().for_each(|event| contained("a drop of an event that was not handled", || drop(event)));
}

fn wake(wakers: impl IntoIterator<Item = Waker>) {
    wakers.into_iter().for_each(Waker::wake);
}
