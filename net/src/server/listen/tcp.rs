//! [`BoundTcp`]: a TCP socket that listens.

use std::net::{self, SocketAddr};
use std::task::{Context, Poll, ready};
use std::{io, mem};

use tokio::net::{TcpListener, TcpStream};
use tracing::{debug, warn};

use super::{Accepted, Listen, Listener, Socket, Streams};
use crate::sockets::tcp::{Tcp, TcpOptions};

#[doc(hidden)]
#[derive(Debug)]
pub struct BoundTcp {
    socket: Socket<net::TcpListener, TcpListener>,
    options: TcpOptions,
    /// An option could not be set, and that has been logged.
    has_warned: bool,
}

impl BoundTcp {
    fn new(socket: net::TcpListener, options: TcpOptions) -> io::Result<Streams<Self>> {
        socket.set_nonblocking(true)?;
        Ok(Streams(Self { socket: Socket::Std(socket), options, has_warned: false }))
    }
}

impl Listen for Tcp {
    type Bound = Streams<BoundTcp>;

    fn bind(self) -> io::Result<Self::Bound> {
        BoundTcp::new(self.open()?, self.options)
    }
}

impl Listen for Tcp<net::TcpListener> {
    type Bound = Streams<BoundTcp>;

    fn bind(self) -> io::Result<Self::Bound> {
        BoundTcp::new(self.addr, self.options)
    }
}

impl Listen for net::TcpListener {
    type Bound = Streams<BoundTcp>;

    fn bind(self) -> io::Result<Self::Bound> {
        Tcp::from(self).bind()
    }
}

#[diagnostic::do_not_recommend]
impl Listener for BoundTcp {
    type Stream = TcpStream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted<TcpStream>>> {
        let (io, addr) = ready!(self.socket.started()?.poll_accept(cx))?;
        if let Err(error) = self.options.apply_to_stream(&io) {
            // Not a line for each connection.
            if mem::replace(&mut self.has_warned, true) {
                debug!(peer = %addr, %error, "an option of a connection was not set");
            } else {
                warn!(peer = %addr, %error, "an option of a connection was not set; it is served without");
            }
        }
        Poll::Ready(Ok(Accepted { io, origin: addr.into(), deadline: None }))
    }

    fn start(&mut self) -> io::Result<()> {
        self.socket.start(TcpListener::from_std)
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        match &self.socket {
            Socket::Std(socket) => socket.local_addr().ok(),
            Socket::Tokio(socket) => socket.local_addr().ok(),
            Socket::Unusable => None,
        }
    }
}
