//! [`Style`]: which kind of handler a service has, as a type; and how a driver of sessions is chosen by it.
//!
//! The drivers are above the services, so a style does not name them. What drives sessions implements [`Drivers`] once, with one
//! method for each style, and [`Style::driver`] calls the one that is for the service.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::Service;

/// The kind of handler that a service has: [`Stepwise`] or [`InLine`].
pub trait Style<S: Service>: sealed::Sealed {
    /// `S`. What serves a type goes through this, so that of a type that is no service the compiler knows nothing more, and says
    /// nothing more.
    #[doc(hidden)]
    type Served: Service;

    /// The shortest time limit of a state, if any has one.
    #[doc(hidden)]
    const SHORTEST_LIMIT: Option<Duration> = None;

    /// The one of `drivers` that drives sessions of this style.
    #[doc(hidden)]
    fn driver<New, D: Drivers<S, New>>(drivers: D) -> impl SessionFactory<New>;
}

/// The drivers of sessions of `S`, one for each style. `New` is what a driver needs for a session: a stream and a codec, say.
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

/// Sessions go from state to state, with [`on_request`](Service::on_request): `#[state]`, and `#[request]`, which has one state.
#[derive(Clone, Copy, Debug)]
pub enum Stepwise {}

impl<S: Service> Style<S> for Stepwise {
    type Served = S;
    const SHORTEST_LIMIT: Option<Duration> = S::SHORTEST_LIMIT;

    fn driver<New, D: Drivers<S, New>>(drivers: D) -> impl SessionFactory<New> {
        drivers.stepwise()
    }
}

/// The handler asks for the requests, in [`on_session`](Service::on_session): `#[session]`.
#[derive(Clone, Copy, Debug)]
pub enum InLine {}

impl<S: Service<Event = Infallible>> Style<S> for InLine {
    type Served = S;

    fn driver<New, D: Drivers<S, New>>(drivers: D) -> impl SessionFactory<New> {
        drivers.in_line()
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Stepwise {}
    impl Sealed for super::InLine {}
}
