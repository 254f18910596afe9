//! [`AsyncSocket`]: a datagram socket of tokio.

use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
#[cfg(unix)]
use std::ops::RangeInclusive;
#[cfg(unix)]
use std::os::unix::net::UnixDatagram as StdUnixDatagram;
use std::task::{Context, Poll, ready};
#[cfg(unix)]
use std::time::Duration;

use tokio::io::ReadBuf;

use super::addr::{DatagramAddr, wrong_address_family};
use super::packet_info::{self, PacketInfoBuffer};
#[cfg(unix)]
use super::socket::send_unix;
use super::{Socket, SocketFile, is_deferred_error};

/// A socket that is registered with a tokio runtime.
pub(crate) enum AsyncSocket {
    Udp(tokio::net::UdpSocket),
    /// The second is a duplicate for sending. tokio's type cannot send to abstract names, and after
    /// one peer's buffer was full it waits for every peer.
    #[cfg(unix)]
    Unix(tokio::net::UnixDatagram, StdUnixDatagram),
}

/// The wait before sending to a full Unix socket is tried again: the first, and the longest.
#[cfg(unix)]
const SEND_BACKOFF: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_millis(32);

impl AsyncSocket {
    /// Registers the socket with the current runtime. The caller keeps the file for as long as
    /// peers should find the socket.
    pub(crate) fn new(socket: Socket) -> io::Result<(Self, Option<SocketFile>)> {
        socket.set_nonblocking()?;
        Ok(match socket {
            Socket::Udp(socket) => (Self::Udp(tokio::net::UdpSocket::from_std(socket)?), None),
            #[cfg(unix)]
            Socket::Unix(socket, file) => {
                let again = socket.try_clone()?;
                (Self::Unix(tokio::net::UnixDatagram::from_std(socket)?, again), file)
            }
        })
    }

    /// Receives a datagram. For a connected UDP socket, also returns the error of a datagram that
    /// was sent earlier: such an error does not make the socket readable.
    ///
    /// # Cancellation
    /// If the future is dropped, no datagram is lost.
    pub(crate) async fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, DatagramAddr)> {
        let received = poll_fn(|cx| self.poll_recv_from(cx, buffer));
        match self {
            Self::Udp(socket) => tokio::select! {
                biased;
                received = received => received,
                error = pending_error(socket) => Err(error),
            },
            #[cfg(unix)]
            Self::Unix(..) => received.await,
        }
    }

    /// Receives a datagram. Only the last task that has polled is woken.
    pub(crate) fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, DatagramAddr)>> {
        let mut buffer = ReadBuf::new(buffer);
        match self {
            Self::Udp(socket) => {
                let from = ready!(socket.poll_recv_from(cx, &mut buffer))?;
                Poll::Ready(Ok((buffer.filled().len(), DatagramAddr::Ip(from))))
            }
            #[cfg(unix)]
            Self::Unix(socket, _) => {
                let from = ready!(socket.poll_recv_from(cx, &mut buffer))?;
                Poll::Ready(Ok((buffer.filled().len(), DatagramAddr::of_unix(&from.into()))))
            }
        }
    }

    /// Like [`poll_recv_from`](Self::poll_recv_from), with the address of this host that the
    /// datagram was sent to, if the system reports it.
    pub(crate) fn poll_recv_with_dest(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
        packet_info: Option<&mut PacketInfoBuffer>,
    ) -> Poll<io::Result<(usize, DatagramAddr, Option<IpAddr>)>> {
        match (self, packet_info) {
            (Self::Udp(socket), Some(packet_info)) => {
                let (length, from, local) = ready!(packet_info::poll_recv(socket, cx, buffer, packet_info))?;
                Poll::Ready(Ok((length, DatagramAddr::Ip(from), local)))
            }
            _ => {
                let (length, from) = ready!(self.poll_recv_from(cx, buffer))?;
                Poll::Ready(Ok((length, from, None)))
            }
        }
    }

    /// Like [`try_send`](Self::try_send), with `local` as the source address.
    pub(crate) fn try_send_from(
        &self,
        datagram: &[u8],
        to: &DatagramAddr,
        local: Option<IpAddr>,
    ) -> io::Result<usize> {
        match (self, local, to) {
            (Self::Udp(socket), Some(local), DatagramAddr::Ip(to)) => {
                packet_info::try_send(socket, datagram, *to, local)
            }
            _ => self.try_send(datagram, Some(to)),
        }
    }

    pub(crate) fn try_send(&self, datagram: &[u8], to: Option<&DatagramAddr>) -> io::Result<usize> {
        match self {
            Self::Udp(socket) => match to {
                None => socket.try_send(datagram),
                Some(to) => socket.try_send_to(datagram, to.ip().ok_or_else(wrong_address_family)?),
            },
            #[cfg(unix)]
            Self::Unix(_, socket) => send_unix(socket, datagram, to),
        }
    }

    /// Waits before sending is tried again, after `attempts + 1` attempts have failed with
    /// `WouldBlock`.
    ///
    /// For an unconnected Unix socket, the kernel does not report when the buffer of the peer has
    /// space, so this waits for a short time.
    pub(crate) async fn wait_writable(&self, attempts: u32) -> io::Result<()> {
        let _ = attempts;
        match self {
            Self::Udp(socket) => socket.writable().await,
            #[cfg(unix)]
            Self::Unix(..) => {
                tokio::time::sleep((*SEND_BACKOFF.start() * (1 << attempts.min(5))).min(*SEND_BACKOFF.end()))
                    .await;
                Ok(())
            }
        }
    }

    pub(crate) async fn send(&self, datagram: &[u8], to: Option<&DatagramAddr>) -> io::Result<()> {
        let mut attempts = 0;
        let mut had_deferred_error = false;
        loop {
            match self.try_send(datagram, to) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.wait_writable(attempts).await?
                }
                Err(error)
                    if !had_deferred_error && matches!(self, Self::Udp(_)) && is_deferred_error(&error) =>
                {
                    had_deferred_error = true
                }
                sent => return sent.map(drop),
            }
            attempts += 1;
        }
    }

    /// Returns whether an error of sending means that the peer has disconnected. An error of UDP
    /// never does: it belongs to an earlier datagram, perhaps to another peer.
    pub(crate) fn is_disconnect_error(&self, error: &io::Error) -> bool {
        use io::ErrorKind::{ConnectionRefused, ConnectionReset, NotFound};
        let is_closed = matches!(error.kind(), ConnectionRefused | ConnectionReset | NotFound);
        is_closed && !matches!(self, Self::Udp(_))
    }
}

/// Waits for the error (`SO_ERROR`) of a datagram that was sent earlier.
#[cfg(unix)]
async fn pending_error(socket: &tokio::net::UdpSocket) -> io::Error {
    use tokio::io::Interest;
    loop {
        let take_error = || socket.take_error()?.ok_or_else(|| io::ErrorKind::WouldBlock.into());
        let result = match socket.ready(Interest::ERROR).await {
            Ok(_) => socket.try_io(Interest::ERROR, take_error),
            Err(error) => Err(error),
        };
        match result {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Ok(error) | Err(error) => return error,
        }
    }
}

/// On other systems, receiving returns that error.
#[cfg(not(unix))]
async fn pending_error(_: &tokio::net::UdpSocket) -> io::Error {
    std::future::pending().await
}
