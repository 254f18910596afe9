//! The typed client of a service of calls, over the connection of a [`Client`].

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use portcullis_rpc::{CallQueue, ClientMessage, Protocol, RpcClient, RpcService, ServerMessage};

use crate::clock::with_real_deadline;
use crate::connect::Client;
use crate::memory::InMemoryLink;

type Link<P> = Arc<InMemoryLink<ClientMessage<P>, ServerMessage<P>>>;

impl<S: RpcService> Client<S> {
    /// The typed client of a service of calls over this connection, without a codec.
    ///
    /// ```ignore
    /// let server = test::connect(Images { .. }).await?;
    /// let images = server.client(); // an `ImagesClient`
    /// assert_eq!(images.count().await?, 3);
    /// ```
    ///
    /// The connection is open until this `Client` is dropped; [`reset`](Client::reset) and the
    /// other methods apply to it. From the first call of this on, the typed client takes the
    /// responses, and [`next`](Client::next) does not. Each further call of it returns a client of
    /// the same connection; [`connect_another`](Client::connect_another) makes another one.
    ///
    /// If calls are in flight and none of them is answered within the limit of each wait
    /// ([`timeout`](Client::timeout)), they end with `Failure::Lost`, so that a test does not hang.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[track_caller]
    pub fn client(&self) -> <S::Protocol as Protocol>::Client
    where
        <S::Protocol as Protocol>::Client: From<RpcClient<S::Protocol>>,
    {
        let client = self.rpc_client.get_or_init(|| {
            let (client, queue) = RpcClient::<S::Protocol>::with_queue();
            tokio::spawn(serve(queue, Arc::clone(&self.link), self.timeout));
            Box::new(client)
        });
        let client =
            client.downcast_ref::<RpcClient<S::Protocol>>().expect("its type is that of the service");
        client.clone().into()
    }
}

/// Passes messages on until either side ends, or calls are in flight and nothing arrives within
/// `limit` by the real clock.
async fn serve<P: Protocol>(mut queue: CallQueue<P>, link: Link<P>, limit: Duration) {
    loop {
        let work = poll_fn(|cx| poll_messages(&mut queue, &link, cx));
        let passed = match Instant::now().checked_add(limit) {
            Some(until) => with_real_deadline(until, work).await,
            None => Some(work.await),
        };
        match passed {
            Some(true) => {}
            Some(false) => return,
            None if queue.in_flight() == 0 => {}
            None => {
                let calls = queue.in_flight();
                tracing::error!("nothing has happened for {limit:?} while {calls} calls are in flight");
                return;
            }
        }
    }
}

/// Ready after some messages were passed on (`true`), or at the end of either side (`false`).
fn poll_messages<P: Protocol>(queue: &mut CallQueue<P>, link: &Link<P>, cx: &mut Context<'_>) -> Poll<bool> {
    let mut has_passed = false;
    while let Poll::Ready(next) = link.poll_next(cx) {
        let Ok(message) = next else { return Poll::Ready(false) };
        queue.deliver(message);
        has_passed = true;
    }
    while let Poll::Ready(next) = queue.poll_next(cx) {
        let Some(message) = next else { return Poll::Ready(false) };
        if !link.send(Ok(message)) {
            return Poll::Ready(false);
        }
        has_passed = true;
    }
    if has_passed { Poll::Ready(true) } else { Poll::Pending }
}
