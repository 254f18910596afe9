//! Sockets that were opened for this process before it began, by systemd or one who speaks like it.

use std::io;

use listenfd::ListenFd;

use super::Listener;

/// The sockets that systemd has opened for this process (`LISTEN_FDS`, `LISTEN_PID`), in its order; none if it has not.
///
/// To be called once: the sockets are handed over. Serve them with [`Server::listen`](crate::Server::listen).
///
/// ```no_run
/// # use portcullis_runtime as portcullis;
/// # fn f() -> std::io::Result<()> {
/// for listener in portcullis::listen_fds()? {
///     println!("{:?}", listener.local_addr());
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// One of them is neither a TCP nor a Unix stream socket that listens.
pub fn listen_fds() -> io::Result<Vec<Listener>> {
    let mut sockets = ListenFd::from_env();
    (0..sockets.len())
        .filter_map(|index| {
            let tcp = sockets.take_tcp_listener(index).map(|found| found.map(Listener::from));
            #[cfg(unix)]
            let tcp =
                tcp.or_else(|_| sockets.take_unix_listener(index).map(|found| found.map(Listener::from)));
            tcp.transpose()
        })
        .collect()
}
