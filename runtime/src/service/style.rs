//! [`Style`]: which kind of handler a service has, as a type; and how a driver of sessions is chosen by it.
//!
//! The drivers are above the services, so a style does not name them. What drives sessions implements [`Drivers`] once, with one
//! method for each style, and [`Style::driver`] calls the one that is for the service.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::{Linear, Service, Steps};

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
    fn stepwise(self) -> impl SessionFactory<New>
    where
        S: Steps;

    /// For a service whose handler asks for its requests.
    fn in_line(self) -> impl SessionFactory<New>
    where
        S: Linear;
}

/// Makes the task of each session of one server.
pub trait SessionFactory<New>: Send + Sync + 'static {
    /// The task.
    type Task: Future<Output = ()> + Send + 'static;

    /// The task of one session.
    fn session_task(self: &Arc<Self>, new: New) -> Self::Task;
}

/// The style of services that implement [`Steps`].
#[derive(Clone, Copy, Debug)]
pub enum Stepwise {}

impl<S: Steps> Style<S> for Stepwise {
    type Served = S;
    const SHORTEST_LIMIT: Option<Duration> = S::SHORTEST_LIMIT;

    fn driver<New, D: Drivers<S, New>>(drivers: D) -> impl SessionFactory<New> {
        drivers.stepwise()
    }
}

/// The style of services that implement [`Linear`].
#[derive(Clone, Copy, Debug)]
pub enum InLine {}

impl<S: Linear> Style<S> for InLine {
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
