//! [`run`]: the calls of a client over one connection after another.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use portcullis_codec::Codec;
use portcullis_net::internal::client::{ReconnectState, with_timeout};
use portcullis_net::{Backoff, ClientError, Connect};
use portcullis_runtime::internal::error::CatchUnwind;
use tokio::time::sleep_until;

use super::queue::CallQueue;
use super::stream;
use crate::failure::Failure;
use crate::protocol::Protocol;
use crate::wire::{ClientMessage, ServerMessage};

/// Connects when there is a call to send, and again when the connection is lost, until the client
/// is unused.
pub(super) async fn run<P, A, C>(mut queue: CallQueue<P>, addr: A, codec: C, backoff: Backoff)
where
    P: Protocol,
    A: Connect + Clone,
    C: Codec<ServerMessage<P>, ClientMessage<P>>,
{
    let mut state = ReconnectState::new(backoff);
    // Since a connection was made, or calls have failed.
    let mut attempts = 0;
    while queue.has_call().await {
        let connected = {
            let mut connecting = pin!(connect(&state, addr.clone()));
            poll_fn(|cx| {
                // Calls end at their deadlines meanwhile.
                if !queue.poll_callers(cx) {
                    return Poll::Ready(None);
                }
                connecting.as_mut().poll(cx).map(Some)
            })
            .await
        };
        match connected {
            None => return,
            Some(Ok(mut io)) => {
                attempts = 0;
                state.on_connected();
                let ran = CatchUnwind::new(stream::run(&mut queue, &mut io, codec.clone())).await;
                // Calls that were sent may have been handled, so they are not sent again.
                queue.lose();
                if stream::log_end(ran) {
                    return;
                }
                if queue.take_received() {
                    state.on_message();
                }
                state.on_connection_lost();
            }
            Some(Err(error)) => {
                attempts += 1;
                tracing::debug!(%error, attempts, "an rpc client cannot connect");
                if state.on_connect_failed(error, attempts).is_err() {
                    attempts = 0;
                    queue.fail_queued(&Failure::Closed);
                }
            }
        }
    }
}

async fn connect<A: Connect>(state: &ReconnectState, addr: A) -> Result<A::Stream, ClientError> {
    if let Some(when) = state.next_attempt_at() {
        sleep_until(when).await;
    }
    let limit = state.attempt_timeout();
    with_timeout(limit, async { Ok(addr.connect(limit).await?) }).await
}
