//! [`BlockingStream`]: a socket of std, or TLS over one, with a deadline for its operations.

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

use crate::sockets::tcp::TcpOptions;
#[cfg(feature = "tls")]
use crate::sockets::try_each_addr;
use crate::sockets::{SocketAddrs, remaining, try_each_addr_until};

/// The stream of a [`BlockingClient`](crate::BlockingClient). It is made from a `TcpStream` or a
/// `UnixStream`, or by connecting.
pub struct BlockingStream {
    kind: Kind,
}

enum Kind {
    Plain(DeadlineSocket),
    #[cfg(feature = "tls")]
    Tls(Box<StreamOwned<ClientConnection, DeadlineSocket>>),
}

impl BlockingStream {
    pub(in crate::client) fn tcp(
        addr: SocketAddrs,
        options: TcpOptions,
        deadline: Option<Instant>,
    ) -> io::Result<Self> {
        Ok(connect_tcp(addr, options, deadline)?.into())
    }

    /// Connects, and does the TLS handshake.
    #[cfg(feature = "tls")]
    pub(in crate::client) fn tls(
        addr: SocketAddrs,
        options: TcpOptions,
        server_name: &ServerName<'static>,
        config: Arc<ClientConfig>,
        deadline: Option<Instant>,
    ) -> io::Result<Self> {
        let open = |addr: SocketAddr, deadline| {
            Self::connect_tls(server_name, Arc::clone(&config), deadline, || {
                Ok(Socket::Tcp(connect_tcp(addr, options, deadline)?))
            })
        };
        match deadline {
            None => try_each_addr(addr, |addr| open(addr, None)),
            Some(deadline) => try_each_addr_until(addr, deadline, |addr, share| open(addr, Some(share))),
        }
    }

    /// Connects, and does the TLS handshake.
    #[cfg(all(unix, feature = "tls"))]
    pub(in crate::client) fn unix_tls(
        addr: &std::os::unix::net::SocketAddr,
        server_name: &ServerName<'static>,
        config: Arc<ClientConfig>,
        deadline: Option<Instant>,
    ) -> io::Result<Self> {
        Self::connect_tls(server_name, config, deadline, || Ok(Socket::Unix(UnixStream::connect_addr(addr)?)))
    }

    #[cfg(feature = "tls")]
    fn connect_tls(
        server_name: &ServerName<'static>,
        config: Arc<ClientConfig>,
        deadline: Option<Instant>,
        connect: impl FnOnce() -> io::Result<Socket>,
    ) -> io::Result<Self> {
        let mut connection = ClientConnection::new(config, server_name.clone())
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let mut socket = DeadlineSocket::new(connect()?);
        socket.deadline = deadline;
        while connection.is_handshaking() {
            connection.complete_io(&mut socket)?;
        }
        Ok(Self { kind: Kind::Tls(Box::new(StreamOwned::new(connection, socket))) })
    }

    /// Sets the deadline of all following operations.
    pub(super) fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.socket_mut().deadline = deadline;
    }

    pub(super) fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match &mut self.kind {
            Kind::Plain(socket) => socket.read(bytes),
            #[cfg(feature = "tls")]
            Kind::Tls(stream) => stream.read(bytes),
        }
    }

    /// Reads what is available, without blocking. `None` if nothing is.
    pub(super) fn try_read(&mut self, bytes: &mut [u8]) -> io::Result<Option<usize>> {
        self.set_nonblocking(true)?;
        let read = self.read_nonblocking(bytes);
        self.set_nonblocking(false)?;
        read
    }

    /// Like [`try_read`](Self::try_read), for a stream that is already nonblocking. Writes nothing,
    /// even if TLS has something to write.
    pub(super) fn read_nonblocking(&mut self, bytes: &mut [u8]) -> io::Result<Option<usize>> {
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

    /// Sets whether the socket is nonblocking. Then operations that would block fail with
    /// `TimedOut`.
    pub(super) fn set_nonblocking(&mut self, on: bool) -> io::Result<()> {
        self.socket_mut().set_nonblocking(on)
    }

    /// Sets whether a write blocks for at most [`SHORT_WRITE`].
    pub(super) fn set_short_writes(&mut self, on: bool) {
        self.socket_mut().short_writes = on;
    }

    /// Waits until the socket is writable or, if `reads`, readable.
    ///
    /// # Errors
    /// `TimedOut`; the system cannot wait for the socket.
    pub(super) fn wait_ready(&mut self, reads: bool, deadline: Option<Instant>) -> io::Result<()> {
        self.socket_mut().wait_ready(reads, deadline)
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
        match &self.socket_mut().socket {
            Socket::Tcp(socket) => socket.shutdown(Shutdown::Write),
            #[cfg(unix)]
            Socket::Unix(socket) => socket.shutdown(Shutdown::Write),
        }
    }

    fn socket_mut(&mut self) -> &mut DeadlineSocket {
        match &mut self.kind {
            Kind::Plain(socket) => socket,
            #[cfg(feature = "tls")]
            Kind::Tls(stream) => &mut stream.sock,
        }
    }
}

/// Reads from a TLS stream. `StreamOwned` would write first.
#[cfg(feature = "tls")]
fn read_tls(
    stream: &mut StreamOwned<ClientConnection, DeadlineSocket>,
    bytes: &mut [u8],
) -> io::Result<usize> {
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

fn connect_tcp(
    addr: impl ToSocketAddrs,
    options: TcpOptions,
    deadline: Option<Instant>,
) -> io::Result<TcpStream> {
    let socket = match deadline {
        None => TcpStream::connect(addr)?,
        Some(deadline) => try_each_addr_until(addr, deadline, |addr, share| {
            TcpStream::connect_timeout(&addr, remaining(share)?)
        })?,
    };
    options.apply(SockRef::from(&socket))?;
    Ok(socket)
}

/// How long a write blocks before the client reads responses.
const SHORT_WRITE: Duration = Duration::from_millis(20);

/// A socket with a deadline: each read and write gets the time that remains, so many small ones
/// take no longer than one.
struct DeadlineSocket {
    socket: Socket,
    deadline: Option<Instant>,
    /// Whether writes block for at most [`SHORT_WRITE`].
    short_writes: bool,
    nonblocking: bool,
    /// Whether a read timeout is set on the socket.
    has_read_timeout: bool,
    /// The write timeout that is set on the socket. The outer `None` means that it is not known.
    write_timeout: Option<Option<Duration>>,
}

enum Socket {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl DeadlineSocket {
    /// Timeouts that are set on `socket` are replaced at the first read and write.
    fn new(socket: Socket) -> Self {
        Self {
            socket,
            deadline: None,
            short_writes: false,
            nonblocking: false,
            has_read_timeout: true,
            write_timeout: None,
        }
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
    fn wait_ready(&self, reads: bool, deadline: Option<Instant>) -> io::Result<()> {
        use std::os::fd::AsFd;

        use nix::errno::Errno;
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

        let socket = match &self.socket {
            Socket::Tcp(socket) => socket.as_fd(),
            Socket::Unix(socket) => socket.as_fd(),
        };
        let wanted = if reads { PollFlags::POLLIN | PollFlags::POLLOUT } else { PollFlags::POLLOUT };
        // A day at most, which fits into the argument of `poll`.
        let max = Duration::from_secs(24 * 60 * 60);
        let timeout = deadline.map(remaining).transpose()?.unwrap_or(max).min(max) + Duration::from_millis(1);
        let timeout = PollTimeout::try_from(timeout).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(socket, wanted)], timeout) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// std has no function that waits for reading or writing.
    #[cfg(not(unix))]
    fn wait_ready(&self, _reads: bool, deadline: Option<Instant>) -> io::Result<()> {
        let interval = Duration::from_millis(1);
        std::thread::sleep(deadline.map(remaining).transpose()?.unwrap_or(interval).min(interval));
        Ok(())
    }
}

impl Read for DeadlineSocket {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        retry_interrupted(|| {
            if !self.nonblocking && (self.deadline.is_some() || self.has_read_timeout) {
                let remaining = self.deadline.map(remaining).transpose()?;
                match &self.socket {
                    Socket::Tcp(socket) => socket.set_read_timeout(remaining)?,
                    #[cfg(unix)]
                    Socket::Unix(socket) => socket.set_read_timeout(remaining)?,
                }
                self.has_read_timeout = remaining.is_some();
            }
            match &mut self.socket {
                Socket::Tcp(socket) => socket.read(bytes),
                #[cfg(unix)]
                Socket::Unix(socket) => socket.read(bytes),
            }
        })
    }
}

impl Write for DeadlineSocket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        retry_interrupted(|| {
            let remaining = self.deadline.map(remaining).transpose()?;
            let timeout = if self.short_writes {
                Some(remaining.map_or(SHORT_WRITE, |remaining| remaining.min(SHORT_WRITE)))
            } else {
                remaining
            };
            if !self.nonblocking && self.write_timeout != Some(timeout) {
                match &self.socket {
                    Socket::Tcp(socket) => socket.set_write_timeout(timeout)?,
                    #[cfg(unix)]
                    Socket::Unix(socket) => socket.set_write_timeout(timeout)?,
                }
                self.write_timeout = Some(timeout);
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

/// Repeats an operation that a signal has interrupted. POSIX systems return `WouldBlock` when a
/// timeout has passed; that becomes `TimedOut`.
fn retry_interrupted(mut operation: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
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
        Self { kind: Kind::Plain(DeadlineSocket::new(Socket::Tcp(socket))) }
    }
}

#[cfg(unix)]
impl From<UnixStream> for BlockingStream {
    fn from(socket: UnixStream) -> Self {
        Self { kind: Kind::Plain(DeadlineSocket::new(Socket::Unix(socket))) }
    }
}

impl fmt::Debug for BlockingStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (socket, tls) = match &self.kind {
            Kind::Plain(socket) => (socket, false),
            #[cfg(feature = "tls")]
            Kind::Tls(stream) => (&stream.sock, true),
        };
        let socket: &dyn fmt::Debug = match &socket.socket {
            Socket::Tcp(socket) => socket,
            #[cfg(unix)]
            Socket::Unix(socket) => socket,
        };
        f.debug_struct("BlockingStream").field("socket", socket).field("tls", &tls).finish()
    }
}
