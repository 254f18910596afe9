//! Datagram sockets, UDP and Unix, and [`DatagramAddr`]: where a datagram comes from.
//!
//! A [`Socket`] is bound outside any runtime, with what [`udp`] has for options, and
//! [becomes](AsyncSocket::new) one of the loop where it is used.

pub(crate) mod local;
mod udp;
#[cfg(unix)]
mod unix;

use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket};
#[cfg(unix)]
use std::os::unix::net::{SocketAddr as UnixAddr, UnixDatagram as StdUnixDatagram};
#[cfg(unix)]
use std::path::{Path, PathBuf};
use std::task::{Context, Poll, ready};
#[cfg(unix)]
use std::time::Duration;
use std::{fmt, io};

use tokio::io::ReadBuf;

pub(crate) use self::local::Told;
pub use self::udp::Udp;
use self::udp::UdpOptions;
#[cfg(unix)]
pub use self::unix::UnixDatagram;
#[cfg(unix)]
use crate::codec::private::MAX_DATAGRAM;
use crate::codec::private::MAX_UDP_PAYLOAD;
#[cfg(unix)]
use crate::sockets::socket_file;
#[cfg(unix)]
pub(crate) use crate::sockets::socket_file::SocketFile;
#[cfg(unix)]
use crate::sockets::unix::{Name, UnixName};
use crate::sockets::{SocketAddrs, first_of};

/// Where a datagram comes from or goes to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DatagramAddr {
    /// A UDP port.
    Ip(SocketAddr),
    /// The file of a Unix socket.
    #[cfg(unix)]
    Path(PathBuf),
    /// The abstract name of a Unix socket, which has no file.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    Abstract(Vec<u8>),
    /// A Unix socket that was never bound: it can't be answered.
    Unnamed,
}

impl DatagramAddr {
    /// The address, if it is one of IP.
    pub fn ip(&self) -> Option<SocketAddr> {
        match self {
            Self::Ip(addr) => Some(*addr),
            #[allow(unreachable_patterns)]
            _ => None,
        }
    }

    #[cfg(unix)]
    fn of_unix(addr: &UnixAddr) -> Self {
        if let Some(path) = addr.as_pathname() {
            return Self::Path(path.to_owned());
        }
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let Some(name) = abstract_name(addr) {
            return Self::Abstract(name.to_owned());
        }
        Self::Unnamed
    }

    #[cfg(unix)]
    pub(crate) fn to_unix(&self) -> io::Result<UnixAddr> {
        match self {
            Self::Path(path) => UnixAddr::from_pathname(path),
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Self::Abstract(name) => abstract_addr(name),
            Self::Ip(_) | Self::Unnamed => Err(elsewhere()),
        }
    }
}

/// An abstract name in the manner of `ss` and systemd: `@name`.
impl fmt::Display for DatagramAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(addr) => addr.fmt(f),
            #[cfg(unix)]
            Self::Path(path) => path.display().fmt(f),
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Self::Abstract(name) => write!(f, "@{}", name.escape_ascii()),
            Self::Unnamed => f.write_str("(unnamed)"),
        }
    }
}

impl From<SocketAddr> for DatagramAddr {
    fn from(addr: SocketAddr) -> Self {
        Self::Ip(addr)
    }
}

#[cfg(unix)]
impl From<&Path> for DatagramAddr {
    fn from(path: &Path) -> Self {
        Self::Path(path.to_owned())
    }
}

#[cfg(target_os = "android")]
use std::os::android::net::SocketAddrExt;
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;

#[cfg(any(target_os = "linux", target_os = "android"))]
fn abstract_name(addr: &UnixAddr) -> Option<&[u8]> {
    addr.as_abstract_name()
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn abstract_addr(name: &[u8]) -> io::Result<UnixAddr> {
    UnixAddr::from_abstract_name(name)
}

/// The address is of another kind than the socket.
fn elsewhere() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "address family not supported by this socket")
}

/// The addresses of a name that have not been tried yet, and the options of the sockets that
/// connect to them.
#[derive(Debug, Default)]
pub(crate) struct Others {
    addrs: std::vec::IntoIter<SocketAddr>,
    options: UdpOptions,
}

impl Others {
    pub(crate) fn is_empty(&self) -> bool {
        self.addrs.len() == 0
    }
}

/// What an endpoint is bound to or connects to: [`Udp`] or `UnixDatagram`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the address of a datagram socket",
    note = "write `Udp::new(addr, codec)` or `UnixDatagram::new(path, codec)`"
)]
pub trait DatagramSocket {
    /// The codec of its datagrams.
    type Codec;

    /// The address and the options, and the codec.
    #[doc(hidden)]
    fn into_parts(self) -> (Parts, Self::Codec);
}

/// The address of a datagram socket with its options, or the socket itself.
#[doc(hidden)]
#[derive(Debug)]
pub struct Parts(Repr);

#[derive(Debug)]
enum Repr {
    Udp(SocketAddrs, UdpOptions),
    Socket(Socket),
    #[cfg(unix)]
    Unix(UnixName),
}

impl Parts {
    pub(crate) fn bind(self) -> io::Result<Socket> {
        match self.0 {
            Repr::Udp(addr, options) => Socket::udp(&addr, &options),
            Repr::Socket(socket) => Ok(socket),
            #[cfg(unix)]
            Repr::Unix(name) => Socket::unix_at(&name),
        }
    }

    /// A socket that is connected there. Looking up a name does not block.
    pub(crate) async fn connect(self) -> io::Result<(Socket, Others)> {
        match self.0 {
            Repr::Udp(addr, options) => Socket::udp_to(addr.lookup().await?, options),
            other => Self(other).connect_blocking(),
        }
    }

    /// A socket that is connected there.
    pub(crate) fn connect_blocking(self) -> io::Result<(Socket, Others)> {
        match self.0 {
            Repr::Udp(addr, options) => Socket::udp_to(addr.to_socket_addrs()?.collect(), options),
            Repr::Socket(_) => {
                let text = "a socket of std is bound already: connect it yourself, and give it to `bind`";
                Err(io::Error::new(io::ErrorKind::InvalidInput, text))
            }
            #[cfg(unix)]
            Repr::Unix(name) => Ok((Socket::unix_to(&name)?, Others::default())),
        }
    }
}

impl<D> DatagramSocket for Udp<D> {
    type Codec = D;

    fn into_parts(self) -> (Parts, D) {
        (Parts(Repr::Udp(self.addr, self.options)), self.codec)
    }
}

impl<D> DatagramSocket for Udp<D, UdpSocket> {
    type Codec = D;

    fn into_parts(self) -> (Parts, D) {
        (Parts(Repr::Socket(Socket::udp_of(self.addr))), self.codec)
    }
}

#[cfg(unix)]
impl<D> DatagramSocket for UnixDatagram<D> {
    type Codec = D;

    fn into_parts(self) -> (Parts, D) {
        (Parts(Repr::Unix(self.addr)), self.codec)
    }
}

#[cfg(unix)]
impl<D> DatagramSocket for UnixDatagram<D, StdUnixDatagram> {
    type Codec = D;

    fn into_parts(self) -> (Parts, D) {
        (Parts(Repr::Socket(Socket::Unix(self.addr, None))), self.codec)
    }
}

/// A socket that is bound, and belongs to no loop yet.
#[derive(Debug)]
pub(crate) enum Socket {
    Udp(UdpSocket),
    /// With its file, if it has one, which goes with it.
    #[cfg(unix)]
    Unix(StdUnixDatagram, Option<SocketFile>),
}

impl Socket {
    fn udp(addr: impl ToSocketAddrs, options: &UdpOptions) -> io::Result<Self> {
        Ok(Self::Udp(options.bind(addr)?))
    }

    /// One that was made elsewhere.
    fn udp_of(socket: UdpSocket) -> Self {
        if let Ok(addr) = socket.local_addr() {
            udp::ask_for_locals(&socket, addr);
        }
        Self::Udp(socket)
    }

    /// A socket that is connected to the first of these addresses to which there is a way, and the
    /// addresses behind it.
    fn udp_to(addrs: Vec<SocketAddr>, options: UdpOptions) -> io::Result<(Self, Others)> {
        let mut left = addrs.clone().into_iter();
        let socket = first_of(&addrs[..], |addr| {
            left.next();
            let socket = options.bind_to_connect(addr)?;
            socket.connect(addr)?;
            Ok(Self::Udp(socket))
        })?;
        Ok((socket, Others { addrs: left, options }))
    }

    /// As [`Parts::connect`], to the next of these addresses.
    pub(crate) fn next_of(others: Others) -> io::Result<(Self, Others)> {
        Self::udp_to(others.addrs.collect(), others.options)
    }

    /// A socket that is bound to this name.
    #[cfg(unix)]
    fn unix_at(name: &UnixName) -> io::Result<Self> {
        match &name.0 {
            Name::Path(path) => Self::unix(path),
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Name::Abstract(name) => Self::unix_abstract(name),
        }
    }

    #[cfg(unix)]
    fn unix(path: &Path) -> io::Result<Self> {
        let make = || socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::DGRAM, None);
        let (socket, file) = socket_file::bind(path, socket2::Type::DGRAM, make, |_| Ok(()))?;
        Ok(Self::Unix(socket.into(), Some(file)))
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn unix_abstract(name: &[u8]) -> io::Result<Self> {
        Ok(Self::Unix(StdUnixDatagram::bind_addr(&abstract_addr(name)?)?, None))
    }

    /// A socket that is connected to `to` and has a name of its own, by which it is answered.
    #[cfg(unix)]
    fn unix_to(to: &UnixName) -> io::Result<Self> {
        let this = Self::unix_anywhere()?;
        if let Self::Unix(socket, _) = &this {
            socket.connect_addr(&to.to_addr()?)?;
        }
        Ok(this)
    }

    /// The kernel finds an abstract name for a socket that is bound to the empty one.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn unix_anywhere() -> io::Result<Self> {
        Ok(Self::Unix(StdUnixDatagram::bind_addr(&UnixAddr::from_pathname("")?)?, None))
    }

    #[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
    fn unix_anywhere() -> io::Result<Self> {
        use std::sync::atomic::{AtomicU64, Ordering};
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name =
            format!("portcullis-{}-{}.sock", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        Self::unix(&std::env::temp_dir().join(name))
    }

    pub(crate) fn local_addr(&self) -> io::Result<DatagramAddr> {
        match self {
            Self::Udp(socket) => socket.local_addr().map(DatagramAddr::Ip),
            #[cfg(unix)]
            Self::Unix(socket, _) => socket.local_addr().map(|addr| DatagramAddr::of_unix(&addr)),
        }
    }

    /// The longest datagram that this kind of socket carries.
    pub(crate) fn ceiling(&self) -> usize {
        match self {
            Self::Udp(_) => MAX_UDP_PAYLOAD,
            #[cfg(unix)]
            Self::Unix(..) => MAX_DATAGRAM,
        }
    }

    pub(crate) fn set_nonblocking(&self) -> io::Result<()> {
        match self {
            Self::Udp(socket) => socket.set_nonblocking(true),
            #[cfg(unix)]
            Self::Unix(socket, _) => socket.set_nonblocking(true),
        }
    }

    pub(crate) fn set_blocking(&self) -> io::Result<()> {
        match self {
            Self::Udp(socket) => socket.set_nonblocking(false),
            #[cfg(unix)]
            Self::Unix(socket, _) => socket.set_nonblocking(false),
        }
    }

    pub(crate) fn set_read_timeout(&self, limit: Option<std::time::Duration>) -> io::Result<()> {
        match self {
            Self::Udp(socket) => socket.set_read_timeout(limit),
            #[cfg(unix)]
            Self::Unix(socket, _) => socket.set_read_timeout(limit),
        }
    }

    pub(crate) fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, DatagramAddr)> {
        match self {
            Self::Udp(socket) => {
                socket.recv_from(buffer).map(|(length, from)| (length, DatagramAddr::Ip(from)))
            }
            #[cfg(unix)]
            Self::Unix(socket, _) => {
                socket.recv_from(buffer).map(|(length, from)| (length, DatagramAddr::of_unix(&from)))
            }
        }
    }

    /// Sends to where the socket is connected, or to `to`.
    pub(crate) fn send(&self, datagram: &[u8], to: Option<&DatagramAddr>) -> io::Result<()> {
        match self.send_once(datagram, to) {
            Err(error) if matches!(self, Self::Udp(_)) && is_of_one_before(&error) => {
                self.send_once(datagram, to)
            }
            sent => sent,
        }
    }

    /// As [`send`](Self::send). What became of a datagram before is an error of this one, which is
    /// not sent then.
    pub(crate) fn send_once(&self, datagram: &[u8], to: Option<&DatagramAddr>) -> io::Result<()> {
        match self {
            Self::Udp(socket) => send_udp(socket, datagram, to),
            #[cfg(unix)]
            Self::Unix(socket, _) => send_unix(socket, datagram, to),
        }
        .map(drop)
    }
}

fn send_udp(socket: &UdpSocket, datagram: &[u8], to: Option<&DatagramAddr>) -> io::Result<usize> {
    match to {
        None => socket.send(datagram),
        Some(to) => socket.send_to(datagram, to.ip().ok_or_else(elsewhere)?),
    }
}

#[cfg(unix)]
fn send_unix(socket: &StdUnixDatagram, datagram: &[u8], to: Option<&DatagramAddr>) -> io::Result<usize> {
    match to {
        None => socket.send(datagram),
        Some(to) => socket.send_to_addr(datagram, &to.to_unix()?),
    }
}

/// A socket of a loop.
pub(crate) enum AsyncSocket {
    Udp(tokio::net::UdpSocket),
    /// The second is the same socket once more, for sending: tokio's sends to no abstract name, and
    /// takes all peers for full when one is.
    #[cfg(unix)]
    Unix(tokio::net::UnixDatagram, StdUnixDatagram),
}

/// How long a sender rests that a Unix socket has no room for: first, and at most.
#[cfg(unix)]
const REST: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(32)];

impl AsyncSocket {
    /// Must be called on the runtime that will use it. The file is to be kept as long as the socket
    /// should be found.
    pub(crate) fn new(socket: Socket) -> io::Result<(Self, Option<SocketFile>)> {
        socket.set_nonblocking()?;
        Ok(match socket {
            Socket::Udp(socket) => (Self::Udp(tokio::net::UdpSocket::from_std(socket)?), None),
            #[cfg(unix)]
            Socket::Unix(socket, file) => {
                let again = socket.try_clone()?;
                (Self::Unix(tokio::net::UnixDatagram::from_std(socket)?, again), file)
            }
        })
    }

    /// As [`poll_recv_from`](Self::poll_recv_from); of a connected UDP socket also what became of
    /// datagrams that it sent, which a loop does not take for a reason to read.
    ///
    /// # Cancellation
    /// Dropped before its end, it has taken nothing.
    pub(crate) async fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, DatagramAddr)> {
        let received = poll_fn(|cx| self.poll_recv_from(cx, buffer));
        match self {
            Self::Udp(socket) => tokio::select! {
                biased;
                received = received => received,
                error = told(socket) => Err(error),
            },
            #[cfg(unix)]
            Self::Unix(..) => received.await,
        }
    }

    /// For one task at a time.
    pub(crate) fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, DatagramAddr)>> {
        let mut buffer = ReadBuf::new(buffer);
        match self {
            Self::Udp(socket) => {
                let from = ready!(socket.poll_recv_from(cx, &mut buffer))?;
                Poll::Ready(Ok((buffer.filled().len(), DatagramAddr::Ip(from))))
            }
            #[cfg(unix)]
            Self::Unix(socket, _) => {
                let from = ready!(socket.poll_recv_from(cx, &mut buffer))?;
                Poll::Ready(Ok((buffer.filled().len(), DatagramAddr::of_unix(&from.into()))))
            }
        }
    }

    /// As [`poll_recv_from`](Self::poll_recv_from), and the address of this host that the datagram
    /// was sent to, if the system tells it.
    pub(crate) fn poll_recv_told(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
        told: Option<&mut Told>,
    ) -> Poll<io::Result<(usize, DatagramAddr, Option<IpAddr>)>> {
        match (self, told) {
            (Self::Udp(socket), Some(told)) => {
                let (length, from, local) = ready!(local::poll_recv(socket, cx, buffer, told))?;
                Poll::Ready(Ok((length, DatagramAddr::Ip(from), local)))
            }
            _ => {
                let (length, from) = ready!(self.poll_recv_from(cx, buffer))?;
                Poll::Ready(Ok((length, from, None)))
            }
        }
    }

    /// As [`try_send`](Self::try_send), from this address of the host.
    pub(crate) fn try_answer(
        &self,
        datagram: &[u8],
        to: &DatagramAddr,
        local: Option<IpAddr>,
    ) -> io::Result<usize> {
        match (self, local, to) {
            (Self::Udp(socket), Some(local), DatagramAddr::Ip(to)) => {
                local::try_send(socket, datagram, *to, local)
            }
            _ => self.try_send(datagram, Some(to)),
        }
    }

    pub(crate) fn try_send(&self, datagram: &[u8], to: Option<&DatagramAddr>) -> io::Result<usize> {
        match self {
            Self::Udp(socket) => match to {
                None => socket.try_send(datagram),
                Some(to) => socket.try_send_to(datagram, to.ip().ok_or_else(elsewhere)?),
            },
            #[cfg(unix)]
            Self::Unix(_, socket) => send_unix(socket, datagram, to),
        }
    }

    /// Waits until it is worth the try again to send what was refused with `WouldBlock`, for the
    /// `tries`th time.
    ///
    /// Whether a Unix socket has room is its peer's affair, and the kernel does not tell those who
    /// are not connected to it. So there a sender rests and tries again.
    pub(crate) async fn sendable(&self, tries: u32) -> io::Result<()> {
        let _ = tries;
        match self {
            Self::Udp(socket) => socket.writable().await,
            #[cfg(unix)]
            Self::Unix(..) => {
                tokio::time::sleep((REST[0] * (1 << tries.min(5))).min(REST[1])).await;
                Ok(())
            }
        }
    }

    pub(crate) async fn send(&self, datagram: &[u8], to: Option<&DatagramAddr>) -> io::Result<()> {
        let mut tries = 0;
        let mut told = false;
        loop {
            match self.try_send(datagram, to) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.sendable(tries).await?,
                Err(error) if !told && matches!(self, Self::Udp(_)) && is_of_one_before(&error) => {
                    told = true
                }
                sent => return sent.map(drop),
            }
            tries += 1;
        }
    }

    /// Whether an error of sending says that the peer is not there any more. Of UDP none does: what
    /// looks so is of a datagram before, perhaps of another peer.
    pub(crate) fn says_gone(&self, error: &io::Error) -> bool {
        use io::ErrorKind::{ConnectionRefused, ConnectionReset, NotFound};
        let gone = matches!(error.kind(), ConnectionRefused | ConnectionReset | NotFound);
        gone && !matches!(self, Self::Udp(_))
    }
}

/// What the system has to tell of a datagram that was sent before.
#[cfg(unix)]
async fn told(socket: &tokio::net::UdpSocket) -> io::Error {
    use tokio::io::Interest;
    loop {
        let look = || socket.take_error()?.ok_or_else(|| io::ErrorKind::WouldBlock.into());
        let told = match socket.ready(Interest::ERROR).await {
            Ok(_) => socket.try_io(Interest::ERROR, look),
            Err(error) => Err(error),
        };
        match told {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Ok(error) | Err(error) => return error,
        }
    }
}

/// Elsewhere reading tells.
#[cfg(not(unix))]
async fn told(_: &tokio::net::UdpSocket) -> io::Error {
    std::future::pending().await
}

/// What sending a UDP datagram fails with when one before it found nobody: then nothing was sent.
fn is_of_one_before(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset)
}

/// Other sockets have no files.
#[cfg(not(unix))]
#[derive(Debug)]
pub(crate) enum SocketFile {}
