//! [`CallStream`]: one call as the stream of one session.
//!
//! The session reads one frame, the request, and then the end of the stream. Each frame that it
//! writes is published to the caller's inbox; the first one is the answer. A session that ends
//! without an answer sends a [`Refusal`] with its reason.

use std::collections::VecDeque;
use std::future::{Future, pending};
use std::io;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use async_nats::client::PublishErrorKind;
use async_nats::service::Request;
use async_nats::{Client, HeaderMap, Message, Subject};
use bytes::{Buf, Bytes};
use portcullis_codec::private::PREFIX_LEN;
use portcullis_net::Transport;
use portcullis_service::{Peer, Reason};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::sleep_until;
use tracing::debug;

use crate::cancel::RunningCall;
use crate::refusal::Refusal;

type Sending = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

/// What a handler can know of a call over NATS: [`NatsPeer::nats`].
#[derive(Debug)]
#[non_exhaustive]
pub struct CallInfo {
    /// The subject that the request was sent to.
    pub subject: Subject,
    /// The headers of the request, such as a trace context.
    pub headers: HeaderMap,
    /// Until when its caller waits for the answer.
    pub deadline: Option<Instant>,
}

impl CallInfo {
    /// Takes the headers, which nothing else needs.
    pub(crate) fn new(message: &mut Message, deadline: Option<Instant>) -> Self {
        let headers = message.headers.take().unwrap_or_default();
        Self { subject: message.subject.clone(), headers, deadline }
    }
}

/// [`Peer::nats`](Self::nats), for handlers of services that are called over NATS.
pub trait NatsPeer {
    /// What is known of the call; `None` if the peer is not a caller over NATS.
    fn nats(&self) -> Option<&CallInfo>;
}

impl<Rsp, Ev> NatsPeer for Peer<Rsp, Ev> {
    fn nats(&self) -> Option<&CallInfo> {
        self.extension()
    }
}

/// One call.
pub(crate) struct CallStream {
    client: Client,
    request: Arc<Request>,
    deadline: Option<Instant>,
    /// `None` if the caller cannot cancel the call.
    running: Option<RunningCall>,
    /// What is left of the frame to read.
    prefix: [u8; PREFIX_LEN],
    prefix_read: usize,
    payload: Bytes,
    /// Answers that are to be published.
    queue: VecDeque<Bytes>,
    sending: Option<Sending>,
    answered: bool,
    reason: Mutex<Option<Reason>>,
    /// In flight until the last answer is published.
    permit: Option<OwnedSemaphorePermit>,
}

impl CallStream {
    pub(crate) fn new(
        client: Client,
        request: Request,
        deadline: Option<Instant>,
        running: Option<RunningCall>,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        let payload = request.message.payload.clone();
        // The server's limit of a payload is far below this.
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        Self {
            client,
            request: Arc::new(request),
            deadline,
            running,
            prefix: length.to_be_bytes(),
            prefix_read: 0,
            payload,
            queue: VecDeque::new(),
            sending: None,
            answered: false,
            reason: Mutex::new(None),
            permit: Some(permit),
        }
    }

    /// Publishes one answer.
    fn send(&mut self, answer: Bytes) -> Sending {
        let request = Arc::clone(&self.request);
        if !mem::replace(&mut self.answered, true) {
            return Box::pin(async move {
                let Err(error) = request.respond(Ok(answer)).await else { return };
                // Without a reply subject nothing waits for the answer.
                debug!(%error, "an answer was not sent");
                if error.kind() == PublishErrorKind::MaxPayloadExceeded {
                    Refusal::too_large().send(&request).await;
                }
            });
        }
        let client = self.client.clone();
        Box::pin(async move {
            let Some(inbox) = request.message.reply.clone() else { return };
            if let Err(error) = client.publish(inbox, answer).await {
                debug!(%error, "an answer was not sent");
            }
        })
    }

    /// Ready when no answer is left to send.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if let Some(sending) = &mut self.sending {
                ready!(sending.as_mut().poll(cx));
                self.sending = None;
            }
            let Some(answer) = self.queue.pop_front() else { return Poll::Ready(()) };
            self.sending = Some(self.send(answer));
        }
    }

    /// Why there is no answer.
    fn refusal(&self) -> Refusal {
        let reason = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        match self.deadline {
            Some(deadline) if deadline <= Instant::now() => Refusal::late(),
            _ => Refusal::of(reason.as_ref()),
        }
    }
}

impl AsyncRead for CallStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.prefix_read == PREFIX_LEN && this.payload.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let prefix = &this.prefix[this.prefix_read..];
        let count = prefix.len().min(into.remaining());
        into.put_slice(&prefix[..count]);
        this.prefix_read += count;
        let count = this.payload.len().min(into.remaining());
        into.put_slice(&this.payload[..count]);
        this.payload.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for CallStream {
    /// Takes whole frames, which is what a session writes.
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, frames: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_send(cx));
        let mut rest = frames;
        while let Some((prefix, after)) = rest.split_first_chunk::<PREFIX_LEN>() {
            let length = u32::from_be_bytes(*prefix) as usize;
            let Some((answer, after)) = after.split_at_checked(length) else { break };
            self.queue.push_back(Bytes::copy_from_slice(answer));
            rest = after;
        }
        match frames.len() - rest.len() {
            0 => Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "incomplete answer"))),
            written => {
                // Begins to send. `poll_flush` sends what is left.
                let _ = self.poll_send(cx);
                Poll::Ready(Ok(written))
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_send(cx).map(Ok)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(cx));
        if !mem::replace(&mut self.answered, true) {
            let (refusal, request) = (self.refusal(), Arc::clone(&self.request));
            self.sending = Some(Box::pin(async move { refusal.send(&request).await }));
        }
        self.poll_send(cx).map(Ok)
    }
}

impl Transport for CallStream {
    /// At the deadline the caller has given up, and before it if the caller has dropped the call.
    async fn wait_for_reset(&self) {
        let deadline = async {
            match self.deadline {
                Some(deadline) => sleep_until(deadline.into()).await,
                None => pending().await,
            }
        };
        let cancelled = async {
            match &self.running {
                Some(running) => running.cancelled().await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = deadline => {}
            () = cancelled => {}
        }
    }

    fn session_ended(&self, reason: &Reason) {
        *self.reason.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.clone());
    }

    /// The stream ends after the request.
    fn half_closes(&self) -> bool {
        false
    }

    fn lingers(&self) -> bool {
        false
    }
}

impl Drop for CallStream {
    /// A session that was cut short has not shut its stream down.
    fn drop(&mut self) {
        let sending = self.sending.take();
        // Nothing waits for the answer of a cancelled call.
        let is_cancelled = self.running.take().is_some_and(|running| running.is_cancelled());
        let refusal = (!self.answered && !is_cancelled).then(|| self.refusal());
        if sending.is_none() && refusal.is_none() {
            return;
        }
        let (request, permit) = (Arc::clone(&self.request), self.permit.take());
        let Ok(runtime) = Handle::try_current() else { return };
        drop(runtime.spawn(async move {
            if let Some(sending) = sending {
                sending.await;
            }
            if let Some(refusal) = refusal {
                refusal.send(&request).await;
            }
            drop(permit);
        }));
    }
}
