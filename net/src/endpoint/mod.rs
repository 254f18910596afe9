//! Endpoints: datagrams with messages in them, for clients and for peers among themselves.
//!
//! - [`Endpoint`]: on a tokio loop;
//! - [`BlockingEndpoint`]: on a thread, without a runtime;
//! - [`wire`]: what they share: messages to bytes and back.
//!
//! Datagrams get lost, come twice, and overtake each other, and nobody is told. An endpoint adds
//! nothing to that but a time limit and, where it is asked to, sending a request again.

mod blocking;
mod wire;

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use tokio::time::{Instant, timeout_at};

pub use self::blocking::BlockingEndpoint;
use self::wire::Wire;
use crate::client::ClientError;
use crate::codec::DatagramCodec;
use crate::datagram::{AsyncSocket, DatagramAddr, DatagramSocket, Others, Socket, SocketFile};

/// A datagram socket that sends `Req` and receives `Rsp`, one message a datagram; on the current
/// tokio runtime.
///
/// [Connected](Self::connect), it talks to one address, and hears nothing from elsewhere;
/// [bound](Self::bind), it [receives from](Self::recv_from) anywhere and says [where it sends
/// to](Self::send_to).
///
/// A message that is not one ([`ClientError::Decode`]) leaves the next one alone. A port where
/// nobody listens may be told as `ConnectionRefused` by a later operation, or not at all: that is
/// how networks are, and no reason to give up the endpoint.
///
/// An endpoint that is bound to the wildcard address sends from the address that the system
/// chooses, also where it answers: bind it to the address that peers are connected to, or
/// [serve](crate::Udp) them.
///
/// Unix sockets lose nothing: a sender waits while its peer has not read what came before. Two
/// endpoints that both send without receiving wait for each other until a [time
/// limit](Self::timeout) ends that.
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
    wire: Wire<C>,
    timeout: Option<Duration>,
    resend: Option<Duration>,
    /// Where else the peer may be: until somebody has answered.
    others: Others,
    /// Goes with the endpoint.
    _file: Option<SocketFile>,
    messages: PhantomData<fn(Req) -> Rsp>,
}

impl<Req, Rsp, C: DatagramCodec<Rsp, Req>> Endpoint<Req, Rsp, C> {
    /// Connects to an address: `Udp::new(addr, codec)` from a UDP socket of any port, or
    /// `UnixDatagram::new(path, codec)` from a Unix socket that has a name of its own to be
    /// answered by.
    ///
    /// Of a UDP name with several addresses, or a slice of them, it takes the first. If an
    /// operation finds out that nobody listens there, and nothing has come from there before, the
    /// endpoint moves on to the next address: with a new socket, whose port is another, and over
    /// which it sends the last message once more. Nobody has received that message yet. An address
    /// that is silent, and does not refuse, is not left.
    ///
    /// # Errors
    /// The address can't be resolved, or there is no way there. That nobody listens there is not
    /// known yet of UDP.
    ///
    /// # Panics
    /// SessionsView a tokio runtime.
    pub async fn connect(address: impl DatagramSocket<Codec = C>) -> io::Result<Self> {
        let (parts, codec) = address.into_parts();
        let (socket, others) = parts.connect().await?;
        Ok(Self { others, ..Self::from_socket(socket, codec)? })
    }

    /// Binds a socket: `Udp::new(addr, codec)`, where port 0 is any free port, or
    /// `UnixDatagram::new(path, codec)`, whose file is removed with the endpoint, if it still is
    /// the same.
    ///
    /// # Errors
    /// The address can't be resolved (which blocks, if it is a name), or can't be bound; the system
    /// refuses an option.
    ///
    /// # Panics
    /// SessionsView a tokio runtime.
    pub fn bind(address: impl DatagramSocket<Codec = C>) -> io::Result<Self> {
        let (parts, codec) = address.into_parts();
        Self::from_socket(parts.bind()?, codec)
    }

    fn from_socket(socket: Socket, codec: C) -> io::Result<Self> {
        let (local, wire) = (socket.local_addr()?, Wire::new(&socket, codec));
        let (socket, _file) = AsyncSocket::new(socket)?;
        let others = Others::default();
        Ok(Self { socket, local, wire, timeout: None, resend: None, others, _file, messages: PhantomData })
    }

    /// How long each operation may take from now on.
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
    /// None at present.
    pub fn local_addr(&self) -> io::Result<DatagramAddr> {
        Ok(self.local.clone())
    }

    /// Sends a message to where the endpoint is connected.
    ///
    /// # Errors
    /// The message can't be encoded, the system does not send it, or the time limit has passed.
    ///
    /// # Cancellation
    /// Dropped before its end, it has sent nothing.
    pub async fn send(&mut self, request: Req) -> Result<(), ClientError> {
        self.wire.encode::<Rsp, Req>(request)?;
        self.write(None).await
    }

    /// Sends a message to `to`. For endpoints that are not connected.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Cancellation
    /// As [`send`](Self::send).
    pub async fn send_to(&mut self, request: Req, to: &DatagramAddr) -> Result<(), ClientError> {
        self.wire.encode::<Rsp, Req>(request)?;
        self.write(Some(to)).await
    }

    /// The next message.
    ///
    /// # Errors
    /// What came is no message, the system has something to tell of what was sent before, or the
    /// time limit has passed.
    ///
    /// # Cancellation
    /// Dropped before its end, it has taken nothing.
    pub async fn recv(&mut self) -> Result<Rsp, ClientError> {
        Ok(self.recv_from().await?.0)
    }

    /// The next message, and where it came from.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// # Cancellation
    /// As [`recv`](Self::recv).
    pub async fn recv_from(&mut self) -> Result<(Rsp, DatagramAddr), ClientError> {
        let until = from_now(self.timeout);
        self.read(until).await
    }

    /// Sends a request, and takes the first message that comes for its response.
    ///
    /// The response to a request that was given up, or was sent twice, may come now: messages that
    /// can tell which request they answer are better served by
    /// [`call_matching`](Self::call_matching).
    ///
    /// # Errors
    /// As [`send`](Self::send) and [`recv`](Self::recv).
    pub async fn call(&mut self, request: Req) -> Result<Rsp, ClientError> {
        self.call_matching(request, |_| true).await
    }

    /// Sends a request, and waits for the response to it: others are thrown away, and so is what is
    /// no message.
    ///
    /// # Errors
    /// As [`send`](Self::send) and [`recv`](Self::recv), but not what comes and is no message.
    pub async fn call_matching(
        &mut self,
        request: Req,
        mut is_response: impl FnMut(&Rsp) -> bool,
    ) -> Result<Rsp, ClientError> {
        self.wire.encode::<Rsp, Req>(request)?;
        let until = from_now(self.timeout);
        loop {
            self.write(None).await?;
            let again = from_now(self.resend);
            let last = earlier(until, again) == until;
            loop {
                match self.read(earlier(until, again)).await {
                    Ok((response, _)) if is_response(&response) => return Ok(response),
                    Ok(_) | Err(ClientError::Decode(_)) => {}
                    Err(ClientError::Io(error)) if error.kind() == io::ErrorKind::TimedOut && !last => break,
                    // Whoever is to be asked again may be there then.
                    Err(ClientError::Io(error)) if wire::found_nobody(&error) && !last => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }

    async fn write(&mut self, to: Option<&DatagramAddr>) -> Result<(), ClientError> {
        let until = from_now(self.timeout);
        // Where there is another address to go to, an error of the datagram before is a reason to
        // go there.
        if !self.others.is_empty() && to.is_none() {
            match self.socket.try_send(self.wire.encoded(), to) {
                Err(error) if wire::found_nobody(&error) && self.moves_on() => return Ok(()),
                Err(_) => {}
                Ok(_) => return Ok(()),
            }
        }
        Ok(within(until, self.socket.send(self.wire.encoded(), to)).await?)
    }

    async fn read(&mut self, until: Option<Instant>) -> Result<(Rsp, DatagramAddr), ClientError> {
        loop {
            match within(until, self.socket.recv_from(self.wire.buffer::<Rsp, Req>())).await {
                Ok((length, from)) => {
                    self.others = Others::default();
                    return Ok((self.wire.decode::<Rsp, Req>(length)?, from));
                }
                Err(error) if wire::found_nobody(&error) && self.moves_on() => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Goes to the next address that there is a way to, and sends the last message there; `false`
    /// if there is none.
    fn moves_on(&mut self) -> bool {
        let others = std::mem::take(&mut self.others);
        let Some((socket, others)) = self.wire.next_address(others) else { return false };
        let Ok(local) = socket.local_addr() else { return false };
        let Ok((socket, _)) = AsyncSocket::new(socket) else { return false };
        (self.socket, self.local, self.others) = (socket, local, others);
        true
    }
}

/// `None`: never, which is also what is too far away for the clock.
fn from_now(time: Option<Duration>) -> Option<Instant> {
    time.and_then(|time| Instant::now().checked_add(time))
}

fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}

async fn within<T>(until: Option<Instant>, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    match until {
        None => work.await,
        Some(until) => timeout_at(until, work).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())),
    }
}

/// The messages that come, with where they come from; it never ends by itself, and knows no time
/// limit. An error is of one message, and the next item is tried for all the same.
impl<Req, Rsp, C: DatagramCodec<Rsp, Req> + Unpin> Stream for Endpoint<Req, Rsp, C> {
    type Item = Result<(Rsp, DatagramAddr), ClientError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let item = match ready!(this.socket.poll_recv_from(cx, this.wire.buffer::<Rsp, Req>())) {
            Ok((length, from)) => {
                this.wire.decode::<Rsp, Req>(length).map(|message| (message, from)).map_err(Into::into)
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
