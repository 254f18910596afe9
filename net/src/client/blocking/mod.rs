//! [`BlockingClient`]: a client on a thread, without a runtime. [`stream`] is what it talks through.

mod stream;

use std::marker::PhantomData;
use std::task::Poll;
use std::time::{Duration, Instant};
use std::{fmt, io};

pub use self::stream::BlockingStream;
use super::wire::{READ_AHEAD, Wire};
use super::{ClientError, Connect};
use crate::codec::Codec;
use crate::sockets::left;

/// As [`Client`](crate::Client), for a thread: each operation blocks it, and no runtime is needed.
///
/// On a loop use the other one. `for packet in &mut client` takes the packets that come.
///
/// An operation that has run out of time leaves the stream whole: what is left of a request is
/// written first by the next [`send`](Self::send) or [`flush`](Self::flush), what has been read in
/// part is kept.
///
/// ```
/// use std::io::{BufRead, BufReader, Write};
/// use std::{net::TcpListener, thread, time::Duration};
/// use portcullis::{BlockingClient, Lines};
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let addr = listener.local_addr()?;
/// let server = thread::spawn(move || {
///     let (mut stream, _) = listener.accept()?;
///     let mut line = String::new();
///     BufReader::new(&stream).read_line(&mut line)?;
///     stream.write_all(format!("you said: {line}").as_bytes())
/// });
///
/// let mut client = BlockingClient::<String, String, _>::connect(addr, Lines::new())?
///     .timeout(Duration::from_secs(5));
/// assert_eq!(client.call("hello".into())?, "you said: hello");
/// assert!(client.next()?.is_none()); // the server has closed the connection
/// # server.join().unwrap()?;
/// # Ok::<(), portcullis::ClientError>(())
/// ```
pub struct BlockingClient<Req, Rsp, C> {
    io: BlockingStream,
    wire: Wire<C>,
    timeout: Option<Duration>,
    read_ahead: usize,
    messages: PhantomData<fn(Req) -> Rsp>,
}

impl<Req, Rsp, C: Codec<Rsp, Req>> BlockingClient<Req, Rsp, C> {
    /// Connects to a TCP address, with `TCP_NODELAY`; or to what else is [`Connect`]. To a Unix
    /// socket it blocks for as long as too many wait there already.
    ///
    /// # Errors
    /// The address can't be resolved, or nobody answers there; of TLS, see `ClientTls::new`.
    pub fn connect(address: impl Connect, codec: C) -> io::Result<Self> {
        Ok(Self::from_stream(address.connect_blocking(None)?, codec))
    }

    /// As [`connect`](Self::connect), with a time limit for all addresses together: each gets an
    /// equal share of what is left when its turn comes, for its handshake, too, so that one which
    /// does not answer leaves time for the next. Without a limit, an address that does not answer
    /// takes as long as the system says, which may be minutes.
    ///
    /// The time for looking a name up counts. But a lookup on a thread can't be broken off: one
    /// that takes longer than the limit ends when the system's resolver gives up, and is an error
    /// then. The connection to a Unix socket has no limit, only its handshake has.
    ///
    /// # Errors
    /// As `connect`; `TimedOut`.
    pub fn connect_timeout(address: impl Connect, codec: C, timeout: Duration) -> io::Result<Self> {
        Ok(Self::from_stream(address.connect_blocking(until(Some(timeout)))?, codec))
    }

    /// A client over a stream that is connected already: a `TcpStream`, a `UnixStream`. Its time
    /// limits are the client's to set.
    pub fn from_stream(stream: impl Into<BlockingStream>, codec: C) -> Self {
        let (io, wire) = (stream.into(), Wire::new(codec));
        Self { io, wire, timeout: None, read_ahead: READ_AHEAD, messages: PhantomData }
    }

    /// How long each operation may take from now on, however little comes at a time.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How many bytes of responses are read while a request waits for room; 64 MiB unless said
    /// otherwise. As [`Client::read_ahead`](crate::Client::read_ahead).
    #[must_use]
    pub fn read_ahead(mut self, bytes: usize) -> Self {
        self.read_ahead = bytes;
        self
    }

    /// Sends a request. While there is no room for it, answers are read in, up to
    /// [`read_ahead`](Self::read_ahead).
    ///
    /// # Errors
    /// The request can't be encoded, the connection is gone, too many answers wait to be read
    /// ([`ClientError::Unread`]), or the time limit has passed.
    pub fn send(&mut self, request: Req) -> Result<(), ClientError> {
        self.wire.encode(request)?;
        self.flush()
    }

    /// Writes what a `send` that ran out of time, or failed with [`ClientError::Unread`], has left.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn flush(&mut self) -> Result<(), ClientError> {
        let until = until(self.timeout);
        self.io.set_until(until);
        // Where answers were taken in before, they will be again: it need not be waited for.
        if self.wire.unread() == 0 {
            self.io.set_brief(true);
            let written = self.write_out();
            self.io.set_brief(false);
            match written {
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    until.map_or(Ok(()), |until| left(until).map(drop))?;
                }
                written => return Ok(written?),
            }
        }
        // The server may wait for its answers to be taken before it takes more.
        self.io.set_nonblocking(true)?;
        let flushed = self.flush_and_read(until);
        self.io.set_nonblocking(false)?;
        flushed
    }

    fn write_out(&mut self) -> io::Result<()> {
        while !self.wire.unsent().is_empty() {
            let written = self.io.write(self.wire.unsent())?;
            self.wire.sent(written)?;
        }
        self.io.flush()
    }

    /// Of a socket that does not block.
    fn flush_and_read(&mut self, until: Option<Instant>) -> Result<(), ClientError> {
        let mut bytes = vec![0; 64 * 1024];
        loop {
            match self.write_out() {
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {}
                written => return Ok(written?),
            }
            let mut has_read = false;
            while !self.wire.has_ended() {
                if self.wire.unread() >= self.read_ahead {
                    return Err(ClientError::Unread(self.wire.unread()));
                }
                let Some(count) = self.io.read_now(&mut bytes)? else { break };
                self.wire.came(&bytes[..count]);
                has_read = true;
            }
            if !has_read {
                self.io.wait(!self.wire.has_ended(), until)?;
            }
        }
    }

    /// The next response; `None` when the server has closed the connection.
    ///
    /// # Errors
    /// What came is no response, the connection is gone, or the time limit has passed.
    #[allow(clippy::should_implement_trait)] // as `Client::next`; an iterator would have it inside out
    pub fn next(&mut self) -> Result<Option<Rsp>, ClientError> {
        self.io.set_until(until(self.timeout));
        loop {
            if let Poll::Ready(message) = self.wire.decode() {
                return Ok(message?);
            }
            let mut bytes = [0; 4096];
            let count = self.io.read(&mut bytes)?;
            self.wire.came(&bytes[..count]);
        }
    }

    /// Sends a request and reads one response. Each of both has the time limit.
    ///
    /// Out of time, it may have sent the request: then the response is still to come, and is what
    /// the following [`next`](Self::next) or `call` reads. Take it with `next` first, or connect
    /// anew.
    ///
    /// # Errors
    /// As [`send`](Self::send) and [`next`](Self::next); [`ClientError::Closed`] at the end of the
    /// stream.
    pub fn call(&mut self, request: Req) -> Result<Rsp, ClientError> {
        self.send(request)?;
        self.next()?.ok_or(ClientError::Closed)
    }

    /// Closes the writing side: says that no request will follow. Responses can still be read.
    ///
    /// # Errors
    /// The connection is gone, or the time limit has passed.
    pub fn finish(&mut self) -> Result<(), ClientError> {
        self.flush()?;
        Ok(self.io.finish()?)
    }

    /// Whether the server has closed or reset the connection, as far as that is known by now. Does
    /// not block.
    pub(super) fn is_closed(&mut self) -> bool {
        let mut bytes = [0; 4096];
        match self.io.try_read(&mut bytes) {
            Ok(None) => false,
            Ok(Some(count)) => {
                self.wire.came(&bytes[..count]);
                count == 0
            }
            Err(_) => true,
        }
    }

    /// The packets that come; see [`Incoming`].
    pub fn incoming(&mut self) -> Incoming<'_, Req, Rsp, C> {
        Incoming { client: self }
    }
}

fn until(limit: Option<Duration>) -> Option<Instant> {
    limit.and_then(|limit| Instant::now().checked_add(limit))
}

impl<'a, Req, Rsp, C: Codec<Rsp, Req>> IntoIterator for &'a mut BlockingClient<Req, Rsp, C> {
    type Item = Result<Rsp, ClientError>;
    type IntoIter = Incoming<'a, Req, Rsp, C>;

    fn into_iter(self) -> Self::IntoIter {
        self.incoming()
    }
}

/// The packets that come to a [`BlockingClient`], up to the end of the connection.
///
/// An error of one packet
/// ([`DecodeError::is_recoverable`](portcullis_codec::DecodeError::is_recoverable)), or of the time
/// limit, leaves the next one alone; any other is the last item.
#[derive(Debug)]
pub struct Incoming<'a, Req, Rsp, C> {
    client: &'a mut BlockingClient<Req, Rsp, C>,
}

impl<Req, Rsp, C: Codec<Rsp, Req>> Iterator for Incoming<'_, Req, Rsp, C> {
    type Item = Result<Rsp, ClientError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.client.wire.is_over() {
            return None;
        }
        let next = self.client.next();
        self.client.wire.item(next)
    }
}

impl<Req, Rsp, C> fmt::Debug for BlockingClient<Req, Rsp, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingClient").field("stream", &self.io).finish_non_exhaustive()
    }
}
