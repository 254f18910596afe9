//! [`SessionAcceptor`]: a listener, with what it takes to start a session for each connection.
//!
//! The type of the stream is erased here: each acceptor starts sessions on one kind of stream, with
//! a driver that is compiled for it, and the accept loop uses `dyn` [`Acceptor`]. The acceptors in
//! [`tls`] begin a session with a handshake.

pub(super) mod accept_loop;
pub(super) mod refusal;
#[cfg(feature = "tls")]
pub(super) mod tls;

use std::future::ready;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tracing::{debug, info};

use self::refusal::Refuser;
use super::listen::{Accepted, Listener};
use super::serve::ServeContext;
use crate::codec::Codec;
use crate::scope::Scope;
use crate::service::Service;
use crate::session::driver::Drive;
use crate::session::registry::SessionRegistry;
use crate::transport::Transport;
use portcullis_runtime::DEADLINE;

/// A source of sessions, while the server runs.
pub enum Source {
    /// The accept loop polls it while another connection may be accepted.
    Connections(Box<dyn Acceptor>),
    /// Passes datagrams to their sessions. Never completes.
    Datagrams(Pin<Box<dyn Future<Output = ()> + Send>>),
}

/// Accepts connections of one listener.
pub trait Acceptor: Send {
    /// Accepts one connection, and starts its session if the limits admit it. Otherwise it is
    /// refused.
    fn poll_accept_session(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// As [`Listener::poll_close`].
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let _ = cx;
        Poll::Ready(())
    }
}

/// A connection; `Err` is one that the limits do not admit.
type Admission<IO> = Result<Accepted<IO>, Accepted<IO>>;

/// Starts sessions directly on accepted streams.
pub(super) struct SessionAcceptor<S: Service, C, L, F> {
    registry: Arc<SessionRegistry<S>>,
    scope: Arc<Scope>,
    codec: C,
    listener: L,
    factory: Arc<F>,
    refuser: Option<Refuser>,
}

impl<S: Service, C, L: Listener, F> SessionAcceptor<S, C, L, F> {
    pub(super) fn new(context: &ServeContext<S>, listener: L, codec: C, factory: F) -> Self {
        let (registry, scope) = (Arc::clone(&context.registry), Arc::clone(&context.scope));
        let refuser = context.refuser.clone();
        Self { registry, scope, codec, listener, factory: Arc::new(factory), refuser }
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Admission<L::Stream>>> {
        let accepted = ready!(self.listener.poll_accept(cx))?;
        // Checked after the connection was accepted, so that a peer which connects after a session
        // has released its capacity is served.
        Poll::Ready(Ok(if !self.registry.has_capacity() {
            debug!(peer = ?accepted.origin.addr(), "connection rejected: limit of connections reached");
            Err(accepted)
        } else if !self.registry.has_capacity_for(&accepted.origin, false) {
            info!(peer = ?accepted.origin.addr(), "connection rejected: per-IP limit reached");
            Err(accepted)
        } else {
            Ok(accepted)
        }))
    }

    /// Sends the refusal, if the server has one. Then the connection is closed.
    fn refuse<IO: Transport>(&self, connect: impl Future<Output = Option<IO>> + Send + 'static)
    where
        C: Codec<S::Request, S::Response>,
    {
        if let Some(refuser) = &self.refuser {
            refuser.refuse::<S, C, IO>(self.codec.clone(), &self.scope, connect);
        }
    }
}

impl<S, C, L, F> Acceptor for SessionAcceptor<S, C, L, F>
where
    S: Service,
    C: Codec<S::Request, S::Response>,
    L: Listener,
    F: Drive<S, L::Stream, C>,
{
    fn poll_accept_session(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match ready!(self.poll_accept(cx))? {
            Ok(Accepted { io, origin, deadline }) => {
                let task = self.factory.drive(self.registry.admit(origin), io, self.codec.clone());
                match deadline {
                    None => drop(tokio::spawn(self.scope.enter(task))),
                    Some(at) => drop(tokio::spawn(self.scope.enter(DEADLINE.scope(at, task)))),
                }
            }
            Err(Accepted { io, .. }) => self.refuse(ready(Some(io))),
        }
        Poll::Ready(Ok(()))
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.listener.poll_close(cx)
    }
}
