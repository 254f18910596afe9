//! [`SessionAcceptor`]: a listener, with what it takes to start a session for each connection.
//!
//! The type of the stream is erased here: each acceptor starts sessions on one kind of stream, with
//! a driver that is compiled for it, and the accept loop uses `dyn` [`Acceptor`]. The acceptors in
//! [`tls`] begin a session with a handshake.

pub(super) mod accept_loop;
#[cfg(feature = "tls")]
pub(super) mod tls;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tracing::info;

use super::listen::{Accepted, Listener};
use super::serve::ServeContext;
use crate::codec::Codec;
use crate::scope::Scope;
use crate::service::Service;
use crate::session::driver::Drive;
use crate::session::registry::SessionRegistry;

/// A source of sessions, while the server runs.
pub enum Source {
    /// The accept loop polls it while another connection may be accepted.
    Connections(Box<dyn Acceptor>),
    /// Passes datagrams to their sessions. Never completes.
    Datagrams(Pin<Box<dyn Future<Output = ()> + Send>>),
}

/// Accepts connections of one listener.
pub trait Acceptor: Send {
    /// Accepts one connection and starts its session.
    fn poll_accept_session(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}

/// Starts sessions directly on accepted streams.
pub(super) struct SessionAcceptor<S: Service, C, L, F> {
    registry: Arc<SessionRegistry<S>>,
    scope: Arc<Scope>,
    codec: C,
    listener: L,
    factory: Arc<F>,
}

impl<S: Service, C, L: Listener, F> SessionAcceptor<S, C, L, F> {
    pub(super) fn new(context: &ServeContext<S>, listener: L, codec: C, factory: F) -> Self {
        let (registry, scope) = (Arc::clone(&context.registry), Arc::clone(&context.scope));
        Self { registry, scope, codec, listener, factory: Arc::new(factory) }
    }

    /// `None` is a connection that was rejected by the limit per IP address.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Accepted<L::Stream>>>> {
        let accepted = ready!(self.listener.poll_accept(cx))?;
        let has_room = self.registry.has_capacity_for(&accepted.origin, false);
        if !has_room {
            info!(peer = ?accepted.origin.addr(), "connection rejected: per-IP limit reached");
        }
        Poll::Ready(Ok(has_room.then_some(accepted)))
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
        if let Some(Accepted { io, origin }) = ready!(self.poll_accept(cx))? {
            let task = self.factory.drive(self.registry.admit(origin), io, self.codec.clone());
            drop(tokio::spawn(self.scope.enter(task)));
        }
        Poll::Ready(Ok(()))
    }
}
