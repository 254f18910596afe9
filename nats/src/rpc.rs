//! The typed clients of `#[rpc]` services, over NATS.

use std::collections::HashMap;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{AbortHandle, abortable};
use futures_util::stream::FuturesUnordered;
use portcullis_codec::DatagramCodec;
use portcullis_rpc::{CallQueue, ClientMessage, Failure, Protocol, RpcClient, ServerMessage};

use crate::call_client::{CallClient, CallError};

const ITEMS: &str = "a method that sends items cannot be called over NATS";

type Calls<P, D> = CallClient<ClientMessage<P>, ServerMessage<P>, D>;

impl<P, D> CallClient<ClientMessage<P>, ServerMessage<P>, D>
where
    P: Protocol + Sync,
    P::Reply: Sync,
    D: DatagramCodec<ServerMessage<P>, ClientMessage<P>> + Sync,
{
    /// Makes the client of a service of `#[rpc]` methods, for the generated client to wrap:
    ///
    /// ```no_run
    /// # use portcullis::nats::{CallClient, async_nats};
    /// # use portcullis::{Datagrams, Json, prelude::*};
    /// struct Squares;
    ///
    /// #[service]
    /// impl Squares {
    ///     #[rpc]
    ///     async fn square(&self, n: u32) -> u64 { u64::from(n).pow(2) }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let nats = async_nats::connect("nats://127.0.0.1:4222").await?;
    /// let calls = CallClient::new(nats, "squares", Datagrams::<Json>::new());
    /// let squares = SquaresClient::from(calls.into_rpc_client());
    /// assert_eq!(squares.square(12).await?, 144);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Each call is a request of its own, and may reach another node. The time limit is the call's
    /// deadline, or the [timeout](Self::timeout) of this client if it has none. A call that no node
    /// can take ends with [`Failure::Overloaded`], and with [`Failure::Closed`] if no node serves
    /// the subject.
    ///
    /// Dropping a call cancels it, as [`call`](Self::call) does. Methods that send items cannot be
    /// called over NATS, which has no credit for them; their calls are not sent, and end with
    /// [`Failure::InvalidParams`].
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[track_caller]
    pub fn into_rpc_client(self) -> RpcClient<P> {
        let (client, queue) = RpcClient::with_queue();
        tokio::spawn(run(self, queue));
        client
    }
}

/// Makes the calls of the queue until its client is unused.
async fn run<P, D>(client: Calls<P, D>, mut queue: CallQueue<P>)
where
    P: Protocol + Sync,
    P::Reply: Sync,
    D: DatagramCodec<ServerMessage<P>, ClientMessage<P>> + Sync,
{
    let mut calls = FuturesUnordered::new();
    let mut in_flight: HashMap<u64, AbortHandle> = HashMap::new();
    loop {
        let next = poll_fn(|cx| {
            while let Poll::Ready(Some((id, answer))) = calls.poll_next_unpin(cx) {
                in_flight.remove(&id);
                if let Ok(answer) = answer {
                    deliver(&mut queue, id, answer);
                }
            }
            queue.poll_next(cx)
        });
        match next.await {
            None => {
                // The calls that are left are cancelled by their drop. The connection may be this
                // client's own, and must not be closed before the messages for that are written.
                drop(calls);
                return client.flush().await;
            }
            Some(ClientMessage::Call { id, call, .. }) if P::METHODS[call.method()].sends_items => {
                queue.fail(id, Failure::InvalidParams(ITEMS.to_owned()));
            }
            Some(ClientMessage::Call { id, time_left, call }) => {
                let (answer, handle) = abortable(send(&client, id, time_left, call));
                in_flight.insert(id, handle);
                calls.push(async move { (id, answer.await) });
            }
            Some(ClientMessage::Cancel { id }) => {
                if let Some(call) = in_flight.remove(&id) {
                    call.abort();
                }
            }
            // Credit, which only methods that send items need.
            Some(_) => {}
        }
    }
}

async fn send<P, D>(
    client: &Calls<P, D>,
    id: u64,
    time_left: Option<Duration>,
    call: P,
) -> Result<ServerMessage<P>, CallError>
where
    P: Protocol + Sync,
    P::Reply: Sync,
    D: DatagramCodec<ServerMessage<P>, ClientMessage<P>> + Sync,
{
    let call = client.call(ClientMessage::Call { id, time_left, call });
    match time_left {
        Some(time) => call.timeout(time).await,
        None => call.await,
    }
}

fn deliver<P: Protocol>(queue: &mut CallQueue<P>, id: u64, answer: Result<ServerMessage<P>, CallError>) {
    match answer {
        // The answer of a request is that of its call.
        Ok(ServerMessage::Reply { reply, .. }) => queue.deliver(ServerMessage::Reply { id, reply }),
        Ok(ServerMessage::Failed { failure, .. }) => queue.fail(id, failure),
        // An item of a service whose method sends some, unlike that of this client.
        Ok(_) => queue.fail(id, Failure::InvalidReply(ITEMS.to_owned())),
        Err(error) => queue.fail(id, failure(error)),
    }
}

fn failure(error: CallError) -> Failure {
    match error {
        CallError::NoNode => Failure::Closed,
        CallError::Unavailable { retry_after, .. } => Failure::Overloaded { retry_after },
        CallError::Deadline => Failure::Deadline,
        CallError::TooLarge { .. } => Failure::InvalidParams(error.to_string()),
        CallError::Encode(error) => Failure::InvalidParams(error.to_string()),
        CallError::Decode(error) => Failure::InvalidReply(error.to_string()),
        CallError::Refused { .. } | CallError::InvalidHeader(_) => Failure::Internal,
        CallError::Nats(_) => Failure::Lost,
    }
}
