//! [`TlsAcceptor`]: starts sessions with a TLS handshake. It runs in the task of the session, so a
//! slow client does not block accepting.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::time::timeout;
use tracing::debug;

use super::{Accepted, Acceptor, SessionAcceptor};
use crate::codec::Codec;
use crate::server::control::Control;
use crate::server::listen::Listener;
use crate::service::Service;
use crate::service::internal::{Extended, Origin};
use crate::session::driver::Drive;
use crate::session::registry::SessionGuard;
use crate::transport::Transport;
use crate::transport::tls::Tls;
use crate::transport::tls::info::Handshake;
use crate::transport::tls::stream::{TlsStream, accept_tls};
use portcullis_runtime::DEADLINE;

/// Like [`SessionAcceptor`], with a handshake before the session.
pub(crate) struct TlsAcceptor<S: Service, C, L, F> {
    pub(crate) acceptor: SessionAcceptor<S, C, L, F>,
    pub(crate) tls: Tls,
    pub(crate) control: Arc<Control>,
}

impl<S, C, L, F> Acceptor for TlsAcceptor<S, C, L, F>
where
    S: Service,
    C: Codec<S::Request, S::Response>,
    L: Listener,
    F: Drive<S, TlsStream<L::Stream>, C>,
{
    fn poll_accept_session(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Accepted { io, origin: below, deadline } = match ready!(self.acceptor.poll_accept(cx))? {
            Ok(accepted) => accepted,
            Err(rejected) => {
                self.refuse(rejected);
                return Poll::Ready(Ok(()));
            }
        };
        let addr = below.addr();
        let origin = Arc::new(Extended { below, extension: Handshake::new() });
        let SessionAcceptor { registry, scope, codec, factory, .. } = &self.acceptor;
        let guard = registry.admit(Origin::Extended(Arc::<Extended<Handshake>>::clone(&origin)));
        let (factory, codec) = (Arc::clone(factory), codec.clone());
        let handshake = accept(io, addr, self.tls.clone(), Arc::clone(&self.control));
        let session = session(factory, guard, origin, Box::pin(handshake), codec);
        match deadline {
            None => drop(tokio::spawn(scope.enter(session))),
            Some(at) => drop(tokio::spawn(scope.enter(DEADLINE.scope(at, session)))),
        }
        Poll::Ready(Ok(()))
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.acceptor.listener.poll_close(cx)
    }
}

impl<S, C, L, F> TlsAcceptor<S, C, L, F>
where
    S: Service,
    C: Codec<S::Request, S::Response>,
    L: Listener,
{
    fn refuse(&self, Accepted { io, origin, .. }: Accepted<L::Stream>) {
        self.acceptor.refuse(accept(io, origin.addr(), self.tls.clone(), Arc::clone(&self.control)));
    }
}

/// The task of a session: the handshake and, if it succeeds in time, the session.
async fn session<S, IO, C, F>(
    factory: Arc<F>,
    guard: SessionGuard<S>,
    origin: Arc<Extended<Handshake>>,
    // Boxed, and freed before the session begins.
    handshake: Pin<Box<impl Future<Output = Option<TlsStream<IO>>>>>,
    codec: C,
) where
    S: Service,
    F: Drive<S, TlsStream<IO>, C>,
{
    if let Some(io) = handshake.await {
        // This is the only place that sets it.
        let _ = origin.extension.set(io.info());
        drop(origin);
        factory.drive(guard, io, codec).await;
    }
}

/// `None` if the handshake fails or takes too long, or if the server stops.
async fn accept<IO: Transport>(
    io: IO,
    peer: Option<SocketAddr>,
    tls: Tls,
    control: Arc<Control>,
) -> Option<TlsStream<IO>> {
    let handshake = timeout(tls.max_handshake(), accept_tls(io, tls.config()));
    let accepted = tokio::select! {
        biased;
        accepted = handshake => accepted,
        () = control.wait_for_stop_or_end() => return None,
    };
    match accepted {
        Ok(Ok(io)) => Some(io),
        Ok(Err(error)) => {
            debug!(?peer, %error, "TLS handshake failed");
            None
        }
        Err(_) => {
            debug!(?peer, limit = ?tls.max_handshake(), "TLS handshake timed out");
            None
        }
    }
}
