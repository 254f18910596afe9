//! Datagram servers: a session for each source address.
//!
//! A datagram session is driven like any other, with its own state and hooks. The differences are
//! in the transport below it:
//!
//! - [`router`]: reads the datagrams of one socket, finds or creates the session of each source,
//!   and never waits for a session;
//! - [`inbox`]: the bounded queue of datagrams that one session has not read;
//! - [`stream`]: the byte stream of a session: reads frames from its inbox, sends frames as
//!   datagrams;
//! - [`rate`]: limits the datagrams and the new sessions of one host per second;
//! - [`stats`]: counts datagrams, and why they were dropped.
//!
//! Between router and driver, the bytes are [`Framed`]: each datagram is preceded by its length.
//! These frames never leave the process.
//!
//! # What is promised
//! - Each address has one session, which handles its datagrams in order of arrival (D1, D2).
//!   Sessions do not block each other.
//! - Everything is bounded (S2, S11, D5): the bytes that wait for one session
//!   ([`Server::max_queued_datagram_bytes`]), the sessions, and what a session writes. Datagrams
//!   over a bound are dropped, the newest first, and counted.
//! - A datagram that is not a message, or is over the limit of the codec, is
//!   [`SessionError::Decode`](portcullis_service::SessionError::Decode) for the session of its
//!   sender, which can answer and continues (D6).
//! - Datagram peers do not disconnect, so there is always an idle timeout:
//!   [`Server::idle_timeout`], or [`DEFAULT_IDLE_TIMEOUT`] if that is unlimited, and
//!   [`FIRST_IDLE_TIMEOUT`] for a peer that has sent one datagram only.
//! - One host can send at most [`Server::datagram_rate`] datagrams and begin
//!   [`Server::datagram_session_rate`] sessions per second. Further datagrams are dropped before a
//!   session is looked up. A host is an IPv4 address or an IPv6 /64; peers of Unix sockets are not
//!   limited.
//! - A flood from forged addresses uses no capacity of connections: datagram sessions have their
//!   own limit ([`Server::max_datagram_sessions`]) and are counted separately for
//!   [`Server::max_connections_per_ip`].
//! - No error of a socket ends the server (D11). An error of sending a UDP datagram does not end
//!   the session either: the datagram counts as lost.
//! - The server sends only what the service sends, to the address that a datagram came from. That
//!   address may be forged. A service that sends unknown peers more than they sent amplifies
//!   attacks, and so does an `on(connect)` that sends.
//!
//! # Unix sockets
//! The kernel charges a datagram that a peer has not read to the send buffer of the sender. Peers
//! that are connected to a server and do not read therefore block its answers to all peers of that
//! socket until they read or close. `write_timeout` ends their sessions, but frees no buffer. Serve
//! untrusted peers over a Unix *stream*.
//!
//! # No path without sessions
//! Services without state also have sessions. Handling datagrams without sessions would save a map
//! entry and a small task for each recent address, and would need a second driver with its own
//! rules for errors, panics, order, stop and limits. An `idle_timeout` of a second keeps the number
//! of sessions low.

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

/// The idle timeout of datagram sessions if the server has none.
pub(crate) const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// The idle timeout of a session that has received one datagram only.
pub(crate) const FIRST_IDLE_TIMEOUT: Duration = Duration::from_secs(10);
/// The default of [`Server::max_queued_datagram_bytes`].
pub(super) const DEFAULT_MAX_QUEUED_BYTES: usize = 64 * 1024;
/// The default of [`Server::datagram_rate`].
pub(super) const DATAGRAM_RATE: usize = 10_000;
/// The default of [`Server::datagram_session_rate`]. With the ten seconds of
/// [`FIRST_IDLE_TIMEOUT`], one host that sends from ever new ports has half of the default's ten
/// thousand sessions.
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
