//! Unix sockets that pass descriptors: [`FdPassingStream`], the [`FdQueues`] in which they wait,
//! and [`FdPeer`], by which handlers get at them.
//!
//! The kernel passes descriptors together with bytes, and the protocol determines which message
//! they belong to. Therefore descriptors are queued separately from messages: those that arrive
//! with a request are available when it is handled, and those that are attached are sent no later
//! than the next response.
//!
//! Every descriptor here is owned. Descriptors that no handler takes are closed when the session
//! ends.

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::UnixStream;

use super::Transport;
use crate::service::internal::Extended;
use crate::service::{Peer, SendError};
use crate::sync::Mutex;

/// The maximum of Linux (`SCM_MAX_FD`); no system passes more.
const MAX_FDS_PER_MESSAGE: usize = 253;

/// The most bytes that are received at once. `recvmsg` takes initialized memory, so each read
/// clears as much of the buffer as it offers, which may be 128 KiB for a small request.
const MAX_READ: usize = 16 * 1024;

/// What a listener that [passes descriptors](crate::Unix::pass_fds) adds to a [`Peer`]. In the
/// prelude.
pub trait FdPeer {
    /// The next descriptor that has come from the other end, with or before the request that is
    /// handled now. `None` on other listeners. What no handler has taken when the session ends is
    /// closed.
    fn take_fd(&self) -> Option<OwnedFd>;

    /// Sends a descriptor with the next bytes that are written, so no later than a response that is
    /// sent from here on.
    ///
    /// # Errors
    /// The descriptor is given back: the listener does not [pass any](crate::Unix::pass_fds), as
    /// many as may are waiting already, or the session has ended.
    fn attach_fd(&self, fd: OwnedFd) -> Result<(), SendError<OwnedFd>>;
}

impl<Rsp, Ev> FdPeer for Peer<Rsp, Ev> {
    fn take_fd(&self) -> Option<OwnedFd> {
        self.extension::<FdQueues>()?.take()
    }

    fn attach_fd(&self, fd: OwnedFd) -> Result<(), SendError<OwnedFd>> {
        match self.extension::<FdQueues>() {
            Some(queues) => queues.attach(fd).map_err(SendError),
            None => Err(SendError(fd)),
        }
    }
}

/// The queued descriptors of one peer, in both directions. An extension of its origin.
pub(crate) struct FdQueues {
    /// The maximum of queued descriptors in each direction.
    capacity: usize,
    /// `None` when the session has ended.
    queues: Mutex<Option<Queues>>,
}

#[derive(Default)]
struct Queues {
    incoming: VecDeque<OwnedFd>,
    outgoing: VecDeque<OwnedFd>,
}

impl FdQueues {
    pub(crate) fn new(capacity: usize) -> Self {
        // All queued descriptors are sent with one message.
        let capacity = capacity.min(MAX_FDS_PER_MESSAGE);
        Self { capacity, queues: Mutex::new(Some(Queues::default())) }
    }

    fn take(&self) -> Option<OwnedFd> {
        self.queues.lock().as_mut()?.incoming.pop_front()
    }

    fn attach(&self, fd: OwnedFd) -> Result<(), OwnedFd> {
        match &mut *self.queues.lock() {
            Some(queues) if queues.outgoing.len() < self.capacity => {
                queues.outgoing.push_back(fd);
                Ok(())
            }
            _ => Err(fd),
        }
    }

    /// # Errors
    /// The queue would exceed its capacity. The new descriptors are closed.
    fn push_incoming(&self, incoming: Vec<OwnedFd>) -> io::Result<()> {
        if let Some(queues) = &mut *self.queues.lock() {
            if queues.incoming.len() + incoming.len() > self.capacity {
                return Err(io::Error::other("too many file descriptors are queued"));
            }
            queues.incoming.extend(incoming);
        }
        Ok(())
    }

    /// Takes the descriptors that are sent with the next message.
    fn take_outgoing(&self) -> Vec<OwnedFd> {
        match &mut *self.queues.lock() {
            Some(Queues { outgoing, .. }) => outgoing.drain(..).collect(),
            None => Vec::new(),
        }
    }

    /// Puts back descriptors that were not sent.
    fn restore_outgoing(&self, fds: Vec<OwnedFd>) {
        if let Some(queues) = &mut *self.queues.lock() {
            fds.into_iter().rev().for_each(|fd| queues.outgoing.push_front(fd));
        }
    }

    fn close(&self) {
        let queues = self.queues.lock().take();
        drop(queues);
    }
}

/// A Unix socket that passes descriptors.
pub struct FdPassingStream {
    stream: UnixStream,
    origin: Arc<Extended<FdQueues>>,
}

impl FdPassingStream {
    /// `origin` is that of its peer.
    pub(crate) fn new(stream: UnixStream, origin: Arc<Extended<FdQueues>>) -> Self {
        Self { stream, origin }
    }

    fn fds(&self) -> &FdQueues {
        &self.origin.extension
    }

    fn receive(&self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS_PER_MESSAGE))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        #[cfg(not(any(target_vendor = "apple", target_os = "aix", target_os = "cygwin")))]
        let flags = RecvFlags::CMSG_CLOEXEC;
        #[cfg(any(target_vendor = "apple", target_os = "aix", target_os = "cygwin"))]
        let flags = RecvFlags::empty();
        let message = recvmsg(&self.stream, &mut [IoSliceMut::new(bytes)], &mut control, flags)?;
        // Take ownership first, before any error is returned.
        let incoming: Vec<OwnedFd> = control
            .drain()
            .filter_map(|message| match message {
                RecvAncillaryMessage::ScmRights(fds) => Some(fds),
                _ => None,
            })
            .flatten()
            .collect();
        if message.flags.contains(ReturnFlags::CTRUNC) {
            return Err(io::Error::other("some of the passed file descriptors were lost"));
        }
        if !incoming.is_empty() {
            self.fds().push_incoming(incoming)?;
        }
        Ok(message.bytes)
    }

    fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        let fds = self.fds().take_outgoing();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS_PER_MESSAGE))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let borrowed: Vec<_> = fds.iter().map(AsFd::as_fd).collect();
        if !borrowed.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(&borrowed));
        }
        #[cfg(not(target_vendor = "apple"))]
        let flags = SendFlags::NOSIGNAL;
        #[cfg(target_vendor = "apple")]
        let flags = SendFlags::empty();
        let sent = sendmsg(&self.stream, &[IoSlice::new(bytes)], &mut control, flags);
        if sent.is_err() {
            self.fds().restore_outgoing(fds);
        }
        Ok(sent?)
    }
}

impl Drop for FdPassingStream {
    fn drop(&mut self) {
        self.fds().close();
    }
}

impl Transport for FdPassingStream {
    async fn wait_for_reset(&self) {
        self.stream.wait_for_reset().await;
    }
}

impl AsyncRead for FdPassingStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.stream.poll_read_ready(cx))?;
            let bytes = buf.initialize_unfilled_to(buf.remaining().min(MAX_READ));
            match self.stream.try_io(Interest::READABLE, || self.receive(bytes)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
                Ok(count) => {
                    buf.advance(count);
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

impl AsyncWrite for FdPassingStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream.poll_write_ready(cx))?;
            match self.stream.try_io(Interest::WRITABLE, || self.send(bytes)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                sent => return Poll::Ready(sent),
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
