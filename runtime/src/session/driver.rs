//! The task of one session.
//!
//! Two phases. Idle: a plain struct in a box, which is all that an idle session costs. Active: one future in a slot from
//! the server's shelf; it owns the struct for a whole burst of work and hands it back at the end. A session
//! without an idle phase (a linear one keeps its handler's future) is one long burst.
//!
//! Each poll looks at everything once: the mailbox says before and after whether something has changed in between
//! (see [`mailbox`](crate::service::shared::mailbox)).

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tracing::Span;

use super::io::SessionIo;
use super::registry::{SessionGuard, SessionRegistry};
use super::shelf::{Shelf, Slot};
use super::{linear, steps};
use crate::codec::Codec;
use crate::service::{Drivers, Linear, Service, SessionFactory, Steps, Style};
use crate::transport::Transport;

/// What the driver needs for a session.
pub(crate) struct NewSession<S: Service, IO, C> {
    guard: SessionGuard<S>,
    io: IO,
    codec: C,
}

/// Makes the task of each session of one server, over one kind of stream: what [`driver`] returns.
pub(crate) trait Drive<S: Service, IO, C>: SessionFactory<NewSession<S, IO, C>> {
    /// The task of one session.
    fn drive(self: &Arc<Self>, guard: SessionGuard<S>, io: IO, codec: C) -> Self::Task {
        self.session_task(NewSession { guard, io, codec })
    }
}

impl<S: Service, IO, C, F: SessionFactory<NewSession<S, IO, C>>> Drive<S, IO, C> for F {}

/// The driver of sessions of `registry`, for streams of type `IO`. It is compiled for the style of the service.
pub(crate) fn driver<S, IO, C>(registry: Arc<SessionRegistry<S>>) -> impl Drive<S, IO, C>
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    S::Style::driver::<NewSession<S, IO, C>, _>(ByStyle(registry))
}

struct ByStyle<S: Service>(Arc<SessionRegistry<S>>);

impl<S, IO, C> Drivers<S, NewSession<S, IO, C>> for ByStyle<S>
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    fn stepwise(self) -> impl SessionFactory<NewSession<S, IO, C>>
    where
        S: Steps,
    {
        Factory::new(self.0, steps::burst::<S, IO, C>)
    }

    fn in_line(self) -> impl SessionFactory<NewSession<S, IO, C>>
    where
        S: Linear,
    {
        Factory::new(self.0, linear::whole::<S, IO, C>)
    }
}

/// What an idle session is.
pub(crate) struct Idle<S: Service, IO, C> {
    pub(super) link: SessionIo<S, IO, C>,
    pub(super) conn: S::Conn,
    /// Taken by a step, put back by its result.
    pub(super) state: Option<S::State>,
}

/// What a burst begins with.
pub(crate) enum Entry<S: Service, IO, C> {
    New(Box<SessionIo<S, IO, C>>),
    Again(Box<Idle<S, IO, C>>),
}

/// Makes sessions whose bursts are the futures of `burst`.
pub(crate) struct Factory<S: Service, M, F> {
    registry: Arc<SessionRegistry<S>>,
    burst: M,
    shelf: Shelf<F>,
}

impl<S: Service, M, F> Factory<S, M, F> {
    pub(crate) fn new(registry: Arc<SessionRegistry<S>>, burst: M) -> Self {
        Self { registry, burst, shelf: Shelf::new() }
    }
}

impl<S, IO, C, M, F> SessionFactory<NewSession<S, IO, C>> for Factory<S, M, F>
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
    M: Fn(Arc<SessionRegistry<S>>, Entry<S, IO, C>) -> F + Send + Sync + 'static,
    F: Future<Output = Option<Box<Idle<S, IO, C>>>> + Send + 'static,
{
    type Task = Driver<S, IO, C, M, F>;

    fn session_task(self: &Arc<Self>, new: NewSession<S, IO, C>) -> Self::Task {
        let NewSession { guard, io, codec } = new;
        let shared = guard.shared();
        let span = match shared.origin().addr() {
            Some(addr) => tracing::info_span!("session", id = shared.id(), peer = %addr),
            None => tracing::info_span!("session", id = shared.id()),
        };
        let link = SessionIo::new(io, codec, Arc::clone(shared));
        let phase = DriverState::Active(self.start(Entry::New(Box::new(link))));
        Driver { factory: Arc::clone(self), phase, guard, span }
    }
}

impl<S: Service, M, F> Factory<S, M, F> {
    fn start<IO, C>(&self, entry: Entry<S, IO, C>) -> Slot<F>
    where
        M: Fn(Arc<SessionRegistry<S>>, Entry<S, IO, C>) -> F,
    {
        self.shelf.put_in(|| (self.burst)(Arc::clone(&self.registry), entry))
    }
}

/// So many bursts in a row that the mailbox alone asked for go without a return to the loop.
const BURSTS: usize = 4;

enum DriverState<S: Service, IO, C, F> {
    /// In a box: it goes from hand to hand with each burst. What a task holds itself comes in steps of 128 bytes, too.
    Idle(Box<Idle<S, IO, C>>),
    Active(Slot<F>),
    Finished,
}

/// The task of one session.
pub(crate) struct Driver<S: Service, IO, C, M, F> {
    // In this order: what the phase holds is dropped before the guard is free.
    phase: DriverState<S, IO, C, F>,
    guard: SessionGuard<S>,
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
    M: Fn(Arc<SessionRegistry<S>>, Entry<S, IO, C>) -> F,
    F: Future<Output = Option<Box<Idle<S, IO, C>>>>,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let _entered = this.span.enter();
        this.guard.shared().begin_poll(cx.waker());
        let mut bursts = 0;
        loop {
            match &mut this.phase {
                DriverState::Idle(idle) => {
                    if idle.is_called() || idle.poll_read(cx).is_ready() {
                        let DriverState::Idle(idle) = mem::replace(&mut this.phase, DriverState::Finished)
                        else {
                            continue;
                        };
                        this.phase = DriverState::Active(this.factory.start(Entry::Again(idle)));
                        continue;
                    }
                }
                DriverState::Active(slot) => {
                    // A slot is filled when it is made, and emptied only here.
                    let Some(burst) = slot.as_mut().as_pin_mut() else { return Poll::Ready(()) };
                    if let Poll::Ready(idle) = burst.poll(cx) {
                        let next = idle.map_or(DriverState::Finished, DriverState::Idle);
                        if let DriverState::Active(slot) = mem::replace(&mut this.phase, next) {
                            this.factory.shelf.take_back(slot);
                        }
                        bursts += 1;
                        match &mut this.phase {
                            // A burst ends with a read that found nothing: another one would find the same.
                            DriverState::Idle(idle) if !idle.is_called() => idle.link.rest(),
                            // Each event may have posted the next: other tasks have their turn, and so has what the peer sends.
                            DriverState::Idle(_) if bursts == BURSTS => {
                                this.guard.shared().end_poll();
                                cx.waker().wake_by_ref();
                                return Poll::Pending;
                            }
                            _ => continue,
                        }
                    }
                }
                DriverState::Finished => return Poll::Ready(()),
            }
            if this.guard.shared().try_park() {
                return Poll::Pending;
            }
        }
    }
}

impl<S: Service, IO: Transport, C: Codec<S::Request, S::Response>> Idle<S, IO, C> {
    /// Whether there is something to do that is not reading: something to send, an event, a stop, a deadline.
    fn is_called(&self) -> bool {
        self.link.shared().has_work()
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
