//! [`Service`]: what a server serves.
//!
//! `#[service]` writes these traits; they may be written by hand as well. A service is one value behind an
//! [`Arc`], shared by all its sessions. Every method here runs on the loop, inside the session's own task, and
//! must not block it. A future that one of them returns may be dropped at any await: when the peer is gone, when
//! a time limit passes, when the server's grace is over.
//!
//! Everything that these traits mention is here, and nothing that runs it:
//!
//! - [`Service`], [`Linear`], [`Steps`], and [`Style`], which says which of the two a service is;
//! - [`Peer`] and [`Session`]: what handlers hold; [`shared`] is what a `Peer` is a handle on, [`server_shared`] what all
//!   sessions of a server share, [`origin`] what is known of the other end;
//! - [`Reason`], [`SessionError`] and the errors of sending;
//! - [`Cleanup`] and [`Stopping`].
//!
//! This module imports the offload core and the errors of codecs only. The drivers of sessions (`session`), the transports and the
//! server import it.

mod cleanup;
mod error;
pub(crate) mod origin;
mod peer;
mod reason;
pub(crate) mod server_shared;
pub(crate) mod session;
pub(crate) mod shared;
mod steps;
mod stopping;
mod style;

use std::convert::Infallible;
use std::fmt::{self, Display};
use std::future::{Future, ready};
use std::ops::ControlFlow;
use std::sync::Arc;

pub use self::cleanup::Cleanup;
pub use self::error::{SendError, SessionError, TrySendError};
#[cfg(unix)]
pub use self::origin::Credentials;
pub use self::peer::Peer;
pub use self::reason::Reason;
pub use self::session::Session;
pub use self::shared::closed::Closed;
pub use self::shared::send::{Posting, Sending};
pub use self::steps::{StateLimits, Step, Steps};
pub use self::stopping::Stopping;
pub(crate) use self::style::{Drivers, SessionFactory};
pub use self::style::{InLine, Stepwise, Style};

/// Any error, for hooks whose failure is only reported.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What becomes of a pending handler when the peer closes its writing side. A reset always drops it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HalfClose {
    /// The handler is dropped: the peer is taken to be gone.
    Cancel,
    /// The handler is finished and its response sent: the peer may still be reading.
    Answer,
}

/// A network service: what it reads, what it answers, and the life of its connections.
///
/// What the methods' `where`s ask for, every service has: they keep the compiler from saying of each future once more what it
/// says of the type.
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
    /// What other tasks and threads post to a session; [`Infallible`] where there is no `#[event]`.
    type Event: Send + 'static; // `Arc` for `Rc`, `Mutex` for `RefCell`
    /// The connection's own value, made by [`on_connect`](Self::on_connect).
    type Conn: Send + 'static; // `Arc` for `Rc`, `Mutex` for `RefCell`
    /// The state between requests; `()` for services without states.
    type State: Send + 'static; // `Arc` for `Rc`, `Mutex` for `RefCell`, in the data of the states
    /// Which kind of handler there is: [`Stepwise`] or [`InLine`].
    type Style: Style<Self, Served = Self>;

    /// The names of the methods that handle requests, for reports.
    const HANDLERS: &'static [&'static str] = &[];

    /// What becomes of a pending handler when the peer closes its writing side.
    const HALF_CLOSE: HalfClose = HalfClose::Answer;

    /// Runs once, before the first connection is accepted. What it puts on `cleanup` runs at stop, in reverse.
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
    ) -> impl Future<Output = Result<Opened<Self>, Self::Error>> + Send
    where
        Self: Send + Sync + 'static;

    /// Runs exactly once for each connection whose [`on_connect`](Self::on_connect) succeeded, also at stop.
    ///
    /// `last` is the state if the session was idle; while a handler runs it holds the state itself, and the reason
    /// [names it](Reason::While). Unless the connection is gone, `peer` still takes a last response here.
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

    /// Runs when a handler failed or panicked, or the peer sent what is no request: answers, or says why the
    /// session ends. After a panic, and where the codec can't read on, the session ends after the answer too.
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
}

/// What [`Service::on_connect`] makes of a connection.
pub struct Opened<S: Service> {
    /// The connection's own value.
    pub conn: S::Conn,
    /// The state before the first request.
    pub state: S::State,
}

impl<S: Service> fmt::Debug for Opened<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").finish_non_exhaustive()
    }
}

/// A service whose handler asks for its requests: `#[session]`.
pub trait Linear: Service<Event = Infallible> {
    /// Runs a part of a session: from now on, to wherever it returns.
    ///
    /// Returning without having asked for a request ends the connection; returning after that starts the
    /// handler again for the requests that follow. Started at once, it may speak first.
    ///
    /// # Errors
    /// The error goes to [`Service::on_error`], unless the peer had ended the session before.
    fn session(
        self: &Arc<Self>,
        conn: &mut Self::Conn,
        session: &mut Session<Self::Request, Self::Response>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send
    where
        Self: Send + Sync + 'static,
        Self::Conn: Send,
        Self::Request: Send,
        Self::Response: Send;
}
