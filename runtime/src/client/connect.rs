//! How a [`Client`] comes to its server: TCP, TLS, Unix sockets.

use std::io;
#[cfg(unix)]
use std::path::Path;
#[cfg(feature = "tls")]
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpStream, ToSocketAddrs};
use tokio::time::timeout;
#[cfg(feature = "tls")]
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, pki_types::ServerName},
};

use super::Client;
use crate::codec::Codec;

/// The stream under a [`Client`] that [`connect_tls`](Client::connect_tls) has connected, or over `UnixStream`
/// `connect_unix_tls`.
#[cfg(feature = "tls")]
pub type ClientTls<IO = TcpStream> = tokio_rustls::client::TlsStream<IO>;

/// All on the current tokio runtime. Connecting may be dropped at any time, and so given a time limit from outside, too.
impl<Req, Rsp, C: Codec<Rsp, Req>> Client<Req, Rsp, C> {
    /// Connects over TCP, with `TCP_NODELAY`.
    ///
    /// # Errors
    /// The address can't be resolved, or nobody answers there.
    pub async fn connect(addr: impl ToSocketAddrs, codec: C) -> io::Result<Self> {
        Ok(Self::over(tcp(addr).await?, codec))
    }

    /// As [`connect`](Self::connect), with a time limit for all of it, names included.
    ///
    /// # Errors
    /// As `connect`; `TimedOut`.
    pub async fn connect_within(limit: Duration, addr: impl ToSocketAddrs, codec: C) -> io::Result<Self> {
        within(limit, Self::connect(addr, codec)).await
    }

    /// Connects to the Unix socket at `path`.
    ///
    /// # Errors
    /// Nobody listens there; `WouldBlock` if too many wait there already.
    #[cfg(unix)]
    pub async fn connect_unix(
        path: impl AsRef<Path>,
        codec: C,
    ) -> io::Result<Client<Req, Rsp, C, tokio::net::UnixStream>> {
        Ok(Client::over(tokio::net::UnixStream::connect(path).await?, codec))
    }

    /// Connects to the Unix socket at `path` and does a TLS handshake: with whom, is for `server_name` and for the roots in
    /// `config` to say.
    ///
    /// # Errors
    /// As [`connect_unix`](Self::connect_unix) and [`connect_tls`](Self::connect_tls).
    #[cfg(all(unix, feature = "tls"))]
    pub async fn connect_unix_tls(
        path: impl AsRef<Path>,
        server_name: &str,
        config: Arc<ClientConfig>,
        codec: C,
    ) -> io::Result<Client<Req, Rsp, C, ClientTls<tokio::net::UnixStream>>> {
        let name = name(server_name)?;
        let io = tokio::net::UnixStream::connect(path).await?;
        Ok(Client::over(TlsConnector::from(config).connect(name, io).await?, codec))
    }

    /// Connects over TCP and does a TLS handshake: with whom, is for `server_name` (a DNS name or an IP address) and for the
    /// roots in `config` to say.
    ///
    /// # Errors
    /// As [`connect`](Self::connect); `server_name` is no name (`InvalidInput`); the handshake fails (`InvalidData`, with
    /// rustls's own error inside).
    #[cfg(feature = "tls")]
    pub async fn connect_tls(
        addr: impl ToSocketAddrs,
        server_name: &str,
        config: Arc<ClientConfig>,
        codec: C,
    ) -> io::Result<Client<Req, Rsp, C, ClientTls>> {
        let name = name(server_name)?;
        let io = TlsConnector::from(config).connect(name, tcp(addr).await?).await?;
        Ok(Client::over(io, codec))
    }

    /// As [`connect_tls`](Self::connect_tls), with a time limit for all of it, the handshake included.
    ///
    /// # Errors
    /// As `connect_tls`; `TimedOut`.
    #[cfg(feature = "tls")]
    pub async fn connect_tls_within(
        limit: Duration,
        addr: impl ToSocketAddrs,
        server_name: &str,
        config: Arc<ClientConfig>,
        codec: C,
    ) -> io::Result<Client<Req, Rsp, C, ClientTls>> {
        within(limit, Self::connect_tls(addr, server_name, config, codec)).await
    }
}

async fn tcp(addr: impl ToSocketAddrs) -> io::Result<TcpStream> {
    let io = TcpStream::connect(addr).await?;
    io.set_nodelay(true)?;
    Ok(io)
}

#[cfg(feature = "tls")]
pub(super) fn name(name: &str) -> io::Result<ServerName<'static>> {
    ServerName::try_from(name.to_owned()).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
}

async fn within<T>(limit: Duration, connecting: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(limit, connecting).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
