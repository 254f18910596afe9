//! The task of one session.
//!
//! Two phases. Idle: a plain struct in a box, which is all that an idle session costs. Active: one future in a slot from
//! the server's shelf; it owns the struct for a whole burst of work and hands it back at the end. A session
//! without an idle phase (a linear one keeps its handler's future) is one long burst.
//!
//! Each poll is one look at everything: the mail says before and after whether something came in between
//! (see [`mail`](super::mail)).

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tracing::Span;

use super::hub::{Hub, Seat};
use super::link::Link;
use super::shelf::{Shelf, Slot};
use crate::codec::Codec;
use crate::service::Service;
use crate::transport::Transport;

/// Makes the task of each session of one server.
pub trait Drive<S: Service, IO, C>: Send + Sync + 'static {
    /// The task.
    type Task: Future<Output = ()> + Send + 'static;
    /// The task of one session.
    fn drive(self: &Arc<Self>, seat: Seat<S>, io: IO, codec: C) -> Self::Task;
}

/// What an idle session is.
pub(crate) struct Idle<S: Service, IO, C> {
    pub(super) link: Link<S, IO, C>,
    pub(super) conn: S::Conn,
    /// Taken by a step, put back by its result.
    pub(super) state: Option<S::State>,
}

/// What a burst begins with.
pub(crate) enum Entry<S: Service, IO, C> {
    New(Box<Link<S, IO, C>>),
    Again(Box<Idle<S, IO, C>>),
}

/// Makes sessions whose bursts are the futures of `burst`.
pub(crate) struct Factory<S: Service, M, F> {
    hub: Arc<Hub<S>>,
    burst: M,
    shelf: Shelf<F>,
}

impl<S: Service, M, F> Factory<S, M, F> {
    pub(crate) fn new(hub: Arc<Hub<S>>, burst: M) -> Self {
        Self { hub, burst, shelf: Shelf::new() }
    }
}

impl<S, IO, C, M, F> Drive<S, IO, C> for Factory<S, M, F>
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
    M: Fn(Arc<Hub<S>>, Entry<S, IO, C>) -> F + Send + Sync + 'static,
    F: Future<Output = Option<Box<Idle<S, IO, C>>>> + Send + 'static,
{
    type Task = Driver<S, IO, C, M, F>;

    fn drive(self: &Arc<Self>, seat: Seat<S>, io: IO, codec: C) -> Self::Task {
        let post = seat.post();
        let span = match post.origin().addr() {
            Some(addr) => tracing::info_span!("session", id = post.id(), peer = %addr),
            None => tracing::info_span!("session", id = post.id()),
        };
        let link = Link::new(io, codec, Arc::clone(post));
        let phase = Phase::Active(self.start(Entry::New(Box::new(link))));
        Driver { factory: Arc::clone(self), phase, seat, span }
    }
}

impl<S: Service, M, F> Factory<S, M, F> {
    fn start<IO, C>(&self, entry: Entry<S, IO, C>) -> Slot<F>
    where
        M: Fn(Arc<Hub<S>>, Entry<S, IO, C>) -> F,
    {
        self.shelf.put_in(|| (self.burst)(Arc::clone(&self.hub), entry))
    }
}

/// So many bursts in a row, which were called for by mail alone, go without a look at the loop.
const BURSTS: usize = 4;

enum Phase<S: Service, IO, C, F> {
    /// In a box: it goes from hand to hand with each burst. What a task holds itself comes in steps of 128 bytes, too.
    Idle(Box<Idle<S, IO, C>>),
    Active(Slot<F>),
    Over,
}

/// The task of one session.
pub(crate) struct Driver<S: Service, IO, C, M, F> {
    // In this order: what the phase holds is dropped before the seat is free.
    phase: Phase<S, IO, C, F>,
    seat: Seat<S>,
    factory: Arc<Factory<S, M, F>>,
    span: Span,
}

// The future is pinned in its slot; everything else is moved.
impl<S: Service, IO, C, M, F> Unpin for Driver<S, IO, C, M, F> {}

impl<S, IO, C, M, F> Future for Driver<S, IO, C, M, F>
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
    M: Fn(Arc<Hub<S>>, Entry<S, IO, C>) -> F,
    F: Future<Output = Option<Box<Idle<S, IO, C>>>>,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let _entered = this.span.enter();
        this.seat.post().awake(cx.waker());
        let mut bursts = 0;
        loop {
            match &mut this.phase {
                Phase::Idle(idle) => {
                    if idle.is_called() || idle.poll_read(cx).is_ready() {
                        let Phase::Idle(idle) = mem::replace(&mut this.phase, Phase::Over) else { continue };
                        this.phase = Phase::Active(this.factory.start(Entry::Again(idle)));
                        continue;
                    }
                }
                Phase::Active(slot) => {
                    // A slot is filled when it is made, and emptied only here.
                    let Some(burst) = slot.as_mut().as_pin_mut() else { return Poll::Ready(()) };
                    if let Poll::Ready(idle) = burst.poll(cx) {
                        let next = idle.map_or(Phase::Over, Phase::Idle);
                        if let Phase::Active(slot) = mem::replace(&mut this.phase, next) {
                            this.factory.shelf.take_back(slot);
                        }
                        bursts += 1;
                        match &mut this.phase {
                            // A burst ends with a read that found nothing: another one would find the same.
                            Phase::Idle(idle) if !idle.is_called() => idle.link.rest(),
                            // Each event may have posted the next: other tasks have their turn, and so has what the peer sends.
                            Phase::Idle(_) if bursts == BURSTS => {
                                this.seat.post().yields();
                                cx.waker().wake_by_ref();
                                return Poll::Pending;
                            }
                            _ => continue,
                        }
                    }
                }
                Phase::Over => return Poll::Ready(()),
            }
            if this.seat.post().sleep() {
                return Poll::Pending;
            }
        }
    }
}

impl<S: Service, IO: Transport, C: Codec<S::Request, S::Response>> Idle<S, IO, C> {
    /// Whether there is something to do that is not reading: something to send, an event, a stop, a deadline.
    fn is_called(&self) -> bool {
        self.link.post().calls()
    }

    /// Ready when there are bytes, or the end.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let read = self.link.poll_fill(cx);
        if read.is_pending() {
            self.link.rest();
        }
        read
    }
}
