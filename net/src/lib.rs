//! The network side of [portcullis](https://docs.rs/portcullis): runs a service on streams and
//! datagrams.
//!
//! Applications depend on `portcullis`, which re-exports everything here. A server accepts
//! connections, drives their sessions, enforces limits, and stops in order; clients speak the same
//! codecs from the other end. `ARCHITECTURE.md` in the repository lists the modules in the order in
//! which they import each other.

#![forbid(unsafe_code)]
// docs.rs builds with nightly, and says of each item which feature it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod client;
mod datagram;
mod endpoint;
mod server;
mod session;
mod sockets;
mod transport;

// The modules of the crates below, under their own names.
pub(crate) use portcullis_codec as codec;
pub(crate) use portcullis_runtime::internal::{
    context, error, pool, portal, report, scope, spawn, sync, threads, timer,
};
pub(crate) use portcullis_service as service;
pub(crate) use portcullis_service::private;

/// The bounds that messages of the compiler name. Nothing in here is to be called by hand.
pub mod bounds {
    #[cfg(unix)]
    pub use crate::server::BoundUnix;
    pub use crate::server::carries::{Carries, Fits, HasCodec, Mistaken, Never, Silent};
    pub use crate::server::{BoundDatagrams, BoundTcp, Serves, Streams};
}

/// For `portcullis-rpc` and `portcullis-testkit`, which are released together with this crate. Not
/// part of the public interface.
#[doc(hidden)]
pub mod internal {
    pub mod client {
        pub use crate::client::frame_buffer::{FrameBuffer, MAX_FED};
        pub use crate::client::reconnect::ReconnectState;
        pub use crate::client::time_limit::with_timeout;
    }
    pub use crate::server::erased;
    pub mod driver {
        pub use crate::session::driver::{Drive, session_factory};
    }
    pub use crate::session::registry::SessionRegistry;
}

pub use client::{
    Backoff, BlockingClient, BlockingReconnectingClient, BlockingStream, Client, ClientError, ClientReceiver,
    ClientSender, Connect, Incoming, ReconnectingClient,
};
#[cfg(feature = "tls")]
pub use client::{ClientTls, ClientTlsStream, MaybeTlsStream};
#[cfg(unix)]
pub use datagram::UnixDatagram;
pub use datagram::{DatagramAddr, DatagramSocket, Udp};
pub use endpoint::{BlockingEndpoint, Endpoint};
pub use server::{
    Accepted, Bound, DatagramCounts, DatagramStats, IsBound, Listen, Listener, NoCodec, RunningServer,
    Server, ServerHandle, ServerThread, Stdio, StopReport, Unbound,
};
#[cfg(feature = "systemd")]
pub use server::{InheritedKind, InheritedSocket, listen_fds};
pub use session::StuckSession;
pub use sockets::SocketAddrs;
pub use sockets::tcp::Tcp;
#[cfg(unix)]
pub use sockets::unix::{Unix, UnixName};
#[cfg(feature = "tls")]
pub use sockets::wrappers::OverTls;
#[cfg(all(feature = "fds", unix))]
pub use sockets::wrappers::PassFds;
#[cfg(feature = "tls")]
pub use tokio_rustls::rustls;
#[cfg(all(feature = "fds", unix))]
pub use transport::FdPeer;
pub use transport::Transport;
#[cfg(feature = "tls")]
pub use transport::tls::{Tls, TlsBuilder, TlsInfo, TlsPeer, TlsReloader};
