//! [`DatagramStream`]: the transport of a datagram session.
//!
//! Reads return the frames of the session's [`Inbox`]; each frame that is written is sent as a
//! datagram. The session writes whole frames, many at once, so each write begins with a frame.

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

/// Waits before sending is tried again.
type Blocked = Pin<Box<dyn Future<Output = io::Result<()>> + Send + Sync>>;

/// One session's datagrams as a stream.
pub(in crate::server) struct DatagramStream {
    shared: Arc<Shared>,
    inbox: Arc<Inbox>,
    conversation: Conversation,
    blocked: Option<Blocked>,
    /// How often sending the next datagram has failed with `WouldBlock`.
    attempts: u32,
}

impl DatagramStream {
    pub(super) fn new(shared: Arc<Shared>, inbox: Arc<Inbox>, conversation: Conversation) -> Self {
        Self { shared, inbox, conversation, blocked: None, attempts: 0 }
    }

    /// Ready when sending can be tried.
    fn poll_send_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(blocked) = &mut self.blocked {
            let done = ready!(blocked.as_mut().poll(cx));
            self.blocked = None;
            done?;
        }
        Poll::Ready(Ok(()))
    }

    /// Sends one datagram. Returns `false` if the socket is not ready.
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
        // Yield to other tasks during a flood.
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
            // Report a wait or an error only if nothing was written before it in this call.
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

    /// Closes the inbox: the next datagram of this peer starts a new session.
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

    /// A shutdown closes the inbox.
    fn half_closes(&self) -> bool {
        false
    }
}

impl Drop for DatagramStream {
    fn drop(&mut self) {
        self.close();
        self.shared.remove(&self.conversation, &self.inbox);
    }
}
