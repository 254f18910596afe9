//! [`HandlerKind`]: the kind of handler of a service, as a type. It selects the session driver.
//!
//! The crate `net` has the drivers and imports this crate, so this crate cannot name them. `net`
//! implements [`SessionFactories`] once, with one method for each kind of handler, and
//! [`HandlerKind::session_factory`] calls the method for the service.

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

    /// Returns the factory in `factories` for this kind of handler.
    #[doc(hidden)]
    fn session_factory<New, D: SessionFactories<S, New>>(factories: D) -> impl SessionFactory<New>;
}

/// The session factories for `S`, one for each kind of handler. `New` is what a session needs to
/// begin, such as a stream and a codec.
pub trait SessionFactories<S: Service, New> {
    /// Returns the factory for a service with [`PerRequest`] handlers.
    fn per_request(self) -> impl SessionFactory<New>;

    /// Returns the factory for a service with a [`PerSession`] handler.
    fn per_session(self) -> impl SessionFactory<New>
    where
        S: Service<Event = Infallible>;
}

/// Makes the task of each session of one server.
pub trait SessionFactory<New>: Send + Sync + 'static {
    /// The task of a session.
    type Task: Future<Output = ()> + Send + 'static;

    /// Makes the task of one session.
    fn session_task(self: &Arc<Self>, new: New) -> Self::Task;
}

/// Sessions go from state to state, with [`on_request`](Service::on_request): `#[state]`, and
/// `#[request]`, which has one state.
#[derive(Clone, Copy, Debug)]
pub enum PerRequest {}

impl<S: Service> HandlerKind<S> for PerRequest {
    type Served = S;
    const MIN_STATE_TIMEOUT: Option<Duration> = S::MIN_STATE_TIMEOUT;

    fn session_factory<New, D: SessionFactories<S, New>>(factories: D) -> impl SessionFactory<New> {
        factories.per_request()
    }
}

/// The handler asks for the requests, in [`on_session`](Service::on_session): `#[session]`.
#[derive(Clone, Copy, Debug)]
pub enum PerSession {}

impl<S: Service<Event = Infallible>> HandlerKind<S> for PerSession {
    type Served = S;

    fn session_factory<New, D: SessionFactories<S, New>>(factories: D) -> impl SessionFactory<New> {
        factories.per_session()
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::PerRequest {}
    impl Sealed for super::PerSession {}
}
