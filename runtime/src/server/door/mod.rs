//! [`Door`]: a listener with all that it takes to start a session behind it.
//!
//! The kind of its sockets ends here: each door makes sessions of one kind of stream, with a driver that is
//! compiled for it, and to the acceptor all doors are the same. At those of [`tls`] there is a handshake first.

#[cfg(feature = "tls")]
mod tls;

use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::{io, mem};

use tokio::net::{TcpListener, TcpStream};
use tracing::{debug, info, warn};

#[cfg(feature = "tls")]
use self::tls::TlsEntrance;
use super::listen::tcp::TcpOptions;
use super::listen::{Kind, Listener};
use crate::codec::Codec;
use crate::scope::Scope;
#[cfg(unix)]
use crate::service::Credentials;
use crate::service::Service;
#[cfg(all(feature = "fds", unix))]
use crate::service::origin::Extended;
use crate::service::origin::Origin;
use crate::session::driver::{Drive, driver};
use crate::session::registry::SessionRegistry;
#[cfg(unix)]
use crate::sockets::socket_file::SocketFile;
use crate::transport::Transport;
#[cfg(all(feature = "fds", unix))]
use crate::transport::fds::{FdQueues, PassingStream};
#[cfg(feature = "tls")]
use crate::transport::tls::{Tls, stream::TlsStream};

pub(super) trait Door: Send {
    /// Accepts one connection and starts its session.
    fn poll_admit(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}

/// What the doors of one server share.
pub(super) struct House<S: Service, C> {
    pub(super) hub: Arc<SessionRegistry<S>>,
    pub(super) scope: Arc<Scope>,
    #[cfg(feature = "tls")]
    pub(super) control: Arc<super::control::Control>,
    pub(super) codec: C,
}

impl<S: Service, C: Codec<S::Request, S::Response>> House<S, C> {
    /// Must be called on the runtime that will serve.
    pub(super) fn door(&self, listener: Listener) -> io::Result<Box<dyn Door>> {
        Ok(match listener.kind {
            Kind::Tcp { socket, options } => {
                let socket = TcpListener::from_std(socket)?;
                self.open(
                    Tcp { socket, options, warned: false },
                    driver::<S, TcpStream, C>(Arc::clone(&self.hub)),
                )
            }
            #[cfg(feature = "tls")]
            Kind::Tls { socket, options, tls } => {
                self.open_tls(Tcp { socket: TcpListener::from_std(socket)?, options, warned: false }, tls)
            }
            #[cfg(unix)]
            Kind::Unix {
                socket,
                #[cfg(feature = "tls")]
                tls,
                file,
                options,
            } => {
                let socket = tokio::net::UnixListener::from_std(socket)?;
                #[cfg(feature = "tls")]
                if let Some(tls) = tls {
                    return Ok(self.open_tls(Unix { socket, _file: file }, tls));
                }
                #[cfg(feature = "fds")]
                if let Some(count) = options.pass_fds {
                    let drive = driver::<S, PassingStream, C>(Arc::clone(&self.hub));
                    return Ok(self.open(Passing { unix: Unix { socket, _file: file }, count }, drive));
                }
                #[cfg(not(feature = "fds"))]
                let _ = options;
                let drive = driver::<S, tokio::net::UnixStream, C>(Arc::clone(&self.hub));
                self.open(Unix { socket, _file: file }, drive)
            }
            // `listen` takes none.
            Kind::Datagrams(_) => return Err(io::ErrorKind::InvalidInput.into()),
        })
    }

    fn open<L: Accept>(&self, accept: L, drive: impl Drive<S, L::Io, C>) -> Box<dyn Door> {
        Box::new(self.entrance(accept, drive))
    }

    #[cfg(feature = "tls")]
    fn open_tls<L: Accept>(&self, accept: L, tls: Tls) -> Box<dyn Door> {
        let drive = driver::<S, TlsStream<L::Io>, C>(Arc::clone(&self.hub));
        let control = Arc::clone(&self.control);
        Box::new(TlsEntrance { entrance: self.entrance(accept, drive), tls, control })
    }

    fn entrance<L, D>(&self, accept: L, drive: D) -> Entrance<S, C, L, D> {
        let (hub, scope) = (Arc::clone(&self.hub), Arc::clone(&self.scope));
        Entrance { hub, scope, codec: self.codec.clone(), accept, drive: Arc::new(drive) }
    }
}

/// `None` is a connection that does not come to a session: its peer is gone already, or too many are from there.
type Accepted<IO> = io::Result<Option<(IO, Origin)>>;

/// A socket of one kind that accepts.
trait Accept: Send + 'static {
    type Io: Transport;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Accepted<Self::Io>>;
}

/// A door whose streams are ready for a session as they are.
struct Entrance<S: Service, C, L, D> {
    hub: Arc<SessionRegistry<S>>,
    scope: Arc<Scope>,
    codec: C,
    accept: L,
    drive: Arc<D>,
}

impl<S: Service, C, L: Accept, D> Entrance<S, C, L, D> {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Accepted<L::Io>> {
        let accepted = ready!(self.accept.poll_accept(cx))?;
        Poll::Ready(Ok(accepted.filter(|(_, origin)| {
            let room = self.hub.has_room_for(origin, false);
            if !room {
                info!(peer = ?origin.addr(), "refused: its host has as many connections as it may");
            }
            room
        })))
    }
}

impl<S, C, L, D> Door for Entrance<S, C, L, D>
where
    S: Service,
    C: Codec<S::Request, S::Response>,
    L: Accept,
    D: Drive<S, L::Io, C>,
{
    fn poll_admit(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some((io, origin)) = ready!(self.poll_accept(cx))? {
            let task = self.drive.drive(self.hub.admit(origin), io, self.codec.clone());
            drop(tokio::spawn(self.scope.enter(task)));
        }
        Poll::Ready(Ok(()))
    }
}

struct Tcp {
    socket: TcpListener,
    options: TcpOptions,
    /// An option could not be set, and that has been logged.
    warned: bool,
}

impl Accept for Tcp {
    type Io = TcpStream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Accepted<TcpStream>> {
        let (io, addr) = ready!(self.socket.poll_accept(cx))?;
        if let Err(error) = self.options.set_up(&io) {
            // Not a line for each connection.
            if mem::replace(&mut self.warned, true) {
                debug!(peer = %addr, %error, "an option of a connection was not set");
            } else {
                warn!(peer = %addr, %error, "an option of a connection was not set; it is served without");
            }
        }
        Poll::Ready(Ok(Some((io, addr.into()))))
    }
}

#[cfg(unix)]
struct Unix {
    socket: tokio::net::UnixListener,
    /// Goes when nothing more is accepted.
    _file: Option<SocketFile>,
}

#[cfg(unix)]
impl Accept for Unix {
    type Io = tokio::net::UnixStream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Accepted<Self::Io>> {
        let (io, _) = ready!(self.socket.poll_accept(cx))?;
        let origin = io.peer_cred().map_or(Origin::Unnamed, |peer| {
            Origin::Unix(Credentials::new(peer.pid(), peer.uid(), peer.gid()))
        });
        Poll::Ready(Ok(Some((io, origin))))
    }
}

#[cfg(all(feature = "fds", unix))]
struct Passing {
    unix: Unix,
    count: usize,
}

#[cfg(all(feature = "fds", unix))]
impl Accept for Passing {
    type Io = PassingStream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Accepted<PassingStream>> {
        let accepted = ready!(self.unix.poll_accept(cx))?;
        Poll::Ready(Ok(accepted.map(|(io, below)| {
            let origin = Arc::new(Extended { below, extension: FdQueues::new(self.count) });
            (PassingStream::new(io, Arc::clone(&origin)), Origin::Extended(origin))
        })))
    }
}
