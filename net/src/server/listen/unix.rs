//! [`BoundUnix`]: a Unix socket that listens; [`BoundFdPassing`]: one that passes descriptors.

use std::io;
use std::os::unix::net;
use std::task::{Context, Poll, ready};

use tokio::net::{UnixListener, UnixStream};

use super::{Accepted, Listen, Listener, Socket, Streams};
use crate::service::Credentials;
use crate::service::internal::Origin;
use crate::sockets::socket_file::SocketFile;
use crate::sockets::unix::Unix;

#[doc(hidden)]
#[derive(Debug)]
pub struct BoundUnix {
    socket: Socket<net::UnixListener, UnixListener>,
    /// Kept until nothing more is accepted. `None` if the socket was created elsewhere or has no
    /// file.
    _file: Option<SocketFile>,
}

impl BoundUnix {
    fn new(socket: net::UnixListener, file: Option<SocketFile>) -> io::Result<Streams<Self>> {
        socket.set_nonblocking(true)?;
        Ok(Streams(Self { socket: Socket::Std(socket), _file: file }))
    }
}

impl Listen for Unix {
    type Bound = Streams<BoundUnix>;

    fn bind(self) -> io::Result<Self::Bound> {
        let (socket, file) = self.open()?;
        BoundUnix::new(socket, file)
    }
}

impl Listen for Unix<net::UnixListener> {
    type Bound = Streams<BoundUnix>;

    fn bind(self) -> io::Result<Self::Bound> {
        BoundUnix::new(self.addr, None)
    }
}

impl Listen for net::UnixListener {
    type Bound = Streams<BoundUnix>;

    fn bind(self) -> io::Result<Self::Bound> {
        Unix::from(self).bind()
    }
}

#[diagnostic::do_not_recommend]
impl Listener for BoundUnix {
    type Stream = UnixStream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted<UnixStream>>> {
        let (io, _) = ready!(self.socket.started()?.poll_accept(cx))?;
        let origin = io.peer_cred().map_or(Origin::Unnamed, |peer| {
            Origin::Unix(Credentials::new(peer.pid(), peer.uid(), peer.gid()))
        });
        Poll::Ready(Ok(Accepted { io, origin, deadline: None }))
    }

    fn start(&mut self) -> io::Result<()> {
        self.socket.start(UnixListener::from_std)
    }

    fn unix_addr(&self) -> Option<net::SocketAddr> {
        match &self.socket {
            Socket::Std(socket) => socket.local_addr().ok(),
            Socket::Tokio(socket) => socket.local_addr().map(Into::into).ok(),
            Socket::Unusable => None,
        }
    }
}

#[cfg(feature = "fds")]
mod passing {
    use std::sync::Arc;

    use super::*;
    use crate::service::internal::Extended;
    use crate::sockets::wrappers::PassFds;
    use crate::transport::fds::{FdPassingStream, FdQueues};

    #[doc(hidden)]
    #[derive(Debug)]
    pub struct BoundFdPassing {
        unix: BoundUnix,
        count: usize,
    }

    impl<L: Listen<Bound = Streams<BoundUnix>>> Listen for PassFds<L> {
        type Bound = Streams<BoundFdPassing>;

        fn bind(self) -> io::Result<Self::Bound> {
            Ok(Streams(BoundFdPassing { unix: self.inner.bind()?.0, count: self.count }))
        }
    }

    #[diagnostic::do_not_recommend]
    impl Listener for BoundFdPassing {
        type Stream = FdPassingStream;

        fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted<FdPassingStream>>> {
            let Accepted { io, origin, deadline } = ready!(self.unix.poll_accept(cx))?;
            let origin = Arc::new(Extended { below: origin, extension: FdQueues::new(self.count) });
            let io = FdPassingStream::new(io, Arc::clone(&origin));
            Poll::Ready(Ok(Accepted { io, origin: Origin::Extended(origin), deadline }))
        }

        fn start(&mut self) -> io::Result<()> {
            self.unix.start()
        }

        fn unix_addr(&self) -> Option<net::SocketAddr> {
            self.unix.unix_addr()
        }
    }
}
