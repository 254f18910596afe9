//! The runtime of [portcullis](https://docs.rs/portcullis): bounded pools, offloads, the portal, sessions and servers.
//!
//! Applications depend on `portcullis`, which re-exports everything here. The modules are the nouns, and imports
//! run one way: `server → session → portal → pool`.

#![forbid(unsafe_code)]
// docs.rs builds with nightly, and says of each item which feature it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod channel;
#[cfg(feature = "server")]
mod client;
mod context;
#[cfg(feature = "server")]
mod datagram;
#[cfg(feature = "server")]
pub mod describe;
#[cfg(feature = "server")]
mod endpoint;
mod error;
mod hooks;
mod host_call;
mod host_task;
mod job;
pub mod lints;
mod pool;
mod portal;
#[doc(hidden)]
pub mod private;
mod report;
mod scope;
#[cfg(feature = "server")]
mod server;
#[cfg(feature = "server")]
mod service;
#[cfg(feature = "server")]
mod session;
#[cfg(feature = "server")]
mod sockets;
mod spawn;
mod sync;
#[cfg(feature = "test-util")]
pub mod test;
#[cfg_attr(portcullis_loom, allow(dead_code))]
mod threads;
mod timer;
#[cfg(feature = "server")]
mod transport;
mod values;
mod worker;

/// What messages of the compiler name: the bounds that expansions ask for. Nothing in here is to be called by hand.
pub mod bounds {
    #[cfg(feature = "server")]
    pub use crate::private::{
        BeginsWithConn, BorrowsCleanup, BorrowsConn, Completes, DerefTarget, EndOfConn, FailsWith, First,
        Flows, IsState, IsWire, MakesBoth, NextState, NextTypes, SameType, SessionTypes, Step, TakesConn,
        TakesData, TakesError, TakesEvent, TakesPeer, TakesReason, TakesRequest, TakesResponse, Unknown,
        WrittenOut,
    };
    pub use crate::private::{
        Fallible, FromInterrupted, InAnImplBlock, IsNoWorker, IsWorker, Nowhere, OfAFreeFunction,
        crosses_as_worker, is_error_of_a_job, moves_between_threads,
    };
    #[cfg(all(feature = "server", unix))]
    pub use crate::server::BoundUnix;
    #[cfg(feature = "server")]
    pub use crate::server::carries::{Carries, Fits, HasCodec, Mistaken, Never, Silent};
    #[cfg(feature = "server")]
    pub use crate::server::{BoundDatagrams, BoundTcp, Serves, Streams};
}

/// For the crates of this workspace that build on the core. Nothing in here is part of the public interface.
#[doc(hidden)]
pub mod internal {
    pub use crate::context::{InScope, is_polling_task};
    pub use crate::error::{CatchUnwind, catch_and_log, catch_panic};
    pub use crate::hooks::{
        HookTimer, Hooks, MakeHooks, PoolHooks, PoolProbe, SteppedThread, install, uninstall,
    };
    pub use crate::pool::{ExternalCanceller, ExternalJob};
    pub use crate::portal::in_tokio_task;
    pub use crate::scope::{DrainSource, Scope, ScopeGuard};
    #[cfg(feature = "server")]
    pub use crate::service::internal as service;
    pub use crate::spawn::Executor;
    pub use crate::sync::{CachePadded, Condvar, Mutex, MutexGuard, atomic};
    pub use crate::threads::{ThreadName, start as start_thread};
    pub use crate::timer::{after, until};
}

pub use channel::{ChannelError, Receiver, Sender, channel};
pub use context::{ContextKey, InContext};
pub use error::{Interrupted, Panic};
pub use pool::{
    DrainReport, Histogram, JobBuilder, Offload, Overflow, Pool, PoolBuilder, PoolConfig, PoolMap, PoolStats,
};
pub use portal::{AsCompleted, Canceller, Portal, PortalTask, as_completed, join_all};
pub use report::{StuckJob, WaitsFor};
pub use spawn::{BoxTask, Spawn};
pub use worker::{Wait, Worker};

#[cfg(feature = "server")]
#[doc(inline)]
pub use portcullis_codec as codec;

#[cfg(feature = "server")]
pub use client::{
    Backoff, BlockingClient, BlockingReconnect, BlockingStream, Client, ClientError, ClientReceiver,
    ClientSender, Connect, Incoming, Reconnect,
};
#[cfg(feature = "tls")]
pub use client::{ClientTls, ClientTlsStream};
#[cfg(feature = "cbor")]
pub use codec::Cbor;
#[cfg(feature = "msgpack")]
pub use codec::MessagePack;
#[cfg(feature = "postcard")]
pub use codec::Postcard;
#[cfg(feature = "server")]
pub use codec::{Codec, Datagrams, Lines};
#[cfg(all(feature = "server", feature = "serde"))]
pub use codec::{Concatenated, LengthPrefixed, NewlineDelimited};
#[cfg(feature = "json")]
pub use codec::{Json, JsonLines};
#[cfg(all(feature = "server", unix))]
pub use datagram::UnixDatagram;
#[cfg(feature = "server")]
pub use datagram::{DatagramAddr, DatagramSocket, Udp};
#[cfg(feature = "server")]
pub use describe::{Describe, Description};
#[cfg(feature = "server")]
pub use endpoint::{BlockingEndpoint, Endpoint};
#[cfg(feature = "server")]
pub use server::{
    Accepted, Bound, DatagramCounts, DatagramStats, IntoService, IsBound, Listen, Listener, NoCodec,
    RunningServer, Server, ServerHandle, ServerThread, StopReport, Unbound,
};
#[cfg(feature = "systemd")]
pub use server::{InheritedKind, InheritedSocket, listen_fds};
#[cfg(all(feature = "server", unix))]
pub use service::Credentials;
#[cfg(feature = "server")]
pub use service::{
    Cleanup, Closed, HalfClose, Peer, Posting, Reason, SendError, Sending, Service, Session, SessionError,
    StateLimits, Stopping, TrySendError,
};
#[cfg(feature = "server")]
pub use session::StuckSession;
#[cfg(feature = "server")]
pub use sockets::SocketAddrs;
#[cfg(feature = "server")]
pub use sockets::tcp::Tcp;
#[cfg(all(feature = "server", unix))]
pub use sockets::unix::{Unix, UnixName};
#[cfg(feature = "tls")]
pub use sockets::wrappers::OverTls;
#[cfg(all(feature = "fds", unix))]
pub use sockets::wrappers::PassFds;
#[cfg(feature = "tls")]
pub use tokio_rustls::rustls;
#[cfg(all(feature = "fds", unix))]
pub use transport::FdPeer;
#[cfg(feature = "server")]
pub use transport::Transport;
#[cfg(feature = "tls")]
pub use transport::tls::{Tls, TlsBuilder, TlsInfo, TlsPeer, TlsReloader};
