//! [`first_of`]: names to sockets.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

/// What `open` makes of the first of the addresses that it can, or why it can't of the last.
pub(crate) fn first_of<T>(
    addrs: impl ToSocketAddrs,
    mut open: impl FnMut(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let mut failed = io::Error::new(io::ErrorKind::InvalidInput, "there is no such address");
    for addr in addrs.to_socket_addrs()? {
        match open(addr) {
            Ok(opened) => return Ok(opened),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}
