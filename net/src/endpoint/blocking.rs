//! [`BlockingEndpoint`]: datagrams on a thread, without a runtime.

use std::marker::PhantomData;
use std::time::{Duration, Instant};
use std::{fmt, io};

use super::wire::{self, Wire};
use crate::client::ClientError;
use crate::codec::DatagramCodec;
use crate::datagram::{DatagramAddr, DatagramSocket, Others, Socket};

/// As [`Endpoint`](crate::Endpoint), for a thread: each operation blocks it, and no runtime is
/// needed.
///
/// On a loop use the other one. As an iterator, it gives the messages that come.
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
    wire: Wire<C>,
    timeout: Option<Duration>,
    resend: Option<Duration>,
    /// Where else the peer may be: until somebody has answered.
    others: Others,
    messages: PhantomData<fn(Req) -> Rsp>,
}

impl<Req, Rsp, C: DatagramCodec<Rsp, Req>> BlockingEndpoint<Req, Rsp, C> {
    /// Connects to an address: `Udp::new(addr, codec)` or `UnixDatagram::new(path, codec)`, as
    /// [`Endpoint::connect`](crate::Endpoint::connect) does.
    ///
    /// # Errors
    /// The address can't be resolved, or there is no way there. That nobody listens there is not
    /// known yet of UDP.
    pub fn connect(address: impl DatagramSocket<Codec = C>) -> io::Result<Self> {
        let (parts, codec) = address.into_parts();
        let (socket, others) = parts.connect_blocking()?;
        Ok(Self { others, ..Self::from_socket(socket, codec) })
    }

    /// Binds a socket: `Udp::new(addr, codec)`, where port 0 is any free port, or
    /// `UnixDatagram::new(path, codec)`, whose file is removed with the endpoint, if it still is
    /// the same.
    ///
    /// # Errors
    /// The address can't be resolved, or can't be bound; the system refuses an option.
    pub fn bind(address: impl DatagramSocket<Codec = C>) -> io::Result<Self> {
        let (parts, codec) = address.into_parts();
        Ok(Self::from_socket(parts.bind()?, codec))
    }

    fn from_socket(socket: Socket, codec: C) -> Self {
        let wire = Wire::new(&socket, codec);
        let others = Others::default();
        Self { socket, wire, timeout: None, resend: None, others, messages: PhantomData }
    }

    /// How long each wait for a message may take from now on.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Has [`call`](Self::call) send its request again each time that there was no response for so
    /// long. Only for requests that may be handled twice.
    #[must_use]
    pub fn retransmit_interval(mut self, pause: Duration) -> Self {
        self.resend = Some(pause);
        self
    }

    /// Where this endpoint is reached.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn local_addr(&self) -> io::Result<DatagramAddr> {
        self.socket.local_addr()
    }

    /// Sends a message to where the endpoint is connected.
    ///
    /// # Errors
    /// The message can't be encoded, or the system does not send it.
    pub fn send(&mut self, request: Req) -> Result<(), ClientError> {
        self.wire.encode::<Rsp, Req>(request)?;
        self.write()
    }

    /// Sends a message to `to`. For endpoints that are not connected.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_to(&mut self, request: Req, to: &DatagramAddr) -> Result<(), ClientError> {
        self.wire.encode::<Rsp, Req>(request)?;
        Ok(self.socket.send(self.wire.encoded(), Some(to))?)
    }

    /// The next message.
    ///
    /// # Errors
    /// What came is no message, the system has something to tell of what was sent before, or the
    /// time limit has passed.
    pub fn recv(&mut self) -> Result<Rsp, ClientError> {
        Ok(self.recv_from()?.0)
    }

    /// The next message, and where it came from.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn recv_from(&mut self) -> Result<(Rsp, DatagramAddr), ClientError> {
        self.read(from_now(self.timeout))
    }

    /// Sends a request, and takes the first message that comes for its response.
    ///
    /// # Errors
    /// As [`send`](Self::send) and [`recv`](Self::recv).
    pub fn call(&mut self, request: Req) -> Result<Rsp, ClientError> {
        self.call_matching(request, |_| true)
    }

    /// Sends a request, and waits for the response to it: others are thrown away, and so is what is
    /// no message.
    ///
    /// # Errors
    /// As [`send`](Self::send) and [`recv`](Self::recv), but not what comes and is no message.
    pub fn call_matching(
        &mut self,
        request: Req,
        mut is_response: impl FnMut(&Rsp) -> bool,
    ) -> Result<Rsp, ClientError> {
        self.wire.encode::<Rsp, Req>(request)?;
        let until = from_now(self.timeout);
        loop {
            self.write()?;
            let again = from_now(self.resend);
            let first = until.into_iter().chain(again).min();
            loop {
                match self.read(first) {
                    Ok((response, _)) if is_response(&response) => return Ok(response),
                    Ok(_) | Err(ClientError::Decode(_)) => {}
                    Err(ClientError::Io(error)) if timed_out(&error) && first != until => break,
                    // Whoever is to be asked again may be there then.
                    Err(ClientError::Io(error)) if wire::found_nobody(&error) && first != until => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }

    fn write(&mut self) -> Result<(), ClientError> {
        // Where there is another address to go to, an error of the datagram before is a reason to
        // go there.
        if !self.others.is_empty() {
            match self.socket.send_once(self.wire.encoded(), None) {
                Err(error) if wire::found_nobody(&error) && self.moves_on() => return Ok(()),
                Err(_) => {}
                Ok(()) => return Ok(()),
            }
        }
        Ok(self.socket.send(self.wire.encoded(), None)?)
    }

    fn read(&mut self, until: Option<Instant>) -> Result<(Rsp, DatagramAddr), ClientError> {
        loop {
            match self.read_once(until) {
                Err(ClientError::Io(error)) if wire::found_nobody(&error) && self.moves_on() => {}
                Ok(read) => {
                    self.others = Others::default();
                    return Ok(read);
                }
                failed => return failed,
            }
        }
    }

    /// Goes to the next address that there is a way to, and sends the last message there; `false`
    /// if there is none.
    fn moves_on(&mut self) -> bool {
        let others = std::mem::take(&mut self.others);
        let Some((socket, others)) = self.wire.next_address(others) else { return false };
        if socket.set_blocking().is_err() {
            return false;
        }
        (self.socket, self.others) = (socket, others);
        true
    }

    fn read_once(&mut self, until: Option<Instant>) -> Result<(Rsp, DatagramAddr), ClientError> {
        let limit = until.map(|until| until.saturating_duration_since(Instant::now()));
        if limit.is_some_and(|limit| limit.is_zero()) {
            return Err(io::Error::from(io::ErrorKind::TimedOut).into());
        }
        self.socket.set_read_timeout(limit)?;
        let (length, from) = self.socket.recv_from(self.wire.buffer::<Rsp, Req>()).map_err(|error| {
            // What POSIX calls a time limit that has passed.
            if timed_out(&error) { io::Error::from(io::ErrorKind::TimedOut) } else { error }
        })?;
        Ok((self.wire.decode::<Rsp, Req>(length)?, from))
    }
}

/// `None`: never, which is also what is too far away for the clock.
fn from_now(time: Option<Duration>) -> Option<Instant> {
    time.and_then(|time| Instant::now().checked_add(time))
}

fn timed_out(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
}

/// The messages that come, with where they come from; it never ends by itself. An error is of one
/// message, or of the time limit, and the next item is tried for all the same.
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
