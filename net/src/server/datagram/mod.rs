//! Datagrams: a session for each address that they come from.
//!
//! A datagram session is a session like any other, with its own state and its hooks. What is
//! different is below it, and is all here:
//!
//! - [`router`]: one task part a socket, which reads datagrams, finds or makes the session of each
//!   address, and never waits for one;
//! - [`inbox`]: the bounded queue of one session, what came and was not read yet;
//! - [`packets`]: the two ends of a session's byte stream: frames out of the inbox, frames as
//!   datagrams to the socket;
//! - [`rate`]: how many datagrams, and new sessions, one host may have in a second;
//! - [`stats`]: what was dropped, and why.
//!
//! The bytes between router and driver are [`Framed`]: each datagram behind its length. They never
//! leave the process.
//!
//! # What is promised
//! - One session an address, and its datagrams in the order in which they came (D1, D2). Sessions
//!   don't hold up each other.
//! - Everything is bounded (S2, S11, against D5): the bytes that wait for one session
//!   ([`Server::max_queued_datagram_bytes`]), the sessions, and what a session writes. What does
//!   not fit is dropped, the newest first, and counted: a network does no less.
//! - A datagram that is no message, or is over the codec's limit, is
//!   [`SessionError::Decode`](portcullis_service::SessionError::Decode) for its sender's session,
//!   which can answer and go on (D6).
//! - There is no end to a conversation of datagrams, so there is always an idle limit:
//!   [`Server::idle_timeout`], or [`DEFAULT_IDLE_TIMEOUT`] where that is unlimited, and [`FIRST_IDLE_TIMEOUT`] for a peer
//!   that has sent one datagram and never came back.
//! - One host sends no more than [`Server::datagram_rate`], and begins no more sessions than
//!   [`Server::datagram_session_rate`]; the rest is dropped before a session is looked for. A host
//!   is told by its IP address, or its /64; peers of Unix sockets are not limited.
//! - A flood from addresses that are forged takes no places of connections: sessions of datagrams
//!   have a bound of their own ([`Server::max_datagram_sessions`]), and count by themselves for
//!   [`Server::max_connections_per_ip`].
//! - No error of a socket ends the server (D11), and no error of sending a UDP datagram ends even
//!   the session: it counts as lost, which its sender must be ready for anyhow.
//! - Nothing is sent but what the service sends, to an address that a datagram came from. That
//!   address may be forged: a service that answers strangers with more than they sent makes others'
//!   floods larger, and `on(connect)` that sends does so for every forged address.
//!
//! # Unix sockets
//! The kernel charges what a peer has not read to the buffer of the socket that sent it. So peers
//! that are connected to a server and don't read hold up its answers to all of that socket's peers,
//! until they read or go; `write_timeout` ends their sessions, which gives nothing back. Peers that
//! need not be trusted are better served over a Unix *stream*.
//!
//! # No path without sessions
//! A service without state could do without sessions. Measured by what it would save, that is one
//! map entry and one small task for each address and idle time, and what it would cost is a second
//! driver with second rules for errors, panics, order, stop and limits. So there is none:
//! `idle_timeout` of a second keeps the sessions of strangers few.

mod inbox;
mod rate;
mod router;
mod stats;
mod stream;

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

pub(super) use self::rate::Rate;
pub(super) use self::router::{Router, run as route};
pub(super) use self::stats::Counters;
pub use self::stats::{DatagramCounts, DatagramStats};
pub(super) use self::stream::DatagramStream;
use super::Server;

/// The idle limit of datagram sessions whose server has none.
pub(crate) const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// The same for an address that only one datagram came from.
pub(crate) const FIRST_IDLE_TIMEOUT: Duration = Duration::from_secs(10);
/// The default of [`Server::max_queued_datagram_bytes`].
pub(super) const DEFAULT_MAX_QUEUED_BYTES: usize = 64 * 1024;
/// The default of [`Server::datagram_rate`].
pub(super) const DATAGRAM_RATE: usize = 10_000;
/// The default of [`Server::datagram_session_rate`]. With the ten seconds of [`FIRST_IDLE_TIMEOUT`], one host
/// that sends from ever new ports has half of the default's ten thousand sessions.
pub(super) const SESSION_RATE: usize = 500;

/// Polls all routers in turn, so that a busy one cannot starve the others. Never ends.
pub(super) async fn poll_all(mut routers: Vec<Pin<Box<dyn Future<Output = ()> + Send>>>) {
    let mut next = 0_usize;
    poll_fn(|cx| {
        let count = routers.len();
        for step in 0..count {
            let _never = routers[(next + step) % count].as_mut().poll(cx);
        }
        next = next.wrapping_add(1);
        Poll::Pending
    })
    .await
}

impl<S, C, B> Server<S, C, B> {
    /// How many bytes of datagrams from one address may wait until its session reads them: the
    /// newest are dropped. One datagram always fits. 64 KiB unless said otherwise.
    pub fn max_queued_datagram_bytes(mut self, bytes: usize) -> Self {
        self.options.max_queued_datagram_bytes = bytes;
        self
    }

    /// How many sessions of datagrams there may be; datagrams of further addresses are dropped, and
    /// counted. As many as [`max_connections`](Self::max_connections) unless said otherwise.
    ///
    /// They are counted beside connections: the address of a datagram may be forged, and a flood of
    /// such must not take the places of clients that have connected. For the same reason
    /// [`max_connections_per_ip`](Self::max_connections_per_ip) counts each by itself.
    pub fn max_datagram_sessions(mut self, count: usize) -> Self {
        self.options.max_datagram_sessions = Some(count.max(1));
        self
    }

    /// How many datagrams a second one IP address may send to each socket of the server; those
    /// beyond are dropped before they are decoded, and counted. 10 000 unless said otherwise;
    /// `usize::MAX` is no limit.
    ///
    /// An address that was silent may send a second's datagrams at once. An address of IPv6 counts
    /// with all of its /64. Where many clients are behind one address, or one host sends
    /// measurements for many, raise it. Unix sockets don't count.
    ///
    /// ```
    /// # fn limited<S: portcullis::Service>(service: S) -> portcullis::Server<S> {
    /// // For games: 64 updates a second, and a household of players.
    /// portcullis::Server::new(service).datagram_rate(1000).datagram_session_rate(10)
    /// # }
    /// ```
    pub fn datagram_rate(mut self, per_second: usize) -> Self {
        self.options.datagram_rate = Rate::per_second(per_second);
        self
    }

    /// How many sessions of datagrams a second one IP address may begin at each socket, from
    /// whatever ports; datagrams that would begin more are dropped, and counted. 500 unless said
    /// otherwise; `usize::MAX` is no limit.
    ///
    /// This keeps one host from taking all places of
    /// [`max_datagram_sessions`](Self::max_datagram_sessions) by sending one datagram from each of
    /// its ports. It counts as [`datagram_rate`](Self::datagram_rate) does.
    pub fn datagram_session_rate(mut self, per_second: usize) -> Self {
        self.options.datagram_session_rate = Rate::per_second(per_second);
        self
    }

    /// What becomes of this server's datagrams, from now to its end and after it.
    pub fn datagram_stats(&self) -> DatagramStats {
        DatagramStats::of(&self.counters)
    }
}
