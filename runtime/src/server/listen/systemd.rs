//! Sockets that were opened for this process before it began, by systemd or one who speaks like it.

use std::io;

use listenfd::ListenFd;

use super::Listener;

/// The sockets that systemd has opened for this process (`LISTEN_FDS`, `LISTEN_PID`), in its order; none if it has not.
///
/// To be called once: the sockets are handed over. Those of streams are for [`Server::listen`](crate::Server::listen), those of
/// datagrams for [`Server::receive`](crate::Server::receive); each has the [name](Listener::name) that its unit gives it
/// (`LISTEN_FDNAMES`).
///
/// ```no_run
/// # use portcullis_runtime as portcullis;
/// # fn f() -> std::io::Result<()> {
/// for socket in portcullis::listen_fds()? {
///     println!("{:?}: {:?}, datagrams: {}", socket.name(), socket.local_addr(), socket.is_datagram());
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// One of them is no TCP, UDP or Unix socket.
pub fn listen_fds() -> io::Result<Vec<Listener>> {
    // Before the variables are taken away.
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':').map(|name| Some(name.to_owned()).filter(|name| !name.is_empty()));
    let mut sockets = ListenFd::from_env();
    let mut listeners = Vec::new();
    for index in 0..sockets.len() {
        listeners.extend(take(&mut sockets, index)?.map(|listener| listener.named(names.next().flatten())));
    }
    Ok(listeners)
}

fn take(sockets: &mut ListenFd, index: usize) -> io::Result<Option<Listener>> {
    let found = sockets.take_tcp_listener(index).map(|found| found.map(Listener::from));
    let found = found.or_else(|_| sockets.take_udp_socket(index).map(|found| found.map(Listener::from)));
    #[cfg(unix)]
    let found = found.or_else(|_| sockets.take_unix_datagram(index).map(|found| found.map(Listener::from)));
    #[cfg(unix)]
    let found = found.or_else(|_| sockets.take_unix_listener(index).map(|found| found.map(Listener::from)));
    found
}
