//! Builds and runs servers: listening, accepting, and graceful shutdown.
//!
//! The server keeps guarantees S2, S5, S6 and S10: it limits its sessions, survives errors of
//! accepting, and its shutdown ends within the grace period and a second, as long as one thread
//! polls the serving task. [`blocking`] ends a shutdown while handlers block all threads.
//!
//! - this file: the builder;
//! - [`listen`]: the kinds of listener; [`bind`]: `Server::listen`, and the bound addresses;
//! - [`acceptor`]: accepts connections and starts their sessions;
//! - [`datagram`]: datagram sockets, with a session for each source address;
//! - [`serve`]: start, serve, shutdown;
//! - [`control`]: the state that a server shares with its [`ServerHandle`]s;
//! - [`tasks`]: the tasks that the server's jobs spawn;
//! - [`spawned`]: a server in its own task;
//! - [`blocking`]: servers for programs that are not async;
//! - [`report`]: the result of a shutdown.

mod acceptor;
mod bind;
mod blocking;
pub(crate) mod carries;
mod control;
pub(crate) mod datagram;
mod listen;
mod report;
mod robust_sleep;
mod serve;
mod spawned;
mod tasks;

/// What a listener is made of that has a codec of its own: those of the test kit and of other
/// crates of this workspace.
#[doc(hidden)]
pub mod erased {
    pub use super::acceptor::{Acceptor, Source};
    pub use super::bind::Addrs;
    pub use super::listen::{BoundListener, Erased, erase_with_codec};
    pub use super::serve::ServeContext;
}

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use self::acceptor::refusal::Refusal;
use self::bind::Addrs;
pub use self::blocking::ServerThread;
use self::carries::Carries;
pub use self::control::ServerHandle;
use self::control::{Control, OwnedControl};
use self::datagram::{Counters, Rate};
pub use self::datagram::{DatagramCounts, DatagramStats};
use self::listen::BoundListener;
#[cfg(unix)]
pub use self::listen::BoundUnix;
#[cfg(feature = "systemd")]
pub use self::listen::systemd::{InheritedKind, InheritedSocket, listen_fds};
pub use self::listen::{Accepted, BoundDatagrams, BoundTcp, Listen, Listener, Serves, Stdio, Streams};
pub use self::report::StopReport;
pub use self::spawned::RunningServer;
use crate::pool::Pool;
use crate::service::IntoService;
use crate::service::Service;
use crate::service::internal::{DecodeOn, QueueLimits, SessionLimits, WeightLimit};

/// Binds a service to addresses, with a codec and limits, and serves it.
///
/// | to serve | where | until |
/// |---|---|---|
/// | [`serve`](Self::serve) | in the task that awaits it | a [handle](Self::handle) stops it |
/// | [`spawn`](Self::spawn) | in a task of its own | stopped or dropped |
/// | [`spawn_thread`](Self::spawn_thread) | on a thread of its own | stopped or dropped |
/// | [`serve_until_signal`](Self::serve_until_signal) | in the task that awaits it | SIGINT, SIGTERM |
/// | [`run_until_signal`](Self::run_until_signal) | on this thread, which blocks | SIGINT, SIGTERM |
/// | [`serve_stream`](Self::serve_stream) | in the task that awaits it | the one stream ends |
///
/// # Limits
/// Every limit has a default; `Duration::MAX` removes a time limit.
///
/// | | default |
/// |---|---|
/// | [`grace`](Self::grace) | 10 s |
/// | [`max_connections`](Self::max_connections) | 10 000 |
/// | [`max_connections_per_ip`](Self::max_connections_per_ip) | no limit |
/// | [`max_queued_responses`](Self::max_queued_responses) | 128 responses |
/// | [`max_queued_response_bytes`](Self::max_queued_response_bytes) | no limit |
/// | [`max_unwritten_bytes`](Self::max_unwritten_bytes) | 1 MiB |
/// | [`max_queued_events`](Self::max_queued_events) | 128 events |
/// | [`max_datagram_sessions`](Self::max_datagram_sessions) | as many as `max_connections` |
/// | [`max_queued_datagram_bytes`](Self::max_queued_datagram_bytes) | 64 KiB of datagrams |
/// | [`datagram_rate`](Self::datagram_rate) | 10 000 datagrams a second from one IP address |
/// | [`datagram_session_rate`](Self::datagram_session_rate) | 500 new sessions of datagrams a second from one IP address |
/// | [`first_request_timeout`](Self::first_request_timeout) | 1 min |
/// | [`idle_timeout`](Self::idle_timeout) | no limit |
/// | [`decode_on`](Self::decode_on) | the loop |
/// | [`frame_timeout`](Self::frame_timeout) | 30 s |
/// | [`frame_rate`](Self::frame_rate) | 16 KiB a second beyond that |
/// | [`max_unfinished_bytes`](Self::max_unfinished_bytes) | 256 MiB |
/// | [`write_timeout`](Self::write_timeout) | 30 s |
/// | [`linger`](Self::linger) | 2 s |
/// | [`max_lingering`](Self::max_lingering) | 1000 connections |
#[must_use = "a server does nothing before it is served"]
pub struct Server<S, C = NoCodec, B = Unbound> {
    service: Arc<S>,
    codec: C,
    bound: B,
    listeners: Vec<Box<dyn BoundListener<S> + Send>>,
    /// Of datagrams.
    counters: Arc<Counters>,
    options: Options,
    control: OwnedControl,
}

/// A server without a codec: [`Server::codec`] gives it one.
#[derive(Clone, Copy, Debug)]
pub struct NoCodec; // write `.codec(..)` before this call

/// A server without an address: [`Server::bind`] gives it one.
#[derive(Clone, Copy, Debug)]
pub struct Unbound; // write `.bind(addr)?` before this call

/// A server with at least one listener.
#[derive(Debug)]
pub struct Bound {
    addrs: Addrs,
}

/// A server that can be served: it is [`Bound`].
#[diagnostic::on_unimplemented(
    message = "this server is not bound to an address",
    label = "has no listener",
    note = "write `.bind(addr)?` before this call"
)]
pub trait IsBound: Send + 'static {
    /// What it is bound to.
    #[doc(hidden)]
    fn bound(&self) -> &Bound;
}

impl IsBound for Bound {
    fn bound(&self) -> &Bound {
        self
    }
}

#[derive(Clone, Debug)]
struct Options {
    max_connections: usize,
    /// As many as connections, if nothing is said.
    max_datagram_sessions: Option<usize>,
    max_queued_datagram_bytes: usize,
    datagram_rate: Rate,
    datagram_session_rate: Rate,
    queue_limits: QueueLimits,
    /// How many sessions one host may have.
    max_sessions_per_ip: Option<usize>,
    max_lingering: usize,
    limits: SessionLimits,
    /// Threads of a runtime of the server's own.
    loop_threads: Option<usize>,
    refusal: Option<Refusal>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            max_datagram_sessions: None,
            max_queued_datagram_bytes: datagram::DEFAULT_MAX_QUEUED_BYTES,
            datagram_rate: Rate::per_second(datagram::DATAGRAM_RATE),
            datagram_session_rate: Rate::per_second(datagram::SESSION_RATE),
            queue_limits: QueueLimits {
                responses: 128,
                response_weight: None,
                unwritten: 1024 * 1024,
                events: 128,
                decode_on: None,
            },
            max_sessions_per_ip: None,
            max_lingering: 1000,
            loop_threads: None,
            refusal: None,
            limits: SessionLimits {
                first_request: Some(Duration::from_secs(60)),
                idle: None,
                write: Some(Duration::from_secs(30)),
                frame: Some(Duration::from_secs(30)),
                frame_rate: 16 * 1024,
                unfinished: Some(256 * 1024 * 1024),
                state: None,
                linger: Duration::from_secs(2),
            },
        }
    }
}

// The methods that need the bounds have them: for a type that is no service, the error comes from
// `new`, and not again, in other words, from each method after it.
impl<S> Server<S> {
    /// A server of `service`, which may be in an `Arc` already.
    pub fn new(service: impl IntoService<Service = S>) -> Self {
        Self {
            service: service.into_service(),
            codec: NoCodec,
            bound: Unbound,
            listeners: Vec::new(),
            counters: Arc::default(),
            options: Options::default(),
            control: OwnedControl(Arc::new(Control::new(Duration::from_secs(10)))),
        }
    }
}

impl<S, B> Server<S, NoCodec, B> {
    /// What reads requests and writes responses of streams; each connection gets a clone. Call it
    /// before `bind` and `listen`.
    ///
    /// `How` is inferred.
    #[allow(clippy::type_complexity)] // An alias would be one more name in the compiler's messages.
    pub fn codec<C, How>(self, codec: C) -> Server<S, <C as Carries<S::Request, S::Response, How>>::Codec, B>
    where
        S: Service,
        C: Carries<S::Request, S::Response, How>,
    {
        let Self { service, codec: NoCodec, bound, listeners, counters, options, control } = self;
        Server { service, codec: codec.carry(), bound, listeners, counters, options, control }
    }
}

impl<S, C, B> Server<S, C, B> {
    fn control(&self) -> Arc<Control> {
        Arc::clone(&self.control.0)
    }

    /// A handle to stop the server by, from anywhere.
    pub fn handle(&self) -> ServerHandle {
        ServerHandle::new(self.control())
    }

    /// Sets the grace period: how long busy sessions may continue after a stop is requested. 10
    /// seconds by default.
    pub fn grace(self, grace: Duration) -> Self {
        self.control.0.set_grace(grace);
        self
    }

    /// Sets how many connections are served at the same time; further ones wait in the kernel, or
    /// get a [refusal](Self::refusal). 10,000 by default. Datagram sessions are [counted
    /// separately](Self::max_datagram_sessions).
    pub fn max_connections(mut self, count: usize) -> Self {
        self.options.max_connections = count.max(1);
        self
    }

    /// Sets how many sessions one IP address may have; further connections from it are closed at
    /// once, and logged. No limit by default.
    ///
    /// An IPv6 address counts as its /64, which is what one host is usually assigned. Unix sockets
    /// are not counted. Datagram sessions, whose addresses may be forged, are counted separately,
    /// with the same limit.
    pub fn max_connections_per_ip(mut self, count: usize) -> Self {
        self.options.max_sessions_per_ip = Some(count.max(1));
        self
    }

    /// Sends a last response to each connection that is over
    /// [`max_connections`](Self::max_connections) or
    /// [`max_connections_per_ip`](Self::max_connections_per_ip), and closes it. By default the
    /// former wait in the kernel, and the latter are closed without a response.
    ///
    /// ```
    /// # fn limited<S: portcullis::Service<Response = String>>(service: S) -> portcullis::Server<S> {
    /// portcullis::Server::new(service).max_connections(100).refusal(|| "error: too many clients".to_owned())
    /// # }
    /// ```
    ///
    /// A refused connection has no session: no hook runs, and what it sends is discarded. The
    /// response is encoded by the codec of its listener, over TLS after the handshake. The client
    /// has two seconds to take it. At most 64 connections are refused at the same time; further
    /// ones wait in the kernel. Connections of the test kit wait.
    ///
    /// `response` is called in the task that accepts. Its panic is handled as an error of
    /// accepting: the connection is closed, and accepting pauses for 100 ms.
    pub fn refusal(mut self, response: impl Fn() -> S::Response + Send + Sync + 'static) -> Self
    where
        S: Service,
    {
        self.options.refusal = Some(Refusal::new(response));
        self
    }

    /// Sets how many responses may be queued for a peer that does not read; then `send` waits. 128
    /// by default.
    pub fn max_queued_responses(mut self, count: usize) -> Self {
        self.options.queue_limits.responses = count;
        self
    }

    /// How much the responses may weigh together that wait for a peer which does not read, by what
    /// `weigh` says of each: then `send` waits, as at
    /// [`max_queued_responses`](Self::max_queued_responses). One response always has room, however
    /// heavy.
    ///
    /// Where responses may be large, this and not their number is what one peer can make the server
    /// hold. Beside it there is what was written together and not taken yet: 64 KiB, and no more
    /// than one response beyond.
    ///
    /// ```
    /// # fn limited<S: portcullis::Service<Response = String>>(service: S) -> portcullis::Server<S> {
    /// portcullis::Server::new(service).max_queued_response_bytes(1 << 20, |line: &String| line.len())
    /// # }
    /// ```
    ///
    /// `weigh` is called once for each response that is sent to a
    /// [`Peer`](portcullis_service::Peer), where that is done; its panic is the sender's.
    pub fn max_queued_response_bytes(
        mut self,
        bytes: usize,
        weigh: impl Fn(&S::Response) -> usize + Send + Sync + 'static,
    ) -> Self
    where
        S: Service,
    {
        self.options.queue_limits.response_weight = Some(WeightLimit::new(bytes, weigh));
        self
    }

    /// Sets how many bytes of responses may be unwritten while the session continues to handle
    /// requests. Beyond that, it handles the next request when the peer has read some of them. 1
    /// MiB by default.
    ///
    /// A client that writes all its requests before it reads a response, as the pipelines of many
    /// database drivers do, needs a bound larger than all the responses, minus what the kernel
    /// buffers. At least 64 KiB are allowed, which are written at once.
    ///
    /// The bound concerns the responses of `#[request]` and `#[state]` handlers. Messages sent to
    /// the peer wait in [its queue](Self::max_queued_responses) while 64 KiB or more are unwritten,
    /// and a `#[session]` handler decides itself when it takes a request.
    pub fn max_unwritten_bytes(mut self, bytes: usize) -> Self {
        self.options.queue_limits.unwritten = bytes;
        self
    }

    /// Sets how many events may be queued for a busy session; then `post` waits. 128 by default.
    pub fn max_queued_events(mut self, count: usize) -> Self {
        self.options.queue_limits.events = count;
        self
    }

    /// Sets how long a connection may take to send its first complete request. 1 minute by default.
    ///
    /// This also ends clients that only receive. If the service has such clients, use
    /// `Duration::MAX`.
    pub fn first_request_timeout(mut self, timeout: Duration) -> Self {
        self.options.limits.first_request = unless_max(timeout);
        self
    }

    /// Sets how long a session may take from a response to the next complete request. A state's own
    /// `idle` replaces it. No limit by default.
    ///
    /// The time continues while a response waits to be read, and restarts when the peer has read
    /// it, or 64 KiB of it.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.options.limits.idle = unless_max(timeout);
        self
    }

    /// Sets how long a frame may take from its first byte to its last, while a request is awaited.
    /// 30 seconds by default.
    ///
    /// A large frame may take longer while its bytes keep arriving: see
    /// [`frame_rate`](Self::frame_rate). A session whose frame takes too long ends with
    /// [`Limit::Frame`](portcullis_service::Limit::Frame). While a handler runs, the time
    /// does not count.
    pub fn frame_timeout(mut self, timeout: Duration) -> Self {
        self.options.limits.frame = unless_max(timeout);
        self
    }

    /// Sets the lowest rate of a large frame, in bytes per second: each time that this many bytes
    /// have arrived, the frame gets a second more than [`frame_timeout`](Self::frame_timeout).
    /// `usize::MAX` gives no frame more time. 16 KiB by default.
    ///
    /// By default, a frame of 8 MiB may take nine minutes.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # fn limited<S: portcullis::Service>(service: S) -> portcullis::Server<S> {
    /// // Uploads over a modem.
    /// portcullis::Server::new(service).frame_timeout(Duration::from_secs(60)).frame_rate(4 * 1024)
    /// # }
    /// ```
    pub fn frame_rate(mut self, bytes_per_second: usize) -> Self {
        self.options.limits.frame_rate = bytes_per_second.max(1) as u64;
        self
    }

    /// How much memory the frames that have begun and are not complete may take, in all sessions
    /// together. What a session buffers up to 16 KiB is not counted, so that small requests are
    /// served whatever large ones do.
    ///
    /// A session whose frame needs more than is left ends at once, with
    /// [`Reason::Overload`](portcullis_service::Reason::Overload), and is logged. It does not wait:
    /// if all that is there belongs to frames that are not complete, none of them could go on.
    pub fn max_unfinished_bytes(mut self, bytes: usize) -> Self {
        self.options.limits.unfinished = (bytes != usize::MAX).then_some(bytes);
        self
    }

    /// Has frames of more than `above` bytes decoded (and decompressed) on `pool`, and not on the
    /// loop, where nothing else goes on meanwhile. 8 MiB of small values can take a tenth of a
    /// second.
    ///
    /// Smaller frames are decoded on the loop, where they cost nothing more than without this: 64
    /// KiB is a good limit, or 4 KiB where they are compressed. A session whose frame is being
    /// decoded is busy: its requests stay in order, a stop waits for it within the grace, and if
    /// the peer resets the connection the job is cancelled. What the pool refuses or sheds is a
    /// [`DecodeError`](portcullis_codec::DecodeError), after which the session goes on.
    ///
    /// For `LengthPrefixed`, `NewlineDelimited` (`JsonLines`) and `Concatenated`; other codecs take
    /// part by [`Codec::decode_later`](portcullis_codec::Codec::decode_later). Datagrams, and a
    /// last frame without its ending, are decoded on the loop.
    ///
    /// ```
    /// # fn served<S: portcullis::Service>(service: S) -> std::io::Result<portcullis::Server<S>> {
    /// let pool = portcullis::Pool::builder("decode").threads(2).build()?;
    /// Ok(portcullis::Server::new(service).decode_on(&pool, 64 * 1024))
    /// # }
    /// ```
    pub fn decode_on(mut self, pool: &Pool, above: usize) -> Self {
        self.options.queue_limits.decode_on = Some(DecodeOn { pool: pool.clone(), above });
        self
    }

    /// How long a peer may take to read what is written to it at once, and of more than 64 KiB for
    /// each 64 KiB. A peer that reads steadily may take longer for a large response; one that reads
    /// a byte now and then may not.
    ///
    /// What counts is what the system takes for the peer. A full buffer takes more only when about
    /// a third of it is free again, which may be a megabyte: a limit of a second is too short for
    /// peers on slow lines.
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.options.limits.write = unless_max(timeout);
        self
    }

    /// Sets how long a connection that the server closes may linger, so that the peer can read what
    /// was written to it. 2 seconds by default.
    ///
    /// A socket that is closed while its peer is still sending resets the connection, and the peer
    /// loses the answers that it has not read yet. Therefore the server closes its writing side
    /// first, whatever the session ends with, and discards what the peer sends until one of these
    /// is true:
    ///
    /// - the peer has closed its side, as well-behaved clients do at the end of what they read;
    /// - the peer has sent nothing for a second (during a stop: for 200 ms, if something was
    ///   written to it in the second before, and else not at all, so that idle sessions do not hold
    ///   the stop up);
    /// - this time has passed; during a stop, half of it, or the grace is over.
    ///
    /// After each MiB the connection pauses for 10 ms, so a peer that sends without end is slowed
    /// down. The session itself has ended before: `#[on(disconnect)]` has run, and the connection
    /// has given up its place in [`max_connections`](Self::max_connections), within
    /// [`max_lingering`](Self::max_lingering).
    ///
    /// `Duration::ZERO` closes at once.
    pub fn linger(mut self, timeout: Duration) -> Self {
        // Far enough away to be never, and near enough not to overflow a clock.
        self.options.limits.linger = timeout.min(Duration::from_secs(60 * 60 * 24));
        self
    }

    /// How many connections may [linger](Self::linger) beside the
    /// [`max_connections`](Self::max_connections) that are served. Further ones keep their place
    /// while they linger.
    pub fn max_lingering(mut self, count: usize) -> Self {
        self.options.max_lingering = count;
        self
    }

    /// Sets how many threads the event loop of [`run_until_signal`](Self::run_until_signal) and
    /// [`spawn_thread`](Self::spawn_thread) has. As many as there are CPUs by default, and at least
    /// two: with a single one, a handler that blocks its thread blocks all sessions.
    ///
    /// Other ways to serve use the current runtime, whose threads you choose.
    ///
    /// # Panics
    /// If `count` is zero.
    pub fn loop_threads(mut self, count: usize) -> Self {
        assert!(count > 0, "an event loop needs a thread");
        self.options.loop_threads = Some(count);
        self
    }
}

fn unless_max(timeout: Duration) -> Option<Duration> {
    (timeout != Duration::MAX).then_some(timeout)
}

impl<S, C, B: fmt::Debug> fmt::Debug for Server<S, C, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("bound", &self.bound)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
