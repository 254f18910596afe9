//! [`Client`]: a small typed client, one connection, one request at a time or several in a row.

use std::future::poll_fn;
use std::io;
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;
use std::{error, fmt};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, ToSocketAddrs};
use tokio::time::timeout;
use tokio_util::io::poll_read_buf;

use crate::codec::{Codec, DecodeError, EncodeError};

/// A typed client over one connection: sends `Req`, reads `Rsp`.
///
/// Every operation may be dropped before its end without harm to the stream: what has been encoded is written
/// whole by the next [`send`](Self::send) or [`flush`](Self::flush), what has been read in part is kept.
pub struct Client<Req, Rsp, C, IO = TcpStream> {
    io: IO,
    codec: C,
    input: BytesMut,
    output: BytesMut,
    eof: bool,
    limit: Option<Duration>,
    messages: PhantomData<fn(Req) -> Rsp>,
}

impl<Req, Rsp, C: Codec<Rsp, Req>> Client<Req, Rsp, C> {
    /// Connects over TCP, on the current tokio runtime.
    ///
    /// # Errors
    /// The address can't be resolved, or nobody answers there.
    pub async fn connect(addr: impl ToSocketAddrs, codec: C) -> io::Result<Self> {
        let io = TcpStream::connect(addr).await?;
        io.set_nodelay(true)?;
        Ok(Self::over(io, codec))
    }
}

impl<Req, Rsp, C, IO> Client<Req, Rsp, C, IO>
where
    C: Codec<Rsp, Req>,
    IO: AsyncRead + AsyncWrite + Unpin,
{
    /// A client over a stream that is connected already.
    pub fn over(io: IO, codec: C) -> Self {
        let (input, output) = (BytesMut::new(), BytesMut::new());
        Self { io, codec, input, output, eof: false, limit: None, messages: PhantomData }
    }

    /// How long each operation may take from now on.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Sends a request.
    ///
    /// # Errors
    /// The request can't be encoded, the connection is gone, or the time limit has passed.
    pub async fn send(&mut self, request: Req) -> Result<(), ClientError> {
        let before = self.output.len();
        if let Err(error) = self.codec.encode(request, &mut self.output) {
            self.output.truncate(before);
            return Err(ClientError::Encode(error));
        }
        self.flush().await
    }

    /// Writes what a `send` that was dropped has left.
    ///
    /// # Errors
    /// The connection is gone, or the time limit has passed.
    pub async fn flush(&mut self) -> Result<(), ClientError> {
        limited(self.limit, async {
            while !self.output.is_empty() {
                let written = poll_fn(|cx| Pin::new(&mut self.io).poll_write(cx, &self.output)).await?;
                if written == 0 {
                    return Err(io::Error::from(io::ErrorKind::WriteZero).into());
                }
                self.output.advance(written);
            }
            Ok(poll_fn(|cx| Pin::new(&mut self.io).poll_flush(cx)).await?)
        })
        .await
    }

    /// The next response; `None` when the server has closed the connection.
    ///
    /// # Errors
    /// What came is no response, the connection is gone, or the time limit has passed.
    pub async fn next(&mut self) -> Result<Option<Rsp>, ClientError> {
        limited(self.limit, async {
            loop {
                if self.eof {
                    return Ok(self.codec.decode_eof(&mut self.input)?);
                }
                if let Some(response) = self.codec.decode(&mut self.input)? {
                    return Ok(Some(response));
                }
                self.input.reserve(4096);
                let read = poll_fn(|cx| poll_read_buf(Pin::new(&mut self.io), cx, &mut self.input)).await?;
                self.eof = read == 0;
            }
        })
        .await
    }

    /// Sends a request and reads one response.
    ///
    /// # Errors
    /// As [`send`](Self::send) and [`next`](Self::next); [`ClientError::Closed`] at the end of the stream.
    ///
    /// # Cancellation
    /// Dropped (or out of time) before its end, it may have sent the request: then the response is still to come, and is
    /// what the following [`next`](Self::next) or `call` reads. Take it with `next` first, or connect anew.
    pub async fn call(&mut self, request: Req) -> Result<Rsp, ClientError> {
        self.send(request).await?;
        self.next().await?.ok_or(ClientError::Closed)
    }

    /// Closes the writing side: says that no request will follow. Responses can still be read.
    ///
    /// # Errors
    /// The connection is gone, or the time limit has passed.
    pub async fn finish(&mut self) -> Result<(), ClientError> {
        self.flush().await?;
        limited(self.limit, async { Ok(poll_fn(|cx| Pin::new(&mut self.io).poll_shutdown(cx)).await?) }).await
    }

    /// The stream itself.
    pub fn get_ref(&self) -> &IO {
        &self.io
    }
}

async fn limited<T>(
    limit: Option<Duration>,
    work: impl Future<Output = Result<T, ClientError>>,
) -> Result<T, ClientError> {
    match limit {
        None => work.await,
        Some(limit) => timeout(limit, work)
            .await
            .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into())),
    }
}

impl<Req, Rsp, C, IO: fmt::Debug> fmt::Debug for Client<Req, Rsp, C, IO> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("io", &self.io).finish_non_exhaustive()
    }
}

/// What a [`Client`] fails with.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientError {
    /// The connection failed, or took too long (`TimedOut`).
    Io(io::Error),
    /// The server closed the connection before it answered.
    Closed,
    /// What came is no response.
    Decode(DecodeError),
    /// The request can't be written; nothing of it was sent.
    Encode(EncodeError),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Closed => f.write_str("the server closed the connection before it answered"),
            Self::Decode(error) => write!(f, "malformed response: {error}"),
            Self::Encode(error) => write!(f, "can't be sent: {error}"),
        }
    }
}

impl error::Error for ClientError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Io(error) => error.source(),
            Self::Closed => None,
            Self::Decode(error) => error.source(),
            Self::Encode(error) => error.source(),
        }
    }
}

impl From<io::Error> for ClientError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<DecodeError> for ClientError {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

impl From<EncodeError> for ClientError {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}

impl From<ClientError> for io::Error {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Io(error) => error,
            ClientError::Closed => io::Error::new(io::ErrorKind::UnexpectedEof, error),
            ClientError::Decode(error) => error.into(),
            ClientError::Encode(error) => error.into(),
        }
    }
}
