//! What a [portcullis](https://docs.rs/portcullis) service is: [`Service`], which `#[service]`
//! implements, and everything that this trait mentions. Nothing in this crate runs a service;
//! `portcullis-net` and `portcullis-testkit` do.
//!
//! - [`Service`], and [`HandlerKind`], which says whether its handler is given requests or asks for
//!   them;
//! - [`Peer`] and [`Session`]: what handlers hold; [`shared`] is what a `Peer` is a handle on,
//!   [`server_shared`] what all sessions of a server share, [`origin`] what is known of the other
//!   end;
//! - [`Reason`], [`SessionError`] and the errors of sending;
//! - [`Cleanup`] and [`Stopping`];
//! - [`describe`]: a service as a value.
//!
//! Applications depend on `portcullis`, which re-exports everything here.

#![forbid(unsafe_code)]
// docs.rs builds with nightly, and says of each item which feature it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod cleanup;
pub mod describe;
mod encoded;
mod error;
mod into_service;
mod kind;
mod origin;
mod peer;
#[doc(hidden)]
pub mod private;
mod reason;
mod server_shared;
mod session;
mod shared;
mod steps;
mod stopping;

use std::any::Any;
use std::fmt::{self, Display};
use std::future::{Future, ready};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

pub use self::cleanup::Cleanup;
pub use self::describe::{Describe, Description};
pub use self::encoded::Encoded;
pub use self::error::{SendError, SessionError, TrySendError};
pub use self::into_service::IntoService;
pub use self::kind::{HandlerKind, PerRequest, PerSession};
#[cfg(unix)]
pub use self::origin::Credentials;
pub use self::peer::{AnyPeer, Peer};
pub use self::reason::{By, Limit, Reason};
pub use self::session::Session;
pub use self::shared::closed::{ClosedFuture, EndedFuture};
pub use self::shared::send::{PostFuture, SendFuture};
pub use self::steps::{Responses, StateLimits, Step};
pub use self::stopping::Stopping;

/// Bounds of generated code that compiler messages name. Not for use by hand.
pub mod bounds {
    pub use crate::private::{
        BeforeOutput, BorrowsCleanup, BorrowsConn, ConnValueAndState, DerefTarget, DisconnectParamsWithConn,
        FailsWith, Fallible, IntoResponses, IntoTimeLimit, IsState, NextState, NextTypes, ReturnsArray,
        ReturnsOne, ReturnsOption, ReturnsResponses, ReturnsVec, SameType, SendsResult, SessionTypes,
        SharesConn, StartState, StartsWithConn, StateAlone, Step, TakesConn, TakesData, TakesError,
        TakesEvent, TakesPeer, TakesReason, TakesRequest, TakesResponse, UnitOrResult, Unknown,
        WithResponses, WrittenOut,
    };
}

/// For what drives sessions, and for transports. Nothing in here is part of the public interface.
#[doc(hidden)]
pub mod internal {
    pub use super::cleanup::CleanupReport;
    pub use super::encoded::{CodecId, QueuedResponse};
    pub use super::kind::{SessionFactories, SessionFactory};
    pub use super::origin::{Extended, Origin};
    pub use super::server_shared::{
        DecodeOn, MAX_TICK, QueueLimits, ServerShared, SessionLimits, ShutdownPhase, WeightLimit, millis,
    };
    pub use super::session::{Patience, RequestSlot};
    pub use super::shared::SessionShared;
    pub use super::shared::congestion::{
        Congested, is_reported as is_yield_requested, take as take_yield_request, take_congested,
    };
}

/// Any error, for hooks whose failure is only reported.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What becomes of a pending handler when the peer closes its writing side. A reset always drops
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HalfClose {
    /// The handler is dropped, as if the connection were lost.
    Cancel,
    /// The handler is finished and its response sent: the peer may still be reading.
    Answer,
}

/// A network service: what it reads, what it answers, and the life of its connections.
///
/// What the methods' `where`s ask for, every service has: they keep the compiler from saying of
/// each future once more what it says of the type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a service",
    note = "write `#[service]` on an `impl {Self}` block that has a `#[request]`, a `#[session]`, or `#[state]`s"
)]
#[rustfmt::skip]
pub trait Service: Sized + Send + Sync + 'static { // `Arc` for `Rc`, `Mutex` or an atomic for `RefCell` and `Cell`, no `Worker`
    /// What a peer sends.
    type Request: Send + 'static; // `Arc` for `Rc`, `Mutex` for `RefCell`
    /// What it is answered.
    type Response: Send + 'static; // `Arc` for `Rc`, `Mutex` for `RefCell`
    /// What handlers fail with; `Infallible` if none can.
    type Error: Display + Send + 'static; // `impl Display` for a type of yours, `Box<dyn Error + Send + Sync>` for `Box<dyn Error>`
    /// What other tasks and threads post to a session; [`Infallible`](std::convert::Infallible)
    /// where there is no `#[event]`.
    type Event: Send + 'static; // `Arc` for `Rc`, `Mutex` for `RefCell`
    /// The connection's own value, made by [`on_connect`](Self::on_connect).
    type Conn: Send + 'static; // `Arc` for `Rc`, `Mutex` for `RefCell`
    /// The state between requests; `()` for services without states.
    type State: Send + 'static; // `Arc` for `Rc`, `Mutex` for `RefCell`, in the data of the states
    /// Which kind of handler there is: [`PerRequest`] or [`PerSession`].
    type Kind: HandlerKind<Self, Served = Self>;

    /// The names of the methods that handle requests, for reports.
    const HANDLERS: &'static [&'static str] = &[];

    /// What the service is, as a value: what [`Describe`] gives. `#[service]`
    /// fills it in.
    const SERVICE_DESCRIPTION: Description<'static> = Description::new("", "", &[]);

    /// How many requests are handled together, at most. Zero, the default, calls
    /// [`on_request`](Self::on_request) for each request, and any other number
    /// [`on_requests`](Self::on_requests).
    const MAX_BATCH: usize = 0;

    /// What becomes of a pending handler when the peer closes its writing side.
    const HALF_CLOSE: HalfClose = HalfClose::Answer;

    /// The message that an idle session of a [`PerSession`] service is sent when the server stops.
    /// A session whose handler runs sends it from there.
    fn stop_message() -> Option<Self::Response> {
        None
    }

    /// Identifies a response that may have to be [replaced](Self::replace_response).
    #[inline]
    fn response_key(response: &Self::Response) -> Option<u64> {
        let _ = response;
        None
    }

    /// What is sent in place of the response with this key, which the codec cannot encode.
    /// `Continue(None)` sends nothing. `Break` ends the session with the error of the codec.
    fn replace_response(key: Option<u64>) -> ControlFlow<(), Option<Self::Response>> {
        let _ = key;
        ControlFlow::Break(())
    }

    /// The shortest of all times in [`state_limits`](Self::state_limits) that are known at compile
    /// time.
    const MIN_STATE_TIMEOUT: Option<Duration> = None;

    /// Runs once, before the first connection is accepted. What it puts on `cleanup` runs at stop,
    /// in reverse.
    ///
    /// # Errors
    /// The server does not start, and serving fails with this error.
    fn on_start(self: &Arc<Self>, cleanup: &mut Cleanup) -> impl Future<Output = Result<(), BoxError>> + Send
    where
        Self: Send + Sync + 'static,
    {
        let _ = cleanup;
        ready(Ok(()))
    }

    /// Runs once at stop, after the last session has ended and before the cleanup.
    fn on_stop(self: &Arc<Self>) -> impl Future<Output = ()> + Send
    where
        Self: Send + Sync + 'static,
    {
        ready(())
    }

    /// Runs when a connection is there, before its first request is read.
    ///
    /// # Errors
    /// The connection is closed without any other hook, after what was sent to `peer` is written.
    fn on_connect(
        self: &Arc<Self>,
        peer: &Peer<Self::Response, Self::Event>,
    ) -> impl Future<Output = Result<Connected<Self>, Self::Error>> + Send
    where
        Self: Send + Sync + 'static;

    /// Runs exactly once for each connection whose [`on_connect`](Self::on_connect) succeeded, also
    /// at stop.
    ///
    /// `last` is the state if the session was idle; while a handler runs it holds the state itself,
    /// and the reason [names it](Reason::InState). Unless the connection is lost, `peer` still
    /// takes a last response here.
    fn on_disconnect(
        self: &Arc<Self>,
        peer: &Peer<Self::Response, Self::Event>,
        conn: Self::Conn,
        last: Option<Self::State>,
        reason: Reason,
    ) -> impl Future<Output = ()> + Send
    where
        Self: Send + Sync + 'static,
        Self::Conn: Send,
        Self::State: Send,
    {
        let _ = (peer, conn, last, reason);
        ready(())
    }

    /// Runs when a handler failed or panicked, or the peer sent what is no request: answers, or
    /// says why the session ends. After a panic, and where the codec can't read on, the session
    /// ends after the answer too.
    fn on_error(
        self: &Arc<Self>,
        peer: &Peer<Self::Response, Self::Event>,
        conn: &mut Self::Conn,
        error: SessionError<Self::Error>,
    ) -> impl Future<Output = ControlFlow<Reason, Self::Response>> + Send
    where
        Self: Send + Sync + 'static,
        Self::Conn: Send,
        Self::Error: Send,
    {
        let _ = (peer, conn);
        ready(ControlFlow::Break(Reason::from_error(&error)))
    }

    /// Handles one request of a [`PerRequest`] service, which has to write this. Requests of one
    /// session are handled one after the other, in order.
    ///
    /// A session holds its state between steps, and passes it to one handler at a time: while the
    /// handler runs, the state's data is its own. If the handler fails, panics or is dropped, the
    /// data is dropped, and only the state's [index](Self::state_index) is left.
    ///
    /// # Errors
    /// The error goes to [`on_error`](Self::on_error).
    fn on_request(
        self: &Arc<Self>,
        state: Self::State,
        peer: &Peer<Self::Response, Self::Event>,
        conn: &mut Self::Conn,
        request: Self::Request,
    ) -> impl Future<Output = Result<Step<Self>, Self::Error>> + Send
    where
        Self: Send + Sync + 'static,
        Self::State: Send,
        Self::Conn: Send,
        Self::Request: Send,
        Self::Response: Send,
    {
        let _ = (state, peer, conn, request);
        async { unreachable!("a `PerRequest` service handles requests") }
    }

    /// Handles the requests that have been received already: at least one, and at most
    /// [`MAX_BATCH`](Self::MAX_BATCH). As [`on_request`](Self::on_request) in all else.
    ///
    /// # Errors
    /// The error goes to [`on_error`](Self::on_error). The session ends after its answer, because
    /// the peer cannot tell which requests were not answered.
    fn on_requests(
        self: &Arc<Self>,
        state: Self::State,
        peer: &Peer<Self::Response, Self::Event>,
        conn: &mut Self::Conn,
        requests: Vec<Self::Request>,
    ) -> impl Future<Output = Result<Step<Self>, Self::Error>> + Send
    where
        Self: Send + Sync + 'static,
        Self::State: Send,
        Self::Conn: Send,
        Self::Request: Send,
        Self::Response: Send,
    {
        let _ = (state, peer, conn, requests);
        async { unreachable!("a service with `MAX_BATCH` handles batches") }
    }

    /// Handles one event that was [posted](Peer::post), between two requests. `Break` gives back
    /// the state: it has no handler for events, and this one is passed over.
    ///
    /// # Errors
    /// The error goes to [`on_error`](Self::on_error).
    fn on_event(
        self: &Arc<Self>,
        state: Self::State,
        peer: &Peer<Self::Response, Self::Event>,
        conn: &mut Self::Conn,
        event: Self::Event,
    ) -> impl Future<Output = Result<ControlFlow<Self::State, Step<Self>>, Self::Error>> + Send
    where
        Self: Send + Sync + 'static,
        Self::State: Send,
        Self::Conn: Send,
        Self::Event: Send,
    {
        let _ = (peer, conn, event);
        ready(Ok(ControlFlow::Break(state)))
    }

    /// One of the state's [limits](Self::state_limits) has passed while the session was idle.
    /// `Break` gives back the state: the session ends, with that as its last.
    ///
    /// # Errors
    /// The error goes to [`on_error`](Self::on_error).
    fn on_timeout(
        self: &Arc<Self>,
        state: Self::State,
        peer: &Peer<Self::Response, Self::Event>,
        conn: &mut Self::Conn,
    ) -> impl Future<Output = Result<ControlFlow<Self::State, Step<Self>>, Self::Error>> + Send
    where
        Self: Send + Sync + 'static,
        Self::State: Send,
        Self::Conn: Send,
    {
        let _ = (peer, conn);
        ready(Ok(ControlFlow::Break(state)))
    }

    /// The number of the state: which one it is, whatever its data are. Zero where there is only
    /// one state.
    fn state_index(state: &Self::State) -> u16 {
        let _ = state;
        0
    }

    /// The name of the state with this [index](Self::state_index), for reasons, logs and
    /// [`AnyPeer::state_name`]; empty where there is only one state.
    fn state_name(index: u16) -> &'static str {
        let _ = index;
        ""
    }

    /// The time limits of the state. Called when a session enters the state, and each time it
    /// begins to wait for a request in it.
    fn state_limits(self: &Arc<Self>, state: &Self::State) -> StateLimits {
        let _ = state;
        StateLimits::NONE
    }

    /// Whether an event restarts the `idle` limit of the state.
    fn event_restarts_idle(state: &Self::State) -> bool {
        let _ = state;
        false
    }

    /// Whether the state takes requests. In a state that takes only events, the session reads one
    /// buffer ahead, and the requests in it wait for the next state that takes them. With
    /// [`HalfClose::Answer`] the session stays in it when the peer closes its writing side.
    fn takes_requests(state: &Self::State) -> bool {
        let _ = state;
        true
    }

    /// What becomes of a pending handler of the state when the peer closes its writing side.
    fn half_close(state: &Self::State) -> HalfClose {
        let _ = state;
        Self::HALF_CLOSE
    }

    /// Whether the session ends in this state, once what it has to say is written.
    fn closes(state: &Self::State) -> bool {
        let _ = state;
        false
    }

    /// The state in which a session goes on after a handler of the state with this
    /// [index](Self::state_index) has failed and its error was answered: the same one, if it has no
    /// data that was dropped with the handler.
    ///
    /// Without one (the default, unless the state is `()`) the session ends after the error's
    /// answer.
    fn recover(self: &Arc<Self>, index: u16) -> Option<Self::State> {
        let _ = index;
        let mut unit = Some(());
        let unit: &mut dyn Any = &mut unit;
        unit.downcast_mut::<Option<Self::State>>().and_then(Option::take)
    }

    /// Runs a part of a session of an [`PerSession`] service, which has to write this: from now on,
    /// to wherever it returns.
    ///
    /// Returning without having asked for a request ends the connection; returning after that
    /// starts the handler again for the requests that follow. It is started at once, so it may send
    /// first. If it began and ended by asking for a request that has been received already, with
    /// [`next_timeout(Duration::ZERO)`](Session::next_timeout), and found none at the end, it is
    /// started again when there is one, and the session keeps no future until then.
    ///
    /// # Errors
    /// The error goes to [`on_error`](Self::on_error), unless the peer had ended the session
    /// before.
    fn on_session(
        self: &Arc<Self>,
        conn: &mut Self::Conn,
        session: &mut Session<Self::Request, Self::Response>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send
    where
        Self: Send + Sync + 'static,
        Self::Conn: Send,
        Self::Request: Send,
        Self::Response: Send,
    {
        let _ = (conn, session);
        async { unreachable!("an `PerSession` service handles sessions") }
    }
}

/// What [`Service::on_connect`] makes of a connection.
pub struct Connected<S: Service> {
    /// The connection's own value.
    pub conn: S::Conn,
    /// The state before the first request.
    pub state: S::State,
}

impl<S: Service> fmt::Debug for Connected<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connected").finish_non_exhaustive()
    }
}
