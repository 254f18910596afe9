//! From sockets to sessions.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tracing::{debug, warn};

use super::Bound;
use crate::codec::Codec;
use crate::scope::Scope;
use crate::service::Service;
use crate::session::driver::Drive;
use crate::session::hub::Hub;

/// How long accepting rests when the system is out of something (S6).
const PAUSE: Duration = Duration::from_millis(100);

pub(super) struct Acceptor {
    listeners: Vec<TcpListener>,
    /// Where to look first, so that no listener is starved by a busy one.
    first: usize,
}

impl Acceptor {
    /// Must be called on the runtime that will serve.
    pub(super) fn new(bound: Bound) -> io::Result<Self> {
        let listeners = bound.listeners.into_iter().map(TcpListener::from_std).collect::<io::Result<_>>()?;
        Ok(Self { listeners, first: 0 })
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let count = self.listeners.len();
        for step in 0..count {
            let index = (self.first + step) % count;
            if let Poll::Ready(accepted) = self.listeners[index].poll_accept(cx) {
                self.first = (index + 1) % count;
                return Poll::Ready(accepted);
            }
        }
        Poll::Pending
    }

    /// Starts a session for each connection, and never ends.
    pub(super) async fn run<S, C, D>(
        mut self,
        hub: &Arc<Hub<S>>,
        scope: &Arc<Scope>,
        drive: &Arc<D>,
        codec: &mut C,
        max_connections: usize,
    ) where
        S: Service,
        C: Codec<S::Request, S::Response>,
        D: Drive<S, TcpStream, C>,
    {
        loop {
            hub.at_most(max_connections - 1).await;
            match poll_fn(|cx| self.poll_accept(cx)).await {
                Ok((io, addr)) => {
                    // Fails if the peer is gone already: then there is no session.
                    if io.set_nodelay(true).is_ok() {
                        let task = drive.drive(hub.admit(Some(addr)), io, codec.clone());
                        drop(tokio::spawn(scope.enter(task)));
                    }
                }
                Err(error) if is_of_one_connection(&error) => debug!(%error, "a connection was not accepted"),
                Err(error) => {
                    warn!(%error, "accepting failed; trying again in {PAUSE:?}");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

/// The peer went away between connecting and being accepted; the next one may be accepted at once.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
