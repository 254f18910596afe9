//! [`BlockingStream`]: a socket of the standard library, or TLS over one, with a moment until which it may block.

use std::fmt;
use std::io::{self, Read, Write};
#[cfg(feature = "tls")]
use std::net::SocketAddr;
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
#[cfg(all(unix, feature = "tls"))]
use std::path::Path;
#[cfg(feature = "tls")]
use std::sync::Arc;
use std::time::Instant;

#[cfg(feature = "tls")]
use tokio_rustls::rustls::{ClientConfig, ClientConnection, StreamOwned};

#[cfg(feature = "tls")]
use crate::client::connect::name;
#[cfg(feature = "tls")]
use crate::transport::first_of;
use crate::transport::{each_its_share, left};

/// What a [`BlockingClient`](crate::BlockingClient) talks through: made from a `TcpStream` or a `UnixStream`, or by connecting.
pub struct BlockingStream {
    kind: Kind,
}

enum Kind {
    Plain(Timed),
    #[cfg(feature = "tls")]
    Tls(Box<StreamOwned<ClientConnection, Timed>>),
}

impl BlockingStream {
    pub(super) fn tcp(addr: impl ToSocketAddrs, until: Option<Instant>) -> io::Result<Self> {
        Ok(Self { kind: Kind::Plain(Timed::new(Socket::Tcp(dial(addr, until)?))) })
    }

    /// Does the handshake, too.
    #[cfg(feature = "tls")]
    pub(super) fn tls(
        addr: impl ToSocketAddrs,
        server_name: &str,
        config: Arc<ClientConfig>,
        until: Option<Instant>,
    ) -> io::Result<Self> {
        let open = |addr: SocketAddr, until| {
            Self::shaken(server_name, Arc::clone(&config), until, || Ok(Socket::Tcp(dial(addr, until)?)))
        };
        match until {
            None => first_of(addr, |addr| open(addr, None)),
            Some(until) => each_its_share(addr, until, |addr, share| open(addr, Some(share))),
        }
    }

    /// Does the handshake, too.
    #[cfg(all(unix, feature = "tls"))]
    pub(super) fn unix_tls(path: &Path, server_name: &str, config: Arc<ClientConfig>) -> io::Result<Self> {
        Self::shaken(server_name, config, None, || Ok(Socket::Unix(UnixStream::connect(path)?)))
    }

    #[cfg(feature = "tls")]
    fn shaken(
        server_name: &str,
        config: Arc<ClientConfig>,
        until: Option<Instant>,
        connect: impl FnOnce() -> io::Result<Socket>,
    ) -> io::Result<Self> {
        let name = name(server_name)?;
        let mut connection = ClientConnection::new(config, name)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let mut socket = Timed::new(connect()?);
        socket.until = until;
        while connection.is_handshaking() {
            connection.complete_io(&mut socket)?;
        }
        Ok(Self { kind: Kind::Tls(Box::new(StreamOwned::new(connection, socket))) })
    }

    /// Until when all that follows may block.
    pub(super) fn set_until(&mut self, until: Option<Instant>) {
        self.timed().until = until;
    }

    pub(super) fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match &mut self.kind {
            Kind::Plain(socket) => socket.read(bytes),
            #[cfg(feature = "tls")]
            Kind::Tls(stream) => stream.read(bytes),
        }
    }

    /// As [`read`](Self::read), of what is there; `None` if nothing is.
    pub(super) fn try_read(&mut self, bytes: &mut [u8]) -> io::Result<Option<usize>> {
        self.timed().until = None;
        self.timed().set_nonblocking(true)?;
        let read = self.read(bytes);
        self.timed().set_nonblocking(false)?;
        match read {
            Ok(count) => Ok(Some(count)),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.kind {
            Kind::Plain(socket) => socket.write(bytes),
            #[cfg(feature = "tls")]
            Kind::Tls(stream) => stream.write(bytes),
        }
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        match &mut self.kind {
            Kind::Plain(socket) => socket.flush(),
            #[cfg(feature = "tls")]
            Kind::Tls(stream) => stream.flush(),
        }
    }

    pub(super) fn finish(&mut self) -> io::Result<()> {
        #[cfg(feature = "tls")]
        if let Kind::Tls(stream) = &mut self.kind {
            stream.conn.send_close_notify();
            stream.flush()?;
        }
        match &self.timed().socket {
            Socket::Tcp(socket) => socket.shutdown(Shutdown::Write),
            #[cfg(unix)]
            Socket::Unix(socket) => socket.shutdown(Shutdown::Write),
        }
    }

    fn timed(&mut self) -> &mut Timed {
        match &mut self.kind {
            Kind::Plain(socket) => socket,
            #[cfg(feature = "tls")]
            Kind::Tls(stream) => &mut stream.sock,
        }
    }
}

fn dial(addr: impl ToSocketAddrs, until: Option<Instant>) -> io::Result<TcpStream> {
    let socket = match until {
        None => TcpStream::connect(addr)?,
        Some(until) => {
            each_its_share(addr, until, |addr, share| TcpStream::connect_timeout(&addr, left(share)?))?
        }
    };
    socket.set_nodelay(true)?;
    Ok(socket)
}

/// A socket whose every read and write gets what is left of the time, so that many of them get no more than one.
struct Timed {
    socket: Socket,
    until: Option<Instant>,
    /// Whether the socket has time limits now.
    reads: bool,
    writes: bool,
}

enum Socket {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Timed {
    /// Whatever time limits the socket had are gone with its first read and write.
    fn new(socket: Socket) -> Self {
        Self { socket, until: None, reads: true, writes: true }
    }

    fn set_nonblocking(&self, on: bool) -> io::Result<()> {
        match &self.socket {
            Socket::Tcp(socket) => socket.set_nonblocking(on),
            #[cfg(unix)]
            Socket::Unix(socket) => socket.set_nonblocking(on),
        }
    }
}

impl Read for Timed {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        retried(|| {
            if self.until.is_some() || self.reads {
                let left = self.until.map(left).transpose()?;
                match &self.socket {
                    Socket::Tcp(socket) => socket.set_read_timeout(left)?,
                    #[cfg(unix)]
                    Socket::Unix(socket) => socket.set_read_timeout(left)?,
                }
                self.reads = left.is_some();
            }
            match &mut self.socket {
                Socket::Tcp(socket) => socket.read(bytes),
                #[cfg(unix)]
                Socket::Unix(socket) => socket.read(bytes),
            }
        })
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        retried(|| {
            if self.until.is_some() || self.writes {
                let left = self.until.map(left).transpose()?;
                match &self.socket {
                    Socket::Tcp(socket) => socket.set_write_timeout(left)?,
                    #[cfg(unix)]
                    Socket::Unix(socket) => socket.set_write_timeout(left)?,
                }
                self.writes = left.is_some();
            }
            match &mut self.socket {
                Socket::Tcp(socket) => socket.write(bytes),
                #[cfg(unix)]
                Socket::Unix(socket) => socket.write(bytes),
            }
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A signal is no reason to stop, and what POSIX calls a time limit that has passed is called so.
fn retried(mut operation: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match operation() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(io::ErrorKind::TimedOut.into());
            }
            done => return done,
        }
    }
}

impl From<TcpStream> for BlockingStream {
    fn from(socket: TcpStream) -> Self {
        Self { kind: Kind::Plain(Timed::new(Socket::Tcp(socket))) }
    }
}

#[cfg(unix)]
impl From<UnixStream> for BlockingStream {
    fn from(socket: UnixStream) -> Self {
        Self { kind: Kind::Plain(Timed::new(Socket::Unix(socket))) }
    }
}

impl fmt::Debug for BlockingStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (timed, tls) = match &self.kind {
            Kind::Plain(socket) => (socket, false),
            #[cfg(feature = "tls")]
            Kind::Tls(stream) => (&stream.sock, true),
        };
        let socket: &dyn fmt::Debug = match &timed.socket {
            Socket::Tcp(socket) => socket,
            #[cfg(unix)]
            Socket::Unix(socket) => socket,
        };
        f.debug_struct("BlockingStream").field("socket", socket).field("tls", &tls).finish()
    }
}
