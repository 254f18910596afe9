//! [`BlockingReconnectingClient`]: a reconnecting client that blocks its thread.

use std::{fmt, io, thread};

use tokio::time::Instant;

use super::Backoff;
use super::state::ReconnectState;
use crate::client::{BlockingClient, ClientError};
use crate::codec::Codec;

type Connect<T> = Box<dyn FnMut() -> Result<T, ClientError> + Send>;

/// Like [`ReconnectingClient`](crate::ReconnectingClient), for a thread: a [`BlockingClient`] that
/// connects when it is first used, and again when its connection is lost. Connecting, the delays
/// between attempts and every operation block.
///
/// The closure that connects sets its own time limit: [`BlockingClient::connect_timeout`].
///
/// ```
/// use std::time::Duration;
/// use portcullis::{Backoff, BlockingClient, BlockingReconnectingClient, ClientError, Lines};
///
/// let mut client = BlockingReconnectingClient::new(|| {
///     let limit = Duration::from_secs(5);
///     let client = BlockingClient::<String, String, _>::connect_timeout("127.0.0.1:1", Lines::new(), limit)?;
///     Ok::<_, ClientError>(client.timeout(limit))
/// })
/// .backoff(Backoff::new().initial_delay(Duration::from_millis(1)).max_attempts(3));
/// match client.call("hello".into()) {
///     Ok(answer) => println!("{answer}"),
///     Err(ClientError::ConnectionLost(error)) => println!("it may have been handled: {error}"),
///     Err(error) => println!("three attempts to connect failed: {error}"),
/// }
/// ```
pub struct BlockingReconnectingClient<Req, Rsp, C> {
    connect: Connect<BlockingClient<Req, Rsp, C>>,
    client: Option<BlockingClient<Req, Rsp, C>>,
    state: ReconnectState,
}

impl<Req, Rsp, C: Codec<Rsp, Req>> BlockingReconnectingClient<Req, Rsp, C> {
    /// Makes a client that connects with `connect`. The first operation connects.
    pub fn new<E: Into<ClientError>>(
        mut connect: impl FnMut() -> Result<BlockingClient<Req, Rsp, C>, E> + Send + 'static,
    ) -> Self {
        let connect = Box::new(move || connect().map_err(Into::into));
        Self { connect, client: None, state: ReconnectState::default() }
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
    /// arrived, or the time limit of the client has passed; then the connection is closed, so that
    /// a late response is not taken for that of another request. Otherwise as
    /// [`BlockingClient::call`].
    pub fn call(&mut self, request: Req) -> Result<Rsp, ClientError> {
        self.ensure_writable()?;
        let Some(client) = &mut self.client else { return Err(ClientError::Closed) };
        match client.call(request) {
            Err(ClientError::Io(error)) if error.kind() == io::ErrorKind::TimedOut => {
                self.client = None;
                self.state.on_connection_lost();
                Err(ClientError::ConnectionLost(error))
            }
            // Otherwise a later operation would write the remaining bytes of the request, and
            // receive its response.
            Err(error @ ClientError::Unread(_)) => {
                self.client = None;
                self.state.on_connection_lost();
                Err(ClientError::ConnectionLost(error.into()))
            }
            result => self.state.on_result(result, &mut self.client),
        }
    }

    /// Sends a request. Connects first, if needed. Receive its response with [`next`](Self::next).
    ///
    /// # Errors
    /// As [`call`](Self::call). If the connection was lost with responses to earlier requests, the
    /// error is `ConnectionLost` as well; this request was not sent then.
    pub fn send(&mut self, request: Req) -> Result<(), ClientError> {
        self.ensure_writable()?;
        let Some(client) = &mut self.client else { return Err(ClientError::Closed) };
        self.state.request_started();
        let sent = client.send(request);
        self.state.request_sent(sent, &mut self.client)
    }

    /// Receives the next message. Connects first, if needed.
    ///
    /// # Errors
    /// As [`ReconnectingClient::next`](crate::ReconnectingClient::next).
    #[allow(clippy::should_implement_trait)] // as `ReconnectingClient::next`; an iterator would have it inside out
    pub fn next(&mut self) -> Result<Rsp, ClientError> {
        self.ensure_connected()?;
        let Some(client) = &mut self.client else { return Err(ClientError::Closed) };
        let next = client.next();
        self.state.response_received(next, &mut self.client)
    }

    /// Returns whether there is a connection, as far as the client has noticed.
    pub fn is_connected(&self) -> bool {
        self.client.is_some()
    }

    fn ensure_writable(&mut self) -> Result<(), ClientError> {
        if self.client.as_mut().is_some_and(BlockingClient::is_closed) {
            self.client = None;
            self.state.on_peer_closed()?;
        }
        self.ensure_connected()
    }

    fn ensure_connected(&mut self) -> Result<(), ClientError> {
        let mut attempts = 0;
        while self.client.is_none() {
            if let Some(when) = self.state.next_attempt_at() {
                thread::sleep(when.saturating_duration_since(Instant::now()));
            }
            match (self.connect)() {
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

impl<Req, Rsp, C> fmt::Debug for BlockingReconnectingClient<Req, Rsp, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingReconnectingClient")
            .field("connected", &self.client.is_some())
            .field("backoff", &self.state.backoff)
            .finish_non_exhaustive()
    }
}
