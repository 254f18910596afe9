//! Clients that connect again when their connection is lost.
//!
//! - [`ReconnectingClient`]: async, on tokio;
//! - [`BlockingReconnectingClient`]: blocking, without a runtime;
//! - [`state`]: which requests are lost and when to connect again, which both share;
//! - [`backoff`]: the delays between attempts.

mod backoff;
mod blocking;
mod state;

use std::future::Future;
use std::pin::Pin;
use std::{fmt, io};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::sleep_until;

pub use self::backoff::Backoff;
pub use self::blocking::BlockingReconnectingClient;
pub use self::state::ReconnectState;
use super::time_limit::with_timeout;
use super::{Client, ClientError};
use crate::codec::Codec;

type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, ClientError>> + Send>>;
type Connect<T> = Box<dyn FnMut() -> Connecting<T> + Send>;

/// A client that connects when it is first used, and again when its connection is lost.
///
/// A closure connects: it calls [`Client::connect`] or similar, sets the time limit of the
/// operations, and logs in if the protocol requires it. Between attempts the client waits as
/// [`Backoff`] says. Only a received message resets the backoff, so a server that accepts and
/// closes at once is not flooded with connections.
///
/// **No request is ever sent twice.** If the connection is lost after a request was passed to it
/// and before its response has arrived, the result is [`ClientError::ConnectionLost`]. The request
/// may have been handled, and the caller decides whether to send it again. [`Io`](ClientError::Io)
/// from [`call`](Self::call) or [`send`](Self::send) means that the client could not connect and
/// nothing was sent. A connection that the server has closed while no response was outstanding is
/// replaced silently.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// use std::time::Duration;
/// use portcullis::{Backoff, Client, ClientError, Lines, ReconnectingClient};
///
/// let mut client = ReconnectingClient::new(|| async {
///     let client = Client::<String, String, _>::connect("127.0.0.1:1", Lines::new()).await?;
///     Ok::<_, ClientError>(client.timeout(Duration::from_secs(5)))
/// })
/// .backoff(Backoff::new().initial_delay(Duration::from_millis(1)).max_attempts(3));
/// match client.call("hello".into()).await {
///     Ok(answer) => println!("{answer}"),
///     Err(ClientError::ConnectionLost(error)) => println!("it may have been handled: {error}"),
///     Err(error) => println!("three attempts to connect failed: {error}"),
/// }
/// # Ok(())
/// # }
/// ```
pub struct ReconnectingClient<Req, Rsp, C, IO = TcpStream> {
    connect: Connect<Client<Req, Rsp, C, IO>>,
    client: Option<Client<Req, Rsp, C, IO>>,
    state: ReconnectState,
}

impl<Req, Rsp, C, IO> ReconnectingClient<Req, Rsp, C, IO>
where
    C: Codec<Rsp, Req>,
    IO: AsyncRead + AsyncWrite + Unpin,
{
    /// Makes a client that connects with `connect`. The first operation connects.
    pub fn new<F, E>(mut connect: impl FnMut() -> F + Send + 'static) -> Self
    where
        F: Future<Output = Result<Client<Req, Rsp, C, IO>, E>> + Send + 'static,
        E: Into<ClientError>,
    {
        Self {
            connect: Box::new(move || {
                let connecting = connect();
                Box::pin(async { connecting.await.map_err(Into::into) })
            }),
            client: None,
            state: ReconnectState::default(),
        }
    }

    /// Sets the delays between attempts to connect, and how many attempts one operation makes.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.state.backoff = backoff;
        self
    }

    /// Sends a request and receives one response. Connects first, if needed.
    ///
    /// # Errors
    /// [`Io`](ClientError::Io): the client could not connect, and nothing was sent.
    /// [`ConnectionLost`](ClientError::ConnectionLost): the connection was lost before the response
    /// arrived, or the time limit of the client has passed. Otherwise as [`Client::call`].
    ///
    /// # Cancellation
    /// If the future is dropped, the request may have been sent, and the connection is closed: a
    /// late response cannot be taken for that of another request. The next operation connects
    /// again.
    pub async fn call(&mut self, request: Req) -> Result<Rsp, ClientError> {
        self.ensure_writable().await?;
        // Taken out during the call, so that dropping this future closes the connection.
        let Some(mut client) = self.client.take() else { return Err(ClientError::Closed) };
        match client.call(request).await {
            Err(ClientError::Io(error)) if error.kind() == io::ErrorKind::TimedOut => {
                self.state.on_connection_lost();
                Err(ClientError::ConnectionLost(error))
            }
            // Otherwise a later operation would write the remaining bytes of the request, and
            // receive its response.
            Err(error @ ClientError::Unread(_)) => {
                self.state.on_connection_lost();
                Err(ClientError::ConnectionLost(error.into()))
            }
            result => {
                self.client = Some(client);
                self.state.on_result(result, &mut self.client)
            }
        }
    }

    /// Sends a request. Connects first, if needed. Receive its response with [`next`](Self::next).
    ///
    /// # Errors
    /// As [`call`](Self::call). If the connection was lost with responses to earlier requests, the
    /// error is `ConnectionLost` as well; this request was not sent then.
    ///
    /// # Cancellation
    /// As with [`Client`]: the next `send` writes what was encoded, on the same connection.
    pub async fn send(&mut self, request: Req) -> Result<(), ClientError> {
        self.ensure_writable().await?;
        let Some(client) = &mut self.client else { return Err(ClientError::Closed) };
        // Count it before any of its bytes can be written.
        self.state.request_started();
        let sent = client.send(request).await;
        self.state.request_sent(sent, &mut self.client)
    }

    /// Receives the next message. Connects first, if needed.
    ///
    /// # Errors
    /// [`ConnectionLost`](ClientError::ConnectionLost), once, when the connection ends; messages
    /// that the server has sent meanwhile may be lost. The next call connects again.
    /// [`Io`](ClientError::Io) if that fails, or if the time limit of the client has passed.
    /// Otherwise as [`Client::next`].
    ///
    /// # Cancellation
    /// If the future is dropped, no message is lost.
    pub async fn next(&mut self) -> Result<Rsp, ClientError> {
        self.ensure_connected().await?;
        let Some(client) = &mut self.client else { return Err(ClientError::Closed) };
        let next = client.next().await;
        self.state.response_received(next, &mut self.client)
    }

    /// Returns whether there is a connection, as far as the client has noticed.
    pub fn is_connected(&self) -> bool {
        self.client.is_some()
    }

    /// Ensures that there is a connection to write to. Replaces one that the server has closed, if
    /// no response is lost with it.
    async fn ensure_writable(&mut self) -> Result<(), ClientError> {
        let is_closed = match &mut self.client {
            Some(client) => client.is_closed().await,
            None => false,
        };
        if is_closed {
            self.client = None;
            self.state.on_peer_closed()?;
        }
        self.ensure_connected().await
    }

    async fn ensure_connected(&mut self) -> Result<(), ClientError> {
        let mut attempts = 0;
        while self.client.is_none() {
            if let Some(when) = self.state.next_attempt_at() {
                sleep_until(when).await;
            }
            match with_timeout(self.state.backoff.attempt_timeout(), (self.connect)()).await {
                Ok(client) => {
                    self.state.on_connected();
                    self.client = Some(client);
                }
                Err(error) => {
                    attempts += 1;
                    self.state.on_connect_failed(error, attempts)?;
                }
            }
        }
        Ok(())
    }
}

impl<Req, Rsp, C, IO> fmt::Debug for ReconnectingClient<Req, Rsp, C, IO> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReconnectingClient")
            .field("connected", &self.client.is_some())
            .field("backoff", &self.state.backoff)
            .finish_non_exhaustive()
    }
}
