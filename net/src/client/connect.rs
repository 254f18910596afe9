//! [`Connect`]: the addresses that clients connect to. Each address type determines the type of the
//! stream.

use std::io;
use std::net::SocketAddr;
#[cfg(feature = "tls")]
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
#[cfg(feature = "tls")]
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, pki_types::ServerName},
};
#[cfg(feature = "tls")]
use tokio_util::either::Either;

use super::{BlockingStream, Client};
use crate::codec::Codec;
use crate::sockets::tcp::{Tcp, TcpOptions};
#[cfg(unix)]
use crate::sockets::unix::Unix;
#[cfg(feature = "tls")]
use crate::sockets::wrappers::OverTls;
use crate::sockets::{SocketAddrs, race};

/// The address that a client connects to: a TCP address, plain or with options
/// ([`Tcp::new`](crate::Tcp::new)); `Unix::new(path)`; or either of them over TLS
/// (`.tls(ClientTls::new(server_name, config))`; with an `Option`, whether it is TLS is known at
/// run time).
///
/// A name may have several addresses, and a slice of addresses works as well. A [`Client`] tries
/// them as RFC 8305 ("Happy Eyeballs") describes: IPv6 and IPv4 alternate, and if an address has
/// not answered after 250 ms, the next one is tried concurrently. With TLS, an attempt consists of
/// connecting and the handshake, so an address that accepts and then sends nothing does not block
/// the others. The first successful attempt is used, and the others are dropped. With several
/// addresses, the runtime must have time enabled.
#[diagnostic::on_unimplemented(
    message = "a client cannot connect to `{Self}`",
    label = "is not an address",
    note = "write an address such as `\"127.0.0.1:80\"`, `Tcp::new(addr)` or `Unix::new(path)`; TLS is `Tcp::new(addr).tls(ClientTls::new(server_name, config))`"
)]
pub trait Connect {
    /// The stream of the connection.
    type Stream: AsyncRead + AsyncWrite + Unpin;

    /// Connects on the current tokio runtime. `timeout` determines how the time is shared by
    /// several addresses; the caller applies it.
    #[doc(hidden)]
    fn connect(self, limit: Option<Duration>) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Connects, and blocks the thread.
    #[doc(hidden)]
    fn connect_blocking(self, until: Option<Instant>) -> io::Result<BlockingStream>;
}

impl Connect for Tcp {
    type Stream = TcpStream;

    async fn connect(self, limit: Option<Duration>) -> io::Result<TcpStream> {
        let Self { addr, options } = self;
        race(addr.lookup().await?, limit, |addr| tcp(addr, options)).await
    }

    fn connect_blocking(self, until: Option<Instant>) -> io::Result<BlockingStream> {
        BlockingStream::tcp(self.addr, self.options, until)
    }
}

/// The short form of `Tcp::new(addr)`.
#[diagnostic::do_not_recommend]
impl<A: Into<SocketAddrs>> Connect for A {
    type Stream = TcpStream;

    fn connect(self, limit: Option<Duration>) -> impl Future<Output = io::Result<TcpStream>> + Send {
        Tcp::new(self).connect(limit)
    }

    fn connect_blocking(self, until: Option<Instant>) -> io::Result<BlockingStream> {
        Tcp::new(self).connect_blocking(until)
    }
}

#[cfg(unix)]
impl Connect for Unix {
    type Stream = tokio::net::UnixStream;

    async fn connect(self, _: Option<Duration>) -> io::Result<tokio::net::UnixStream> {
        tokio::net::UnixStream::connect(self.addr.to_path()).await
    }

    fn connect_blocking(self, _: Option<Instant>) -> io::Result<BlockingStream> {
        Ok(std::os::unix::net::UnixStream::connect_addr(&self.addr.to_addr()?)?.into())
    }
}

async fn tcp(addr: SocketAddr, options: TcpOptions) -> io::Result<TcpStream> {
    let io = TcpStream::connect(addr).await?;
    options.apply_to_stream(&io)?;
    Ok(io)
}

/// The TLS configuration of a client: the name of the server, and the roots that its certificate
/// must be signed by.
#[cfg(feature = "tls")]
#[derive(Clone, Debug)]
pub struct ClientTls {
    server_name: String,
    config: Arc<ClientConfig>,
}

/// The stream of a [`Client`] that is connected over TLS.
#[cfg(feature = "tls")]
pub type ClientTlsStream<IO = TcpStream> = tokio_rustls::client::TlsStream<IO>;

/// The stream of a [`Client`] that is connected with or without TLS: the address is
/// `Tcp::new(addr).tls(config)` with an `Option<ClientTls>`.
#[cfg(feature = "tls")]
pub type MaybeTlsStream<IO = TcpStream> = Either<IO, ClientTlsStream<IO>>;

#[cfg(feature = "tls")]
impl ClientTls {
    /// Makes a configuration for the server with this name (a DNS name or an IP address), whose
    /// certificate is checked as `config` says.
    ///
    /// Connecting fails with `InvalidInput` if it is not a name, and with `InvalidData` if the
    /// handshake fails (the error of rustls is inside).
    pub fn new(server_name: impl Into<String>, config: impl Into<Arc<ClientConfig>>) -> Self {
        Self { server_name: server_name.into(), config: config.into() }
    }

    fn into_parts(self) -> io::Result<(ServerName<'static>, Arc<ClientConfig>)> {
        let name = ServerName::try_from(self.server_name);
        Ok((name.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?, self.config))
    }
}

#[cfg(feature = "tls")]
impl Connect for OverTls<Tcp, ClientTls> {
    type Stream = ClientTlsStream;

    async fn connect(self, limit: Option<Duration>) -> io::Result<ClientTlsStream> {
        let Tcp { addr, options } = self.inner;
        let (name, config) = self.config.into_parts()?;
        let connector = TlsConnector::from(config);
        race(addr.lookup().await?, limit, |addr| {
            let (name, connector) = (name.clone(), connector.clone());
            async move { connector.connect(name, tcp(addr, options).await?).await }
        })
        .await
    }

    fn connect_blocking(self, until: Option<Instant>) -> io::Result<BlockingStream> {
        let (name, config) = self.config.into_parts()?;
        BlockingStream::tls(self.inner.addr, self.inner.options, &name, config, until)
    }
}

#[cfg(all(unix, feature = "tls"))]
impl Connect for OverTls<Unix, ClientTls> {
    type Stream = ClientTlsStream<tokio::net::UnixStream>;

    async fn connect(self, limit: Option<Duration>) -> io::Result<Self::Stream> {
        let (name, config) = self.config.into_parts()?;
        TlsConnector::from(config).connect(name, self.inner.connect(limit).await?).await
    }

    fn connect_blocking(self, until: Option<Instant>) -> io::Result<BlockingStream> {
        let (name, config) = self.config.into_parts()?;
        BlockingStream::unix_tls(&self.inner.addr.to_addr()?, &name, config, until)
    }
}

/// Plain or over TLS, as the program finds out at run time:
/// `Tcp::new(addr).tls(use_tls.then_some(config))`. The clients of both have the same type.
#[cfg(feature = "tls")]
impl<A> Connect for OverTls<A, Option<ClientTls>>
where
    A: Connect + Send,
    OverTls<A, ClientTls>: Connect<Stream = ClientTlsStream<A::Stream>> + Send,
{
    type Stream = MaybeTlsStream<A::Stream>;

    async fn connect(self, limit: Option<Duration>) -> io::Result<Self::Stream> {
        let Self { inner, config } = self;
        Ok(match config {
            None => Either::Left(inner.connect(limit).await?),
            Some(config) => Either::Right(OverTls { inner, config }.connect(limit).await?),
        })
    }

    fn connect_blocking(self, until: Option<Instant>) -> io::Result<BlockingStream> {
        let Self { inner, config } = self;
        match config {
            None => inner.connect_blocking(until),
            Some(config) => OverTls { inner, config }.connect_blocking(until),
        }
    }
}

/// These functions run on the current tokio runtime. Their futures may be dropped at any time.
///
/// `Client::<Req, Rsp, _>::connect` connects to every kind of address: the address determines the
/// stream type of the client.
impl<Req, Rsp, C: Codec<Rsp, Req>> Client<Req, Rsp, C> {
    /// Connects to a TCP address, with `TCP_NODELAY`, or to another [`Connect`] address.
    ///
    /// # Errors
    /// The address cannot be resolved, or the connection is refused. For a Unix socket,
    /// `WouldBlock` if the backlog of the server is full. For TLS, see `ClientTls::new`.
    pub async fn connect<A: Connect>(address: A, codec: C) -> io::Result<Client<Req, Rsp, C, A::Stream>> {
        Ok(Client::from_stream(address.connect(None).await?, codec))
    }

    /// Like [`connect`](Self::connect), with a time limit for everything: resolving the name, all
    /// addresses together, and the handshake. Each address is tried within the first half of the
    /// limit.
    ///
    /// # Errors
    /// As `connect`; `TimedOut`.
    pub async fn connect_timeout<A: Connect>(
        address: A,
        codec: C,
        timeout: Duration,
    ) -> io::Result<Client<Req, Rsp, C, A::Stream>> {
        let connecting = tokio::time::timeout(timeout, address.connect(Some(timeout)));
        let io = connecting.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
        Ok(Client::from_stream(io, codec))
    }
}
