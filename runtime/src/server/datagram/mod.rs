//! Datagrams: a session for each address that they come from.
//!
//! A datagram session is a session like any other, with its own state and its hooks. What is
//! different is below it, and is all here:
//!
//! - [`router`]: one task part a socket, which reads datagrams, finds or makes the session of each address, and never
//!   waits for one;
//! - [`inbox`]: the bounded queue of one session, what came and was not read yet;
//! - [`packets`]: the two ends of a session's byte stream: frames out of the inbox, frames as datagrams to the socket;
//! - [`rate`]: how many datagrams, and new sessions, one host may have in a second;
//! - [`stats`]: what was dropped, and why.
//!
//! The bytes between router and driver are [`Framed`]: each datagram behind its length. They never leave the process.
//!
//! # What is promised
//! - One session an address, and its datagrams in the order in which they came (D1, D2). Sessions don't hold up each other.
//! - Everything is bounded (S2, S11, against D5): the bytes that wait for one session ([`Server::max_inbound`]), the
//!   sessions, and what a session writes. What does not fit is dropped, the newest first, and counted: a network does
//!   no less.
//! - A datagram that is no message, or is over the codec's limit, is [`SessionError::Decode`](crate::SessionError::Decode)
//!   for its sender's session, which can answer and go on (D6).
//! - There is no end to a conversation of datagrams, so there is always an idle limit: [`Server::idle_within`], or
//!   [`IDLE`] where that is unlimited, and [`NEWCOMER`] for a peer that has sent one datagram and never came back.
//! - One host sends no more than [`Server::datagram_rate`], and begins no more sessions than
//!   [`Server::datagram_session_rate`]; the rest is dropped before a session is looked for. A host is told by its IP address, or
//!   its /64; peers of Unix sockets are not limited.
//! - A flood from addresses that are forged takes no places of connections: sessions of datagrams have a bound of their
//!   own ([`Server::max_datagram_sessions`]), and count by themselves for [`Server::max_connections_per_ip`].
//! - No error of a socket ends the server (D11), and no error of sending a UDP datagram ends even the session: it counts
//!   as lost, which its sender must be ready for anyhow.
//! - Nothing is sent but what the service sends, to an address that a datagram came from. That address may be forged:
//!   a service that answers strangers with more than they sent makes others' floods larger, and `on(connect)` that
//!   sends does so for every forged address.
//!
//! # Unix sockets
//! The kernel charges what a peer has not read to the buffer of the socket that sent it. So peers that are connected to
//! a server and don't read hold up its answers to all of that socket's peers, until they read or go; `write_within`
//! ends their sessions, which gives nothing back. Peers that need not be trusted are better served over a Unix *stream*.
//!
//! # No path without sessions
//! A service without state could do without sessions. Measured by what it would save, that is one map entry and one
//! small task for each address and idle time, and what it would cost is a second driver with second rules for errors,
//! panics, order, stop and limits. So there is none: `idle_within` of a second keeps the sessions of strangers few.

mod inbox;
mod packets;
mod rate;
mod router;
mod stats;

use std::future::poll_fn;
use std::io;
use std::net::ToSocketAddrs;
#[cfg(unix)]
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

pub(super) use self::rate::Rate;
use self::router::Route;
use self::stats::Counters;
pub use self::stats::{DatagramCounts, DatagramStats};
use super::listen::Kind;
use super::{Bound, Listener, NoCodec, Server, Unbound};
use crate::codec::{DatagramCodec, Framed};
use crate::datagram::{AsyncSocket, Socket, SocketFile, Told, UdpOptions};
use crate::scope::Scope;
use crate::service::Service;
use crate::session::driver::driver;
use crate::session::registry::SessionRegistry;

/// The idle limit of datagram sessions whose server has none.
pub(crate) const IDLE: Duration = Duration::from_secs(60);
/// The same for an address that only one datagram came from.
pub(crate) const NEWCOMER: Duration = Duration::from_secs(10);
/// The default of [`Server::max_inbound`].
pub(super) const MAX_INBOUND: usize = 64 * 1024;
/// The default of [`Server::datagram_rate`].
pub(super) const DATAGRAM_RATE: usize = 10_000;
/// The default of [`Server::datagram_session_rate`]. With the ten seconds of [`NEWCOMER`], one host that sends from ever new ports
/// has half of the default's ten thousand sessions.
pub(super) const SESSION_RATE: usize = 500;

/// A server's datagram sockets.
pub(super) struct Doors<S> {
    doors: Vec<Box<dyn Door<S> + Send>>,
    counters: Arc<Counters>,
}

impl<S> Default for Doors<S> {
    fn default() -> Self {
        Self { doors: Vec::new(), counters: Arc::default() }
    }
}

/// What sockets of one server share while it runs.
pub(super) struct House<'a, S: Service> {
    pub(super) hub: &'a Arc<SessionRegistry<S>>,
    pub(super) scope: &'a Arc<Scope>,
    pub(super) max_sessions: usize,
    pub(super) max_inbound: usize,
    /// Of the datagrams of one host, and of its new sessions.
    pub(super) rates: [Rate; 2],
}

/// Routes datagrams for as long as it is polled.
type Routing = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A socket with the codec of its datagrams, whose type is forgotten.
trait Door<S> {
    /// Must be called on the runtime that will serve.
    fn open(self: Box<Self>, house: &House<'_, S>, counters: &Arc<Counters>) -> io::Result<Routing>
    where
        S: Service;
}

struct Bind<D> {
    socket: Socket,
    codec: D,
}

impl<S: Service, D: DatagramCodec<S::Request, S::Response>> Door<S> for Bind<D> {
    fn open(self: Box<Self>, house: &House<'_, S>, counters: &Arc<Counters>) -> io::Result<Routing> {
        let Self { socket, codec } = *self;
        let ceiling = socket.ceiling();
        let told = Told::of(socket.local_addr()?.ip());
        let longest = codec.max_size().min(ceiling);
        let codec = Framed::with_max(codec, ceiling);
        let (socket, file): (AsyncSocket, Option<SocketFile>) = AsyncSocket::new(socket)?;
        let drive = Arc::new(driver::<S, packets::Packets, Framed<D>>(Arc::clone(house.hub)));
        let route = Route::new(house, socket, longest, Arc::clone(counters));
        Ok(Box::pin(async move {
            // It goes when nothing more is read, while sessions may still answer.
            let _file = file;
            router::run(route, told, drive, codec).await;
        }))
    }
}

impl<S> Doors<S> {
    fn add(&mut self, socket: Socket, codec: impl DatagramCodec<S::Request, S::Response>)
    where
        S: Service,
    {
        self.doors.push(Box::new(Bind { socket, codec }));
    }

    /// Must be called on the runtime that will serve.
    pub(super) fn open(self, house: &House<'_, S>) -> io::Result<Open>
    where
        S: Service,
    {
        let open = self.doors.into_iter().map(|door| door.open(house, &self.counters));
        Ok(Open { routings: open.collect::<io::Result<_>>()?, first: 0 })
    }
}

/// A server's datagram sockets while it runs.
pub(super) struct Open {
    routings: Vec<Routing>,
    /// Whom to ask first, so that none is starved by a busy one.
    first: usize,
}

impl Open {
    /// Never ends.
    pub(super) async fn run(mut self) {
        poll_fn(|cx| {
            let count = self.routings.len();
            for step in 0..count {
                let _never = self.routings[(self.first + step) % count].as_mut().poll(cx);
            }
            self.first = self.first.wrapping_add(1);
            Poll::Pending
        })
        .await
    }
}

/// A server of datagrams, which has no codec for streams.
impl<S: Service> Server<S, NoCodec, Unbound> {
    /// Receives UDP datagrams at `addr`, one message each; port 0 is any free port.
    ///
    /// Each address that they come from has a session, as a connection would: with its own value and state, `on(connect)` at
    /// its first datagram, and `on(disconnect)` after [`idle_within`](Self::idle_within) without one. If there is no such limit, that is
    /// 10 seconds after the only datagram of an address, and a minute after each later one.
    /// [`Peer::close`](crate::Peer::close) ends it sooner; the next datagram from there begins a new one.
    ///
    /// Whatever is too much is dropped, and counted in [`datagram_stats`](Self::datagram_stats): datagrams over
    /// [`max_inbound`](Self::max_inbound) of one sender, those of strangers when there are
    /// [`max_datagram_sessions`](Self::max_datagram_sessions), and those of a host that sends more than
    /// [`datagram_rate`](Self::datagram_rate) or begins more sessions than
    /// [`datagram_session_rate`](Self::datagram_session_rate).
    ///
    /// A server at the wildcard address (`0.0.0.0`, `[::]`) answers from the address that it was asked at, on Linux, Android
    /// and Apple's systems; elsewhere the system chooses, so bind each address there. A peer that asks at two addresses
    /// has a session at each.
    ///
    /// A server of streams may receive datagrams as well, with a codec for each: [bind](Server::bind) it to the streams first. Streams that it is
    /// bound to later than to datagrams are read as [`Framed`] datagrams.
    ///
    /// ```
    /// # use portcullis_runtime as portcullis;
    /// # fn serve<S: portcullis::Service<Request = String, Response = String>>(service: S) -> std::io::Result<()> {
    /// use portcullis::{Datagrams, Server, codec::Utf8};
    ///
    /// let server = Server::new(service).bind_udp("127.0.0.1:0", Datagrams::<Utf8>::new())?;
    /// # drop(server); Ok(()) }
    /// ```
    ///
    /// # Errors
    /// The address can't be resolved, or can't be bound.
    pub fn bind_udp<D>(self, addr: impl ToSocketAddrs, codec: D) -> io::Result<Server<S, Framed<D>, Bound>>
    where
        D: DatagramCodec<S::Request, S::Response>,
    {
        self.bind_udp_with(addr, codec, UdpOptions::new())
    }

    /// As [`bind_udp`](Self::bind_udp), with options of the socket: broadcast, groups of multicast, buffers.
    ///
    /// What was sent to a group is answered to its sender, from an address of this host.
    ///
    /// # Errors
    /// As [`bind_udp`](Self::bind_udp); the system refuses an option.
    pub fn bind_udp_with<D>(
        self,
        addr: impl ToSocketAddrs,
        codec: D,
        options: UdpOptions,
    ) -> io::Result<Server<S, Framed<D>, Bound>>
    where
        D: DatagramCodec<S::Request, S::Response>,
    {
        self.framed(&codec).receive_at(Socket::udp(addr, &options)?, codec)
    }

    /// Receives the datagrams of a Unix socket at `path`, as [`bind_udp`](Self::bind_udp) does those of UDP.
    ///
    /// A file that was left there by a server that is gone is replaced; ours is removed when the server stops, if it
    /// still is ours. A datagram from a socket that has no name can't be answered: it is dropped, and counted.
    ///
    /// All peers share this socket's send buffer, so those that are connected to it and don't read hold up the answers to
    /// others: for peers that need not be trusted, serve a stream.
    ///
    /// # Errors
    /// There is something at the path, or it can't be written to.
    #[cfg(unix)]
    pub fn bind_unix_datagram<D>(
        self,
        path: impl AsRef<Path>,
        codec: D,
    ) -> io::Result<Server<S, Framed<D>, Bound>>
    where
        D: DatagramCodec<S::Request, S::Response>,
    {
        self.framed(&codec).receive_at(Socket::unix(path.as_ref())?, codec)
    }

    /// As [`bind_unix_datagram`](Self::bind_unix_datagram), at an abstract name, which has no file.
    ///
    /// # Errors
    /// The name is taken, or is too long.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn bind_unix_datagram_abstract<D>(
        self,
        name: impl AsRef<[u8]>,
        codec: D,
    ) -> io::Result<Server<S, Framed<D>, Bound>>
    where
        D: DatagramCodec<S::Request, S::Response>,
    {
        self.framed(&codec).receive_at(Socket::unix_abstract(name.as_ref())?, codec)
    }

    /// Receives the datagrams of a socket that you have made: a `UdpSocket` or a `UnixDatagram` of std, one from systemd.
    ///
    /// # Errors
    /// It is no socket of datagrams (`InvalidInput`), or the system does not tell its address.
    pub fn receive<D>(self, socket: impl Into<Listener>, codec: D) -> io::Result<Server<S, Framed<D>, Bound>>
    where
        D: DatagramCodec<S::Request, S::Response>,
    {
        let socket = datagrams(socket.into())?;
        self.framed(&codec).receive_at(socket, codec)
    }

    fn framed<D>(self, codec: &D) -> Server<S, Framed<D>, Bound>
    where
        D: DatagramCodec<S::Request, S::Response>,
    {
        let Self { service, codec: NoCodec, bound, datagrams, options, control } = self;
        let codec = Framed::new(codec.clone());
        Server { service, codec, bound: bound.into(), datagrams, options, control }
    }
}

/// Datagrams beside streams, or beside other datagrams.
impl<S: Service, C> Server<S, C, Bound> {
    /// Receives UDP datagrams at `addr` as well, one message each: see [`bind_udp`](Server::bind_udp) of a server that is not
    /// bound yet.
    ///
    /// # Errors
    /// The address can't be resolved, or can't be bound.
    pub fn bind_udp<D>(self, addr: impl ToSocketAddrs, codec: D) -> io::Result<Self>
    where
        D: DatagramCodec<S::Request, S::Response>,
    {
        self.bind_udp_with(addr, codec, UdpOptions::new())
    }

    /// As [`bind_udp`](Self::bind_udp), with options of the socket.
    ///
    /// # Errors
    /// As [`bind_udp`](Self::bind_udp); the system refuses an option.
    pub fn bind_udp_with<D>(self, addr: impl ToSocketAddrs, codec: D, options: UdpOptions) -> io::Result<Self>
    where
        D: DatagramCodec<S::Request, S::Response>,
    {
        self.receive_at(Socket::udp(addr, &options)?, codec)
    }

    /// Receives the datagrams of a Unix socket at `path` as well.
    ///
    /// # Errors
    /// There is something at the path, or it can't be written to.
    #[cfg(unix)]
    pub fn bind_unix_datagram<D>(self, path: impl AsRef<Path>, codec: D) -> io::Result<Self>
    where
        D: DatagramCodec<S::Request, S::Response>,
    {
        self.receive_at(Socket::unix(path.as_ref())?, codec)
    }

    /// As [`bind_unix_datagram`](Self::bind_unix_datagram), at an abstract name, which has no file.
    ///
    /// # Errors
    /// The name is taken, or is too long.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn bind_unix_datagram_abstract<D>(self, name: impl AsRef<[u8]>, codec: D) -> io::Result<Self>
    where
        D: DatagramCodec<S::Request, S::Response>,
    {
        self.receive_at(Socket::unix_abstract(name.as_ref())?, codec)
    }

    /// Receives the datagrams of a socket that you have made as well: a `UdpSocket` or a `UnixDatagram` of std, one from systemd.
    ///
    /// # Errors
    /// It is no socket of datagrams (`InvalidInput`), or the system does not tell its address.
    pub fn receive<D>(self, socket: impl Into<Listener>, codec: D) -> io::Result<Self>
    where
        D: DatagramCodec<S::Request, S::Response>,
    {
        let socket = datagrams(socket.into())?;
        self.receive_at(socket, codec)
    }

    fn receive_at<D>(mut self, socket: Socket, codec: D) -> io::Result<Self>
    where
        D: DatagramCodec<S::Request, S::Response>,
    {
        self.bound.add_addr(&socket.local_addr()?);
        self.datagrams.add(socket, codec);
        Ok(self)
    }
}

fn datagrams(socket: Listener) -> io::Result<Socket> {
    match socket.kind {
        Kind::Datagrams(socket) => Ok(socket),
        _ => {
            let text = "this socket listens for streams: give it to `Server::listen`";
            Err(io::Error::new(io::ErrorKind::InvalidInput, text))
        }
    }
}

impl<S, C, B> Server<S, C, B> {
    /// How many bytes of datagrams from one address may wait until its session reads them: the newest are dropped. One
    /// datagram always fits. 64 KiB unless said otherwise.
    pub fn max_inbound(mut self, bytes: usize) -> Self {
        self.options.max_inbound = bytes;
        self
    }

    /// How many sessions of datagrams there may be; datagrams of further addresses are dropped, and counted. As many as
    /// [`max_connections`](Self::max_connections) unless said otherwise.
    ///
    /// They are counted beside connections: the address of a datagram may be forged, and a flood of such must not take
    /// the places of clients that have connected. For the same reason
    /// [`max_connections_per_ip`](Self::max_connections_per_ip) counts each by itself.
    pub fn max_datagram_sessions(mut self, count: usize) -> Self {
        self.options.max_datagram_sessions = Some(count.max(1));
        self
    }

    /// How many datagrams a second one IP address may send to each socket of the server; those beyond are dropped before they are
    /// decoded, and counted. 10 000 unless said otherwise; `usize::MAX` is no limit.
    ///
    /// An address that was silent may send a second's datagrams at once. An address of IPv6 counts with all of its /64. Where many
    /// clients are behind one address, or one host sends measurements for many, raise it. Unix sockets don't count.
    ///
    /// ```
    /// # use portcullis_runtime as portcullis;
    /// # fn limited<S: portcullis::Service>(service: S) -> portcullis::Server<S> {
    /// // For games: 64 updates a second, and a household of players.
    /// portcullis::Server::new(service).datagram_rate(1000).datagram_session_rate(10)
    /// # }
    /// ```
    pub fn datagram_rate(mut self, per_second: usize) -> Self {
        self.options.datagram_rate = Rate::per_second(per_second);
        self
    }

    /// How many sessions of datagrams a second one IP address may begin at each socket, from whatever ports; datagrams
    /// that would begin more are dropped, and counted. 500 unless said otherwise; `usize::MAX` is no limit.
    ///
    /// This keeps one host from taking all places of [`max_datagram_sessions`](Self::max_datagram_sessions) by sending one datagram
    /// from each of its ports. It counts as [`datagram_rate`](Self::datagram_rate) does.
    pub fn datagram_session_rate(mut self, per_second: usize) -> Self {
        self.options.datagram_session_rate = Rate::per_second(per_second);
        self
    }

    /// What becomes of this server's datagrams, from now to its end and after it.
    pub fn datagram_stats(&self) -> DatagramStats {
        DatagramStats::of(&self.datagrams.counters)
    }
}
