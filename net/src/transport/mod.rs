//! [`Transport`]: the byte stream under a session.
//!
//! A session runs over any stream that can be read and written. A transport can also report a reset
//! while the session does not read, so that a busy handler is cancelled (S8).
//!
//! - this file: the trait, for TCP, Unix sockets and in-memory pipes;
//! - [`tls`]: TLS over any of these;
//! - [`fds`]: Unix sockets that pass descriptors;
//! - [`stdio`]: standard input and output.

#[cfg(all(feature = "fds", unix))]
pub(crate) mod fds;
pub(crate) mod stdio;
#[cfg(feature = "tls")]
pub(crate) mod tls;

use std::future::{Future, pending};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, Interest};
use tokio::net::TcpStream;

#[cfg(all(feature = "fds", unix))]
pub use self::fds::FdPeer;
use crate::service::Reason;

/// A byte stream that a session can run over.
pub trait Transport: AsyncRead + AsyncWrite + Unpin + Send + Sync + 'static {
    /// Completes when the peer has reset the connection, even if received bytes are unread.
    ///
    /// A transport that cannot detect a reset never completes it. A half-close is not a reset.
    fn wait_for_reset(&self) -> impl Future<Output = ()> + Send {
        pending()
    }

    /// Called once, with the reason, when the session ends and before its stream is shut down: a
    /// transport with error codes of its own sends one that says why. Not called if the session is
    /// dropped together with its runtime.
    fn session_ended(&self, reason: &Reason) {
        let _ = reason;
    }

    /// Returns whether closing the stream while the peer is sending makes the peer lose unread
    /// responses, as with sockets. If so, the session reads on for a while before it closes (see
    /// [`Server::linger`](crate::Server::linger)). The default is `true`.
    fn lingers(&self) -> bool {
        true
    }

    /// Returns whether each direction of the stream can be closed on its own. If not, the end of
    /// the stream does not mean that the peer may be leaving, so it never drops a handler, whatever
    /// its `half_close` is; and [`Peer::shutdown_write`](portcullis_service::Peer::shutdown_write)
    /// does not shut down the stream. The default is `true`.
    fn half_closes(&self) -> bool {
        true
    }

    /// Returns the idle timeout of a session if the server sets none, for transports that cannot
    /// detect that the peer has disconnected. The default is no limit.
    fn default_idle_timeout(&self) -> Option<Duration> {
        None
    }
}

impl Transport for TcpStream {
    async fn wait_for_reset(&self) {
        // An error here means that the runtime is shutting down, which is not the peer's doing.
        if self.ready(Interest::ERROR).await.is_err() {
            pending::<()>().await;
        }
    }
}

impl Transport for DuplexStream {}

#[cfg(unix)]
impl Transport for tokio::net::UnixStream {
    async fn wait_for_reset(&self) {
        if self.ready(Interest::ERROR).await.is_err() {
            pending::<()>().await;
        }
    }
}
