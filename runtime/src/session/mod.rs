//! The drivers of sessions: one task for each connection.
//!
//! What a session promises is S1 to S9 and S11 of the design. What handlers see of it ([`Peer`](crate::Peer),
//! [`Session`](crate::Session), the mailbox) is in `service`. The parts of the driver, from the outside in:
//!
//! - [`driver`]: the task. An idle session is a plain struct, without a future and without buffers; a burst of
//!   work is one future in a box that is used again ([`shelf`]).
//! - [`steps`] and [`linear`]: what a burst does for request handlers and for linear sessions, which a [`request_source`] feeds;
//!   [`ends`] is what they share at both ends of a connection's life, [`last_words`] how it is closed.
//! - [`attend`]: keeps a connection going while a handler is pending.
//! - [`decoding`]: large frames are decoded on a pool.
//! - [`io`]: bytes to frames and back, over [`buffers`] that are lent for a burst, within [`deadlines`], and within what
//!   [`unfinished`] frames may have.
//! - [`registry`]: the sessions of one server.

pub(crate) mod attend;
pub(crate) mod buffers;
pub(crate) mod deadlines;
pub(crate) mod decoding;
pub(crate) mod driver;
pub(crate) mod ends;
pub(crate) mod io;
pub(crate) mod last_words;
pub(crate) mod linear;
pub(crate) mod registry;
pub(crate) mod request_source;
pub(crate) mod shelf;
pub(crate) mod steps;
pub(crate) mod unfinished;

pub use self::registry::StuckSession;

#[cfg(test)]
mod tests;
