//! Runs the blocking and CPU-heavy parts of an async network service on bounded thread pools.
//!
//! `#[service]` turns an `impl` block into a network service. `#[blocking]` runs a method on a
//! [`Pool`] and returns a future. A method on a pool can call async methods of the service.
//!
//! **`.await` on the loop, `.wait(worker)?` on a thread. Same methods, two worlds, and grep finds
//! every crossing.**
//!
//! | the caller runs | to call an `async fn` of the service | to call a `#[blocking] fn` of the service |
//! |---|---|---|
//! | on the event loop: handlers, hooks, tasks | `self.audit(3).await` | `self.decode(img).await`: runs on its pool |
//! | on a thread: a `#[blocking]` body with `worker: &Worker` | `self.audit(3).wait(worker)?`: this thread polls it until it is ready | `self.decode(img).wait(worker)?`: runs on its pool (on this thread if no other is free); `self.blocking_decode(worker, img)`: a plain call on this thread |
//!
//! Three mistakes do not compile: waiting with `.wait(worker)` on the event loop, calling a
//! blocking body on the event loop, and sending a [`Worker`] to another thread.
//!
//! [The guide](https://portcullis-rs.github.io/portcullis/) has a page for each attribute, and
//! pages on pools, servers, codecs, clients and tests.
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
//!     /// Answers one request. Runs on the event loop.
//!     #[request]
//!     async fn check(&self, n: u64) -> Result<Answer, Interrupted> {
//!         self.test(n).await
//!     }
//!
//!     /// Runs on a thread of `self.cpu`. After two seconds, the job is cancelled.
//!     #[blocking(pool = self.cpu, deadline = "2s")]
//!     fn test(&self, worker: &Worker, n: u64) -> Result<Answer, Interrupted> {
//!         let mut prime = n > 1;
//!         let mut divisor = 2;
//!         while prime && divisor * divisor <= n {
//!             worker.check()?; // returns an error after cancellation
//!             prime = n % divisor != 0;
//!             divisor += 1;
//!         }
//!         let serial = self.count(1).wait(worker)?; // waits for an async method
//!         Ok(Answer::Prime { n, prime, serial })
//!     }
//!
//!     async fn count(&self, more: u64) -> u64 {
//!         self.asked.fetch_add(more, Relaxed) + more
//!     }
//!
//!     /// Sends an error as the response. The session continues.
//!     #[on(error)]
//!     async fn failed(&self, error: SessionError<Interrupted>) -> ControlFlow<Reason, Answer> {
//!         ControlFlow::Continue(Answer::Failed(error.to_string()))
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let service = Primes { cpu: Pool::builder("cpu").threads(2).queue_capacity(64).build()?, asked: AtomicU64::new(0) };
//! // In a `fn main` that is not async: `.bind(..)?.run_until_signal()?`
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
//! If requests have different meanings at different times, write one method for each
//! [state](macro@state). Its parameters are the data of that state, and its return value is the
//! next state. `#[service]` generates the enum of all states.
//!
//! ```
//! use portcullis::prelude::*;
//!
//! struct Turnstile;
//!
//! #[service]
//! impl Turnstile {
//!     /// Locked until a client pays.
//!     #[state(start)]
//!     async fn locked(&self, request: String) -> (String, TurnstileState) {
//!         match request.parse() {
//!             Ok(paid) => ("pass".into(), TurnstileState::Unlocked(paid)),
//!             Err(_) => ("pay first".into(), TurnstileState::Locked),
//!         }
//!     }
//!
//!     /// Unlocked for one push, for at most ten seconds.
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
//! # Blocking code without a service
//!
//! `#[blocking]` works on methods and functions of any program, with any executor:
//!
//! ```
//! use portcullis::{Interrupted, Worker, blocking};
//!
//! #[blocking(deadline = "2s")]
//! fn checksum(worker: &Worker, data: Vec<u8>) -> Result<u32, Interrupted> {
//!     let mut sum = 0_u32;
//!     for chunk in data.chunks(4096) {
//!         worker.check()?; // returns an error after cancellation
//!         sum = chunk.iter().fold(sum, |sum, byte| sum.wrapping_mul(31).wrapping_add((*byte).into()));
//!     }
//!     Ok(sum)
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Interrupted> {
//! // Runs on `Pool::shared()`. Dropping the future cancels the job.
//! assert_eq!(checksum(vec![1, 2]).await?, 33);
//! # Ok(())
//! # }
//! ```
//!
//! # Contents
//!
//! | for | see |
//! |---|---|
//! | services | [`macro@service`], [`macro@request`], [`macro@session`], [`macro@state`], [`macro@event`], [`macro@on`], [`macro@before`], [`macro@after`] |
//! | blocking code | [`macro@blocking`], [`Pool`], [`Offload`], [`Worker`]. A job without a result returns an [`Interrupted`] |
//! | async code from threads | [`Wait`], [`Portal`], [`PortalTask`]; [`channel`](channel()) sends a stream from a thread |
//! | values that travel with jobs and tasks | [`context!`] |
//! | the network (feature `server`) | [`Server`], [`Peer`], [`Session`], [`Client`], [`codec`] |
//!
//! # Logging
//!
//! Portcullis logs with `tracing`. The targets are `portcullis_net` (servers and sessions),
//! `portcullis_service` (cleanup), `portcullis_runtime` (panics in tasks) and `portcullis::pool`
//! (one line per job, at level `DEBUG`). Each session is a span `session` with the fields `id` and
//! `peer`, and a job inherits the span of its caller.
//!
//! # Features
//! | feature | adds | default |
//! |---|---|---|
//! | `server` | servers, sessions, codecs, the client | yes |
//! | `json` | [`codec::Json`] | yes |
//! | `postcard` | [`codec::Postcard`] | yes |
//! | `tls` | TLS by rustls with ring; certificates can be replaced while the server runs | |
//! | `systemd` | `listen_fds`: sockets from systemd | |
//! | `nats` | [`nats`]: calls, durable jobs and topics over NATS (Rust 1.89) | |
//! | `rpc` | [`mod@rpc`]: typed calls and their clients | |
//! | `fds` | file descriptors that are sent with messages over Unix sockets | |
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
//! With `default-features = false`, the crate contains `#[blocking]`, the pools and the portal. It
//! then has no codec, no socket and no server.

#![forbid(unsafe_code)]
// docs.rs builds with nightly and shows which feature an item needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "test-util")]
pub mod test;

#[cfg(feature = "nats")]
#[doc(inline)]
pub use portcullis_nats as nats;

#[cfg(feature = "rpc")]
#[doc(inline)]
pub use portcullis_rpc as rpc;

pub use portcullis_macros::{after, before, blocking, event, on, request, rpc, service, session, state};
pub use portcullis_runtime::*;

/// Items that macro expansions use. They are not part of the API.
#[doc(hidden)]
pub mod __private {
    pub use portcullis_runtime::private::*;
    #[cfg(feature = "server")]
    pub use portcullis_service::private::*;
}

/// Traits that appear in compiler messages. Do not use them directly.
pub mod bounds {
    #[cfg(feature = "server")]
    pub use portcullis_net::bounds::*;
    #[cfg(feature = "rpc")]
    pub use portcullis_rpc::bounds::*;
    pub use portcullis_runtime::bounds::*;
    #[cfg(feature = "server")]
    pub use portcullis_service::bounds::*;
}

#[cfg(feature = "server")]
#[doc(inline)]
pub use portcullis_codec as codec;

// Listed by name, so that the compiler can say which feature a missing item needs.
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
    Server, ServerHandle, ServerThread, SocketAddrs, Stdio, StopReport, StuckSession, Tcp, Transport, Udp,
    Unbound,
};
#[cfg(feature = "tls")]
pub use portcullis_net::{
    ClientTls, ClientTlsStream, MaybeTlsStream, OverTls, Tls, TlsBuilder, TlsInfo, TlsPeer, TlsReloader,
    rustls,
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
    AnyPeer, By, Cleanup, ClosedFuture, Describe, Description, Encoded, EndedFuture, HalfClose, IntoService,
    Limit, Peer, PostFuture, Reason, Responses, SendError, SendFuture, Service, Session, SessionError,
    StateLimits, Stopping, TrySendError, assert_diagram, describe,
};

/// Imports for a file with a service: the attributes, [`Wait`], the codecs, and the types in
/// signatures, including std's [`ControlFlow`](std::ops::ControlFlow) for `#[on(error)]`. It
/// contains no `Result` and no error type.
pub mod prelude {
    #[cfg(any(feature = "json", feature = "postcard", feature = "msgpack", feature = "cbor"))]
    pub use crate::LengthPrefixed;
    // Traits with methods of a `Peer`.
    #[cfg(all(feature = "fds", unix))]
    pub use crate::FdPeer as _;
    #[cfg(feature = "postcard")]
    pub use crate::Postcard;
    #[cfg(feature = "tls")]
    pub use crate::TlsPeer as _;
    #[cfg(feature = "test-util")]
    pub use crate::test::{TestPool as _, TestPoolBuilder as _};
    #[cfg(feature = "server")]
    pub use crate::{By, Cleanup, Describe, Limit, Lines, Peer, Reason, Server, Session, SessionError};
    #[cfg(feature = "json")]
    pub use crate::{Json, JsonLines};
    pub use crate::{Pool, Wait, Worker};
    #[cfg(all(feature = "rpc", feature = "json"))]
    pub use portcullis_rpc::RpcPeer as _;
    // Without `event`, which is also a macro of `tracing`. `#[service]` recognizes its attributes
    // without an import.
    pub use crate::{after, before, blocking, on, request, service, session, state};
    // Not from `crate`, where `rpc` is also a module.
    pub use portcullis_macros::rpc;
    pub use std::ops::ControlFlow;
}
