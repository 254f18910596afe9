//! What expansions of `#[service]` name and people do not. No stability promise: the macros and this
//! module are released together.

mod agree;
mod by_type;

use std::sync::Arc;
use std::time::Duration;

use portcullis_runtime::{Interrupted, JobBuilder, Offload, Worker};

pub use self::agree::*;
pub use self::by_type::*;
use crate::Service;
pub use crate::{BoxError, Connected, HalfClose, HandlerKind, PerRequest, PerSession, Step};

/// A job that holds its service.
///
/// That a service may go to a thread is known from [`Service`]: if it may not, the compiler
/// says so of the service, and not of each of its jobs as well.
#[derive(Debug)]
pub struct JobOf<'a, S>(pub JobBuilder<'a>, pub Arc<S>);

impl<S: Service> JobOf<'_, S> {
    /// As [`JobBuilder::run`].
    pub fn run<F, T>(self, f: F) -> Offload<T>
    where
        F: FnOnce(&Arc<S>, &Worker) -> T + Send + 'static,
        T: Send + 'static,
    {
        let Self(job, service) = self;
        job.run(move |worker| f(&service, worker))
    }

    /// As [`JobBuilder::try_run`].
    pub fn try_run<F, T, E>(self, f: F) -> Offload<T, E>
    where
        F: FnOnce(&Arc<S>, &Worker) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Interrupted> + Send + 'static,
    {
        let Self(job, service) = self;
        job.try_run(move |worker| f(&service, worker))
    }
}

/// Sees through aliases of `Session<Req, Rsp>`.
#[diagnostic::on_unimplemented(
    message = "the last parameter of a `#[session]` is `&mut Session<Request, Response>`, not `&mut {Self}`",
    label = "not a `Session`"
)]
pub trait SessionTypes {
    /// What the session receives.
    type Request;
    /// What it sends.
    type Response;
}

impl<Req, Rsp> SessionTypes for crate::Session<Req, Rsp> {
    type Request = Req;
    type Response = Rsp;
}

/// Taken for a session, a peer is one that receives nothing; that it is none is said where the
/// session is handed to it.
impl<Rsp, Ev> SessionTypes for crate::Peer<Rsp, Ev> {
    type Request = std::convert::Infallible;
    type Response = Rsp;
}

/// What a method of a state machine returns, whatever it is called: a state, or a response and
/// a state.
#[diagnostic::on_unimplemented(
    message = "a handler of a state machine returns the next state, or a response and the next state, not `{Self}`",
    label = "neither a state nor `(Response, State)`"
)]
pub trait NextState<S: Service> {
    /// The step that it stands for.
    ///
    /// # Errors
    /// The value's own, if it is a `Result`.
    fn into_step(self) -> Result<Step<S>, S::Error>;
}

impl<S: Service> NextState<S> for (S::Response, S::State) {
    fn into_step(self) -> Result<Step<S>, S::Error> {
        Ok(Step::reply(self.1, self.0))
    }
}

#[diagnostic::do_not_recommend]
impl<S: Service, N: NextState<S>, E> NextState<S> for Result<N, E>
where
    S::Error: From<E>,
{
    fn into_step(self) -> Result<Step<S>, S::Error> {
        self?.into_step()
    }
}

/// The types in what a method of a state machine returns by another name, or `Otherwise` where
/// there is none.
#[diagnostic::on_unimplemented(
    message = "a handler of a state machine returns the next state, or a response and the next state, not `{Self}`",
    label = "neither a state nor `(Response, State)`"
)]
pub trait NextTypes<Otherwise> {
    /// The response.
    type Response;
    /// The error.
    type Err;
}

impl<Rsp, State, Otherwise> NextTypes<Otherwise> for (Rsp, State) {
    type Response = Rsp;
    type Err = Otherwise;
}

impl<N: NextTypes<Otherwise>, E, Otherwise> NextTypes<Otherwise> for Result<N, E> {
    type Response = N::Response;
    type Err = E;
}

/// The shortest of these times.
pub const fn shortest(times: &[Option<Duration>]) -> Option<Duration> {
    let mut shortest: Option<Duration> = None;
    let mut index = 0;
    while index < times.len() {
        match (times[index], shortest) {
            (Some(time), None) => shortest = Some(time),
            (Some(time), Some(least)) if time.as_nanos() < least.as_nanos() => shortest = Some(time),
            _ => {}
        }
        index += 1;
    }
    shortest
}

/// Stands for a request or response that a mistaken handler left unsaid, so that the mistake is
/// the only error: every codec carries it.
#[derive(Debug)]
pub enum Unknown {}

impl std::fmt::Display for Unknown {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {}
    }
}
