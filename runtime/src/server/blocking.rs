//! Servers in programs that are not async: on this thread until a signal comes, or on a thread of their own.

use std::io;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::{fmt, panic};

use tokio::runtime::{Builder, Handle, Runtime};
use tracing::info;

use super::bind::Addrs;
use super::{Bound, Server, ServerHandle, StopReport};
use crate::codec::Codec;
use crate::error::Panic;
use crate::service::Service;
use crate::threads::{self, ThreadName};

impl<S: Service, C> Server<S, C, Bound> {
    /// Serves on a multi-threaded runtime of its own until SIGINT or SIGTERM (elsewhere: Ctrl-C) stops it; blocks this thread.
    ///
    /// A second signal ends the grace at once. The signals' usual effect is off from here on, for the whole process.
    ///
    /// # Errors
    /// As [`serve`](Self::serve); the runtime can't be made, or the signals can't be had; this thread is running an async
    /// task (there, `serve().await` is what is meant).
    pub fn run_until_signal(self) -> io::Result<StopReport>
    where
        C: Codec<S::Request, S::Response>,
    {
        if Handle::try_current().is_ok() {
            let text =
                "`run_until_signal` blocks, and this thread runs an async runtime: use `serve().await`";
            return Err(io::Error::other(text));
        }
        let runtime = runtime()?;
        let handle = self.handle();
        let result = runtime.block_on(async {
            let mut signals = Signals::new()?;
            let stopping = async {
                signals.next().await;
                info!("stopping at a signal");
                handle.stop();
                signals.next().await;
                handle.stop_within(std::time::Duration::ZERO);
                std::future::pending().await
            };
            tokio::select! {
                biased;
                result = self.serve() => result,
                () = stopping => unreachable!("it ends with the serving"),
            }
        });
        // What is left, in spite of the stop, is not waited for.
        runtime.shutdown_background();
        result
    }

    /// Serves on a thread of its own, on a multi-threaded runtime; returns when connections are accepted.
    ///
    /// # Errors
    /// As [`serve`](Self::serve) when starting; the thread or the runtime can't be made.
    pub fn spawn_thread(self) -> io::Result<ServerThread>
    where
        C: Codec<S::Request, S::Response>,
    {
        let handle = self.handle();
        let addrs = self.bound.addrs.clone();
        let (tell, told) = mpsc::channel();
        let ready = handle.clone();
        let thread = threads::start(ThreadName::of_our_own("server"), None, move || {
            let runtime = runtime()?;
            runtime.spawn(async move { tell.send(ready.ready().await) });
            let result = runtime.block_on(self.serve());
            runtime.shutdown_background();
            result
        })?;
        let thread = ServerThread { handle, addrs, thread: Some(thread) };
        // An error to receive is a runtime that is gone already: the thread's result says why.
        if told.recv().unwrap_or(false) { Ok(thread) } else { thread.join().and_then(|_| Err(ended_early())) }
    }
}

pub(super) fn ended_early() -> io::Error {
    io::Error::new(io::ErrorKind::Interrupted, "stopped while starting")
}

/// # Errors
/// The system gives no thread. (tokio panics then: it is asked only when a thread could be had just before, and what panics in
/// spite of that becomes an error.)
fn runtime() -> io::Result<Runtime> {
    let thread = threads::start(ThreadName::new("portcullis-loop", ""), None, || ())?;
    thread.join().map_err(|payload| io::Error::other(Panic::new(payload).to_string()))?;
    let build = || {
        let mut builder = Builder::new_multi_thread();
        builder
            .thread_name_fn(|| ThreadName::of_our_own("loop").full())
            .on_thread_start(ThreadName::show_numbered);
        builder.enable_all().build()
    };
    panic::catch_unwind(build).unwrap_or_else(|payload| {
        Err(io::Error::new(io::ErrorKind::WouldBlock, Panic::new(payload).to_string()))
    })
}

/// A server on a thread of its own. Dropped, it stops the server and does not wait.
pub struct ServerThread {
    handle: ServerHandle,
    addrs: Addrs,
    thread: Option<JoinHandle<io::Result<StopReport>>>,
}

impl ServerThread {
    /// A handle to stop the server by, from anywhere.
    pub fn handle(&self) -> ServerHandle {
        self.handle.clone()
    }

    /// The first IP address that was bound, with its real port.
    ///
    /// # Panics
    /// If there is none: the server listens on Unix sockets only.
    pub fn local_addr(&self) -> std::net::SocketAddr {
        self.addrs.first()
    }

    /// The IP addresses that were bound, with their real ports.
    pub fn local_addrs(&self) -> &[std::net::SocketAddr] {
        self.addrs.ip()
    }

    /// The addresses of the Unix sockets that were bound.
    #[cfg(unix)]
    pub fn unix_addrs(&self) -> &[std::os::unix::net::SocketAddr] {
        self.addrs.unix()
    }

    /// Stops the server and waits for its end.
    ///
    /// # Errors
    /// As [`Server::serve`].
    pub fn stop(self) -> io::Result<StopReport> {
        self.handle.stop();
        self.join()
    }

    /// As [`stop`](Self::stop), with this grace.
    ///
    /// # Errors
    /// As [`Server::serve`].
    pub fn stop_within(self, grace: std::time::Duration) -> io::Result<StopReport> {
        self.handle.stop_within(grace);
        self.join()
    }

    /// Waits until the server ends, by a handle. Blocks this thread.
    ///
    /// # Errors
    /// As [`Server::serve`].
    ///
    /// # Panics
    /// If the server's thread did, with its payload.
    pub fn join(mut self) -> io::Result<StopReport> {
        let Some(thread) = self.thread.take() else { return Err(ended_early()) };
        thread.join().unwrap_or_else(|payload| panic::resume_unwind(payload))
    }
}

impl Drop for ServerThread {
    fn drop(&mut self) {
        self.handle.stop();
    }
}

impl fmt::Debug for ServerThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerThread").field("addrs", &self.addrs).finish_non_exhaustive()
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
