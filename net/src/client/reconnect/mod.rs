//! Clients that connect anew when their connection is lost.
//!
//! - [`ReconnectingClient`]: on a tokio loop;
//! - [`BlockingReconnectingClient`]: on a thread, without a runtime;
//! - [`past`]: what both remember, and what it means: which requests are lost, when to connect
//!   again;
//! - [`backoff`]: how patiently.

mod backoff;
mod blocking;
mod past;

use std::future::Future;
use std::pin::Pin;
use std::{fmt, io};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::sleep_until;

pub use self::backoff::Backoff;
pub use self::blocking::BlockingReconnectingClient;
use self::past::Past;
use super::{Client, ClientError, limited};
use crate::codec::Codec;

type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, ClientError>> + Send>>;
type Connect<T> = Box<dyn FnMut() -> Connecting<T> + Send>;

/// A client that connects when it is needed, and again when its connection is lost.
///
/// What connects is a closure: [`Client::connect`] and its likes, a time limit for the operations,
/// a login that goes before everything else. Between attempts it waits as its [`Backoff`] says;
/// only a packet that comes ends the waiting, so that a server which accepts and hangs up is not
/// run down.
///
/// **No request is ever sent twice.** A request that was handed to a connection, and whose answer
/// had not come when that was lost, is [`ClientError::ConnectionLost`]: it may have been handled,
/// and whether it may be sent again is for the caller to say. [`Io`](ClientError::Io) from
/// [`call`](Self::call) or [`send`](Self::send) means that there was no connection to be had, and
/// nothing was sent. A connection that the server has closed while nothing was asked is replaced
/// without a word.
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
///     Err(ClientError::ConnectionLost(error)) => println!("nobody knows whether it was handled: {error}"),
///     Err(error) => println!("nobody there, three times: {error}"),
/// }
/// # Ok(())
/// # }
/// ```
pub struct ReconnectingClient<Req, Rsp, C, IO = TcpStream> {
    connect: Connect<Client<Req, Rsp, C, IO>>,
    client: Option<Client<Req, Rsp, C, IO>>,
    past: Past,
}

impl<Req, Rsp, C, IO> ReconnectingClient<Req, Rsp, C, IO>
where
    C: Codec<Rsp, Req>,
    IO: AsyncRead + AsyncWrite + Unpin,
{
    /// A client that is connected by `connect`, by the first operation at the earliest.
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
            past: Past::default(),
        }
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
    /// came, or the time limit of the client has passed. Else as [`Client::call`].
    ///
    /// # Cancellation
    /// Dropped before its end, it may have sent the request, and closes the connection, so that a
    /// late answer is never taken for that of another request. The next operation connects anew.
    pub async fn call(&mut self, request: Req) -> Result<Rsp, ClientError> {
        self.ready().await?;
        // It is not here while it is at work: with this future, it is dropped.
        let Some(mut client) = self.client.take() else { return Err(ClientError::Closed) };
        match client.call(request).await {
            Err(ClientError::Io(error)) if error.kind() == io::ErrorKind::TimedOut => {
                self.past.lost();
                Err(ClientError::ConnectionLost(error))
            }
            // The rest of the request would be written later, and its answer be taken for
            // another's.
            Err(error @ ClientError::Unread(_)) => {
                self.past.lost();
                Err(ClientError::ConnectionLost(error.into()))
            }
            result => {
                self.client = Some(client);
                self.past.settled(result, &mut self.client)
            }
        }
    }

    /// Sends a request, on a connection that has not been seen to be gone. Its answer is for
    /// [`next`](Self::next).
    ///
    /// # Errors
    /// As [`call`](Self::call). If the connection is gone, and with it the answers to earlier
    /// requests, that is `ConnectionLost` too: this request was not sent then.
    ///
    /// # Cancellation
    /// As [`Client`]: what was encoded is written by the next `send`, on the same connection.
    pub async fn send(&mut self, request: Req) -> Result<(), ClientError> {
        self.ready().await?;
        let Some(client) = &mut self.client else { return Err(ClientError::Closed) };
        // Before anything of it may be written.
        self.past.asked();
        let sent = client.send(request).await;
        self.past.sent(sent, &mut self.client)
    }

    /// The next packet. Connects, if need be.
    ///
    /// # Errors
    /// [`ConnectionLost`](ClientError::ConnectionLost) when the connection ends: once, and what the
    /// server had to say meanwhile nobody knows. The next call connects anew; `Io` if it can't, or
    /// if the time limit of the client has passed. Else as [`Client::next`].
    ///
    /// # Cancellation
    /// Dropped before its end, it has taken nothing.
    pub async fn next(&mut self) -> Result<Rsp, ClientError> {
        self.connect().await?;
        let Some(client) = &mut self.client else { return Err(ClientError::Closed) };
        let next = client.next().await;
        self.past.came(next, &mut self.client)
    }

    /// Whether there is a connection that has not been seen to be gone.
    pub fn is_connected(&self) -> bool {
        self.client.is_some()
    }

    /// The connection, to be written to: what the server has closed is replaced, if nothing is lost
    /// with it.
    async fn ready(&mut self) -> Result<(), ClientError> {
        let gone = match &mut self.client {
            Some(client) => client.is_closed().await,
            None => false,
        };
        if gone {
            self.client = None;
            self.past.gone()?;
        }
        self.connect().await
    }

    async fn connect(&mut self) -> Result<(), ClientError> {
        let mut attempts = 0;
        while self.client.is_none() {
            if let Some(when) = self.past.not_before() {
                sleep_until(when).await;
            }
            match limited(self.past.backoff.attempt_timeout(), (self.connect)()).await {
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

impl<Req, Rsp, C, IO> fmt::Debug for ReconnectingClient<Req, Rsp, C, IO> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReconnectingClient")
            .field("connected", &self.client.is_some())
            .field("backoff", &self.past.backoff)
            .finish_non_exhaustive()
    }
}
