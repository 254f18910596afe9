//! [`Outbox`]: the replies of a session, until its queue has capacity for them.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use portcullis_service::{Peer, SendFuture};

use crate::protocol::Protocol;
use crate::wire::ServerMessage;

/// The replies that are not in the session's queue yet.
pub(super) struct Outbox<'a, P: Protocol> {
    peer: &'a Peer<ServerMessage<P>>,
    /// Waits for capacity.
    sending: Option<SendFuture<ServerMessage<P>>>,
    replies: VecDeque<ServerMessage<P>>,
    /// The session takes no more messages.
    is_closed: bool,
}

impl<'a, P: Protocol> Outbox<'a, P> {
    pub(super) fn new(peer: &'a Peer<ServerMessage<P>>) -> Self {
        Self { peer, sending: None, replies: VecDeque::new(), is_closed: false }
    }

    /// Whether every reply is in the session's queue.
    pub(super) fn is_empty(&self) -> bool {
        self.sending.is_none() && self.replies.is_empty()
    }

    /// Whether the session takes no more replies. They are dropped then.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Allocates once for `replies` more.
    pub(super) fn reserve(&mut self, replies: usize) {
        self.replies.reserve(replies);
    }

    pub(super) fn push(&mut self, reply: ServerMessage<P>) {
        self.replies.push_back(reply);
    }

    /// Moves the replies to the session's queue, all that it has capacity for at once.
    pub(super) fn flush(&mut self, cx: &mut Context<'_>) {
        while !self.is_empty() {
            if let Some(sending) = &mut self.sending {
                match Pin::new(sending).poll(cx) {
                    Poll::Pending => return,
                    Poll::Ready(sent) => self.is_closed |= sent.is_err(),
                }
                self.sending = None;
            }
            self.is_closed = self.is_closed || !self.peer.try_send_all(&mut self.replies);
            if self.is_closed {
                self.replies.clear();
            }
            self.sending = self.replies.pop_front().map(|reply| self.peer.send(reply));
        }
    }
}
