//! Items used by expansions of `#[service]`. Not public API; no stability guarantee. The macros and
//! this module are released together.

mod agreement;
mod by_type;

use std::sync::Arc;
use std::time::Duration;

use portcullis_runtime::{Interrupted, JobBuilder, Offload, Worker};

pub use self::agreement::*;
pub use self::by_type::*;
use crate::Service;
pub use crate::{BoxError, Connected, HalfClose, HandlerKind, PerRequest, PerSession, Responses, Step};

/// A job that owns an `Arc` of its service.
///
/// Its bounds don't require `Send` of the service, which [`Service`] implies. A service that can't
/// move between threads is therefore one error at the service, and none at its jobs.
#[derive(Debug)]
pub struct ServiceJob<'a, S>(pub JobBuilder<'a>, pub Arc<S>);

impl<S: Service> ServiceJob<'_, S> {
    /// Like [`JobBuilder::run`], with the service as an argument.
    pub fn run<F, T>(self, f: F) -> Offload<T>
    where
        F: FnOnce(&Arc<S>, &Worker) -> T + Send + 'static,
        T: Send + 'static,
    {
        let Self(job, service) = self;
        job.run(move |worker| f(&service, worker))
    }

    /// Like [`JobBuilder::try_run`], with the service as an argument.
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

/// The type parameters of `Session<Req, Rsp>`, also through an alias.
#[diagnostic::on_unimplemented(
    message = "the last parameter of a `#[session]` handler must be `&mut Session<Request, Response>`, not `&mut {Self}`",
    label = "not a `Session`"
)]
pub trait SessionTypes {
    /// The type that the session receives.
    type Request;
    /// The type that the session sends.
    type Response;
}

impl<Req, Rsp> SessionTypes for crate::Session<Req, Rsp> {
    type Request = Req;
    type Response = Rsp;
}

/// A `#[session]` handler that takes the peer by mistake. The error is reported where generated
/// code passes the session, and not here as well.
impl<Rsp, Ev> SessionTypes for crate::Peer<Rsp, Ev> {
    type Request = std::convert::Infallible;
    type Response = Rsp;
}

/// The output of a transition handler: a state, a pair of responses and a state, or a `Result` of
/// either. `How` is inferred.
#[diagnostic::on_unimplemented(
    message = "a handler of a state machine must return the next state or `(Response, State)`, but this one returns `{Self}`",
    label = "neither a state nor `(Response, State)`"
)]
pub trait NextState<S: Service, How> {
    /// Converts the output.
    ///
    /// # Errors
    /// The error of the output, if it is a `Result`.
    fn into_step(self) -> Result<Step<S>, S::Error>;
}

/// The handler returns a state.
#[derive(Debug)]
pub enum StateAlone {}

/// The handler returns responses and a state.
#[derive(Debug)]
pub struct WithResponses<How>(How);

/// The handler returns a `Result`.
#[derive(Debug)]
pub struct Fallible<How>(How);

impl<S: Service, R: IntoResponses<S::Response, How>, How> NextState<S, WithResponses<How>> for (R, S::State) {
    fn into_step(self) -> Result<Step<S>, S::Error> {
        Ok(Step::new(self.1, self.0.into_responses()))
    }
}

#[diagnostic::do_not_recommend]
impl<S: Service, N: NextState<S, How>, E, How> NextState<S, Fallible<How>> for Result<N, E>
where
    S::Error: From<E>,
{
    fn into_step(self) -> Result<Step<S>, S::Error> {
        self?.into_step()
    }
}

/// The response and error types in the output of a transition handler, or `Otherwise` for a type
/// that the output lacks.
#[diagnostic::on_unimplemented(
    message = "a handler of a state machine must return the next state or `(Response, State)`, but this one returns `{Self}`",
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

/// The value of `batch`, which must not be zero.
pub const fn batch_size(requests: usize) -> usize {
    assert!(requests > 0, "`batch` must be at least 1");
    requests
}

/// Returns the shortest of these durations.
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

/// Stands for a request or response type that is unknown because of an error in the handler. Every
/// codec accepts it, so that the error in the handler stays the only one.
#[derive(Debug)]
pub enum Unknown {}

impl std::fmt::Display for Unknown {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {}
    }
}
