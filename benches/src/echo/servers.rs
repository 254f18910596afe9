//! The echo servers: ours with each kind of handler, and servers by hand. Each listens on its own
//! port, on one loop of one thread.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::{FutureExt, SinkExt, StreamExt};
use portcullis::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio_util::codec::Framed;

use super::cores;
use super::frame::{Frame, Frames};

/// One thread, because the client process uses the other core. Threads for blocking work, which
/// start after it, may use all cores.
pub(crate) static SERVERS: LazyLock<Runtime> = LazyLock::new(|| {
    let (all, has_loop_thread) = (cores::allowed(), AtomicBool::new(false));
    Builder::new_multi_thread()
        .worker_threads(1)
        .on_thread_start(move || match has_loop_thread.swap(true, Ordering::Relaxed) {
            false => cores::first(),
            true => cores::any_of(all),
        })
        .enable_all()
        .build()
        .expect("a runtime")
});

/// A way to echo frames over TCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Request,
    State,
    Session,
    NeverWaiting,
    Sending,
    Batching,
    Raw,
}

impl Kind {
    const ALL: [Self; 7] = [
        Self::Request,
        Self::State,
        Self::Session,
        Self::NeverWaiting,
        Self::Sending,
        Self::Batching,
        Self::Raw,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Request => "ours, #[request]",
            Self::State => "ours, #[state]",
            Self::Session => "ours, #[session]",
            Self::NeverWaiting => "ours, #[session] that never waits",
            Self::Sending => "by hand, Framed, send().await",
            Self::Batching => "by hand, Framed, a flush a batch",
            Self::Raw => "raw bytes, nothing parsed",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Starts a server of this kind, which serves until this process ends.
    pub(crate) fn start(self) -> SocketAddr {
        match self {
            Self::Request => ours(Requests),
            Self::State => ours(States),
            Self::Session => ours(Sessions),
            Self::NeverWaiting => ours(NeverWaiting),
            Self::Sending => listen(|io| async { drop(sending(io).await) }),
            Self::Batching => listen(|io| async { drop(batching(io).await) }),
            Self::Raw => listen(|io| async { drop(raw(io).await) }),
        }
    }
}

/// Enough for the 9,000 sessions of the bench `idle`.
const CONNECTIONS: usize = 20_000;

struct Requests;

#[service]
impl Requests {
    #[request]
    async fn echo(&self, frame: Frame) -> Frame {
        frame
    }
}

struct States;

#[service]
impl States {
    #[state(start)]
    async fn greeting(&self, frame: Frame) -> (Frame, StatesState) {
        (frame, StatesState::Chatting(1))
    }

    #[state]
    async fn chatting(&self, seen: u64, frame: Frame) -> (Frame, StatesState) {
        (frame, StatesState::Chatting(seen + 1))
    }
}

struct Sessions;

#[service]
impl Sessions {
    #[session]
    async fn echo(&self, session: &mut Session<Frame, Frame>) -> Result<(), io::Error> {
        while let Ok(frame) = session.next().await {
            if session.send(frame).await.is_err() {
                break;
            }
        }
        Ok(())
    }
}

struct NeverWaiting;

#[service]
impl NeverWaiting {
    #[session]
    async fn echo(&self, session: &mut Session<Frame, Frame>) -> Result<(), SessionError> {
        loop {
            match session.next_timeout(Duration::ZERO).await {
                Ok(frame) => session.send(frame).await?,
                Err(SessionError::Timeout) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}

macro_rules! ours {
    ($($service:ident),*) => {$(
        impl Echo for $service {
            fn serve(self) -> SocketAddr {
                let _inside = SERVERS.enter();
                let server = Server::new(self).codec(Frames).max_connections(CONNECTIONS);
                let server = server.bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
                let addr = server.local_addr();
                SERVERS.spawn(server.serve());
                addr
            }
        }
    )*};
}

/// A trait, because a generic function would have to repeat the bounds of `Server`.
trait Echo {
    fn serve(self) -> SocketAddr;
}

ours!(Requests, States, Sessions, NeverWaiting);

fn ours(service: impl Echo) -> SocketAddr {
    service.serve()
}

/// A server by hand, with a task for each connection.
pub(crate) fn listen<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = SERVERS.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).expect("a port");
    let addr = listener.local_addr().expect("an address");
    SERVERS.spawn(async move {
        while let Ok((io, _)) = listener.accept().await {
            // The same option as our server's.
            if io.set_nodelay(true).is_ok() {
                tokio::spawn(serve(io));
            }
        }
    });
    addr
}

/// The usual code: every response is flushed at once.
async fn sending(io: TcpStream) -> io::Result<()> {
    let mut framed = Framed::new(io, Frames);
    while let Some(frame) = framed.next().await {
        framed.send(frame?).await?;
    }
    Ok(())
}

/// The optimised code: requests that arrive together are answered together.
async fn batching(io: TcpStream) -> io::Result<()> {
    let mut framed = Framed::new(io, Frames);
    while let Some(frame) = framed.next().await {
        framed.feed(frame?).await?;
        while let Some(Some(frame)) = framed.next().now_or_never() {
            framed.feed(frame?).await?;
        }
        framed.flush().await?;
    }
    Ok(())
}

async fn raw(mut io: TcpStream) -> io::Result<()> {
    let mut bytes = vec![0; 8192];
    loop {
        match io.read(&mut bytes).await? {
            0 => return Ok(()),
            count => io.write_all(&bytes[..count]).await?,
        }
    }
}
