//! [`RpcClient`]: calls of many tasks over one connection. [`Call`]: one of them.
//!
//! - [`call`]: the future of the caller; its first poll queues the call, which locks the shared
//!   queue once; [`stream_call`]: the same for a method that sends items;
//! - [`shared`]: that queue; the task of the connection takes all that it holds at once;
//! - [`cell`]: one call, through which its outcome goes to the caller without that lock;
//! - [`queue`]: the other side of the shared queue, for any transport: numbers, calls in flight
//!   ([`in_flight`]), deadlines;
//! - [`notifications`]: what the server sends on its own;
//! - [`stream`]: the transport over a stream of bytes; [`reconnect`]: over one after another;
//! - [`error`]: why a call has no value.

mod call;
mod cell;
mod error;
mod in_flight;
mod notifications;
mod queue;
mod reconnect;
mod shared;
mod stream;
mod stream_call;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, mpsc};
use std::thread;

use portcullis_codec::Codec;
use portcullis_net::{Backoff, ClientError, Connect};
use portcullis_runtime::internal::error::CatchUnwind;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::{Builder, Handle};

pub use self::call::Call;
pub use self::error::CallError;
pub use self::notifications::{Missed, Notifications};
pub use self::queue::CallQueue;
use self::shared::Shared;
pub use self::stream_call::StreamCall;
use crate::protocol::Protocol;
use crate::wire::{ClientMessage, ServerMessage};

/// How many calls are in flight by default: as many as a service handles by default.
const MAX_IN_FLIGHT: usize = 64;

/// A client of the calls of `P`. `#[rpc]` generates one with a method for each call, which wraps
/// this one.
///
/// Clones are cheap and share the connection. Any number of tasks and threads may make calls at the
/// same time; replies are matched by number, so a slow call does not delay another. A task on the
/// tokio runtime where the client was made drives the connection. It ends, and the connection is
/// closed, when the last client and the last [`Call`] are dropped.
///
/// The client closes when the connection is lost, when that runtime shuts down, when the codec
/// panics, and when a reply cannot be decoded and does not say which call it is for. Calls that
/// were sent end with [`Failure::Lost`](crate::Failure::Lost) then, all others with
/// [`Failure::Closed`](crate::Failure::Closed).
pub struct RpcClient<P: Protocol> {
    shared: Arc<Shared<P>>,
}

impl<P: Protocol> RpcClient<P> {
    /// Connects to a service.
    ///
    /// # Errors
    /// The connection cannot be made.
    pub async fn connect<A, C>(addr: A, codec: C) -> Result<Self, ClientError>
    where
        A: Connect,
        A::Stream: Send + 'static,
        C: Codec<ServerMessage<P>, ClientMessage<P>>,
    {
        Ok(Self::from_stream(addr.connect(None).await?, codec))
    }

    /// Makes a client over a stream that is already connected.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[track_caller]
    pub fn from_stream<C, IO>(mut io: IO, codec: C) -> Self
    where
        C: Codec<ServerMessage<P>, ClientMessage<P>>,
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (client, mut queue) = Self::with_queue();
        tokio::spawn(async move {
            stream::log_end(CatchUnwind::new(stream::run(&mut queue, &mut io, codec)).await);
        });
        client
    }

    /// Makes a client that connects when there is a call to send, and again when the connection is
    /// lost. Returns at once.
    ///
    /// **No call is ever sent twice**: when a connection is lost, the calls in flight end with
    /// [`Failure::Lost`](crate::Failure::Lost). Other calls wait for the next connection until
    /// their deadline. Between attempts the client waits as `backoff` says, and a message from the
    /// server resets the backoff. After [`max_attempts`](Backoff::max_attempts) failures in a row,
    /// or one that another attempt cannot repair (the certificate is not trusted), the calls that
    /// wait end with [`Failure::Closed`](crate::Failure::Closed), and the next call begins anew.
    ///
    /// # Panics
    /// Outside of a tokio runtime. The runtime must have time enabled.
    #[track_caller]
    pub fn reconnecting<A, C>(addr: A, codec: C, backoff: Backoff) -> Self
    where
        A: Connect + Clone + Send + Sync + 'static,
        A::Stream: Send,
        C: Codec<ServerMessage<P>, ClientMessage<P>>,
    {
        let (client, queue) = Self::with_queue();
        tokio::spawn(reconnect::run(queue, addr, codec, backoff));
        client
    }

    /// Connects to a service, for a program without a runtime: a thread that the client owns drives
    /// the connection. Use [`Call::blocking_wait`] to wait for the calls.
    ///
    /// # Errors
    /// The connection cannot be made, or the thread cannot be started.
    pub fn connect_blocking<A, C>(addr: A, codec: C) -> Result<Self, ClientError>
    where
        A: Connect + Send + 'static,
        A::Stream: Send + 'static,
        C: Codec<ServerMessage<P>, ClientMessage<P>>,
    {
        let (connected, result) = mpsc::sync_channel(1);
        let runtime = Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new().name("portcullis-rpc".to_owned()).spawn(move || {
            runtime.block_on(async {
                let io = match addr.connect(None).await {
                    Ok(io) => io,
                    Err(error) => return drop(connected.send(Err(error))),
                };
                let (client, mut queue) = Self::with_queue();
                let _ = connected.send(Ok(client));
                let mut io = io;
                stream::log_end(CatchUnwind::new(stream::run(&mut queue, &mut io, codec)).await);
            });
        })?;
        match result.recv() {
            Ok(connected) => Ok(connected?),
            Err(_) => Err(ClientError::Closed),
        }
    }

    /// Makes a client over a transport of your own, and the queue that the transport serves.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[track_caller]
    pub fn with_queue() -> (Self, CallQueue<P>) {
        let shared = Arc::new(Shared::new(Handle::current(), MAX_IN_FLIGHT));
        let queue = CallQueue::new(&shared);
        (Self { shared }, queue)
    }

    /// Sets how many calls may be in flight, at least one: sent, and neither answered nor
    /// cancelled. Others wait, in their order, and are sent as those end. Applies to all clones.
    ///
    /// The default is 64, which is also the default of the service
    /// ([`RpcService::max_in_flight`](crate::RpcService::max_in_flight)): more calls than the
    /// service handles would wait in the connection, where they cannot be taken back.
    pub fn max_in_flight(self, calls: usize) -> Self {
        self.shared.set_max_in_flight(calls);
        self
    }

    /// Returns whether the client is closed: every call ends with
    /// [`Failure::Closed`](crate::Failure::Closed).
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// Waits until the client is [closed](Self::is_closed).
    pub async fn closed(&self) {
        self.shared.closed().await;
    }

    /// Subscribes to the notifications that the server sends on its own, from now on. Without a
    /// subscriber, they are ignored.
    ///
    /// A client that reconnects passes on those of each connection. The subscription does not keep
    /// the connection open.
    pub fn notifications(&self) -> Notifications {
        self.shared.notifications.subscribe()
    }

    /// Makes a call, which is sent when it is polled. `value` takes the value of the method out of
    /// a reply, and returns `None` for that of another method.
    ///
    /// The generated methods call it.
    pub fn call<T, E>(&self, call: P, value: fn(P::Reply) -> Option<Result<T, E>>) -> Call<P, T, E> {
        Call::new(&self.shared, call, value)
    }

    /// Makes a call of a method that sends items, as [`call`](Self::call). `item` takes the item
    /// out of what arrives before the reply.
    pub fn call_stream<I, T, E>(
        &self,
        call: P,
        item: fn(P::Reply) -> Option<I>,
        value: fn(P::Reply) -> Option<Result<T, E>>,
    ) -> StreamCall<P, I, T, E> {
        StreamCall::new(&self.shared, call, item, value)
    }
}

impl<P: Protocol> Clone for RpcClient<P> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<P: Protocol> fmt::Debug for RpcClient<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RpcClient").field("is_closed", &self.is_closed()).finish_non_exhaustive()
    }
}
