//! Sessions: one connection each, driven by one task.
//!
//! What a session promises is S1 to S9 and S11 of the design. Its parts, from the outside in:
//!
//! - [`Peer`] and [`Session`]: what handlers hold. A `Peer` leaves [`mail`] for the connection, by [`put`]ting it into
//!   its [`queue`]s, or waits for its end ([`closed`], among its [`watchers`]); a `Session` asks for requests ([`inbox`]).
//! - [`driver`]: the task. An idle session is a plain struct, without a future and without buffers; a burst of
//!   work is one future in a box that is used again ([`shelf`]).
//! - [`steps`] and [`linear`]: what a burst does for request handlers and for linear sessions;
//!   [`ends`] is what they share at both ends of a connection's life, [`last_words`] how it is closed.
//! - [`attend`]: keeps a connection going while a handler is pending.
//! - [`decoding`]: large frames are decoded on a pool.
//! - [`link`]: bytes to frames and back, over [`buffers`] that are lent for a burst, within [`deadlines`], and within what [`unfinished`] frames
//!   may have.
//! - [`hub`] and [`watch`]: what the sessions of one server share: the service, the clock, the stop.

pub(crate) mod attend;
pub(crate) mod buffers;
pub(crate) mod closed;
pub(crate) mod deadlines;
pub(crate) mod decoding;
pub(crate) mod driver;
pub(crate) mod ends;
pub(crate) mod error;
pub(crate) mod hub;
pub(crate) mod inbox;
pub(crate) mod last_words;
pub(crate) mod linear;
pub(crate) mod link;
pub(crate) mod mail;
pub(crate) mod peer;
pub(crate) mod post;
pub(crate) mod put;
pub(crate) mod queue;
pub(crate) mod reason;
pub(crate) mod shelf;
pub(crate) mod steps;
#[cfg(feature = "test-util")]
pub(crate) mod unconnected;
pub(crate) mod unfinished;
pub(crate) mod watch;
mod watchers;

pub use self::closed::Closed;
pub use self::error::{SendError, SessionError, TrySendError};
pub use self::hub::StuckSession;
pub use self::inbox::Session;
pub use self::peer::Peer;
pub use self::put::{Posting, Sending};
pub use self::reason::Reason;

#[cfg(test)]
mod tests;
