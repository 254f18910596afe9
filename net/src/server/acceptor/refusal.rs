//! [`Refuser`]: sends a last response to connections that the limits do not admit.
//!
//! A refused connection has no session. A task writes the response, closes the writing side, and
//! discards what the peer sends until it closes its side, because a reset would lose the response.
//! The number of these tasks and their time are limited; further connections wait in the kernel, or
//! are closed without a response.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tracing::warn;

use crate::codec::Codec;
use crate::scope::Scope;
use crate::service::{Service, Stopping};
use crate::transport::Transport;

/// How many connections are refused at the same time.
const MAX_REFUSALS: usize = 64;
/// How long a refused connection may take, with its TLS handshake.
const TIMEOUT: Duration = Duration::from_secs(2);

type Make<Rsp> = Box<dyn Fn() -> Rsp + Send + Sync>;

/// The function that makes the response. The type of the response is erased, because the options of
/// a server do not name its service.
#[derive(Clone)]
pub(in crate::server) struct Refusal(Arc<dyn Any + Send + Sync>);

impl Refusal {
    pub(in crate::server) fn new<Rsp: 'static>(make: impl Fn() -> Rsp + Send + Sync + 'static) -> Self {
        let make: Make<Rsp> = Box::new(make);
        Self(Arc::new(make))
    }

    fn response<Rsp: 'static>(&self) -> Option<Rsp> {
        self.0.downcast_ref::<Make<Rsp>>().map(|make| make())
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refusal").finish_non_exhaustive()
    }
}

/// Refuses connections of one server.
#[derive(Clone)]
pub(in crate::server) struct Refuser {
    refusal: Refusal,
    permits: Arc<Semaphore>,
    stopping: Stopping,
}

impl Refuser {
    pub(in crate::server) fn new(refusal: Refusal, stopping: Stopping) -> Self {
        Self { refusal, permits: Arc::new(Semaphore::new(MAX_REFUSALS)), stopping }
    }

    /// Waits until another connection can be refused.
    pub(super) async fn wait_for_permit(&self) {
        // The semaphore is never closed.
        drop(self.permits.acquire().await);
    }

    /// Refuses a connection in a task of its own, or closes it at once if too many are being
    /// refused. `connect` makes the stream, as a TLS handshake does.
    pub(super) fn refuse<S, C, IO>(
        &self,
        mut codec: C,
        scope: &Arc<Scope>,
        connect: impl Future<Output = Option<IO>> + Send + 'static,
    ) where
        S: Service,
        C: Codec<S::Request, S::Response>,
        IO: Transport,
    {
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else { return };
        let Some(response) = self.refusal.response::<S::Response>() else { return };
        let mut message = BytesMut::new();
        if let Err(error) = codec.encode(response, &mut message) {
            return warn!(%error, "the refusal could not be encoded");
        }
        drop(tokio::spawn(scope.enter(send(connect, message, self.stopping.clone(), permit))));
    }
}

async fn send<IO: Transport>(
    connect: impl Future<Output = Option<IO>>,
    message: BytesMut,
    stopping: Stopping,
    _permit: OwnedSemaphorePermit,
) {
    let sending = timeout(TIMEOUT, async {
        let mut io = connect.await?;
        io.write_all(&message).await.ok()?;
        io.shutdown().await.ok()?;
        let mut discarded = [0; 1024];
        while io.read(&mut discarded).await.is_ok_and(|count| count > 0) {}
        Some(())
    });
    tokio::select! {
        _ = sending => {}
        () = stopping.wait() => {}
    }
}
