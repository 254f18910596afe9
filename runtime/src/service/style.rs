//! [`Style`]: which driver a service's sessions have.

use std::sync::Arc;
use std::time::Duration;

use super::{Linear, Service, Steps};
use crate::codec::Codec;
use crate::session::driver::{Drive, Factory};
use crate::session::hub::Hub;
use crate::session::{linear, steps};
use crate::transport::Transport;

/// Chooses the driver: [`Stepwise`] or [`InLine`].
pub trait Style<S: Service>: sealed::Sealed {
    /// `S`. What serves a type goes through this, so that of a type that is no service the compiler knows nothing more, and says
    /// nothing more.
    #[doc(hidden)]
    type Served: Service;

    /// The shortest time limit of a state, if any has one.
    #[doc(hidden)]
    const SHORTEST_LIMIT: Option<Duration> = None;

    /// What makes the session tasks of one server.
    #[doc(hidden)]
    fn driver<IO: Transport, C: Codec<S::Request, S::Response>>(hub: Arc<Hub<S>>) -> impl Drive<S, IO, C>;
}

/// The style of services that implement [`Steps`].
#[derive(Clone, Copy, Debug)]
pub enum Stepwise {}

impl<S: Steps> Style<S> for Stepwise {
    type Served = S;
    const SHORTEST_LIMIT: Option<Duration> = S::SHORTEST_LIMIT;

    fn driver<IO: Transport, C: Codec<S::Request, S::Response>>(hub: Arc<Hub<S>>) -> impl Drive<S, IO, C> {
        Factory::new(hub, steps::burst::<S, IO, C>)
    }
}

/// The style of services that implement [`Linear`].
#[derive(Clone, Copy, Debug)]
pub enum InLine {}

impl<S: Linear> Style<S> for InLine {
    type Served = S;

    fn driver<IO: Transport, C: Codec<S::Request, S::Response>>(hub: Arc<Hub<S>>) -> impl Drive<S, IO, C> {
        Factory::new(hub, linear::whole::<S, IO, C>)
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Stepwise {}
    impl Sealed for super::InLine {}
}
