//! The drivers of sessions: one task for each connection.
//!
//! What a session promises is S1 to S9 and S11 of the design. What handlers see of it
//! ([`Peer`](portcullis_service::Peer), [`Session`](portcullis_service::Session), the mailbox) is
//! in `service`. The parts of the driver, from the outside in:
//!
//! - [`driver`]: the task. An idle session is a plain struct, without a future and without buffers.
//!   While it is active it is one future, in a box from the [`future_pool`].
//! - [`request_handler`] and [`session_handler`]: the futures of active sessions, for services with
//!   request handlers and for services whose handler asks for its requests, which come from a
//!   [`request_source`].
//! - [`lifecycle`]: the hooks at both ends of a connection's life; [`close`]: how a connection is
//!   closed.
//! - [`give_way`]: a session that sends faster than others receive waits for them.
//! - [`run_with_io`]: reads and writes while a handler is pending.
//! - [`decoding`]: large frames are decoded on a pool.
//! - [`io`]: bytes to frames and back, over [`buffers`] that an active session holds, within
//!   [`deadlines`], and within the limits of [`unfinished`] frames.
//! - [`registry`]: the live sessions of one server.

pub(crate) mod buffers;
pub(crate) mod close;
pub(crate) mod deadlines;
pub(crate) mod decoding;
pub(crate) mod driver;
pub(crate) mod future_pool;
pub(crate) mod give_way;
pub(crate) mod io;
pub(crate) mod lifecycle;
pub(crate) mod read_size;
pub(crate) mod registry;
pub(crate) mod request_handler;
pub(crate) mod request_source;
pub(crate) mod run_with_io;
pub(crate) mod session_handler;
pub(crate) mod transitions;
pub(crate) mod unfinished;

pub use self::registry::StuckSession;

#[cfg(test)]
mod tests;
