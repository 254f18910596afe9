//! Doors at which there is a TLS handshake, in the session's own task: a client that takes its time for it takes one
//! place, and holds up nobody.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::time::timeout;
use tracing::debug;

use super::{Accept, Door, Entrance};
use crate::codec::Codec;
use crate::server::control::Control;
use crate::service::Service;
use crate::service::origin::{Extended, Origin};
use crate::session::driver::Drive;
use crate::session::registry::SessionGuard;
use crate::transport::Transport;
use crate::transport::tls::Tls;
use crate::transport::tls::info::Handshake;
use crate::transport::tls::stream::{TlsStream, shake};

/// As an [`Entrance`], and a handshake behind it.
pub(super) struct TlsEntrance<S: Service, C, L, D> {
    pub(super) entrance: Entrance<S, C, L, D>,
    pub(super) tls: Tls,
    pub(super) control: Arc<Control>,
}

impl<S, C, L, D> Door for TlsEntrance<S, C, L, D>
where
    S: Service,
    C: Codec<S::Request, S::Response>,
    L: Accept,
    D: Drive<S, TlsStream<L::Io>, C>,
{
    fn poll_admit(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some((io, below)) = ready!(self.entrance.poll_accept(cx))? else {
            return Poll::Ready(Ok(()));
        };
        let addr = below.addr();
        let shaken = Arc::new(Extended { below, extension: Handshake::new() });
        let Entrance { hub, scope, codec, drive, .. } = &self.entrance;
        let seat = hub.admit(Origin::Extended(Arc::<Extended<Handshake>>::clone(&shaken)));
        let (drive, codec) = (Arc::clone(drive), codec.clone());
        let shaking = handshake(io, addr, self.tls.clone(), Arc::clone(&self.control));
        drop(tokio::spawn(scope.enter(session(drive, seat, shaken, Box::pin(shaking), codec))));
        Poll::Ready(Ok(()))
    }
}

/// The task of a session: the handshake, and if it comes to an end in time, all else.
async fn session<S, IO, C, D>(
    drive: Arc<D>,
    seat: SessionGuard<S>,
    shaken: Arc<Extended<Handshake>>,
    // In a box, which is gone when the session begins.
    shaking: Pin<Box<impl Future<Output = Option<TlsStream<IO>>>>>,
    codec: C,
) where
    S: Service,
    D: Drive<S, TlsStream<IO>, C>,
{
    if let Some(io) = shaking.await {
        // Nobody else sets it.
        let _ = shaken.extension.set(io.info());
        drop(shaken);
        drive.drive(seat, io, codec).await;
    }
}

/// `None` if the client did not come to it, or the server stops.
async fn handshake<IO: Transport>(
    io: IO,
    peer: Option<SocketAddr>,
    tls: Tls,
    control: Arc<Control>,
) -> Option<TlsStream<IO>> {
    let shaking = timeout(tls.limit(), shake(io, tls.config()));
    let shaken = tokio::select! {
        biased;
        shaken = shaking => shaken,
        () = control.over() => return None,
    };
    match shaken {
        Ok(Ok(io)) => Some(io),
        Ok(Err(error)) => {
            debug!(?peer, %error, "no TLS handshake");
            None
        }
        Err(_) => {
            debug!(?peer, limit = ?tls.limit(), "no TLS handshake in time");
            None
        }
    }
}
