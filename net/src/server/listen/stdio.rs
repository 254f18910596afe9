//! [`Stdio`]: standard input and output as the one connection of a listener.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};

use super::{Accepted, BoundListener, Erased, Listen, Listener, Serves};
use crate::codec::Codec;
use crate::server::acceptor::{SessionAcceptor, Source};
use crate::server::bind::Addrs;
use crate::server::carries::HasCodec;
use crate::server::serve::ServeContext;
use crate::service::Service;
use crate::session::driver::session_factory;
use crate::transport::stdio::StdioStream;

/// The standard input and output of the process, as a connection: an editor or a shell that starts
/// the program is its peer.
///
/// ```no_run
/// # fn serve<S: portcullis::Service<Request = String, Response = String>>(service: S) -> std::io::Result<()> {
/// use portcullis::{Lines, Server, Stdio};
///
/// let report = Server::new(service).codec(Lines::new()).listen(Stdio::new())?.run_until_signal()?;
/// # Ok(()) }
/// ```
///
/// There is one connection, which begins when the server is served. The server stops when that
/// connection has ended, so that the program ends with the one that has started it;
/// [`keep_serving`](Self::keep_serving) is for servers that listen elsewhere too.
///
/// | the peer | the session |
/// |---|---|
/// | closes the input, or the input is a file that ends | handles what it has received, whatever its `half_close` is, and ends |
/// | closes its end of the output | is cancelled, like one whose connection is reset: on Linux at once, elsewhere by the next write |
/// | does not read the output | waits, up to [`write_timeout`](crate::Server::write_timeout) |
///
/// Pipes, sockets, files and terminals will do. The files are read and written by two threads of
/// their own, so they stay in blocking mode, which the process shares with others. A process ends
/// even while one of the threads blocks.
///
/// Nothing else in the process should read standard input or write to standard output: print logs
/// to standard error. A time limit applies to the first request, as it does to every connection: a
/// server for people who type sets
/// [`first_request_timeout(Duration::MAX)`](crate::Server::first_request_timeout).
///
/// # Errors
/// [`listen`](crate::Server::listen) fails if the process has another `Stdio` that is in use.
#[derive(Debug, Default)]
#[must_use = "it does nothing before a server listens there"]
pub struct Stdio {
    keeps_serving: bool,
}

impl Stdio {
    /// The standard input and output. Their end stops the server.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the server go on when this connection has ended.
    pub fn keep_serving(self) -> Self {
        Self { keeps_serving: true }
    }
}

/// The only user of the standard files in this process.
#[derive(Debug)]
struct Claim;

static IS_CLAIMED: AtomicBool = AtomicBool::new(false);

impl Claim {
    fn new() -> io::Result<Self> {
        if IS_CLAIMED.swap(true, Relaxed) {
            return Err(io::Error::new(
                io::ErrorKind::AddrInUse,
                "a server of this process uses standard input and output already",
            ));
        }
        Ok(Self)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        IS_CLAIMED.store(false, Relaxed);
    }
}

#[doc(hidden)]
#[derive(Debug)]
pub struct BoundStdio {
    claim: Claim,
    keeps_serving: bool,
}

impl Listen for Stdio {
    type Bound = BoundStdio;

    fn bind(self) -> io::Result<BoundStdio> {
        Ok(BoundStdio { claim: Claim::new()?, keeps_serving: self.keeps_serving })
    }
}

impl<S, C, How> Serves<S, C, How> for BoundStdio
where
    S: Service,
    C: HasCodec<S::Request, S::Response, How>,
{
    fn erase(self, codec: &C) -> Erased<S> {
        Erased(Box::new(WithCodec { bound: self, codec: codec.clone() }))
    }
}

struct WithCodec<C> {
    bound: BoundStdio,
    codec: C,
}

impl<S, C> BoundListener<S> for WithCodec<C>
where
    S: Service,
    C: Codec<S::Request, S::Response>,
{
    fn addrs(&self) -> Addrs {
        Addrs::default()
    }

    fn start(self: Box<Self>, context: &ServeContext<S>) -> io::Result<Source> {
        let Self { bound: BoundStdio { claim, keeps_serving }, codec } = *self;
        let control = (!keeps_serving).then(|| Arc::clone(&context.control));
        let on_end = move || {
            drop(claim);
            if let Some(control) = control {
                control.stop(None);
            }
        };
        let connection = Connection { stream: Some(StdioStream::open(on_end)?) };
        let factory = session_factory::<S, StdioStream, C>(context.registry.clone());
        Ok(Source::Connections(Box::new(SessionAcceptor::new(context, connection, codec, factory))))
    }
}

/// Accepts one connection.
struct Connection {
    stream: Option<StdioStream>,
}

impl Listener for Connection {
    type Stream = StdioStream;

    fn poll_accept(&mut self, _: &mut Context<'_>) -> Poll<io::Result<Accepted<StdioStream>>> {
        match self.stream.take() {
            Some(stream) => Poll::Ready(Ok(Accepted::new(stream))),
            None => Poll::Pending,
        }
    }
}
