//! [`connect`]: a service without sockets and codec.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
#[cfg(feature = "rpc")]
use std::sync::OnceLock;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use std::{error, fmt, io};

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::TEST_TIMEOUT;
use super::faulty::{Faults, Faulty};
use super::memory::{InMemoryLink, MarkerCodec, NoResponse, ServerEnd};
use crate::codec::DecodeError;
use crate::scope::Scope;
use crate::service::{IntoService, Peer, Reason, Service};
use crate::sync::Mutex;
use portcullis_net::internal::SessionRegistry;
use portcullis_net::internal::driver::{Drive, session_factory};
use portcullis_net::internal::erased::{Acceptor, Addrs, BoundListener, Erased, ServeContext, Source};
use portcullis_net::{Server, ServerHandle, StopReport};

/// Serves `service` in a task of the current tokio runtime, with no socket and no codec, and
/// connects to it: typed requests in, typed responses out. Everything in between is the server's
/// own: the hooks all run (`start`, `connect`, `disconnect`, `stop`), requests are answered in
/// their order, limits hold, a reset cancels.
///
/// The [module](crate) has an example.
///
/// # Errors
/// `#[on(start)]` failed.
///
/// # Panics
/// Outside a tokio runtime that has time enabled.
pub async fn connect<S: Service>(service: impl IntoService<Service = S>) -> io::Result<Client<S>> {
    connect_to(Server::new(service)).await
}

/// As [`connect`], to a server with limits and a grace of its own:
/// `connect_to(Server::new(service).idle_timeout(..))`.
///
/// # Errors
/// `#[on(start)]` failed.
///
/// # Panics
/// Outside a tokio runtime that has time enabled.
pub async fn connect_to<S: Service>(server: Server<S>) -> io::Result<Client<S>> {
    let handle = server.handle();
    let (streams, accepted) = mpsc::unbounded_channel();
    let server = server.listen_erased(Erased(Box::new(InMemory { accepted })));
    let mut serving = tokio::spawn(server.serve());
    if !handle.ready().await {
        return match (&mut serving).await {
            Ok(Ok(_)) => Err(io::Error::other("the server was stopped before it started")),
            Ok(Err(error)) => Err(error),
            Err(error) => Err(io::Error::other(error)),
        };
    }
    let server = TestServer { handle, streams, serving: Mutex::new(Some(serving)) };
    Client::connect(Arc::new(server)).await.map_err(io::Error::other)
}

/// A connection to a server of the test kit: a stream, its codec, and where to send the handle on
/// its peer.
type Incoming<S> = (StreamOf<S>, CodecOf<S>, oneshot::Sender<PeerOf<S>>);

type StreamOf<S> = Faulty<ServerEnd<<S as Service>::Request, <S as Service>::Response>>;

type CodecOf<S> = MarkerCodec<<S as Service>::Request, <S as Service>::Response>;

type PeerOf<S> = Peer<<S as Service>::Response, <S as Service>::Event>;

/// The listener of the test kit. When no connection can come any more, the server stops after its
/// last session.
struct InMemory<S: Service> {
    accepted: mpsc::UnboundedReceiver<Incoming<S>>,
}

impl<S: Service> BoundListener<S> for InMemory<S> {
    fn addrs(&self) -> Addrs {
        Addrs::default()
    }

    fn start(self: Box<Self>, context: &ServeContext<S>) -> io::Result<Source> {
        Ok(Source::Connections(Box::new(InMemoryAcceptor {
            registry: Arc::clone(&context.registry),
            scope: Arc::clone(&context.scope),
            factory: Arc::new(session_factory(Arc::clone(&context.registry))),
            accepted: Some(self.accepted),
            end: Some(Box::pin(context.stop_after_last_session())),
        })))
    }
}

struct InMemoryAcceptor<S: Service, F> {
    registry: Arc<SessionRegistry<S>>,
    scope: Arc<Scope>,
    factory: Arc<F>,
    /// `None` when no connection can come any more.
    accepted: Option<mpsc::UnboundedReceiver<Incoming<S>>>,
    /// Polled then; `None` when it has ended.
    end: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl<S: Service, F: Drive<S, StreamOf<S>, CodecOf<S>>> Acceptor for InMemoryAcceptor<S, F> {
    fn poll_accept_session(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(streams) = &mut self.accepted {
            if let Some((io, codec, peer_tx)) = ready!(streams.poll_recv(cx)) {
                let guard = self.registry.admit(None);
                let _ = peer_tx.send(guard.peer());
                drop(tokio::spawn(self.scope.enter(self.factory.drive(guard, io, codec))));
                return Poll::Ready(Ok(()));
            }
            self.accepted = None;
        }
        if self.end.as_mut().is_some_and(|end| end.as_mut().poll(cx).is_ready()) {
            self.end = None;
        }
        Poll::Pending
    }
}

/// The server, which its clients share.
struct TestServer<S: Service> {
    handle: ServerHandle,
    streams: mpsc::UnboundedSender<Incoming<S>>,
    /// `None` after its result was returned.
    serving: Mutex<Option<JoinHandle<io::Result<StopReport>>>>,
}

/// One connection to a service, without a socket; made by [`connect`]. Dropped, it hangs up; the
/// server stops after the last.
///
/// Each wait has a limit of ten seconds by the real clock ([`timeout`](Self::timeout)), also while
/// tokio's is [paused](crate::pause()).
pub struct Client<S: Service> {
    server: Arc<TestServer<S>>,
    pub(crate) link: Arc<InMemoryLink<S::Request, S::Response>>,
    faults: Faults,
    peer: PeerOf<S>,
    pub(crate) timeout: Duration,
    /// The `RpcClient` that takes the responses, if there is one.
    #[cfg(feature = "rpc")]
    pub(crate) rpc_client: OnceLock<Box<dyn std::any::Any + Send + Sync>>,
}

impl<S: Service> Client<S> {
    async fn connect(server: Arc<TestServer<S>>) -> Result<Self, Error> {
        let link = InMemoryLink::new();
        let server_end = Faulty::new(ServerEnd(Arc::clone(&link)));
        let (faults, (peer_tx, peer_rx)) = (server_end.faults(), oneshot::channel());
        let ended = || Error::Ended(Reason::Stopped);
        server.streams.send((server_end, MarkerCodec(Arc::clone(&link)), peer_tx)).map_err(|_| ended())?;
        let peer = with_timeout(TEST_TIMEOUT, peer_rx).await?.map_err(|_| ended())?;
        Ok(Self {
            server,
            link,
            faults,
            peer,
            timeout: TEST_TIMEOUT,
            #[cfg(feature = "rpc")]
            rpc_client: OnceLock::new(),
        })
    }

    /// Makes another connection to the same server.
    ///
    /// # Errors
    /// The server has stopped.
    pub async fn connect_another(&self) -> Result<Self, Error> {
        Ok(Self::connect(Arc::clone(&self.server)).await?.timeout(self.timeout))
    }

    /// How long each wait may take from now on, by the real clock.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How many responses the wire holds that were not taken by [`next`](Self::next): a session
    /// that writes more waits. Default: 64.
    #[must_use]
    pub fn window(self, responses: usize) -> Self {
        self.link.set_window(responses);
        self
    }

    /// Sends a request and takes the next response.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub async fn call(&mut self, request: S::Request) -> Result<S::Response, Error> {
        self.send(request);
        self.next().await
    }

    /// Sends a request; `false` if the session has ended, or this side was
    /// [closed](Self::half_close). Never waits: the wire takes any number.
    pub fn send(&mut self, request: S::Request) -> bool {
        self.link.send(Ok(request))
    }

    /// Sends what the codec takes for a bad frame. `recoverable`: the next request is read all the
    /// same.
    pub fn send_malformed(&mut self, why: &str, recoverable: bool) -> bool {
        let error = DecodeError::new(why);
        self.link.send(Err(if recoverable { error.recoverable() } else { error }))
    }

    /// The next response.
    ///
    /// # Errors
    /// [`Error::Ended`] when none will come, with the session's own reason: what the handler failed
    /// or panicked with, for instance, if no `#[on(error)]` has answered it. [`Error::ShutDown`] if
    /// the session has called [`Peer::shutdown_write`]. [`Error::Timeout`] if nothing comes within
    /// the limit.
    ///
    /// # Cancellation
    /// Dropped before its end, it has taken nothing.
    pub async fn next(&mut self) -> Result<S::Response, Error> {
        let next = with_timeout(self.timeout, poll_fn(|cx| self.link.poll_next(cx))).await?;
        next.map_err(|error| match error {
            NoResponse::Ended(reason) => Error::Ended(reason),
            NoResponse::ShutDown => Error::ShutDown,
        })
    }

    /// Waits for the session to end; responses that come until then are dropped.
    ///
    /// # Errors
    /// [`Error::Timeout`] if it does not end within the limit.
    pub async fn ended(&mut self) -> Result<Reason, Error> {
        #[cfg(feature = "rpc")]
        if self.rpc_client.get().is_some() {
            // The client of calls takes the responses.
            return with_timeout(self.timeout, poll_fn(|cx| self.link.poll_ended(cx))).await;
        }
        with_timeout(self.timeout, poll_fn(|cx| self.link.poll_end(cx))).await
    }

    /// Says that no request will follow. Responses still come.
    pub fn half_close(&mut self) {
        self.link.finish();
    }

    /// Resets the connection: a busy handler is cancelled, what was to be sent is lost.
    pub fn reset(&mut self) {
        self.faults.reset();
    }

    /// What else the connection may do wrong: stall, be cut.
    pub fn faults(&self) -> Faults {
        self.faults.clone()
    }

    /// The service's handle on this connection, to post events to, or to look at.
    pub fn peer(&self) -> &PeerOf<S> {
        &self.peer
    }

    /// A handle to stop the server by.
    pub fn handle(&self) -> ServerHandle {
        self.server.handle.clone()
    }

    /// Closes this connection, as a client does that has had all its answers; then stops the
    /// server, other connections included. Its hooks have all run when this returns.
    ///
    /// # Errors
    /// [`Error::Timeout`] if the session or the server does not end within the limit;
    /// [`Error::Server`] if the server failed, or its report was returned before.
    pub async fn close(mut self) -> Result<StopReport, Error> {
        self.half_close();
        self.ended().await?;
        self.stop().await
    }

    /// Stops the server while this connection is open. As [`close`](Self::close) otherwise.
    ///
    /// # Errors
    /// As [`close`](Self::close).
    pub async fn stop(self) -> Result<StopReport, Error> {
        self.server.handle.stop();
        let serving = self.server.serving.lock().take();
        let already_returned =
            || Error::Server(io::Error::other("the result was already returned by `join`"));
        let ended = with_timeout(self.timeout, serving.ok_or_else(already_returned)?).await?;
        ended.map_err(io::Error::other).and_then(|served| served).map_err(Error::Server)
    }
}

impl<S: Service> Drop for Client<S> {
    fn drop(&mut self) {
        self.link.disconnect();
    }
}

impl<S: Service> fmt::Debug for Client<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("peer", &self.peer).finish_non_exhaustive()
    }
}

/// The error of a [`Client`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The session has ended, for this reason of its own.
    Ended(Reason),
    /// The session has closed its writing side by [`Peer::shutdown_write`]. It still takes
    /// requests.
    ShutDown,
    /// Nothing has arrived within this time limit.
    Timeout(Duration),
    /// The server failed.
    Server(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(reason) => write!(f, "the session ended: {reason}"),
            Self::ShutDown => f.write_str("the session has closed its writing side"),
            Self::Timeout(limit) => write!(f, "nothing has happened for {limit:?}"),
            Self::Server(error) => write!(f, "the server failed: {error}"),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Ended(_) | Self::ShutDown | Self::Timeout(_) => None,
            Self::Server(error) => Some(error),
        }
    }
}

async fn with_timeout<T>(limit: Duration, work: impl Future<Output = T>) -> Result<T, Error> {
    let until = Instant::now().checked_add(limit).unwrap_or_else(|| Instant::now() + TEST_TIMEOUT);
    super::clock::with_real_deadline(until, work).await.ok_or(Error::Timeout(limit))
}
