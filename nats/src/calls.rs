//! [`Calls`]: a listener whose connections are calls over NATS.
//!
//! Each call is a session of its own, with one request: it has the hooks, the limits and the stop
//! of every other session, and one node serves NATS and sockets with the same server. The number of
//! calls in flight is bounded here; a call beyond it is refused at once, so that its caller can try
//! another node.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use async_nats::service::endpoint::Endpoint;
use async_nats::service::{Request, Service as Announcement, ServiceExt};
use async_nats::{Client, Subscriber};
use futures_util::StreamExt;
use portcullis_codec::{DatagramCodec, Framed};
use portcullis_net::bounds::{Fits, Serves};
use portcullis_net::internal::erased::{Erased, erase_with_codec};
use portcullis_net::{Accepted, Listen, Listener};
use portcullis_runtime::Pool;
use portcullis_service::{PerRequest, Service};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use tracing::{debug, warn};

use crate::NatsError;
use crate::call_stream::{CallInfo, CallStream};
use crate::cancel::RunningCalls;
use crate::refusal::Refusal;
use crate::wire::{TIMEOUT, cancel_subject, millis, wait_until_processed};

/// A service that can be called over NATS: one with a `#[request]` handler and no events, or with
/// `#[rpc]` methods (feature `rpc`). `K` is its kind.
///
/// A call comes alone, and may reach any node. So there is no session that could be in a state, ask
/// for further requests, or receive events. The compiler refuses others:
///
/// ```compile_fail,E0277
/// # use portcullis::{Datagrams, Json, prelude::*};
/// struct Rooms;
///
/// #[service]
/// impl Rooms {
///     #[request]
///     async fn join(&self, room: String) -> String {
///         room
///     }
///
///     #[event]
///     async fn said(&self, line: String) -> String {
///         line
///     }
/// }
///
/// # fn listen(calls: portcullis::nats::Calls<Datagrams<Json>>) -> std::io::Result<()> {
/// Server::new(Rooms).listen(calls)?; // error: `Rooms` cannot be called over NATS
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be called over NATS",
    label = "needs a session",
    note = "over NATS each call comes alone and may reach another node: a service of `#[state]`s with data, of a `#[session]`, \
            or with an `#[event]` needs a connection",
    note = "write a `#[request]` handler or `#[rpc]` methods, and keep what belongs to a client in a store that all nodes share"
)]
pub trait CallService<K = <Self as Service>::Kind>: Service {}

#[diagnostic::do_not_recommend]
impl<S: Service<State = (), Event = Infallible, Kind = PerRequest>> CallService<PerRequest> for S {}

#[cfg(feature = "rpc")]
#[diagnostic::do_not_recommend]
impl<S: portcullis_rpc::RpcService> CallService<portcullis_service::PerSession> for S {}

/// Calls of one service over NATS, to be served by
/// [`Server::listen`](portcullis_net::Server::listen).
///
/// ```no_run
/// use portcullis::nats::{Calls, async_nats};
/// use portcullis::{Datagrams, Json, prelude::*};
///
/// struct Squares;
///
/// #[service]
/// impl Squares {
///     #[request]
///     async fn square(&self, n: u32) -> u64 {
///         u64::from(n).pow(2)
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), portcullis::nats::NatsError> {
/// let client = async_nats::connect("nats://127.0.0.1:4222").await?;
/// let calls = Calls::builder(client, "squares", Datagrams::<Json>::new()).subscribe().await?;
/// Server::new(Squares).listen(calls)?.serve().await?;
/// # Ok(())
/// # }
/// ```
///
/// # What a call is
/// A message to the service's subject with a reply subject; `{name}` unless
/// [`subject`](CallsBuilder::subject) says otherwise. All nodes that serve the name are one queue
/// group: the NATS server gives each call to one of them. The payload is the request, in the
/// codec's format.
///
/// A call is a session with one request. `#[on(connect)]` and `#[on(disconnect)]` run for each
/// call, [`Peer::id`](portcullis_service::Peer::id) is the call's number on this node, and
/// [`NatsPeer::nats`](crate::NatsPeer::nats) has its subject and headers. Calls run concurrently.
///
/// # Answers
/// The response is published to the reply subject. Without one, the message has the headers
/// `Nats-Service-Error` (text) and `Nats-Service-Error-Code`:
///
/// | code | the call |
/// |---|---|
/// | 204 | was handled; the handler returned no response |
/// | 400 | is not a request in the codec's format |
/// | 500 | failed (the text is the first 4 KiB of the error's) or panicked (the text is `internal error`) |
/// | 503 | never ran: too many calls in flight, or the node stops; `Portcullis-Retry-After-Ms` says when to try again |
/// | 504 | was cancelled, because its time was over |
///
/// # Deadlines
/// The header `Portcullis-Timeout-Ms` is the time that the caller waits. At its end the handler is
/// dropped and its jobs are cancelled; jobs inherit the deadline, so that an overloaded pool
/// [refuses](portcullis_runtime::Interrupted::Overloaded) those that cannot be done in time.
///
/// # Cancellation
/// A call may have the header `Portcullis-Call-Id`, an id of up to 64 bytes. If the caller drops
/// the call, it publishes the id on `_PORTCULLIS.CANCEL.{subject}`, to which all nodes subscribe:
/// the node that has the call drops the handler and cancels its jobs. It sends no answer.
/// [`CallClient`](crate::CallClient) does that. If the account may not publish or subscribe there,
/// calls are only not cancelled.
///
/// # The stop
/// The node leaves the queue group at once, refuses the calls that it has received and not begun,
/// and finishes the others within the grace of the server. `async_nats` drops the messages that the
/// NATS server had sent before it saw the node leave, which is a matter of one round trip: callers
/// of those calls wait until their time limit.
///
/// # Discovery
/// The node answers the [service
/// protocol](https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-32.md) of
/// NATS: `$SRV.PING`, `$SRV.INFO` and `$SRV.STATS`, the last with statistics of its
/// [pools](CallsBuilder::pool). `nats service ls` lists it.
#[must_use = "calls are served when `Server::listen` has them"]
pub struct Calls<D> {
    client: Client,
    announcement: Announcement,
    endpoint: Endpoint,
    /// The ids of calls that were dropped.
    cancels: Subscriber,
    codec: D,
    max_in_flight: usize,
}

/// The options of [`Calls`]; made by [`Calls::builder`].
#[must_use = "the options have no effect before `subscribe()`"]
pub struct CallsBuilder<D> {
    client: Client,
    name: String,
    subject: Option<String>,
    queue_group: Option<String>,
    version: String,
    description: Option<String>,
    codec: D,
    max_in_flight: usize,
    pools: Vec<Pool>,
}

impl<D> Calls<D> {
    /// Calls of the service `name`, which NATS allows letters, digits, `-` and `_`. All nodes that
    /// use the name share its calls.
    pub fn builder(client: Client, name: impl Into<String>, codec: D) -> CallsBuilder<D> {
        CallsBuilder {
            client,
            name: name.into(),
            subject: None,
            queue_group: None,
            version: "0.1.0".to_owned(),
            description: None,
            codec,
            max_in_flight: 256,
            pools: Vec::new(),
        }
    }
}

impl<D> CallsBuilder<D> {
    /// The subject of the calls. Default: the service's name.
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// The queue group of the nodes. Default: the service's name.
    pub fn queue_group(mut self, name: impl Into<String>) -> Self {
        self.queue_group = Some(name.into());
        self
    }

    /// The version that the service protocol reports, as in SemVer. Default: `0.1.0`.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = version.into();
        self
    }

    /// The description that the service protocol reports.
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }

    /// How many calls this node handles at a time; at least 1. A call beyond that is refused with
    /// code 503. Default: 256.
    ///
    /// Each call also counts as a connection of the server: keep this below
    /// [`Server::max_connections`](portcullis_net::Server::max_connections), which makes calls wait
    /// instead.
    pub fn max_in_flight(mut self, calls: usize) -> Self {
        self.max_in_flight = calls.clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
        self
    }

    /// Reports the statistics of a pool in the answer to `$SRV.STATS`. May be called for several.
    pub fn pool(mut self, pool: &Pool) -> Self {
        self.pools.push(pool.clone());
        self
    }

    /// Subscribes to the subject, and answers the service protocol from now on. Calls wait in a
    /// bounded buffer of the client until the server serves.
    ///
    /// Returns when the NATS server has the subscription. A client that is not connected subscribes
    /// as soon as it is, and this returns at once.
    ///
    /// # Errors
    /// The name, the version or the subject is invalid, the client is closed, or the server does
    /// not answer.
    pub async fn subscribe(self) -> Result<Calls<D>, NatsError> {
        let Self { client, name, subject, queue_group, version, description, codec, max_in_flight, pools } =
            self;
        let group = queue_group.unwrap_or_else(|| name.clone());
        let mut builder = client.service_builder().queue_group(group);
        if let Some(description) = description {
            builder = builder.description(description);
        }
        if !pools.is_empty() {
            builder = builder.stats_handler(move |_, _| Value::from_iter(pools.iter().map(stats_of)));
        }
        let announcement = builder.start(&name, &version).await?;
        let subject = subject.unwrap_or_else(|| name.clone());
        let cancels = client.subscribe(cancel_subject(&subject)).await?;
        let endpoint = announcement.endpoint_builder().name(&name).add(&subject).await?;
        wait_until_processed(&client).await?;
        Ok(Calls { client, announcement, endpoint, cancels, codec, max_in_flight })
    }
}

/// A pool, as `$SRV.STATS` shows it: its name, and its numbers.
fn stats_of(pool: &Pool) -> (String, Value) {
    let stats = pool.stats();
    let value = json!({
        "running": stats.running,
        "queued": stats.queued,
        "completed": stats.completed,
        "panicked": stats.panicked,
        "rejected": stats.rejected,
        "overloaded": stats.overloaded,
        "deadline_exceeded": stats.deadline_exceeded,
    });
    (pool.name().to_owned(), value)
}

impl<D> std::fmt::Debug for Calls<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Calls").field("max_in_flight", &self.max_in_flight).finish_non_exhaustive()
    }
}

impl<D> std::fmt::Debug for CallsBuilder<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallsBuilder").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<D> Listen for Calls<D> {
    type Bound = Self;

    fn bind(self) -> io::Result<Self> {
        Ok(self)
    }
}

/// Any stream codec, or none: calls have a codec of their own.
impl<S, C, D> Serves<S, C, Fits> for Calls<D>
where
    S: Service + CallService<<S as Service>::Kind>,
    D: DatagramCodec<S::Request, S::Response>,
{
    fn erase(self, _: &C) -> Erased<S> {
        let Self { client, announcement, endpoint, cancels, codec, max_in_flight } = self;
        let max_payload = client.server_info().max_payload;
        // Zero before the client was ever connected.
        let max_payload = if max_payload == 0 { usize::MAX } else { max_payload };
        let listener = CallListener {
            client,
            state: State::Open { endpoint: Box::new(endpoint), announcement: Box::new(announcement) },
            in_flight: Arc::new(Semaphore::new(max_in_flight)),
            max_in_flight: max_in_flight as u32,
            refusing: None,
            running: Arc::default(),
            cancels: Some(cancels),
            cancelling: None,
        };
        erase_with_codec(listener, Framed::with_max(codec, max_payload))
    }
}

type BoxFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

struct CallListener {
    client: Client,
    state: State,
    /// A permit for each call that may be in flight.
    in_flight: Arc<Semaphore>,
    max_in_flight: u32,
    /// The refusal of a call, before the next one is received: a flood of calls that are refused
    /// does not grow anything.
    refusing: Option<BoxFuture>,
    running: Arc<RunningCalls>,
    /// `None` since the task reads it.
    cancels: Option<Subscriber>,
    /// The task that cancels calls. The acceptor may wait for a free connection, so this one reads
    /// on its own.
    cancelling: Option<AbortOnDrop>,
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

enum State {
    Open { endpoint: Box<Endpoint>, announcement: Box<Announcement> },
    Closing(BoxFuture),
    Closed,
}

impl CallListener {
    /// Leaves the queue group, refuses what has arrived, and waits for what is in flight.
    fn close(&self, mut endpoint: Box<Endpoint>, announcement: Box<Announcement>) -> BoxFuture {
        let (client, in_flight, all) = (self.client.clone(), Arc::clone(&self.in_flight), self.max_in_flight);
        Box::pin(async move {
            if let Err(error) = endpoint.stop().await {
                debug!(%error, "the subscription was closed before");
            }
            if let Err(error) = announcement.stop().await {
                debug!(%error, "the service was stopped before");
            }
            while let Some(request) = endpoint.next().await {
                Refusal::stopping().send(&request).await;
            }
            // The semaphore is never closed.
            let _all = in_flight.acquire_many(all).await;
            if let Err(error) = client.flush().await {
                debug!(%error, "the last answers may not have been sent");
            }
        })
    }
}

impl Listener for CallListener {
    type Stream = CallStream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted<CallStream>>> {
        if let Some(cancels) = self.cancels.take() {
            let task = tokio::spawn(Arc::clone(&self.running).cancel_received(cancels));
            self.cancelling = Some(AbortOnDrop(task.abort_handle()));
        }
        loop {
            if let Some(refusing) = &mut self.refusing {
                ready!(refusing.as_mut().poll(cx));
                self.refusing = None;
            }
            let State::Open { endpoint, .. } = &mut self.state else { return Poll::Pending };
            let Some(request) = ready!(endpoint.poll_next_unpin(cx)) else {
                warn!("the NATS client is closed: no call will arrive any more");
                self.state = State::Closed;
                return Poll::Pending;
            };
            let Ok(permit) = Arc::clone(&self.in_flight).try_acquire_owned() else {
                self.refusing = Some(Box::pin(async move { Refusal::overloaded().send(&request).await }));
                continue;
            };
            return Poll::Ready(Ok(self.accept(request, permit)));
        }
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(refusing) = &mut self.refusing {
            ready!(refusing.as_mut().poll(cx));
            self.refusing = None;
        }
        loop {
            match std::mem::replace(&mut self.state, State::Closed) {
                State::Open { endpoint, announcement } => {
                    self.state = State::Closing(self.close(endpoint, announcement));
                }
                State::Closing(mut closing) => {
                    if closing.as_mut().poll(cx).is_pending() {
                        self.state = State::Closing(closing);
                        return Poll::Pending;
                    }
                }
                State::Closed => return Poll::Ready(()),
            }
        }
    }
}

impl CallListener {
    fn accept(
        &self,
        mut request: Request,
        permit: tokio::sync::OwnedSemaphorePermit,
    ) -> Accepted<CallStream> {
        let timeout = millis(request.message.headers.as_ref(), TIMEOUT);
        // A time that overflows the clock is no limit.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let running = self.running.register(request.message.headers.as_ref());
        let info = CallInfo::new(&mut request.message, deadline);
        let stream = CallStream::new(self.client.clone(), request, deadline, running, permit);
        let accepted = Accepted::new(stream).extension(info);
        match deadline {
            Some(at) => accepted.deadline(at),
            None => accepted,
        }
    }
}
