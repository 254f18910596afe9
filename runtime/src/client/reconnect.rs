//! [`Reconnect`]: a client that connects anew when its connection is lost; [`Backoff`]: how patiently.

use std::collections::hash_map::RandomState;
use std::future::Future;
use std::hash::BuildHasher;
use std::pin::Pin;
use std::time::Duration;
use std::{fmt, io};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

use super::{Client, ClientError, limited};
use crate::codec::Codec;

type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, ClientError>> + Send>>;
type Connect<T> = Box<dyn FnMut() -> Connecting<T> + Send>;

/// A client that connects when it is needed, and again when its connection is lost.
///
/// What connects is a closure: [`Client::connect`] and its likes, a time limit for the operations, a login that goes
/// before everything else. Between attempts it waits as its [`Backoff`] says; only a packet that comes ends the waiting,
/// so that a server which accepts and hangs up is not run down.
///
/// **No request is ever sent twice.** A request that was handed to a connection, and whose answer had not come when that was
/// lost, is [`ClientError::Lost`]: it may have been handled, and whether it may be sent again is for the caller to say.
/// [`Io`](ClientError::Io) from [`call`](Self::call) or [`send`](Self::send) means that there was no connection to be had,
/// and nothing was sent. A connection that the server has closed while nothing was asked is replaced without a word.
///
/// ```
/// # use portcullis_runtime as portcullis;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// use std::time::Duration;
/// use portcullis::{Backoff, Client, ClientError, Lines, Reconnect};
///
/// let mut client = Reconnect::new(|| async {
///     let client = Client::<String, String, _>::connect("127.0.0.1:1", Lines::new()).await?;
///     Ok::<_, ClientError>(client.limit(Duration::from_secs(5)))
/// })
/// .backoff(Backoff::new().first(Duration::from_millis(1)).attempts(3));
/// match client.call("hello".into()).await {
///     Ok(answer) => println!("{answer}"),
///     Err(ClientError::Lost(error)) => println!("nobody knows whether it was handled: {error}"),
///     Err(error) => println!("nobody there, three times: {error}"),
/// }
/// # Ok(())
/// # }
/// ```
pub struct Reconnect<Req, Rsp, C, IO = TcpStream> {
    connect: Connect<Client<Req, Rsp, C, IO>>,
    client: Option<Client<Req, Rsp, C, IO>>,
    backoff: Backoff,
    /// Connections, made or not, since a packet has come.
    failures: u32,
    not_before: Option<Instant>,
    /// Requests sent on this connection, less packets that have come.
    unanswered: u64,
}

impl<Req, Rsp, C, IO> Reconnect<Req, Rsp, C, IO>
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
            backoff: Backoff::new(),
            failures: 0,
            not_before: None,
            unanswered: 0,
        }
    }

    /// How patiently it connects.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Sends a request and reads one response, on a connection that has not been seen to be gone.
    ///
    /// # Errors
    /// [`Io`](ClientError::Io): there is no connection, and nothing was sent. [`Lost`](ClientError::Lost): the connection
    /// was lost before the answer came, or the time limit of the client has passed. Else as [`Client::call`].
    ///
    /// # Cancellation
    /// Dropped before its end, it may have sent the request, and closes the connection, so that a late answer is never taken for
    /// that of another request. The next operation connects anew.
    pub async fn call(&mut self, request: Req) -> Result<Rsp, ClientError> {
        self.ready().await?;
        // It is not here while it is at work: with this future, it is dropped.
        let Some(mut client) = self.client.take() else { return Err(ClientError::Closed) };
        match client.call(request).await {
            Err(ClientError::Io(error)) if error.kind() == io::ErrorKind::TimedOut => {
                self.lost();
                Err(ClientError::Lost(error))
            }
            result => {
                self.client = Some(client);
                self.settled(result)
            }
        }
    }

    /// Sends a request, on a connection that has not been seen to be gone. Its answer is for [`next`](Self::next).
    ///
    /// # Errors
    /// As [`call`](Self::call). If the connection is gone, and with it the answers to earlier requests, that is `Lost` too:
    /// this request was not sent then.
    ///
    /// # Cancellation
    /// As [`Client`]: what was encoded is written by the next `send`, on the same connection.
    pub async fn send(&mut self, request: Req) -> Result<(), ClientError> {
        self.ready().await?;
        let Some(client) = &mut self.client else { return Err(ClientError::Closed) };
        // Before anything of it may be written.
        self.unanswered += 1;
        match client.send(request).await {
            Err(ClientError::Encode(error)) => {
                self.unanswered -= 1;
                Err(error.into())
            }
            Err(ClientError::Io(error)) => {
                self.lost();
                Err(ClientError::Lost(error))
            }
            result => result,
        }
    }

    /// The next packet. Connects, if need be.
    ///
    /// # Errors
    /// [`Lost`](ClientError::Lost) when the connection ends: once, and what the server had to say meanwhile nobody knows. The next
    /// call connects anew; `Io` if it can't, or if the time limit of the client has passed. Else as [`Client::next`].
    ///
    /// # Cancellation
    /// Dropped before its end, it has taken nothing.
    pub async fn next(&mut self) -> Result<Rsp, ClientError> {
        self.connect().await?;
        let Some(client) = &mut self.client else { return Err(ClientError::Closed) };
        let result = client.next().await.and_then(|packet| packet.ok_or(ClientError::Closed));
        let result = self.settled(result);
        if matches!(result, Ok(_) | Err(ClientError::Decode(_))) {
            self.unanswered = self.unanswered.saturating_sub(1);
        }
        result
    }

    /// Whether there is a connection that has not been seen to be gone.
    pub fn is_connected(&self) -> bool {
        self.client.is_some()
    }

    /// The connection, to be written to: what the server has closed is replaced, if nothing is lost with it.
    async fn ready(&mut self) -> Result<(), ClientError> {
        if let Some(client) = &mut self.client {
            if client.is_gone().await {
                let unanswered = self.unanswered;
                self.lost();
                if unanswered > 0 {
                    return Err(ClientError::Lost(io::ErrorKind::UnexpectedEof.into()));
                }
            }
        }
        self.connect().await
    }

    async fn connect(&mut self) -> Result<(), ClientError> {
        let mut attempts = 0;
        while self.client.is_none() {
            if let Some(when) = self.not_before {
                sleep_until(when).await;
            }
            match limited(self.backoff.within, (self.connect)()).await {
                Ok(client) => {
                    self.unanswered = 0;
                    self.client = Some(client);
                }
                Err(error) => {
                    self.lost();
                    attempts += 1;
                    if attempts >= self.backoff.attempts || is_for_good(&error) {
                        return Err(error);
                    }
                }
            }
        }
        Ok(())
    }

    /// What was read, and what it means for the connection.
    fn settled(&mut self, result: Result<Rsp, ClientError>) -> Result<Rsp, ClientError> {
        match result {
            Ok(packet) => {
                (self.failures, self.not_before) = (0, None);
                Ok(packet)
            }
            Err(error) if error.goes_on() => Err(error),
            Err(error) => {
                self.lost();
                Err(match error {
                    ClientError::Io(error) => ClientError::Lost(error),
                    ClientError::Closed => ClientError::Lost(io::ErrorKind::UnexpectedEof.into()),
                    other => other,
                })
            }
        }
    }

    fn lost(&mut self) {
        self.client = None;
        self.unanswered = 0;
        let pause = self.backoff.pause(self.failures, random());
        self.not_before = Instant::now().checked_add(pause);
        self.failures = self.failures.saturating_add(1);
    }
}

/// What no later attempt will mend: a name that is none, a certificate that is not trusted, a login that is refused.
fn is_for_good(error: &ClientError) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, Unsupported};
    match error {
        ClientError::Io(error) => matches!(error.kind(), InvalidData | InvalidInput | Unsupported),
        ClientError::Decode(_) | ClientError::Encode(_) => true,
        ClientError::Closed | ClientError::Lost(_) => false,
    }
}

/// As random as the keys of a `HashMap`: enough for clients not to come all at once.
fn random() -> u64 {
    RandomState::new().hash_one(())
}

impl<Req, Rsp, C, IO> fmt::Debug for Reconnect<Req, Rsp, C, IO> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reconnect")
            .field("connected", &self.client.is_some())
            .field("backoff", &self.backoff)
            .finish_non_exhaustive()
    }
}

/// How long a [`Reconnect`] waits before it connects: exponential, with full jitter and a cap.
///
/// Each pause is any time between none and a bound, which doubles from [`first`](Self::first) up to [`cap`](Self::cap).
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    cap: Duration,
    attempts: u32,
    within: Option<Duration>,
}

impl Backoff {
    /// From 100 milliseconds to 10 seconds, 8 attempts an operation, 10 seconds an attempt.
    pub fn new() -> Self {
        let (first, cap) = (Duration::from_millis(100), Duration::from_secs(10));
        Self { first, cap, attempts: 8, within: Some(cap) }
    }

    /// The bound of the first pause.
    #[must_use]
    pub fn first(mut self, first: Duration) -> Self {
        self.first = first;
        self
    }

    /// The bound of any pause.
    #[must_use]
    pub fn cap(mut self, cap: Duration) -> Self {
        self.cap = cap;
        self
    }

    /// How often one operation tries to connect before it gives up (at least once); `u32::MAX` is as good as for ever. The
    /// next operation waits for its pause and tries as often.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// How long one attempt may take.
    #[must_use]
    pub fn connect_within(mut self, limit: Duration) -> Self {
        self.within = Some(limit);
        self
    }

    /// The pause after so many failures.
    pub(super) fn pause(&self, failures: u32, random: u64) -> Duration {
        let bound = self.first.saturating_mul(2_u32.saturating_pow(failures)).min(self.cap);
        let nanos = u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(random % nanos.saturating_add(1))
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}
