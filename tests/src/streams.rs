//! Servers on each kind of stream, and raw clients for them.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use portcullis::{Bound, Codec, Server, Service, Tcp, Unbound, Unix};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpSocket, TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::{LIMIT, pki, served};

/// A kind of stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// TCP.
    Tcp,
    /// TLS over TCP.
    Tls,
    /// A Unix socket.
    Unix,
    /// TLS over a Unix socket.
    UnixTls,
    /// A Unix socket that passes descriptors.
    Passing,
}

/// How to connect to a server.
#[derive(Debug)]
pub enum ServerAddr {
    /// A TCP address.
    Tcp(SocketAddr),
    /// A TCP address, with TLS.
    Tls(SocketAddr),
    /// A path.
    Unix(PathBuf, TempDir),
    /// A path, with TLS.
    UnixTls(PathBuf, TempDir),
}

/// Binds `server` to a stream of this kind.
///
/// # Panics
/// If binding fails.
pub fn bind<S, C>(kind: Kind, server: Server<S, C, Unbound>) -> (Server<S, C, Bound>, ServerAddr)
where
    S: Service,
    C: Codec<S::Request, S::Response>,
{
    match kind {
        Kind::Tcp => {
            let server = server.bind("127.0.0.1:0").expect("a port");
            let addr = server.local_addr();
            (server, ServerAddr::Tcp(addr))
        }
        Kind::Tls => {
            let tls = pki::server_tls().build().expect("a certificate");
            let server = server.listen(Tcp::new("127.0.0.1:0").tls(tls)).expect("a port");
            let addr = server.local_addr();
            (server, ServerAddr::Tls(addr))
        }
        Kind::Unix => {
            let dir = TempDir::new();
            let path = dir.join("socket");
            (server.listen(Unix::new(&path)).expect("a path"), ServerAddr::Unix(path, dir))
        }
        Kind::UnixTls => {
            let dir = TempDir::new();
            let path = dir.join("socket");
            let tls = pki::server_tls().build().expect("a certificate");
            (server.listen(Unix::new(&path).tls(tls)).expect("a path"), ServerAddr::UnixTls(path, dir))
        }
        Kind::Passing => {
            let dir = TempDir::new();
            let path = dir.join("socket");
            (server.listen(Unix::new(&path).pass_fds(16)).expect("a path"), ServerAddr::Unix(path, dir))
        }
    }
}

impl ServerAddr {
    /// Connects.
    ///
    /// # Panics
    /// If connecting fails.
    pub async fn connect(&self) -> Conn {
        self.try_connect().await.expect("it listens")
    }

    /// Connects. A TCP socket gets a receive buffer of about `bytes` bytes.
    ///
    /// # Panics
    /// If connecting fails.
    pub async fn connect_receiving(&self, bytes: u32) -> Conn {
        let (Self::Tcp(addr) | Self::Tls(addr)) = self else { return self.connect().await };
        let socket = TcpSocket::new_v4().expect("a socket");
        // Set before connecting: otherwise the kernel drops segments for which the smaller buffer
        // has no room, and their retransmission takes long.
        socket.set_recv_buffer_size(bytes).expect("a socket");
        let stream = socket.connect(*addr).await.expect("it listens");
        match self {
            Self::Tls(_) => {
                Conn::Tls(Box::new(shake(stream, pki::client_config(None, &[])).await.expect("a handshake")))
            }
            _ => Conn::Tcp(stream),
        }
    }

    /// Connects, and returns an error if that fails.
    ///
    /// # Errors
    /// Nothing listens at the address, or the handshake fails.
    ///
    /// # Panics
    /// If a handshake takes too long.
    pub async fn try_connect(&self) -> io::Result<Conn> {
        Ok(match self {
            Self::Tcp(addr) => Conn::Tcp(try_tcp(*addr).await?),
            Self::Tls(addr) => {
                Conn::Tls(Box::new(shake(try_tcp(*addr).await?, pki::client_config(None, &[])).await?))
            }
            Self::Unix(path, _) => Conn::Unix(UnixStream::connect(path).await?),
            Self::UnixTls(path, _) => {
                let stream = UnixStream::connect(path).await?;
                Conn::UnixTls(Box::new(shake(stream, pki::client_config(None, &[])).await?))
            }
        })
    }
}

/// Connects over TCP.
///
/// # Panics
/// If connecting fails.
pub async fn tcp(addr: SocketAddr) -> TcpStream {
    try_tcp(addr).await.expect("it listens")
}

async fn try_tcp(addr: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Connects over TLS.
///
/// # Errors
/// The handshake fails.
///
/// # Panics
/// If nothing listens at the address.
pub async fn tls(addr: SocketAddr, config: Arc<ClientConfig>) -> io::Result<Conn> {
    Ok(Conn::Tls(Box::new(shake(tcp(addr).await, config).await?)))
}

async fn shake<IO: AsyncRead + AsyncWrite + Unpin>(
    io: IO,
    config: Arc<ClientConfig>,
) -> io::Result<TlsStream<IO>> {
    let name = ServerName::try_from("localhost").expect("a name");
    timeout(LIMIT, TlsConnector::from(config).connect(name, io)).await.expect("in time")
}

/// A client's end of a connection.
#[derive(Debug)]
pub enum Conn {
    /// TCP.
    Tcp(TcpStream),
    /// TLS over TCP.
    Tls(Box<TlsStream<TcpStream>>),
    /// A Unix socket.
    Unix(UnixStream),
    /// TLS over a Unix socket.
    UnixTls(Box<TlsStream<UnixStream>>),
}

impl Conn {
    /// Closes the connection abruptly: TCP sends a reset, and TLS no `close_notify`. A Unix socket
    /// resets if it holds unread data.
    ///
    /// # Panics
    /// If the connection is closed.
    pub fn reset(self) {
        match &self {
            Self::Tcp(stream) => stream.set_zero_linger().expect("a connection"),
            Self::Tls(stream) => stream.get_ref().0.set_zero_linger().expect("a connection"),
            Self::Unix(_) | Self::UnixTls(_) => {}
        }
    }

    /// Waits until there is something to read.
    ///
    /// # Panics
    /// If nothing arrives within [`LIMIT`].
    pub async fn readable(&self) {
        let readable = async {
            match self {
                Self::Tcp(stream) => stream.readable().await,
                Self::Tls(stream) => stream.get_ref().0.readable().await,
                Self::Unix(stream) => stream.readable().await,
                Self::UnixTls(stream) => stream.get_ref().0.readable().await,
            }
        };
        timeout(LIMIT, readable).await.expect("in time").expect("a connection");
    }

    /// Writes and flushes all of `bytes`.
    ///
    /// # Panics
    /// If the connection is closed.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.write_all(bytes.as_ref()).await.expect("it is taken");
        self.flush().await.expect("it is taken");
    }

    /// Reads the next line.
    ///
    /// # Panics
    /// If no line arrives.
    pub async fn line(&mut self) -> String {
        served::line(self).await
    }

    /// Sends a line, and returns the next line that arrives.
    ///
    /// # Panics
    /// As [`send`](Self::send) and [`line`](Self::line).
    pub async fn call(&mut self, text: &str) -> String {
        served::call(self, text).await
    }

    /// Reads everything up to a regular end of the stream.
    ///
    /// # Panics
    /// If the stream ends otherwise: by a reset, or without `close_notify` in TLS.
    pub async fn read_remaining(&mut self) -> Vec<u8> {
        served::read_remaining(self).await
    }

    fn io(&mut self) -> Pin<&mut (dyn Io + '_)> {
        match self {
            Self::Tcp(stream) => Pin::new(stream),
            Self::Tls(stream) => Pin::new(stream),
            Self::Unix(stream) => Pin::new(stream),
            Self::UnixTls(stream) => Pin::new(stream),
        }
    }
}

trait Io: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Io for T {}

impl AsyncRead for Conn {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.get_mut().io().poll_read(cx, buf)
    }
}

impl AsyncWrite for Conn {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().io().poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().io().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().io().poll_shutdown(cx)
    }
}

/// A new directory, which is removed when this is dropped.
#[derive(Debug)]
pub struct TempDir(PathBuf);

impl TempDir {
    /// # Panics
    /// If the directory cannot be created.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("portcullis-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("a folder");
        Self(path)
    }
}

impl std::ops::Deref for TempDir {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
