//! [`RpcClient`]: calls of many tasks over one connection. [`Call`]: one of them.

use std::collections::{HashMap, VecDeque};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use std::{error, fmt};

use futures_util::future::{Either, select};
use portcullis_codec::Codec;
use portcullis_net::{Client, ClientError, ClientReceiver, ClientSender, Connect};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::failure::Failure;
use crate::protocol::Protocol;
use crate::wire::{ClientMessage, ServerMessage};

/// Why a call has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallError<E = std::convert::Infallible> {
    /// The method has returned this error.
    Method(E),
    /// The call was not handled, or its outcome is not known.
    Failure(Failure),
}

impl<E: fmt::Display> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Method(error) => error.fmt(f),
            Self::Failure(failure) => failure.fmt(f),
        }
    }
}

impl<E: error::Error + 'static> error::Error for CallError<E> {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Method(error) => error.source(),
            Self::Failure(_) => None,
        }
    }
}

/// A client of the calls of `P`, over one connection. Clones share the connection, which is closed
/// when the last one is dropped.
pub struct RpcClient<P: Protocol> {
    shared: Arc<Shared<P>>,
    handle: Arc<Handle<P>>,
}

/// Closes the connection when the last client is dropped.
struct Handle<P: Protocol>(Arc<Shared<P>>);

impl<P: Protocol> Drop for Handle<P> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.is_unused = true;
        state.wake_driver();
    }
}

impl<P: Protocol> Clone for RpcClient<P> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), handle: Arc::clone(&self.handle) }
    }
}

impl<P: Protocol> fmt::Debug for RpcClient<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RpcClient").finish_non_exhaustive()
    }
}

struct Shared<P: Protocol>(Mutex<State<P>>);

impl<P: Protocol> Shared<P> {
    fn lock(&self) -> MutexGuard<'_, State<P>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends every call, and those to come.
    fn close(&self, failure: &Failure) {
        let mut state = self.lock();
        state.closed = Some(Failure::Closed);
        state.outgoing.clear();
        for call in state.calls.values_mut() {
            call.finish(Err(failure.clone()));
        }
    }
}

struct State<P: Protocol> {
    outgoing: VecDeque<ClientMessage<P>>,
    calls: HashMap<u64, Pending<P>>,
    last_id: u64,
    driver: Option<Waker>,
    is_unused: bool,
    closed: Option<Failure>,
}

impl<P: Protocol> State<P> {
    fn wake_driver(&mut self) {
        if let Some(waker) = self.driver.take() {
            waker.wake();
        }
    }
}

struct Pending<P: Protocol> {
    outcome: Option<Result<P::Reply, Failure>>,
    waker: Option<Waker>,
}

impl<P: Protocol> Pending<P> {
    fn finish(&mut self, outcome: Result<P::Reply, Failure>) {
        self.outcome.get_or_insert(outcome);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl<P: Protocol + Unpin> RpcClient<P> {
    /// Connects to a service. The connection is driven by a task on the current tokio runtime.
    ///
    /// # Errors
    /// The connection cannot be made.
    pub async fn connect<A, C>(addr: A, codec: C) -> Result<Self, ClientError>
    where
        A: Connect,
        A::Stream: Send + 'static,
        C: Codec<ServerMessage<P>, ClientMessage<P>>,
    {
        let client = Client::<ClientMessage<P>, ServerMessage<P>, C, _>::connect(addr, codec).await?;
        Ok(Self::from_client(client))
    }

    /// Makes a client over a stream that is already connected.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn from_stream<C, IO>(io: IO, codec: C) -> Self
    where
        C: Codec<ServerMessage<P>, ClientMessage<P>>,
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        Self::from_client(Client::from_stream(io, codec))
    }

    fn from_client<C, IO>(client: Client<ClientMessage<P>, ServerMessage<P>, C, IO>) -> Self
    where
        C: Codec<ServerMessage<P>, ClientMessage<P>>,
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let shared = Arc::new(Shared(Mutex::new(State {
            outgoing: VecDeque::new(),
            calls: HashMap::new(),
            last_id: 0,
            driver: None,
            is_unused: false,
            closed: None,
        })));
        tokio::spawn(drive(Arc::clone(&shared), client));
        Self { handle: Arc::new(Handle(Arc::clone(&shared))), shared }
    }

    /// Makes a call, which is sent when it is polled. `value` takes the value of the method out of
    /// a reply, and returns `None` for that of another method.
    ///
    /// The generated methods call it.
    pub fn call<T, E>(&self, call: P, value: fn(P::Reply) -> Option<Result<T, E>>) -> Call<P, T, E> {
        Call {
            client: self.clone(),
            deadline: portcullis_runtime::deadline(),
            state: CallState::New(call),
            value,
        }
    }
}

/// Writes and reads until the connection ends or the client is unused.
async fn drive<P, C, IO>(shared: Arc<Shared<P>>, client: Client<ClientMessage<P>, ServerMessage<P>, C, IO>)
where
    P: Protocol,
    C: Codec<ServerMessage<P>, ClientMessage<P>>,
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let (mut sender, mut receiver) = client.into_split();
    let writing = pin!(write(&shared, &mut sender));
    let reading = pin!(read(&shared, &mut receiver));
    let result = match select(writing, reading).await {
        Either::Left((result, _)) | Either::Right((result, _)) => result,
    };
    if let Err(error) = result {
        tracing::debug!(%error, "the connection of an rpc client ended");
    }
    shared.close(&Failure::Lost);
}

async fn write<P, C, IO>(
    shared: &Shared<P>,
    sender: &mut ClientSender<ClientMessage<P>, ServerMessage<P>, C, IO>,
) -> Result<(), ClientError>
where
    P: Protocol,
    C: Codec<ServerMessage<P>, ClientMessage<P>>,
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let mut batch = VecDeque::new();
    loop {
        let is_open = poll_fn(|cx| {
            let mut state = shared.lock();
            if state.outgoing.is_empty() {
                if state.is_unused && state.calls.is_empty() {
                    return Poll::Ready(false);
                }
                state.driver = Some(cx.waker().clone());
                return Poll::Pending;
            }
            std::mem::swap(&mut batch, &mut state.outgoing);
            Poll::Ready(true)
        })
        .await;
        if !is_open {
            return sender.finish().await;
        }
        for message in batch.drain(..) {
            sender.feed(message).await?;
        }
        sender.flush().await?;
    }
}

async fn read<P, C, IO>(
    shared: &Shared<P>,
    receiver: &mut ClientReceiver<ClientMessage<P>, ServerMessage<P>, C, IO>,
) -> Result<(), ClientError>
where
    P: Protocol,
    C: Codec<ServerMessage<P>, ClientMessage<P>>,
    IO: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = receiver.next().await? {
        let (id, outcome) = match message {
            ServerMessage::Reply { id, reply } => (id, Ok(reply)),
            ServerMessage::Failed { id, failure } => (id, Err(failure)),
        };
        if let Some(call) = shared.lock().calls.get_mut(&id) {
            call.finish(outcome);
        }
    }
    Ok(())
}

/// A call: a future of what the method returns.
///
/// It has the deadline of the task or job that makes it ([`portcullis_runtime::deadline`]), and
/// [`deadline`](Self::deadline) can set an earlier one. Dropped before its end, it cancels the call
/// in the service.
#[must_use = "a call is sent when it is awaited"]
pub struct Call<P: Protocol, T, E = std::convert::Infallible> {
    client: RpcClient<P>,
    deadline: Option<Instant>,
    state: CallState<P>,
    value: fn(P::Reply) -> Option<Result<T, E>>,
}

enum CallState<P> {
    New(P),
    Sent { id: u64, limit: Option<Pin<Box<tokio::time::Sleep>>> },
    Ended,
}

impl<P: Protocol, T, E> Call<P, T, E> {
    /// Ends the call `time` after this, unless it has an earlier deadline already.
    pub fn deadline(mut self, time: Duration) -> Self {
        let deadline = Instant::now().checked_add(time);
        self.deadline = [self.deadline, deadline].into_iter().flatten().min();
        self
    }
}

impl<P: Protocol + Unpin, T, E> Future for Call<P, T, E> {
    type Output = Result<T, CallError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let CallState::New(_) = this.state {
            let CallState::New(call) = std::mem::replace(&mut this.state, CallState::Ended) else {
                unreachable!()
            };
            let time_left = this.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if time_left == Some(Duration::ZERO) {
                return Poll::Ready(Err(CallError::Failure(Failure::Deadline)));
            }
            let mut state = this.client.shared.lock();
            if let Some(failure) = &state.closed {
                return Poll::Ready(Err(CallError::Failure(failure.clone())));
            }
            state.last_id += 1;
            let id = state.last_id;
            state.calls.insert(id, Pending { outcome: None, waker: Some(cx.waker().clone()) });
            state.outgoing.push_back(ClientMessage::Call { id, time_left, call });
            state.wake_driver();
            let limit = this.deadline.map(|at| Box::pin(tokio::time::sleep_until(at.into())));
            this.state = CallState::Sent { id, limit };
        }
        let CallState::Sent { id, limit } = &mut this.state else {
            panic!("`Call` polled after it was ready");
        };
        let mut state = this.client.shared.lock();
        let Some(call) = state.calls.get_mut(id) else {
            return Poll::Ready(Err(CallError::Failure(Failure::Lost)));
        };
        let outcome = match call.outcome.take() {
            Some(outcome) => outcome,
            None if limit.as_mut().is_some_and(|limit| limit.as_mut().poll(cx).is_ready()) => {
                state.outgoing.push_back(ClientMessage::Cancel { id: *id });
                Err(Failure::Deadline)
            }
            None => {
                call.waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
        };
        state.calls.remove(id);
        state.wake_driver();
        drop(state);
        this.state = CallState::Ended;
        Poll::Ready(match outcome {
            Ok(reply) => match (this.value)(reply) {
                Some(Ok(value)) => Ok(value),
                Some(Err(error)) => Err(CallError::Method(error)),
                None => Err(CallError::Failure(Failure::Internal)),
            },
            Err(failure) => Err(CallError::Failure(failure)),
        })
    }
}

impl<P: Protocol, T, E> Drop for Call<P, T, E> {
    fn drop(&mut self) {
        let CallState::Sent { id, .. } = self.state else { return };
        let mut state = self.client.shared.lock();
        if let Some(call) = state.calls.remove(&id) {
            if call.outcome.is_none() && state.closed.is_none() {
                state.outgoing.push_back(ClientMessage::Cancel { id });
            }
            state.wake_driver();
        }
    }
}

impl<P: Protocol, T, E> fmt::Debug for Call<P, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}
