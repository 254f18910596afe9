//! What a server can listen on: [`Listener`], which a transport implements, and [`Listen`], which
//! `Server::listen` takes.
//!
//! - this file: the traits, and [`Erased`], the one object-safe form in which a server keeps all
//!   its listeners;
//! - [`tcp`], [`unix`], [`stdio`]: listeners of streams; [`datagrams`]: sockets that receive
//!   datagrams;
//! - [`systemd`]: sockets that were opened for this process before it began.
//!
//! `Server::listen` knows the service, the codec and the kind of stream. There, and only there, the
//! session driver for this combination is instantiated, and boxed as an [`Erased`] listener.

mod datagrams;
mod stdio;
#[cfg(feature = "systemd")]
pub(super) mod systemd;
mod tcp;
#[cfg(unix)]
mod unix;

pub use self::datagrams::BoundDatagrams;
pub use self::stdio::Stdio;
pub use self::tcp::BoundTcp;
#[cfg(unix)]
pub use self::unix::BoundUnix;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use super::acceptor::{SessionAcceptor, Source};
use super::bind::Addrs;
use super::serve::ServeContext;
use crate::codec::Codec;
use crate::server::carries::HasCodec;
use crate::service::Service;
use crate::service::internal::{Extended, Origin};
use crate::session::driver::session_factory;
use crate::transport::Transport;

/// A transport that accepts connections: implement it to serve a service over streams of your own,
/// and give the listener to [`Server::listen`](crate::Server::listen).
///
/// The server calls [`start`](Self::start) once, then polls [`poll_accept`](Self::poll_accept) for
/// as long as there is a place for another connection. All listeners of a server are polled by one
/// task, in turn.
///
/// ```
/// use std::io;
/// use std::task::{Context, Poll, ready};
/// use portcullis::{Accepted, Listener};
/// use tokio::io::DuplexStream;
/// use tokio::sync::mpsc;
///
/// /// Connections in memory.
/// struct Pipes(mpsc::Receiver<DuplexStream>);
///
/// impl Listener for Pipes {
///     type Stream = DuplexStream;
///
///     fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted<DuplexStream>>> {
///         match ready!(self.0.poll_recv(cx)) {
///             Some(stream) => Poll::Ready(Ok(Accepted::new(stream))),
///             None => Poll::Pending, // no connection will come any more
///         }
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "a server cannot listen on `{Self}`",
    label = "is not a listener",
    note = "write `Tcp::new(addr)`, `Unix::new(path)`, `Udp::new(addr, codec)` or `UnixDatagram::new(path, codec)`",
    note = "for a datagram socket of std write `Udp::from_std(socket, codec)` or `UnixDatagram::from_std(socket, codec)`",
    note = "a transport of your own implements `portcullis::Listener`"
)]
pub trait Listener: Send + 'static {
    /// The byte stream of a connection. A stream type of your own implements [`Transport`].
    type Stream: Transport;

    /// Accepts the next connection.
    ///
    /// After an error that concerns a single connection (`ConnectionAborted`, `ConnectionRefused`,
    /// `ConnectionReset`, `Interrupted`) the server goes on at once, and after any other in 100 ms.
    /// A panic is handled as an error.
    ///
    /// It must not block, and it must not wait for what a peer has to send: such a wait belongs
    /// into the stream, so that one peer cannot keep others from being accepted.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted<Self::Stream>>>;

    /// Called once, on the runtime that serves, before the first `poll_accept`: a socket of std
    /// becomes one of tokio here.
    ///
    /// # Errors
    /// Serving fails with this error.
    fn start(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Polled after the last [`poll_accept`](Self::poll_accept), from the beginning of a stop,
    /// until it is ready or the grace is over: the listener refuses what it has received and not
    /// accepted, and sends what its streams have left to send. The sessions end meanwhile. The
    /// listener is dropped after that, and at once if this is ready, which is the default.
    ///
    /// A panic is logged and ends the closing.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let _ = cx;
        Poll::Ready(())
    }

    /// The IP address where it listens, if there is one:
    /// [`Server::local_addrs`](crate::Server::local_addrs) returns it.
    fn local_addr(&self) -> Option<SocketAddr> {
        None
    }

    /// The address of the Unix socket, if it is one:
    /// [`Server::unix_addrs`](crate::Server::unix_addrs) returns it.
    #[cfg(unix)]
    fn unix_addr(&self) -> Option<std::os::unix::net::SocketAddr> {
        None
    }
}

/// A connection that a [`Listener`] has accepted.
pub struct Accepted<IO> {
    pub(crate) io: IO,
    pub(crate) origin: Origin,
    pub(crate) deadline: Option<Instant>,
}

impl<IO> Accepted<IO> {
    /// A connection of a peer that has no address.
    pub fn new(io: IO) -> Self {
        Self { io, origin: Origin::from(None), deadline: None }
    }

    /// The time after which the peer does not wait for responses any more. It becomes the
    /// [`DEADLINE`](portcullis_runtime::DEADLINE) of the session: the jobs of its handlers inherit
    /// it. A stream whose peer then gives up says so by
    /// [`wait_for_reset`](Transport::wait_for_reset).
    #[must_use]
    pub fn deadline(mut self, at: Instant) -> Self {
        self.deadline = Some(at);
        self
    }

    /// The peer's address: [`Peer::addr`](portcullis_service::Peer::addr) returns it, and
    /// [`max_connections_per_ip`](crate::Server::max_connections_per_ip) counts it.
    #[must_use]
    pub fn peer_addr(mut self, addr: SocketAddr) -> Self {
        self.origin = addr.into();
        self
    }

    /// What else the transport knows of the connection: `peer.extension::<T>()` returns it. Set the
    /// address first.
    #[must_use]
    pub fn extension<T: Send + Sync + 'static>(mut self, extension: T) -> Self {
        self.origin = Origin::Extended(Arc::new(Extended { below: self.origin, extension }));
        self
    }
}

impl<IO> std::fmt::Debug for Accepted<IO> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accepted").field("peer_addr", &self.origin.addr()).finish_non_exhaustive()
    }
}

/// What [`Server::listen`](crate::Server::listen) takes: [`Tcp`](crate::Tcp), `Unix`, either of
/// them over TLS, [`Udp`](crate::Udp), `UnixDatagram`, sockets of std that listen already, and
/// every [`Listener`].
pub trait Listen {
    /// The listener once it is bound.
    #[doc(hidden)]
    type Bound;

    /// Binds the socket.
    #[doc(hidden)]
    fn bind(self) -> io::Result<Self::Bound>;
}

impl<L: Listener> Listen for L {
    type Bound = Streams<L>;

    fn bind(self) -> io::Result<Streams<L>> {
        Ok(Streams(self))
    }
}

/// The socket of a listener: of std until the listener is started, then of tokio.
#[derive(Debug)]
enum Socket<S, T> {
    Std(S),
    Tokio(T),
    /// Starting has failed.
    Unusable,
}

impl<S, T> Socket<S, T> {
    fn start(&mut self, make: impl FnOnce(S) -> io::Result<T>) -> io::Result<()> {
        if let Self::Std(socket) = std::mem::replace(self, Self::Unusable) {
            *self = Self::Tokio(make(socket)?);
        }
        Ok(())
    }

    fn started(&self) -> io::Result<&T> {
        match self {
            Self::Tokio(socket) => Ok(socket),
            _ => Err(io::Error::other("the listener is not started")),
        }
    }
}

/// A bound listener that suits a server of service `S` with the stream codec `C`.
#[doc(hidden)]
pub trait Serves<S: Service, C, How> {
    /// The listener with its driver, and without its types.
    #[doc(hidden)]
    fn erase(self, codec: &C) -> Erased<S>;
}

/// A listener of any kind, before it is served.
#[doc(hidden)]
pub struct Erased<S>(pub Box<dyn BoundListener<S> + Send>);

/// The object-safe form of every listener.
pub trait BoundListener<S> {
    /// Where it listens.
    fn addrs(&self) -> Addrs;

    /// Must be called on the runtime that will serve.
    fn start(self: Box<Self>, context: &ServeContext<S>) -> io::Result<Source>
    where
        S: Service;
}

/// A listener whose streams are ready for a session as they are.
#[doc(hidden)]
#[derive(Debug)]
pub struct Streams<L>(pub(super) L);

struct WithCodec<L, C> {
    listener: L,
    codec: C,
}

/// Erases a listener of streams that has a codec of its own instead of the server's.
#[doc(hidden)]
pub fn erase_with_codec<S, L, C>(listener: L, codec: C) -> Erased<S>
where
    S: Service,
    L: Listener,
    C: Codec<S::Request, S::Response>,
{
    Erased(Box::new(WithCodec { listener, codec }))
}

impl<S, C, L, How> Serves<S, C, How> for Streams<L>
where
    S: Service,
    C: HasCodec<S::Request, S::Response, How>,
    L: Listener,
{
    fn erase(self, codec: &C) -> Erased<S> {
        Erased(Box::new(WithCodec { listener: self.0, codec: codec.clone() }))
    }
}

impl<S, C, L> BoundListener<S> for WithCodec<L, C>
where
    S: Service,
    C: Codec<S::Request, S::Response>,
    L: Listener,
{
    fn addrs(&self) -> Addrs {
        Addrs::of(&self.listener)
    }

    fn start(self: Box<Self>, context: &ServeContext<S>) -> io::Result<Source> {
        let Self { mut listener, codec } = *self;
        listener.start()?;
        let factory = session_factory::<S, L::Stream, C>(context.registry.clone());
        Ok(Source::Connections(Box::new(SessionAcceptor::new(context, listener, codec, factory))))
    }
}

#[cfg(feature = "tls")]
mod over_tls {
    use std::io;

    use super::super::acceptor::tls::TlsAcceptor;
    use super::super::acceptor::{SessionAcceptor, Source};
    use super::{Addrs, BoundListener, Erased, Listen, Listener, ServeContext, Serves, Streams};
    use crate::codec::Codec;
    use crate::server::carries::HasCodec;
    use crate::service::Service;
    use crate::session::driver::session_factory;
    use crate::sockets::wrappers::OverTls;
    use crate::transport::tls::Tls;
    use crate::transport::tls::stream::TlsStream;

    /// A listener whose sessions begin with a TLS handshake.
    #[doc(hidden)]
    #[derive(Debug)]
    pub struct TlsStreams<L> {
        listener: L,
        tls: Tls,
    }

    impl<L, B> Listen for OverTls<L, Tls>
    where
        L: Listen<Bound = Streams<B>>,
    {
        type Bound = TlsStreams<B>;

        fn bind(self) -> io::Result<TlsStreams<B>> {
            Ok(TlsStreams { listener: self.inner.bind()?.0, tls: self.config })
        }
    }

    struct WithCodec<L, C> {
        streams: TlsStreams<L>,
        codec: C,
    }

    impl<S, C, L, How> Serves<S, C, How> for TlsStreams<L>
    where
        S: Service,
        C: HasCodec<S::Request, S::Response, How>,
        L: Listener,
    {
        fn erase(self, codec: &C) -> Erased<S> {
            Erased(Box::new(WithCodec { streams: self, codec: codec.clone() }))
        }
    }

    impl<S, C, L> BoundListener<S> for WithCodec<L, C>
    where
        S: Service,
        C: Codec<S::Request, S::Response>,
        L: Listener,
    {
        fn addrs(&self) -> Addrs {
            Addrs::of(&self.streams.listener)
        }

        fn start(self: Box<Self>, context: &ServeContext<S>) -> io::Result<Source> {
            let Self { streams: TlsStreams { mut listener, tls }, codec } = *self;
            listener.start()?;
            let factory = session_factory::<S, TlsStream<L::Stream>, C>(context.registry.clone());
            let acceptor = SessionAcceptor::new(context, listener, codec, factory);
            Ok(Source::Connections(Box::new(TlsAcceptor { acceptor, tls, control: context.control.clone() })))
        }
    }
}
