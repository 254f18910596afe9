//! Endpoints: clients of datagram servers, and peers that exchange datagrams.
//!
//! - [`Endpoint`]: async, on tokio;
//! - [`BlockingEndpoint`]: blocking, without a runtime;
//! - [`datagram_buffers`]: encoding, decoding, and the rules of a call, which both share.
//!
//! Datagrams can be lost, duplicated and reordered without any error. An endpoint adds a time limit
//! and, on request, retransmission of a request.

mod blocking;
mod datagram_buffers;

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use tokio::time::Instant;

pub use self::blocking::BlockingEndpoint;
use self::datagram_buffers::{CallStep, DatagramBuffers, is_unreachable};
use crate::client::ClientError;
use crate::client::time_limit::{deadline_after, with_deadline};
use crate::codec::DatagramCodec;
use crate::datagram::{AsyncSocket, DatagramAddr, DatagramSocket, FallbackAddrs, Socket, SocketFile};

/// A datagram socket that sends `Req` and receives `Rsp`, one message per datagram, on the current
/// tokio runtime.
///
/// A [connected](Self::connect) endpoint exchanges messages with one address, and receives from no
/// other. A [bound](Self::bind) endpoint [receives from](Self::recv_from) any address, and each
/// message is [sent to](Self::send_to) an address.
///
/// After a datagram that is not a message ([`ClientError::Decode`]), the next one can be received.
/// If nothing listens on the remote port, a later operation may return `ConnectionRefused`, or no
/// error is reported at all. The endpoint stays usable.
///
/// An endpoint that is bound to the wildcard address sends from the address that the system
/// chooses, also when it answers: bind it to the address that peers are connected to, or use a
/// [server](crate::Udp).
///
/// Unix sockets lose no datagrams: a sender waits until its peer has read. Two endpoints that both
/// send without receiving wait for each other until the [time limit](Self::timeout) passes.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), portcullis::ClientError> {
/// use portcullis::{Datagrams, Endpoint, Udp, codec::Utf8};
///
/// let mut left = Endpoint::<&str, String, _>::bind(Udp::new("127.0.0.1:0", Datagrams::<Utf8>::new()))?;
/// let to = left.local_addr()?.ip().expect("a UDP socket");
/// let mut right = Endpoint::<&str, String, _>::connect(Udp::new(to, Datagrams::<Utf8>::new())).await?;
///
/// right.send("who is there?").await?;
/// let (question, from) = left.recv_from().await?;
/// assert_eq!(question, "who is there?");
/// left.send_to("it's me", &from).await?;
/// assert_eq!(right.recv().await?, "it's me");
/// # Ok(())
/// # }
/// ```
pub struct Endpoint<Req, Rsp, C> {
    socket: AsyncSocket,
    local: DatagramAddr,
    buffers: DatagramBuffers<C>,
    timeout: Option<Duration>,
    retransmit_interval: Option<Duration>,
    /// Further addresses of the peer, until an answer has arrived.
    fallback: FallbackAddrs,
    /// Removes the file of the socket on drop.
    _file: Option<SocketFile>,
    messages: PhantomData<fn(Req) -> Rsp>,
}

impl<Req, Rsp, C: DatagramCodec<Rsp, Req>> Endpoint<Req, Rsp, C> {
    /// Connects to an address: `Udp::new(addr, codec)` from a UDP socket of any port, or
    /// `UnixDatagram::new(path, codec)` from a Unix socket with a name that the system chooses, so
    /// that the peer can answer.
    ///
    /// If a UDP name has several addresses, or a slice is given, the endpoint uses the first. When
    /// an operation finds that nothing listens there, and no answer has arrived from there before,
    /// the endpoint uses the next address: with a new socket, which has another port, and over
    /// which it sends the last message again. No peer has received that message yet. An address
    /// that does not answer and does not refuse is kept.
    ///
    /// # Errors
    /// The address cannot be resolved, or there is no route. With UDP it is not known yet whether
    /// anything listens there.
    ///
    /// # Panics
    /// Outside a tokio runtime with I/O and time enabled.
    pub async fn connect(address: impl DatagramSocket<Codec = C>) -> io::Result<Self> {
        let (parts, codec) = address.into_parts();
        let (socket, fallback) = parts.connect().await?;
        Ok(Self { fallback, ..Self::from_socket(socket, codec)? })
    }

    ///
    ///
    /// # Errors
    /// The address cannot be resolved (which blocks, if it is a name) or bound; the system rejects
    /// an option.
    ///
    /// # Panics
    /// Outside a tokio runtime with I/O and time enabled.
    pub fn bind(address: impl DatagramSocket<Codec = C>) -> io::Result<Self> {
        let (parts, codec) = address.into_parts();
        Self::from_socket(parts.bind()?, codec)
    }

    fn from_socket(socket: Socket, codec: C) -> io::Result<Self> {
        let (local, buffers) = (socket.local_addr()?, DatagramBuffers::new(&socket, codec));
        let (socket, _file) = AsyncSocket::new(socket)?;
        let fallback = FallbackAddrs::default();
        Ok(Self {
            socket,
            local,
            buffers,
            timeout: None,
            retransmit_interval: None,
            fallback,
            _file,
            messages: PhantomData,
        })
    }

    /// Sets how long each operation may take. No limit by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Makes [`call`](Self::call) send its request again each time that this much time has passed
    /// without a response. Only for requests that may be handled twice. Off by default.
    #[must_use]
    pub fn retransmit_interval(mut self, interval: Duration) -> Self {
        self.retransmit_interval = Some(interval);
        self
    }

    /// Returns the address of this endpoint.
    ///
    /// # Errors
    /// None at present.
    pub fn local_addr(&self) -> io::Result<DatagramAddr> {
        Ok(self.local.clone())
    }

    /// Sends a message to the connected address.
    ///
    /// # Errors
    /// The message cannot be encoded, the system does not send it, or the time limit has passed.
    ///
    /// # Cancellation
    /// If the future is dropped, the message was not sent.
    pub async fn send(&mut self, request: Req) -> Result<(), ClientError> {
        self.buffers.encode::<Rsp, Req>(request)?;
        self.write(None).await
    }

    /// Sends a message to `to`. For endpoints that are bound, not connected.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Cancellation
    /// As [`send`](Self::send).
    pub async fn send_to(&mut self, request: Req, to: &DatagramAddr) -> Result<(), ClientError> {
        self.buffers.encode::<Rsp, Req>(request)?;
        self.write(Some(to)).await
    }

    /// Receives the next message.
    ///
    /// # Errors
    /// The datagram is not a message, the system reports the error of an earlier datagram, or the
    /// time limit has passed.
    ///
    /// # Cancellation
    /// If the future is dropped, no message is lost.
    pub async fn recv(&mut self) -> Result<Rsp, ClientError> {
        Ok(self.recv_from().await?.0)
    }

    /// Receives the next message and its source.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// # Cancellation
    /// As [`recv`](Self::recv).
    pub async fn recv_from(&mut self) -> Result<(Rsp, DatagramAddr), ClientError> {
        let deadline = deadline_after(self.timeout);
        self.read(deadline).await
    }

    /// Sends a request, and returns the next message as its response.
    ///
    /// That may be a late response to an earlier request, which timed out or was sent twice. If
    /// responses say which request they answer, use [`call_matching`](Self::call_matching).
    ///
    /// # Errors
    /// As [`send`](Self::send) and [`recv`](Self::recv).
    pub async fn call(&mut self, request: Req) -> Result<Rsp, ClientError> {
        self.call_matching(request, |_| true).await
    }

    /// Sends a request, and waits for a message for which `is_response` returns true. Other
    /// messages, and datagrams that are not messages, are dropped.
    ///
    /// # Errors
    /// As [`send`](Self::send) and [`recv`](Self::recv), except that a datagram that is not a
    /// message is no error.
    pub async fn call_matching(
        &mut self,
        request: Req,
        mut is_response: impl FnMut(&Rsp) -> bool,
    ) -> Result<Rsp, ClientError> {
        self.buffers.encode::<Rsp, Req>(request)?;
        let deadline = deadline_after(self.timeout);
        loop {
            self.write(None).await?;
            let retransmit_at = deadline_after(self.retransmit_interval);
            let read_until = deadline.into_iter().chain(retransmit_at).min();
            loop {
                let read = self.read(read_until).await.map(|(response, _)| response);
                match CallStep::after_read(read, read_until == deadline, &mut is_response) {
                    CallStep::Return(result) => return result,
                    CallStep::ReadAgain => {}
                    CallStep::Retransmit => break,
                }
            }
        }
    }

    async fn write(&mut self, to: Option<&DatagramAddr>) -> Result<(), ClientError> {
        let deadline = deadline_after(self.timeout);
        // If there is another address, use it after an error of the previous datagram.
        if !self.fallback.is_empty() && to.is_none() {
            match self.socket.try_send(self.buffers.encoded(), to) {
                Err(error) if is_unreachable(&error) && self.try_next_address() => return Ok(()),
                Err(_) => {}
                Ok(_) => return Ok(()),
            }
        }
        Ok(with_deadline(deadline, self.socket.send(self.buffers.encoded(), to)).await?)
    }

    async fn read(&mut self, deadline: Option<Instant>) -> Result<(Rsp, DatagramAddr), ClientError> {
        loop {
            match with_deadline(deadline, self.socket.recv_from(self.buffers.buffer::<Rsp, Req>())).await {
                Ok((length, from)) => {
                    self.fallback = FallbackAddrs::default();
                    return Ok((self.buffers.decode::<Rsp, Req>(length)?, from));
                }
                Err(error) if is_unreachable(&error) && self.try_next_address() => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Connects to the next address with a route, and sends the last message there. Returns `false`
    /// if there is none.
    fn try_next_address(&mut self) -> bool {
        let fallback = std::mem::take(&mut self.fallback);
        let Some((socket, fallback)) = self.buffers.next_address(fallback) else { return false };
        let Ok(local) = socket.local_addr() else { return false };
        let Ok((socket, _)) = AsyncSocket::new(socket) else { return false };
        (self.socket, self.local, self.fallback) = (socket, local, fallback);
        true
    }
}

/// Yields the messages with their sources. The stream never ends, and the time limit does not
/// apply. An error concerns one message; the next item is another attempt.
impl<Req, Rsp, C: DatagramCodec<Rsp, Req> + Unpin> Stream for Endpoint<Req, Rsp, C> {
    type Item = Result<(Rsp, DatagramAddr), ClientError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let item = match ready!(this.socket.poll_recv_from(cx, this.buffers.buffer::<Rsp, Req>())) {
            Ok((length, from)) => {
                this.buffers.decode::<Rsp, Req>(length).map(|message| (message, from)).map_err(Into::into)
            }
            Err(error) => Err(error.into()),
        };
        Poll::Ready(Some(item))
    }
}

impl<Req, Rsp, C> fmt::Debug for Endpoint<Req, Rsp, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("local", &self.local).finish_non_exhaustive()
    }
}
