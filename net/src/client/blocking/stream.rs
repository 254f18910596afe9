//! [`BlockingStream`]: a socket of the standard library, or TLS over one, with a moment until which it may block.

use std::fmt;
use std::io::{self, Read, Write};
#[cfg(feature = "tls")]
use std::net::SocketAddr;
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
#[cfg(feature = "tls")]
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::SockRef;
#[cfg(feature = "tls")]
use tokio_rustls::rustls::{ClientConfig, ClientConnection, StreamOwned, pki_types::ServerName};

#[cfg(feature = "tls")]
use crate::sockets::first_of;
use crate::sockets::tcp::TcpOptions;
use crate::sockets::{SocketAddrs, each_its_share, left};

/// What a [`BlockingClient`](crate::BlockingClient) talks through: made from a `TcpStream` or a
/// `UnixStream`, or by connecting.
pub struct BlockingStream {
    kind: Kind,
}

enum Kind {
    Plain(Timed),
    #[cfg(feature = "tls")]
    Tls(Box<StreamOwned<ClientConnection, Timed>>),
}

impl BlockingStream {
    pub(in crate::client) fn tcp(
        addr: SocketAddrs,
        options: TcpOptions,
        until: Option<Instant>,
    ) -> io::Result<Self> {
        Ok(dial(addr, options, until)?.into())
    }

    /// Does the handshake, too.
    #[cfg(feature = "tls")]
    pub(in crate::client) fn tls(
        addr: SocketAddrs,
        options: TcpOptions,
        server_name: &ServerName<'static>,
        config: Arc<ClientConfig>,
        until: Option<Instant>,
    ) -> io::Result<Self> {
        let open = |addr: SocketAddr, until| {
            Self::shaken(server_name, Arc::clone(&config), until, || {
                Ok(Socket::Tcp(dial(addr, options, until)?))
            })
        };
        match until {
            None => first_of(addr, |addr| open(addr, None)),
            Some(until) => each_its_share(addr, until, |addr, share| open(addr, Some(share))),
        }
    }

    /// Does the handshake, too.
    #[cfg(all(unix, feature = "tls"))]
    pub(in crate::client) fn unix_tls(
        addr: &std::os::unix::net::SocketAddr,
        server_name: &ServerName<'static>,
        config: Arc<ClientConfig>,
        until: Option<Instant>,
    ) -> io::Result<Self> {
        Self::shaken(server_name, config, until, || Ok(Socket::Unix(UnixStream::connect_addr(addr)?)))
    }

    #[cfg(feature = "tls")]
    fn shaken(
        server_name: &ServerName<'static>,
        config: Arc<ClientConfig>,
        until: Option<Instant>,
        connect: impl FnOnce() -> io::Result<Socket>,
    ) -> io::Result<Self> {
        let mut connection = ClientConnection::new(config, server_name.clone())
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
        self.set_nonblocking(true)?;
        let read = self.read_now(bytes);
        self.set_nonblocking(false)?;
        read
    }

    /// As [`try_read`](Self::try_read), of a stream that does not block. Nothing is written,
    /// whatever TLS has to write.
    pub(super) fn read_now(&mut self, bytes: &mut [u8]) -> io::Result<Option<usize>> {
        let read = match &mut self.kind {
            Kind::Plain(socket) => socket.read(bytes),
            #[cfg(feature = "tls")]
            Kind::Tls(stream) => read_tls(stream, bytes),
        };
        match read {
            Ok(count) => Ok(Some(count)),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// While this is on, no operation blocks: it fails with `TimedOut`.
    pub(super) fn set_nonblocking(&mut self, on: bool) -> io::Result<()> {
        self.timed().set_nonblocking(on)
    }

    /// Whether a write waits for no longer than [`BRIEF`].
    pub(super) fn set_brief(&mut self, on: bool) {
        self.timed().brief = on;
    }

    /// Waits until the socket can be written to, or read from.
    ///
    /// # Errors
    /// `TimedOut`; it can't be waited for.
    pub(super) fn wait(&mut self, reads: bool, until: Option<Instant>) -> io::Result<()> {
        self.timed().wait(reads, until)
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

/// Reads without [`StreamOwned`], which would write first.
#[cfg(feature = "tls")]
fn read_tls(stream: &mut StreamOwned<ClientConnection, Timed>, bytes: &mut [u8]) -> io::Result<usize> {
    loop {
        match stream.conn.reader().read(bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            read => return read,
        }
        stream.conn.read_tls(&mut stream.sock)?;
        let processed = stream.conn.process_new_packets();
        processed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    }
}

fn dial(addr: impl ToSocketAddrs, options: TcpOptions, until: Option<Instant>) -> io::Result<TcpStream> {
    let socket = match until {
        None => TcpStream::connect(addr)?,
        Some(until) => {
            each_its_share(addr, until, |addr, share| TcpStream::connect_timeout(&addr, left(share)?))?
        }
    };
    options.set(SockRef::from(&socket))?;
    Ok(socket)
}

/// After how long a write that goes on nowhere is looked at.
const BRIEF: Duration = Duration::from_millis(20);

/// A socket whose every read and write gets what is left of the time, so that many of them get no
/// more than one.
struct Timed {
    socket: Socket,
    until: Option<Instant>,
    /// Its writes wait for no longer than [`BRIEF`].
    brief: bool,
    nonblocking: bool,
    /// Whether the socket has a time limit for reads now.
    reads: bool,
    /// The time limit for writes that it has now; `None`: it is not known.
    writes: Option<Option<Duration>>,
}

enum Socket {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Timed {
    /// Whatever time limits the socket had are gone with its first read and write.
    fn new(socket: Socket) -> Self {
        Self { socket, until: None, brief: false, nonblocking: false, reads: true, writes: None }
    }

    fn set_nonblocking(&mut self, on: bool) -> io::Result<()> {
        match &self.socket {
            Socket::Tcp(socket) => socket.set_nonblocking(on)?,
            #[cfg(unix)]
            Socket::Unix(socket) => socket.set_nonblocking(on)?,
        }
        self.nonblocking = on;
        Ok(())
    }

    #[cfg(unix)]
    fn wait(&self, reads: bool, until: Option<Instant>) -> io::Result<()> {
        use std::os::fd::AsFd;

        use nix::errno::Errno;
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

        let socket = match &self.socket {
            Socket::Tcp(socket) => socket.as_fd(),
            Socket::Unix(socket) => socket.as_fd(),
        };
        let wanted = if reads { PollFlags::POLLIN | PollFlags::POLLOUT } else { PollFlags::POLLOUT };
        // Up to a day at once, which is less than `poll` can count.
        let most = Duration::from_secs(24 * 60 * 60);
        let limit = until.map(left).transpose()?.unwrap_or(most).min(most) + Duration::from_millis(1);
        let limit = PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(socket, wanted)], limit) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// There is nothing in std to wait for one of both.
    #[cfg(not(unix))]
    fn wait(&self, _reads: bool, until: Option<Instant>) -> io::Result<()> {
        let rest = Duration::from_millis(1);
        std::thread::sleep(until.map(left).transpose()?.unwrap_or(rest).min(rest));
        Ok(())
    }
}

impl Read for Timed {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        retried(|| {
            if !self.nonblocking && (self.until.is_some() || self.reads) {
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
            let left = self.until.map(left).transpose()?;
            let limit = if self.brief { Some(left.map_or(BRIEF, |left| left.min(BRIEF))) } else { left };
            if !self.nonblocking && self.writes != Some(limit) {
                match &self.socket {
                    Socket::Tcp(socket) => socket.set_write_timeout(limit)?,
                    #[cfg(unix)]
                    Socket::Unix(socket) => socket.set_write_timeout(limit)?,
                }
                self.writes = Some(limit);
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
