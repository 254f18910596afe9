//! Sockets that were opened for this process before it began, by systemd or a program that follows
//! its protocol.

use std::io;
use std::net::{TcpListener, UdpSocket};
#[cfg(unix)]
use std::os::unix::net::{UnixDatagram, UnixListener};

use listenfd::ListenFd;

/// A socket that systemd has opened for this process; from [`listen_fds`].
#[derive(Debug)]
#[non_exhaustive]
pub struct InheritedSocket {
    /// The name that systemd has for the socket (`FileDescriptorName=`, by `LISTEN_FDNAMES`).
    /// Without a name of its own it is that of the socket unit.
    pub name: Option<String>,
    /// The socket.
    pub kind: InheritedKind,
}

/// The socket of an [`InheritedSocket`], as std has it.
#[derive(Debug)]
#[non_exhaustive]
pub enum InheritedKind {
    /// For [`Server::listen`](crate::Server::listen), or [`Tcp::from`](crate::Tcp) to set options
    /// or TLS.
    Tcp(TcpListener),
    /// For [`Server::listen`](crate::Server::listen), or [`Unix::from`](crate::Unix) to set TLS.
    #[cfg(unix)]
    Unix(UnixListener),
    /// For [`Udp::from_std`](crate::Udp::from_std), with a datagram codec.
    Udp(UdpSocket),
    /// For [`UnixDatagram::from_std`](crate::UnixDatagram::from_std), with a datagram codec.
    #[cfg(unix)]
    UnixDatagram(UnixDatagram),
}

/// The sockets that systemd has opened for this process (`LISTEN_FDS`, `LISTEN_PID`), in its order;
/// none if it has not.
///
/// Call it once: the sockets are handed over.
///
/// ```no_run
/// # fn f<S: portcullis::Service<Request = String, Response = String>>(service: S) -> std::io::Result<()> {
/// use portcullis::{InheritedKind, Lines, Server};
///
/// for socket in portcullis::listen_fds()? {
///     match socket.kind {
///         InheritedKind::Tcp(listener) => {
///             return Server::new(service).codec(Lines::new()).listen(listener)?.run_until_signal().map(drop);
///         }
///         other => println!("not served: {:?} {other:?}", socket.name),
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// One of them is no TCP, UDP or Unix socket.
pub fn listen_fds() -> io::Result<Vec<InheritedSocket>> {
    // Before the variables are taken away.
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':').map(|name| Some(name.to_owned()).filter(|name| !name.is_empty()));
    let mut sockets = ListenFd::from_env();
    let mut inherited = Vec::new();
    for index in 0..sockets.len() {
        let kind = take(&mut sockets, index)?;
        inherited.extend(kind.map(|kind| InheritedSocket { name: names.next().flatten(), kind }));
    }
    Ok(inherited)
}

fn take(sockets: &mut ListenFd, index: usize) -> io::Result<Option<InheritedKind>> {
    use InheritedKind as Kind;
    let found = sockets.take_tcp_listener(index).map(|found| found.map(Kind::Tcp));
    let found = found.or_else(|_| sockets.take_udp_socket(index).map(|found| found.map(Kind::Udp)));
    #[cfg(unix)]
    let found =
        found.or_else(|_| sockets.take_unix_datagram(index).map(|found| found.map(Kind::UnixDatagram)));
    #[cfg(unix)]
    let found = found.or_else(|_| sockets.take_unix_listener(index).map(|found| found.map(Kind::Unix)));
    found
}
