//! [`DatagramStream`]: the transport of a datagram session.
//!
//! Reads give the frames of its [`Inbox`]; of what is written, each frame goes out as a datagram. A
//! link writes whole frames, many at once, and so each write here begins with one.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tracing::debug;

use super::inbox::Inbox;
use super::router::{Conversation, Shared};
use super::stats::DropReason;
use super::{DEFAULT_IDLE_TIMEOUT, FIRST_IDLE_TIMEOUT};
use crate::codec::private::PREFIX_LEN;
use crate::transport::Transport;

/// Waits until it may be worth the try again to send.
type Blocked = Pin<Box<dyn Future<Output = io::Result<()>> + Send + Sync>>;

/// One session's datagrams as a stream.
pub(in crate::server) struct DatagramStream {
    shared: Arc<Shared>,
    inbox: Arc<Inbox>,
    conversation: Conversation,
    blocked: Option<Blocked>,
    /// How often the next datagram was refused in a row.
    attempts: u32,
}

impl DatagramStream {
    pub(super) fn new(shared: Arc<Shared>, inbox: Arc<Inbox>, conversation: Conversation) -> Self {
        Self { shared, inbox, conversation, blocked: None, attempts: 0 }
    }

    /// Ready when sending may be tried.
    fn poll_send_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(blocked) = &mut self.blocked {
            let done = ready!(blocked.as_mut().poll(cx));
            self.blocked = None;
            done?;
        }
        Poll::Ready(Ok(()))
    }

    /// Sends one datagram: `false` if it must wait.
    fn send(&mut self, datagram: &[u8]) -> io::Result<bool> {
        let socket = &self.shared.socket;
        let Conversation { addr, local } = &self.conversation;
        match socket.try_send_from(datagram, addr, *local) {
            Ok(_) => self.shared.counters.sent(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let (shared, attempts) = (Arc::clone(&self.shared), self.attempts);
                self.blocked = Some(Box::pin(async move { shared.socket.wait_writable(attempts).await }));
                self.attempts += 1;
                return Ok(false);
            }
            Err(error) if socket.is_disconnect_error(&error) => return Err(error),
            Err(error) => {
                debug!(%error, "a datagram was not sent");
                self.shared.counters.dropped(DropReason::SendFailed);
            }
        }
        self.attempts = 0;
        Ok(true)
    }

    fn close(&self) {
        if self.inbox.close() {
            self.shared.counters.dropped(DropReason::SessionEnded);
        }
    }
}

impl AsyncRead for DatagramStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // A flood must not keep the loop.
        let coop = ready!(tokio::task::coop::poll_proceed(cx));
        ready!(self.inbox.poll_read(cx, into));
        coop.made_progress();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for DatagramStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, frames: &[u8]) -> Poll<io::Result<usize>> {
        let mut written = 0;
        while let Some((head, rest)) = frames[written..].split_first_chunk::<PREFIX_LEN>() {
            let length = u32::from_be_bytes(*head) as usize;
            let Some(datagram) = rest.get(..length) else { break };
            // A link that is told of a wait, or of an error, has lost nothing of what was sent
            // before it.
            let sent = match self.poll_send_ready(cx)? {
                Poll::Ready(()) => self.send(datagram),
                Poll::Pending => Ok(false),
            };
            match sent {
                Ok(true) => written += PREFIX_LEN + length,
                Ok(false) if written == 0 => {
                    if self.poll_send_ready(cx)?.is_pending() {
                        return Poll::Pending;
                    }
                }
                Err(error) if written == 0 => return Poll::Ready(Err(error)),
                Ok(false) | Err(_) => break,
            }
        }
        if written == 0 {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "incomplete datagram")));
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Nothing more will be said or heard: the next datagram from there is for a new session.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.close();
        Poll::Ready(Ok(()))
    }
}

impl Transport for DatagramStream {
    fn default_idle_timeout(&self) -> Option<Duration> {
        Some(if self.inbox.has_single_datagram() { FIRST_IDLE_TIMEOUT } else { DEFAULT_IDLE_TIMEOUT })
    }

    fn lingers(&self) -> bool {
        false
    }
}

impl Drop for DatagramStream {
    fn drop(&mut self) {
        self.close();
        self.shared.remove(&self.conversation, &self.inbox);
    }
}
