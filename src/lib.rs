//! Threaded network services by annotation: async handlers on the loop, blocking methods on bounded
//! pools, and a portal back.
//!
//! **`.await` on the loop, `.wait(worker)?` on a thread. Same methods, two worlds, and grep finds
//! every crossing.**
//!
//! | where you are | an `async fn` of the service | a `#[blocking] fn` of the service |
//! |---|---|---|
//! | loop (handlers, hooks, tasks) | `self.audit(3).await` | `self.decode(img).await`: offloaded to its pool |
//! | thread (a blocking body, which holds `worker: &Worker`) | `self.audit(3).wait(worker)?`: this thread polls it until it is ready | `self.decode(img).wait(worker)?`: on its own pool (in place if this thread is of that pool); `self.blocking_decode(worker, img)`: a plain call here |
//!
//! Waiting for the loop from the loop, calling a blocking body from the loop, or taking a
//! [`Worker`] off its thread does not compile.
//!
//! # A service
//!
//! ```
//! use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
//! use portcullis::prelude::*;
//! use portcullis::{Client, Interrupted};
//! use serde::{Deserialize, Serialize};
//!
//! struct Primes { cpu: Pool, asked: AtomicU64 }
//!
//! #[derive(Serialize, Deserialize)]
//! enum Answer { Prime { n: u64, prime: bool, serial: u64 }, Failed(String) }
//!
//! #[service]
//! impl Primes {
//!     /// One request in, one response out.
//!     #[request]
//!     async fn check(&self, n: u64) -> Result<Answer, Interrupted> {
//!         self.test(n).await
//!     }
//!
//!     /// Runs on a thread of `self.cpu`; given up, and told to stop, after two seconds.
//!     #[blocking(pool = self.cpu, deadline = "2s")]
//!     fn test(&self, worker: &Worker, n: u64) -> Result<Answer, Interrupted> {
//!         let mut prime = n > 1;
//!         let mut divisor = 2;
//!         while prime && divisor * divisor <= n {
//!             worker.check()?; // cancelled? past the deadline? server stopping?
//!             prime = n % divisor != 0;
//!             divisor += 1;
//!         }
//!         let serial = self.count(1).wait(worker)?; // an async method, from a thread
//!         Ok(Answer::Prime { n, prime, serial })
//!     }
//!
//!     async fn count(&self, more: u64) -> u64 {
//!         self.asked.fetch_add(more, Relaxed) + more
//!     }
//!
//!     /// An error answers, and the session goes on.
//!     #[on(error)]
//!     async fn failed(&self, error: SessionError<Interrupted>) -> ControlFlow<Reason, Answer> {
//!         ControlFlow::Continue(Answer::Failed(error.to_string()))
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let service = Primes { cpu: Pool::builder("cpu").threads(2).queue_capacity(64).build()?, asked: AtomicU64::new(0) };
//! // Or, blocking, in `fn main`: `.bind(..)?.run_until_signal()`
//! let server = Server::new(service).codec(JsonLines::new()).bind("127.0.0.1:0")?.spawn().await?;
//!
//! let mut client = Client::<u64, Answer, _>::connect(server.local_addr(), JsonLines::new()).await?;
//! assert!(matches!(client.call(97).await?, Answer::Prime { prime: true, serial: 1, .. }));
//!
//! println!("{}", server.stop().await?);
//! # Ok(())
//! # }
//! ```
//!
//! # Sessions with states
//!
//! Where a session's requests mean different things at different times, each [state](macro@state)
//! is a method. Its parameters are what is known by then, its return value is where the session
//! goes, and the enum of all states is written for you.
//!
//! ```
//! use portcullis::prelude::*;
//!
//! struct Turnstile;
//!
//! #[service]
//! impl Turnstile {
//!     /// Closed until somebody pays.
//!     #[state(start)]
//!     async fn locked(&self, request: String) -> (String, TurnstileState) {
//!         match request.parse() {
//!             Ok(paid) => ("pass".into(), TurnstileState::Unlocked(paid)),
//!             Err(_) => ("pay first".into(), TurnstileState::Locked),
//!         }
//!     }
//!
//!     /// Open for one, for a while.
//!     #[state(idle = "10s")]
//!     async fn unlocked(&self, paid: u32, request: String) -> (String, TurnstileState) {
//!         match request.as_str() {
//!             "push" => (format!("thank you for {paid}"), TurnstileState::Locked),
//!             _ => ("push".into(), TurnstileState::Unlocked(paid)),
//!         }
//!     }
//!
//!     #[on(timeout = unlocked)]
//!     async fn too_late(&self, paid: u32) -> (String, TurnstileState) {
//!         (format!("{paid} is kept"), TurnstileState::Locked)
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::new(Turnstile).codec(Lines::new()).bind("127.0.0.1:0")?.spawn().await?;
//! let mut client = portcullis::Client::<String, String, _>::connect(server.local_addr(), Lines::new()).await?;
//! assert_eq!(client.call("push".into()).await?, "pay first");
//! assert_eq!(client.call("3".into()).await?, "pass");
//! assert_eq!(client.call("push".into()).await?, "thank you for 3");
//! # server.stop().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # The parts
//! - [`macro@service`], with [`macro@request`], [`macro@session`] or [`macro@state`],
//!   [`macro@event`], [`macro@on`], [`macro@before`] and [`macro@after`], and [`macro@blocking`]:
//!   the language. `#[blocking]` also works with no service at all, on methods and free functions.
//! - [`Pool`], [`Offload`], [`Worker`], [`Wait`], [`Portal`], [`PortalTask`]: threads and the way
//!   back. One error, [`Interrupted`].
//! - [`context!`] values travel with the work; [`channel`](channel()) streams out of a thread, with
//!   back-pressure.
//! - [`Server`], [`Peer`], [`Session`], [`Client`] and [`codec`]: the network (feature `server`).
//!
//! # Features
//! | feature | gives | default |
//! |---|---|---|
//! | `server` | servers, sessions, codecs, the client | yes |
//! | `json` | [`codec::Json`] | yes |
//! | `postcard` | [`codec::Postcard`] | yes |
//! | `tls` | TLS listeners, by rustls with ring; certificates replaced while the server runs | |
//! | `systemd` | `listen_fds`: sockets that systemd has opened | |
//! | `fds` | descriptors that go along with messages over Unix sockets | |
//! | `msgpack` | [`codec::MessagePack`] | |
//! | `cbor` | [`codec::Cbor`] | |
//! | `base64` | [`codec::Base64`], around any format | |
//! | `checksum` | [`codec::Crc32`], [`codec::Sha256`], [`codec::HmacSha256`], around any format | |
//! | `zlib` | [`codec::Zlib`], around any format | |
//! | `zstd` | [`codec::Zstd`], around any format (builds C) | |
//! | `serde` | [`PoolConfig`] from a configuration file | with the formats |
//! | `axum` | `Interrupted: IntoResponse` | |
//! | `metrics` | pools report to the `metrics` facade | |
//! | `rayon` | parallel iterators inside jobs | |
//! | `test-util` | `portcullis::test`, for the tests of services | |
//!
//! With `default-features = false`, `#[blocking]`, the pools and the portal remain: no codec, no
//! socket, no server.

#![forbid(unsafe_code)]
// docs.rs builds with nightly, and says of each item which feature it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "test-util")]
pub mod test;

pub use portcullis_macros::{after, before, blocking, event, on, request, service, session, state};
pub use portcullis_runtime::*;

/// What expansions name and people do not.
#[doc(hidden)]
pub mod __private {
    pub use portcullis_runtime::private::*;
    #[cfg(feature = "server")]
    pub use portcullis_service::private::*;
}

/// The bounds that messages of the compiler name. Nothing in here is to be called by hand.
pub mod bounds {
    #[cfg(feature = "server")]
    pub use portcullis_net::bounds::*;
    pub use portcullis_runtime::bounds::*;
    #[cfg(feature = "server")]
    pub use portcullis_service::bounds::*;
}

#[cfg(feature = "server")]
#[doc(inline)]
pub use portcullis_codec as codec;

// By name: of what a feature leaves out, the compiler then says which feature it is.
#[cfg(feature = "cbor")]
pub use portcullis_codec::Cbor;
#[cfg(feature = "msgpack")]
pub use portcullis_codec::MessagePack;
#[cfg(feature = "postcard")]
pub use portcullis_codec::Postcard;
#[cfg(feature = "server")]
pub use portcullis_codec::{Codec, Datagrams, Lines};
#[cfg(all(feature = "server", feature = "serde"))]
pub use portcullis_codec::{Concatenated, LengthPrefixed, NewlineDelimited};
#[cfg(feature = "json")]
pub use portcullis_codec::{Json, JsonLines};
#[cfg(feature = "server")]
pub use portcullis_net::{
    Accepted, Backoff, BlockingClient, BlockingEndpoint, BlockingReconnectingClient, BlockingStream, Bound,
    Client, ClientError, ClientReceiver, ClientSender, Connect, DatagramAddr, DatagramCounts, DatagramSocket,
    DatagramStats, Endpoint, Incoming, IsBound, Listen, Listener, NoCodec, ReconnectingClient, RunningServer,
    Server, ServerHandle, ServerThread, SocketAddrs, StopReport, StuckSession, Tcp, Transport, Udp, Unbound,
};
#[cfg(feature = "tls")]
pub use portcullis_net::{
    ClientTls, ClientTlsStream, OverTls, Tls, TlsBuilder, TlsInfo, TlsPeer, TlsReloader, rustls,
};
#[cfg(all(feature = "fds", unix))]
pub use portcullis_net::{FdPeer, PassFds};
#[cfg(feature = "systemd")]
pub use portcullis_net::{InheritedKind, InheritedSocket, listen_fds};
#[cfg(all(feature = "server", unix))]
pub use portcullis_net::{Unix, UnixDatagram, UnixName};
#[cfg(all(feature = "server", unix))]
pub use portcullis_service::Credentials;
#[cfg(feature = "server")]
pub use portcullis_service::{
    Cleanup, ClosedFuture, Describe, Description, HalfClose, IntoService, Peer, PostFuture, Reason,
    SendError, SendFuture, Service, Session, SessionError, StateLimits, Stopping, TrySendError,
    assert_diagram, describe,
};

/// What a service's file needs: the attributes, [`Wait`], the codecs, and the types that signatures
/// name (std's [`ControlFlow`](std::ops::ControlFlow) among them, for `#[on(error)]`). No `Result`
/// and no error type.
pub mod prelude {
    #[cfg(any(feature = "json", feature = "postcard", feature = "msgpack", feature = "cbor"))]
    pub use crate::LengthPrefixed;
    // For their methods on a `Peer`.
    #[cfg(all(feature = "fds", unix))]
    pub use crate::FdPeer as _;
    #[cfg(feature = "postcard")]
    pub use crate::Postcard;
    #[cfg(feature = "tls")]
    pub use crate::TlsPeer as _;
    #[cfg(feature = "test-util")]
    pub use crate::test::{TestPool as _, TestPoolBuilder as _};
    #[cfg(feature = "server")]
    pub use crate::{Cleanup, Describe, Lines, Peer, Reason, Server, Session, SessionError};
    #[cfg(feature = "json")]
    pub use crate::{Json, JsonLines};
    pub use crate::{Pool, Wait, Worker};
    // Without `event`, which is a macro of `tracing` as well: `#[service]` knows its attributes
    // without an import.
    pub use crate::{after, before, blocking, on, request, service, session, state};
    pub use std::ops::ControlFlow;
}
