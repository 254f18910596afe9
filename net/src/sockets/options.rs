//! Socket options that TCP and UDP share. Where the system would ignore an option without a word,
//! setting it is an error or logs a warning.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};
use tracing::warn;

/// Options of sockets that are bound to an IP address.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct IpOptions {
    pub(crate) reuse_addr: bool,
    pub(crate) reuse_port: bool,
    /// `None` leaves the default of the system.
    pub(crate) only_v6: Option<bool>,
}

impl IpOptions {
    /// Makes a socket for `addr` with these options. It is not bound yet.
    ///
    /// # Errors
    /// The system rejects an option.
    pub(crate) fn new_socket(&self, addr: SocketAddr, protocol: Protocol) -> io::Result<Socket> {
        let kind = if protocol == Protocol::TCP { Type::STREAM } else { Type::DGRAM };
        let socket = Socket::new(Domain::for_address(addr), kind, Some(protocol))?;
        // On Windows, a TCP listener with `SO_REUSEADDR` takes the port away from its owner.
        if cfg!(unix) || kind == Type::DGRAM {
            socket.set_reuse_address(self.reuse_addr)?;
        }
        set_reuse_port(&socket, self.reuse_port)?;
        if let Some(only) = self.only_v6.filter(|_| addr.is_ipv6()) {
            socket.set_only_v6(only)?;
        }
        Ok(socket)
    }
}

/// Sets `SO_REUSEPORT`.
///
/// # Errors
/// `Unsupported` if it is to be on, and the system does not have this option.
fn set_reuse_port(socket: &Socket, on: bool) -> io::Result<()> {
    #[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos", target_os = "cygwin"))))]
    return socket.set_reuse_port(on);
    #[cfg(not(all(unix, not(any(target_os = "solaris", target_os = "illumos", target_os = "cygwin")))))]
    {
        let _ = socket;
        let text = "`reuse_port`: this system has no `SO_REUSEPORT`";
        if on { Err(io::Error::new(io::ErrorKind::Unsupported, text)) } else { Ok(()) }
    }
}

/// Sets `SO_RCVBUF` and `SO_SNDBUF`. Logs a warning if the system sets a smaller size, because it
/// does not report that itself.
pub(crate) fn set_buffers(socket: &Socket, receive: Option<usize>, send: Option<usize>) -> io::Result<()> {
    // The system call takes an `int`: a larger value would wrap around to a small one.
    let clamp = |bytes: usize| bytes.min(i32::MAX as usize);
    if let Some(requested) = receive {
        socket.set_recv_buffer_size(clamp(requested))?;
        warn_if_less("SO_RCVBUF", requested, socket.recv_buffer_size()?);
    }
    if let Some(requested) = send {
        socket.set_send_buffer_size(clamp(requested))?;
        warn_if_less("SO_SNDBUF", requested, socket.send_buffer_size()?);
    }
    Ok(())
}

fn warn_if_less(option: &str, requested: usize, bytes: usize) {
    if bytes < requested {
        warn!(
            option,
            requested, bytes, "the system gives a socket a smaller buffer than it was requested for"
        );
    }
}
