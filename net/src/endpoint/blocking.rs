//! [`BlockingEndpoint`]: an endpoint that blocks its thread.

use std::marker::PhantomData;
use std::time::{Duration, Instant};
use std::{fmt, io};

use super::datagram_buffers::{CallStep, DatagramBuffers, is_unreachable};
use crate::client::ClientError;
use crate::client::time_limit::std_deadline_after;
use crate::codec::DatagramCodec;
use crate::datagram::{DatagramAddr, DatagramSocket, FallbackAddrs, Socket};

/// Like [`Endpoint`](crate::Endpoint), for a thread: each operation blocks it, and no runtime is
/// needed.
///
/// In async code, use [`Endpoint`](crate::Endpoint). As an iterator, it yields the messages that
/// arrive.
///
/// ```
/// use std::time::Duration;
/// use portcullis::{BlockingEndpoint, Datagrams, Udp, codec::Utf8};
///
/// let mut left = BlockingEndpoint::<&str, String, _>::bind(Udp::new("127.0.0.1:0", Datagrams::<Utf8>::new()))?;
/// let to = left.local_addr()?.ip().expect("a UDP socket");
/// let mut right = BlockingEndpoint::<&str, String, _>::connect(Udp::new(to, Datagrams::<Utf8>::new()))?
///     .timeout(Duration::from_secs(5));
///
/// right.send("who is there?")?;
/// let (question, from) = left.recv_from()?;
/// left.send_to("it's me", &from)?;
/// assert_eq!((question.as_str(), right.recv()?.as_str()), ("who is there?", "it's me"));
/// # Ok::<(), portcullis::ClientError>(())
/// ```
pub struct BlockingEndpoint<Req, Rsp, C> {
    socket: Socket,
    buffers: DatagramBuffers<C>,
    timeout: Option<Duration>,
    retransmit_interval: Option<Duration>,
    /// Further addresses of the peer, until an answer has arrived.
    fallback: FallbackAddrs,
    messages: PhantomData<fn(Req) -> Rsp>,
}

impl<Req, Rsp, C: DatagramCodec<Rsp, Req>> BlockingEndpoint<Req, Rsp, C> {
    /// Connects to an address: `Udp::new(addr, codec)` or `UnixDatagram::new(path, codec)`. If a
    /// name has several addresses, they are tried as by
    /// [`Endpoint::connect`](crate::Endpoint::connect).
    ///
    /// # Errors
    /// The address cannot be resolved, or there is no route. With UDP it is not known yet whether
    /// anything listens there.
    pub fn connect(address: impl DatagramSocket<Codec = C>) -> io::Result<Self> {
        let (parts, codec) = address.into_parts();
        let (socket, fallback) = parts.connect_blocking()?;
        Ok(Self { fallback, ..Self::from_socket(socket, codec) })
    }

    /// Binds a socket: `Udp::new(addr, codec)`, where port 0 means any free port, or
    /// `UnixDatagram::new(path, codec)`, whose file is removed with the endpoint if it is still the
    /// same.
    ///
    /// # Errors
    /// The address cannot be resolved or bound; the system rejects an option.
    pub fn bind(address: impl DatagramSocket<Codec = C>) -> io::Result<Self> {
        let (parts, codec) = address.into_parts();
        Ok(Self::from_socket(parts.bind()?, codec))
    }

    fn from_socket(socket: Socket, codec: C) -> Self {
        let buffers = DatagramBuffers::new(&socket, codec);
        let fallback = FallbackAddrs::default();
        Self { socket, buffers, timeout: None, retransmit_interval: None, fallback, messages: PhantomData }
    }

    /// Sets how long each wait for a message may take. No limit by default. Sending has no limit.
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
    /// The system call fails.
    pub fn local_addr(&self) -> io::Result<DatagramAddr> {
        self.socket.local_addr()
    }

    /// Sends a message to the connected address.
    ///
    /// # Errors
    /// The message cannot be encoded, or the system does not send it.
    pub fn send(&mut self, request: Req) -> Result<(), ClientError> {
        self.buffers.encode::<Rsp, Req>(request)?;
        self.write()
    }

    /// Sends a message to `to`. For endpoints that are bound, not connected.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_to(&mut self, request: Req, to: &DatagramAddr) -> Result<(), ClientError> {
        self.buffers.encode::<Rsp, Req>(request)?;
        Ok(self.socket.send(self.buffers.encoded(), Some(to))?)
    }

    /// Receives the next message.
    ///
    /// # Errors
    /// The datagram is not a message, the system reports the error of an earlier datagram, or the
    /// time limit has passed.
    pub fn recv(&mut self) -> Result<Rsp, ClientError> {
        Ok(self.recv_from()?.0)
    }

    /// Receives the next message and its source.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn recv_from(&mut self) -> Result<(Rsp, DatagramAddr), ClientError> {
        self.read(std_deadline_after(self.timeout))
    }

    /// Sends a request, and returns the next message as its response.
    ///
    /// # Errors
    /// As [`send`](Self::send) and [`recv`](Self::recv).
    pub fn call(&mut self, request: Req) -> Result<Rsp, ClientError> {
        self.call_matching(request, |_| true)
    }

    /// Sends a request, and waits for a message for which `is_response` returns true. Other
    /// messages, and datagrams that are not messages, are dropped.
    ///
    /// # Errors
    /// As [`send`](Self::send) and [`recv`](Self::recv), except that a datagram that is not a
    /// message is no error.
    pub fn call_matching(
        &mut self,
        request: Req,
        mut is_response: impl FnMut(&Rsp) -> bool,
    ) -> Result<Rsp, ClientError> {
        self.buffers.encode::<Rsp, Req>(request)?;
        let deadline = std_deadline_after(self.timeout);
        loop {
            self.write()?;
            let retransmit_at = std_deadline_after(self.retransmit_interval);
            let read_until = deadline.into_iter().chain(retransmit_at).min();
            loop {
                let read = self.read(read_until).map(|(response, _)| response);
                match CallStep::after_read(read, read_until == deadline, &mut is_response) {
                    CallStep::Return(result) => return result,
                    CallStep::ReadAgain => {}
                    CallStep::Retransmit => break,
                }
            }
        }
    }

    fn write(&mut self) -> Result<(), ClientError> {
        // If there is another address, use it after an error of the previous datagram.
        if !self.fallback.is_empty() {
            match self.socket.send_once(self.buffers.encoded(), None) {
                Err(error) if is_unreachable(&error) && self.try_next_address() => return Ok(()),
                Err(_) => {}
                Ok(()) => return Ok(()),
            }
        }
        Ok(self.socket.send(self.buffers.encoded(), None)?)
    }

    fn read(&mut self, deadline: Option<Instant>) -> Result<(Rsp, DatagramAddr), ClientError> {
        loop {
            match self.read_once(deadline) {
                Err(ClientError::Io(error)) if is_unreachable(&error) && self.try_next_address() => {}
                Ok(read) => {
                    self.fallback = FallbackAddrs::default();
                    return Ok(read);
                }
                failed => return failed,
            }
        }
    }

    /// Connects to the next address with a route, and sends the last message there. Returns `false`
    /// if there is none.
    fn try_next_address(&mut self) -> bool {
        let fallback = std::mem::take(&mut self.fallback);
        let Some((socket, fallback)) = self.buffers.next_address(fallback) else { return false };
        if socket.set_blocking().is_err() {
            return false;
        }
        (self.socket, self.fallback) = (socket, fallback);
        true
    }

    fn read_once(&mut self, deadline: Option<Instant>) -> Result<(Rsp, DatagramAddr), ClientError> {
        let limit = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if limit.is_some_and(|limit| limit.is_zero()) {
            return Err(io::Error::from(io::ErrorKind::TimedOut).into());
        }
        self.socket.set_read_timeout(limit)?;
        let (length, from) = self.socket.recv_from(self.buffers.buffer::<Rsp, Req>()).map_err(|error| {
            // POSIX systems return `WouldBlock` when a timeout has passed.
            if is_timeout(&error) { io::Error::from(io::ErrorKind::TimedOut) } else { error }
        })?;
        Ok((self.buffers.decode::<Rsp, Req>(length)?, from))
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
}

/// Yields the messages with their sources. The iterator never ends. An error concerns one message
/// or the time limit; the next item is another attempt.
impl<Req, Rsp, C: DatagramCodec<Rsp, Req>> Iterator for BlockingEndpoint<Req, Rsp, C> {
    type Item = Result<(Rsp, DatagramAddr), ClientError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.recv_from())
    }
}

impl<Req, Rsp, C> fmt::Debug for BlockingEndpoint<Req, Rsp, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingEndpoint").field("socket", &self.socket).finish_non_exhaustive()
    }
}
