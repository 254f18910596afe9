//! [`BlockingReconnectingClient`]: connects anew on a thread, without a runtime.

use std::{fmt, io, thread};

use tokio::time::Instant;

use super::Backoff;
use super::past::Past;
use crate::client::{BlockingClient, ClientError};
use crate::codec::Codec;

type Connect<T> = Box<dyn FnMut() -> Result<T, ClientError> + Send>;

/// As [`ReconnectingClient`](crate::ReconnectingClient), for a thread: a [`BlockingClient`] that
/// connects when it is needed, and again when its connection is lost. Connecting, waiting between
/// attempts and every operation block.
///
/// What connects has its own time limit, if any: [`BlockingClient::connect_timeout`].
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
///     Err(ClientError::ConnectionLost(error)) => println!("nobody knows whether it was handled: {error}"),
///     Err(error) => println!("nobody there, three times: {error}"),
/// }
/// ```
pub struct BlockingReconnectingClient<Req, Rsp, C> {
    connect: Connect<BlockingClient<Req, Rsp, C>>,
    client: Option<BlockingClient<Req, Rsp, C>>,
    past: Past,
}

impl<Req, Rsp, C: Codec<Rsp, Req>> BlockingReconnectingClient<Req, Rsp, C> {
    /// A client that is connected by `connect`, by the first operation at the earliest.
    pub fn new<E: Into<ClientError>>(
        mut connect: impl FnMut() -> Result<BlockingClient<Req, Rsp, C>, E> + Send + 'static,
    ) -> Self {
        let connect = Box::new(move || connect().map_err(Into::into));
        Self { connect, client: None, past: Past::default() }
    }

    /// How patiently it connects.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.past.backoff = backoff;
        self
    }

    /// Sends a request and reads one response, on a connection that has not been seen to be gone.
    ///
    /// # Errors
    /// [`Io`](ClientError::Io): there is no connection, and nothing was sent.
    /// [`ConnectionLost`](ClientError::ConnectionLost): the connection was lost before the answer
    /// came, or the time limit of the client has passed; then it is closed, so that a late answer
    /// is never taken for that of another request. Else as [`BlockingClient::call`].
    pub fn call(&mut self, request: Req) -> Result<Rsp, ClientError> {
        self.ready()?;
        let Some(client) = &mut self.client else { return Err(ClientError::Closed) };
        match client.call(request) {
            Err(ClientError::Io(error)) if error.kind() == io::ErrorKind::TimedOut => {
                self.client = None;
                self.past.lost();
                Err(ClientError::ConnectionLost(error))
            }
            // The rest of the request would be written later, and its answer be taken for
            // another's.
            Err(error @ ClientError::Unread(_)) => {
                self.client = None;
                self.past.lost();
                Err(ClientError::ConnectionLost(error.into()))
            }
            result => self.past.settled(result, &mut self.client),
        }
    }

    /// Sends a request, on a connection that has not been seen to be gone. Its answer is for
    /// [`next`](Self::next).
    ///
    /// # Errors
    /// As [`call`](Self::call). If the connection is gone, and with it the answers to earlier
    /// requests, that is `ConnectionLost` too: this request was not sent then.
    pub fn send(&mut self, request: Req) -> Result<(), ClientError> {
        self.ready()?;
        let Some(client) = &mut self.client else { return Err(ClientError::Closed) };
        self.past.asked();
        let sent = client.send(request);
        self.past.sent(sent, &mut self.client)
    }

    /// The next packet. Connects, if need be.
    ///
    /// # Errors
    /// As [`ReconnectingClient::next`](crate::ReconnectingClient::next).
    #[allow(clippy::should_implement_trait)] // as `ReconnectingClient::next`; an iterator would have it inside out
    pub fn next(&mut self) -> Result<Rsp, ClientError> {
        self.connect()?;
        let Some(client) = &mut self.client else { return Err(ClientError::Closed) };
        let next = client.next();
        self.past.came(next, &mut self.client)
    }

    /// Whether there is a connection that has not been seen to be gone.
    pub fn is_connected(&self) -> bool {
        self.client.is_some()
    }

    fn ready(&mut self) -> Result<(), ClientError> {
        if self.client.as_mut().is_some_and(BlockingClient::is_closed) {
            self.client = None;
            self.past.gone()?;
        }
        self.connect()
    }

    fn connect(&mut self) -> Result<(), ClientError> {
        let mut attempts = 0;
        while self.client.is_none() {
            if let Some(when) = self.past.not_before() {
                thread::sleep(when.saturating_duration_since(Instant::now()));
            }
            match (self.connect)() {
                Ok(client) => {
                    self.past.connected();
                    self.client = Some(client);
                }
                Err(error) => {
                    attempts += 1;
                    self.past.failed(error, attempts)?;
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
            .field("backoff", &self.past.backoff)
            .finish_non_exhaustive()
    }
}
