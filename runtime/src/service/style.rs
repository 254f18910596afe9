//! [`HandlerKind`]: which kind of handler a service has, as a type; and how a driver of sessions is chosen by it.
//!
//! The drivers are above the services, so a style does not name them. What drives sessions
//! implements [`Drivers`] once, with one method for each style, and [`HandlerKind::driver`] calls
//! the one that is for the service.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::Service;

/// The kind of handler that a service has: [`PerRequest`] or [`PerSession`].
pub trait HandlerKind<S: Service>: sealed::Sealed {
    /// `S`. What serves a type goes through this, so that of a type that is no service the compiler
    /// knows nothing more, and says nothing more.
    #[doc(hidden)]
    type Served: Service;

    /// The shortest time limit of a state, if any has one.
    #[doc(hidden)]
    const MIN_STATE_TIMEOUT: Option<Duration> = None;

    /// The one of `drivers` that drives sessions of this style.
    #[doc(hidden)]
    fn driver<New, D: Drivers<S, New>>(drivers: D) -> impl SessionFactory<New>;
}

/// The drivers of sessions of `S`, one for each style. `New` is what a driver needs for a session:
/// a stream and a codec, say.
pub trait Drivers<S: Service, New> {
    /// For a service whose sessions go from state to state.
    fn stepwise(self) -> impl SessionFactory<New>;

    /// For a service whose handler asks for its requests.
    fn in_line(self) -> impl SessionFactory<New>
    where
        S: Service<Event = Infallible>;
}

/// Makes the task of each session of one server.
pub trait SessionFactory<New>: Send + Sync + 'static {
    /// The task.
    type Task: Future<Output = ()> + Send + 'static;

    /// The task of one session.
    fn session_task(self: &Arc<Self>, new: New) -> Self::Task;
}

/// Sessions go from state to state, with [`on_request`](Service::on_request): `#[state]`, and
/// `#[request]`, which has one state.
#[derive(Clone, Copy, Debug)]
pub enum PerRequest {}

impl<S: Service> HandlerKind<S> for PerRequest {
    type Served = S;
    const MIN_STATE_TIMEOUT: Option<Duration> = S::MIN_STATE_TIMEOUT;

    fn driver<New, D: Drivers<S, New>>(drivers: D) -> impl SessionFactory<New> {
        drivers.stepwise()
    }
}

/// The handler asks for the requests, in [`on_session`](Service::on_session): `#[session]`.
#[derive(Clone, Copy, Debug)]
pub enum PerSession {}

impl<S: Service<Event = Infallible>> HandlerKind<S> for PerSession {
    type Served = S;

    fn driver<New, D: Drivers<S, New>>(drivers: D) -> impl SessionFactory<New> {
        drivers.in_line()
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::PerRequest {}
    impl Sealed for super::PerSession {}
}
