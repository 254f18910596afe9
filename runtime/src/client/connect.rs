//! How a [`Client`] comes to its server: TCP, TLS, Unix sockets.

use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::Path;
#[cfg(feature = "tls")]
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpStream, ToSocketAddrs, lookup_host};
use tokio::time::timeout;
#[cfg(feature = "tls")]
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, pki_types::ServerName},
};

use super::Client;
use crate::codec::Codec;
use crate::sockets::race;

/// The stream under a [`Client`] that [`connect_tls`](Client::connect_tls) has connected, or over `UnixStream`
/// `connect_unix_tls`.
#[cfg(feature = "tls")]
pub type ClientTls<IO = TcpStream> = tokio_rustls::client::TlsStream<IO>;

/// All on the current tokio runtime. Connecting may be dropped at any time, and so given a time limit from outside, too.
///
/// A name may have several addresses, and a slice of addresses is taken as well. They are tried as RFC 8305 ("happy
/// eyeballs") says: IPv6 and IPv4 take turns, and an address that has not answered after 250 ms goes on while the next
/// one is tried beside it. With TLS an attempt is both, connection and handshake, so an address where somebody accepts
/// and then says nothing holds nobody up. The first that succeeds is taken, the others are dropped. For several
/// addresses the runtime must have time enabled.
impl<Req, Rsp, C: Codec<Rsp, Req>> Client<Req, Rsp, C> {
    /// Connects over TCP, with `TCP_NODELAY`.
    ///
    /// # Errors
    /// The address can't be resolved, or nobody answers there.
    pub async fn connect(addr: impl ToSocketAddrs, codec: C) -> io::Result<Self> {
        Self::connect_tcp(None, addr, codec).await
    }

    /// As [`connect`](Self::connect), with a time limit for all of it: for looking the name up, and for all addresses
    /// together. Each of them is tried in the first half of the limit.
    ///
    /// # Errors
    /// As `connect`; `TimedOut`.
    pub async fn connect_within(limit: Duration, addr: impl ToSocketAddrs, codec: C) -> io::Result<Self> {
        within(limit, Self::connect_tcp(Some(limit), addr, codec)).await
    }

    async fn connect_tcp(limit: Option<Duration>, addr: impl ToSocketAddrs, codec: C) -> io::Result<Self> {
        let addrs = lookup_host(addr).await?.collect();
        Ok(Self::over(race(addrs, limit, tcp).await?, codec))
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
        Ok(Client::over(tls(None, addr, server_name, config).await?, codec))
    }

    /// As [`connect_tls`](Self::connect_tls), with a time limit for all of it, as
    /// [`connect_within`](Self::connect_within), the handshake included.
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
        Ok(Client::over(within(limit, tls(Some(limit), addr, server_name, config)).await?, codec))
    }
}

async fn tcp(addr: SocketAddr) -> io::Result<TcpStream> {
    let io = TcpStream::connect(addr).await?;
    io.set_nodelay(true)?;
    Ok(io)
}

#[cfg(feature = "tls")]
async fn tls(
    limit: Option<Duration>,
    addr: impl ToSocketAddrs,
    server_name: &str,
    config: Arc<ClientConfig>,
) -> io::Result<ClientTls> {
    let (name, connector) = (name(server_name)?, TlsConnector::from(config));
    let addrs = lookup_host(addr).await?.collect();
    race(addrs, limit, |addr| {
        let (name, connector) = (name.clone(), connector.clone());
        async move { connector.connect(name, tcp(addr).await?).await }
    })
    .await
}

#[cfg(feature = "tls")]
pub(super) fn name(name: &str) -> io::Result<ServerName<'static>> {
    ServerName::try_from(name.to_owned()).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
}

async fn within<T>(limit: Duration, connecting: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(limit, connecting).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
