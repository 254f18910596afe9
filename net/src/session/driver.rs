//! The task of one session.
//!
//! | state | what the task holds |
//! |---|---|
//! | idle | a plain struct in a box ([`IdleSession`]), which is all that an idle session costs |
//! | active | one future, in a slot from the server's [`FuturePool`]. It owns the struct, and returns it when nothing is left to do |
//!
//! A session whose handler asks for its requests keeps that handler's future, so it is active until
//! it ends.
//!
//! Each poll looks at everything once: the mailbox says before and after whether something has
//! changed in between (see the mailbox in `service/shared`).

use std::convert::Infallible;
use std::future::Future;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::task::yield_now;
use tracing::Span;

use super::future_pool::{FuturePool, Slot};
use super::io::SessionIo;
use super::registry::{SessionGuard, SessionRegistry};
use super::{request_handler, session_handler};
use crate::codec::Codec;
use crate::service::internal::{SessionFactories, SessionFactory};
use crate::service::{HandlerKind, Service};
use crate::transport::Transport;

/// What the driver needs for a session.
pub struct NewSession<S: Service, IO, C> {
    guard: SessionGuard<S>,
    transport: IO,
    codec: C,
}

/// Makes the task of each session of one server, over one kind of stream: what [`session_factory`]
/// returns.
pub trait Drive<S: Service, IO, C>: SessionFactory<NewSession<S, IO, C>> {
    /// The task of one session.
    fn drive(self: &Arc<Self>, guard: SessionGuard<S>, transport: IO, codec: C) -> Self::Task {
        self.session_task(NewSession { guard, transport, codec })
    }
}

impl<S: Service, IO, C, F: SessionFactory<NewSession<S, IO, C>>> Drive<S, IO, C> for F {}

/// Returns the factory for sessions of `registry` on streams of type `IO`, compiled for the
/// service's kind of handler.
pub fn session_factory<S, IO, C>(registry: Arc<SessionRegistry<S>>) -> impl Drive<S, IO, C>
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    S::Kind::session_factory::<NewSession<S, IO, C>, _>(ByKind(registry))
}

struct ByKind<S: Service>(Arc<SessionRegistry<S>>);

impl<S, IO, C> SessionFactories<S, NewSession<S, IO, C>> for ByKind<S>
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    fn per_request(self) -> impl SessionFactory<NewSession<S, IO, C>> {
        DriverFactory::new(self.0, request_handler::run_active::<S, IO, C>)
    }

    fn per_session(self) -> impl SessionFactory<NewSession<S, IO, C>>
    where
        S: Service<Event = Infallible>,
    {
        DriverFactory::new(self.0, session_handler::run::<S, IO, C>)
    }
}

/// What an idle session is.
pub(crate) struct IdleSession<S: Service, IO, C> {
    pub(super) io: SessionIo<S, IO, C>,
    pub(super) conn: S::Conn,
    /// Taken by a step, put back by its result.
    pub(super) state: Option<S::State>,
}

/// What a burst begins with.
pub(crate) enum Activation<S: Service, IO, C> {
    New(Box<SessionIo<S, IO, C>>),
    Resumed(Box<IdleSession<S, IO, C>>),
}

/// Makes sessions whose active phases are the futures of `activate`.
pub(crate) struct DriverFactory<S: Service, M, F> {
    registry: Arc<SessionRegistry<S>>,
    activate: M,
    pool: FuturePool<F>,
}

impl<S: Service, M, F> DriverFactory<S, M, F> {
    pub(crate) fn new(registry: Arc<SessionRegistry<S>>, activate: M) -> Self {
        Self { registry, activate, pool: FuturePool::new() }
    }
}

impl<S, IO, C, M, F> SessionFactory<NewSession<S, IO, C>> for DriverFactory<S, M, F>
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
    M: Fn(Arc<SessionRegistry<S>>, Activation<S, IO, C>) -> F + Send + Sync + 'static,
    F: Future<Output = Option<Box<IdleSession<S, IO, C>>>> + Send + 'static,
{
    type Task = Driver<S, IO, C, M, F>;

    fn session_task(self: &Arc<Self>, new: NewSession<S, IO, C>) -> Self::Task {
        let NewSession { guard, transport, codec } = new;
        let shared = guard.shared();
        let span = match shared.origin().addr() {
            Some(addr) => tracing::info_span!("session", id = shared.id(), peer = %addr),
            None => tracing::info_span!("session", id = shared.id()),
        };
        let io = SessionIo::new(transport, codec, Arc::clone(shared));
        let phase = DriverState::Active(self.activate(Activation::New(Box::new(io))));
        Driver { factory: Arc::clone(self), phase, guard, span }
    }
}

impl<S: Service, M, F> DriverFactory<S, M, F> {
    fn activate<IO, C>(&self, entry: Activation<S, IO, C>) -> Slot<F>
    where
        M: Fn(Arc<SessionRegistry<S>>, Activation<S, IO, C>) -> F,
    {
        self.pool.acquire_with(|| (self.activate)(Arc::clone(&self.registry), entry))
    }
}

/// After this many activations in a row for the mailbox alone, the session yields to the loop.
const MAX_ACTIVATIONS_PER_POLL: usize = 4;

enum DriverState<S: Service, IO, C, F> {
    /// In a box: it goes from hand to hand with each burst. What a task holds itself comes in steps
    /// of 128 bytes, too.
    Idle(Box<IdleSession<S, IO, C>>),
    Active(Slot<F>),
    Finished,
}

/// The task of one session.
pub(crate) struct Driver<S: Service, IO, C, M, F> {
    // In this order: what the phase holds is dropped before the guard is free.
    phase: DriverState<S, IO, C, F>,
    guard: SessionGuard<S>,
    factory: Arc<DriverFactory<S, M, F>>,
    span: Span,
}

// The future is pinned in its slot; everything else is moved.
impl<S: Service, IO, C, M, F> Unpin for Driver<S, IO, C, M, F> {}

impl<S, IO, C, M, F> Future for Driver<S, IO, C, M, F>
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
    M: Fn(Arc<SessionRegistry<S>>, Activation<S, IO, C>) -> F,
    F: Future<Output = Option<Box<IdleSession<S, IO, C>>>>,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let _entered = this.span.enter();
        let _running = this.guard.shared().enter_running();
        this.guard.shared().begin_poll(cx.waker());
        let (mut activations, mut looks) = (0, 0);
        loop {
            match &mut this.phase {
                DriverState::Idle(idle) => {
                    if idle.has_work() || idle.poll_read(cx).is_ready() {
                        let DriverState::Idle(idle) = mem::replace(&mut this.phase, DriverState::Finished)
                        else {
                            continue;
                        };
                        this.phase = DriverState::Active(this.factory.activate(Activation::Resumed(idle)));
                        continue;
                    }
                }
                DriverState::Active(slot) => {
                    // A slot is filled when it is made, and emptied only here.
                    let Some(burst) = slot.as_mut().as_pin_mut() else { return Poll::Ready(()) };
                    if let Poll::Ready(idle) = burst.poll(cx) {
                        let next = idle.map_or(DriverState::Finished, DriverState::Idle);
                        if let DriverState::Active(slot) = mem::replace(&mut this.phase, next) {
                            this.factory.pool.release(slot);
                        }
                        activations += 1;
                        match &mut this.phase {
                            // A burst ends with a read that found nothing: another one would find
                            // the same.
                            DriverState::Idle(idle) if !idle.has_work() => idle.io.compact(),
                            // Each event may have posted the next: other tasks have their turn, and
                            // so has what the peer sends.
                            DriverState::Idle(_) if activations == MAX_ACTIVATIONS_PER_POLL => {
                                this.guard.shared().end_poll();
                                yield_to_loop(cx);
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
            // The mailbox has changed: look again. A session that sends to itself changes it in
            // each poll, and must return to the loop all the same when it yields.
            looks += 1;
            if looks == MAX_ACTIVATIONS_PER_POLL {
                this.guard.shared().end_poll();
                yield_to_loop(cx);
                return Poll::Pending;
            }
        }
    }
}

/// Has the task polled again after other tasks, and after the loop has looked for I/O.
///
/// The current-thread runtime of tokio runs a task that wakes itself up to 61 times before it looks
/// for I/O.
fn yield_to_loop(cx: &mut Context<'_>) {
    let _ = pin!(yield_now()).poll(cx);
}

impl<S: Service, IO: Transport, C: Codec<S::Request, S::Response>> IdleSession<S, IO, C> {
    /// Whether there is something to do that is not reading: something to send, an event, a stop, a
    /// deadline.
    fn has_work(&self) -> bool {
        self.io.shared().has_work()
    }

    /// Ready when there are bytes, or the end.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let read = self.io.poll_read(cx);
        if read.is_pending() {
            self.io.compact();
        }
        read
    }
}
