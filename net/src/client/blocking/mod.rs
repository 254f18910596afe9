//! [`BlockingClient`]: a client that blocks its thread. Its socket is in [`stream`].

mod stream;

use std::marker::PhantomData;
use std::task::Poll;
use std::time::{Duration, Instant};
use std::{fmt, io};

pub use self::stream::BlockingStream;
use super::frame_buffer::{FrameBuffer, MAX_FED, READ_AHEAD};
use super::time_limit::std_deadline_after;
use super::{ClientError, Connect};
use crate::codec::Codec;
use crate::sockets::remaining;

/// Like [`Client`](crate::Client), for a thread: each operation blocks it, and no runtime is
/// needed.
///
/// In async code, use [`Client`](crate::Client). `for message in &mut client` receives the messages
/// that arrive.
///
/// A timeout does not damage the stream. The next [`send`](Self::send) or [`flush`](Self::flush)
/// writes what is left of a request, and a partly received response is kept.
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
    frames: FrameBuffer<C>,
    timeout: Option<Duration>,
    read_ahead: usize,
    messages: PhantomData<fn(Req) -> Rsp>,
}

impl<Req, Rsp, C: Codec<Rsp, Req>> BlockingClient<Req, Rsp, C> {
    /// Connects to a TCP address, with `TCP_NODELAY`, or to another [`Connect`] address. Connecting
    /// to a Unix socket blocks while the backlog of the server is full.
    ///
    /// # Errors
    /// The address cannot be resolved, or the connection is refused. For TLS, see `ClientTls::new`.
    pub fn connect(address: impl Connect, codec: C) -> io::Result<Self> {
        Ok(Self::from_stream(address.connect_blocking(None)?, codec))
    }

    /// Like [`connect`](Self::connect), with a time limit for all addresses together. Each address
    /// gets an equal share of the time that remains, for connecting and the handshake, so an
    /// address that does not answer leaves time for the next. Without a limit, such an address
    /// takes as long as the system waits, which may be minutes.
    ///
    /// The time for resolving a name counts. But a lookup cannot be interrupted: one that takes
    /// longer than the limit ends when the resolver of the system gives up, and is an error then.
    /// Connecting to a Unix socket has no limit; its handshake does.
    ///
    /// # Errors
    /// As `connect`; `TimedOut`.
    pub fn connect_timeout(address: impl Connect, codec: C, timeout: Duration) -> io::Result<Self> {
        Ok(Self::from_stream(address.connect_blocking(std_deadline_after(Some(timeout)))?, codec))
    }

    /// Makes a client over a stream that is already connected: a `TcpStream` or a `UnixStream`. The
    /// client sets the timeouts of the socket.
    pub fn from_stream(stream: impl Into<BlockingStream>, codec: C) -> Self {
        let (io, frames) = (stream.into(), FrameBuffer::new(codec));
        Self { io, frames, timeout: None, read_ahead: READ_AHEAD, messages: PhantomData }
    }

    /// Sets how long each operation may take, also if bytes keep arriving. No limit by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets how many bytes of responses are read while a request cannot be written. 64 MiB by
    /// default. See [`Client::read_ahead`](crate::Client::read_ahead).
    #[must_use]
    pub fn read_ahead(mut self, bytes: usize) -> Self {
        self.read_ahead = bytes;
        self
    }

    /// Sends a request. While it cannot be written, responses are read, up to
    /// [`read_ahead`](Self::read_ahead).
    ///
    /// # Errors
    /// The request cannot be encoded, the connection is closed, too many responses are unread
    /// ([`ClientError::Unread`]), or the time limit has passed.
    pub fn send(&mut self, request: Req) -> Result<(), ClientError> {
        self.frames.encode(request)?;
        self.flush()
    }

    /// Encodes a request, to be written by the next [`send`](Self::send) or
    /// [`flush`](Self::flush): several requests that are fed go out in one write. Writes only when
    /// 64 KiB wait.
    ///
    /// Flush before you wait for a response. [`send_all`](Self::send_all) feeds and flushes.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn feed(&mut self, request: Req) -> Result<(), ClientError> {
        self.frames.encode(request)?;
        if self.frames.pending_output().len() < MAX_FED { Ok(()) } else { self.flush() }
    }

    /// Sends several requests in as few writes as possible. Then receive as many responses with
    /// [`next`](Self::next).
    ///
    /// # Errors
    /// As [`send`](Self::send). The requests before the one that failed may have been sent.
    pub fn send_all(&mut self, requests: impl IntoIterator<Item = Req>) -> Result<(), ClientError> {
        for request in requests {
            self.feed(request)?;
        }
        self.flush()
    }

    /// Writes what a `send` has left that timed out or failed with [`ClientError::Unread`].
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn flush(&mut self) -> Result<(), ClientError> {
        let deadline = std_deadline_after(self.timeout);
        self.io.set_deadline(deadline);
        // If responses are already buffered, the server probably waits again: do not try a blocking
        // write first.
        if self.frames.unread() == 0 {
            self.io.set_short_writes(true);
            let written = self.write_out();
            self.io.set_short_writes(false);
            match written {
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    deadline.map_or(Ok(()), |deadline| remaining(deadline).map(drop))?;
                }
                written => return Ok(written?),
            }
        }
        // The server may not read further requests before its responses are read.
        self.io.set_nonblocking(true)?;
        let flushed = self.flush_and_read(deadline);
        self.io.set_nonblocking(false)?;
        flushed
    }

    fn write_out(&mut self) -> io::Result<()> {
        while !self.frames.pending_output().is_empty() {
            let written = self.io.write(self.frames.pending_output())?;
            self.frames.advance_output(written)?;
        }
        self.io.flush()
    }

    /// Writes and reads alternately. The socket is nonblocking.
    fn flush_and_read(&mut self, deadline: Option<Instant>) -> Result<(), ClientError> {
        let mut bytes = vec![0; 64 * 1024];
        loop {
            match self.write_out() {
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {}
                written => return Ok(written?),
            }
            let mut has_read = false;
            while !self.frames.has_ended() {
                if self.frames.unread() >= self.read_ahead {
                    return Err(ClientError::Unread(self.frames.unread()));
                }
                let Some(count) = self.io.read_nonblocking(&mut bytes)? else { break };
                self.frames.received(&bytes[..count]);
                has_read = true;
            }
            if !has_read {
                self.io.wait_ready(!self.frames.has_ended(), deadline)?;
            }
        }
    }

    /// Receives the next response. Returns `None` when the server has closed the connection.
    ///
    /// # Errors
    /// The input is not a response, the connection was reset, or the time limit has passed.
    #[allow(clippy::should_implement_trait)] // as `Client::next`; an iterator would have it inside out
    pub fn next(&mut self) -> Result<Option<Rsp>, ClientError> {
        self.io.set_deadline(std_deadline_after(self.timeout));
        loop {
            if let Poll::Ready(message) = self.frames.decode() {
                return Ok(message?);
            }
            let mut bytes = [0; 4096];
            let count = self.io.read(&mut bytes)?;
            self.frames.received(&bytes[..count]);
        }
    }

    /// Sends a request and receives one response. The time limit applies to each of the two.
    ///
    /// After a timeout, the request may have been sent. Its response is then what the next
    /// [`next`](Self::next) or `call` receives: receive it with `next` first, or connect again.
    ///
    /// # Errors
    /// As [`send`](Self::send) and [`next`](Self::next); [`ClientError::Closed`] at the end of the
    /// stream.
    pub fn call(&mut self, request: Req) -> Result<Rsp, ClientError> {
        self.send(request)?;
        self.next()?.ok_or(ClientError::Closed)
    }

    /// Closes the writing side (half-close), so that the server knows that no request follows.
    /// Responses can still be received.
    ///
    /// # Errors
    /// The connection is closed, or the time limit has passed.
    pub fn finish(&mut self) -> Result<(), ClientError> {
        self.flush()?;
        Ok(self.io.finish()?)
    }

    /// Returns whether the server has closed or reset the connection, as far as the system has
    /// reported it. Does not block.
    pub(super) fn is_closed(&mut self) -> bool {
        let mut bytes = [0; 4096];
        match self.io.try_read(&mut bytes) {
            Ok(None) => false,
            Ok(Some(count)) => {
                self.frames.received(&bytes[..count]);
                count == 0
            }
            Err(_) => true,
        }
    }

    /// Iterates over the messages that arrive; see [`Incoming`].
    pub fn incoming(&mut self) -> Incoming<'_, Req, Rsp, C> {
        Incoming { client: self }
    }
}

impl<'a, Req, Rsp, C: Codec<Rsp, Req>> IntoIterator for &'a mut BlockingClient<Req, Rsp, C> {
    type Item = Result<Rsp, ClientError>;
    type IntoIter = Incoming<'a, Req, Rsp, C>;

    fn into_iter(self) -> Self::IntoIter {
        self.incoming()
    }
}

/// The messages that arrive at a [`BlockingClient`], until the connection is closed.
///
/// After an error of one message
/// ([`DecodeError::is_recoverable`](portcullis_codec::DecodeError::is_recoverable)) or of the time
/// limit, the iteration continues; any other error is the last item.
#[derive(Debug)]
pub struct Incoming<'a, Req, Rsp, C> {
    client: &'a mut BlockingClient<Req, Rsp, C>,
}

impl<Req, Rsp, C: Codec<Rsp, Req>> Iterator for Incoming<'_, Req, Rsp, C> {
    type Item = Result<Rsp, ClientError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.client.frames.is_terminated() {
            return None;
        }
        let next = self.client.next();
        self.client.frames.stream_item(next)
    }
}

impl<Req, Rsp, C> fmt::Debug for BlockingClient<Req, Rsp, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingClient").field("stream", &self.io).finish_non_exhaustive()
    }
}
