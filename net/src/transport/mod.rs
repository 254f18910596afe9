//! [`Transport`]: the byte stream under a session.
//!
//! A session is driven over any stream that can be read and written; what a transport adds is that
//! it can tell of a reset while nobody reads (S8: a busy handler learns that its peer is gone).
//!
//! - this file: TCP, Unix sockets, pipes in memory;
//! - [`tls`]: TLS over any of them;
//! - [`fds`]: Unix sockets that pass descriptors.

#[cfg(all(feature = "fds", unix))]
pub(crate) mod fds;
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
    /// Ends when the peer has reset the connection, even if bytes that nobody has read are in the
    /// way.
    ///
    /// A transport that can't know never ends it. The peer having closed its writing side is not a
    /// reset.
    fn wait_for_reset(&self) -> impl Future<Output = ()> + Send {
        pending()
    }

    /// The session over this stream ends, for this reason. For tests.
    #[doc(hidden)]
    fn session_ended(&self, reason: &Reason) {
        let _ = reason;
    }

    /// Whether the peer loses what it has not read yet if the stream is closed while the peer is
    /// still sending; then the session reads on for a while before it closes (see
    /// [`Server::linger`](crate::Server::linger)). So do sockets, and streams over them.
    fn lingers(&self) -> bool {
        true
    }

    /// How long a session may wait for its next request where the server sets no limit: for
    /// transports that can't tell that their peer is gone. None, unless said otherwise.
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
