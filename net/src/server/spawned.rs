//! [`RunningServer`]: a server in its own task, for programs (and tests) that do more than serve.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use tokio::runtime::Handle;

use super::bind::Addrs;
use super::blocking::{Serving, must_not_block, stopped_while_starting, wait_for, wait_until_ended};
use super::control::Control;
use super::{IsBound, Server, ServerHandle, StopReport};
use crate::service::Service;

impl<S: Service, C: Send + 'static, B: IsBound> Server<S, C, B> {
    /// Serves in its own task, on the current tokio runtime. Returns when connections are accepted.
    ///
    /// See [`RunningServer`](RunningServer#when-handlers-hold-the-loop) for a stop while handlers
    /// block threads of the runtime.
    ///
    /// # Errors
    /// As [`serve`](Self::serve) when starting.
    ///
    /// # Cancellation
    /// If the future is dropped, the server stops.
    ///
    /// # Panics
    /// As [`serve`](Self::serve).
    pub async fn spawn(self) -> io::Result<RunningServer> {
        let (handle, addrs) = (self.handle(), self.bound.bound().addrs.clone());
        let (control, runtime) = (self.control(), Handle::current());
        let task = Some(tokio::spawn(self.serve()));
        let mut server = RunningServer { handle, addrs, control, runtime, task };
        if server.handle.ready().await {
            Ok(server)
        } else {
            server.join().await.and_then(|_| Err(stopped_while_starting()))
        }
    }
}

/// A server in its own task. Dropping it stops the server without waiting.
///
/// # When handlers hold the loop
/// The task that serves needs a free thread of its runtime to stop. If handlers hold all of them,
///
/// - [`stop`](Self::stop) and [`join`](Self::join) end within the grace and a second and a half,
///   where the task that awaits them runs on a thread that no handler holds: in `Runtime::block_on`
///   of a multi-threaded runtime (which `#[tokio::main]` is), or on another runtime. Awaited in a
///   task on the held runtime itself, they wait for a thread to be free.
/// - [`blocking_stop`](Self::blocking_stop) and [`blocking_join`](Self::blocking_join), on any
///   thread of yours, always end in that time.
///
/// The report then [says so](StopReport::loop_held). The task that serves goes on to its end, with
/// hooks and cleanup, if a thread comes free after all. Beware that to drop a multi-threaded tokio
/// runtime waits for what holds its threads, at the end of `#[tokio::main]`, too: end the process
/// by [`std::process::exit`], or the runtime by `shutdown_background`.
pub struct RunningServer {
    handle: ServerHandle,
    addrs: Addrs,
    control: Arc<Control>,
    /// The runtime of the task.
    runtime: Handle,
    /// `None` after `join` has returned the result.
    task: Option<Serving>,
}

impl RunningServer {
    /// A handle to stop the server by, from anywhere.
    pub fn handle(&self) -> ServerHandle {
        self.handle.clone()
    }

    /// The first IP address that was bound, with its real port.
    ///
    /// # Panics
    /// If there is none, for example because the server listens on Unix sockets only.
    pub fn local_addr(&self) -> SocketAddr {
        self.addrs.first()
    }

    /// The IP addresses that were bound, with their real ports.
    pub fn local_addrs(&self) -> &[SocketAddr] {
        self.addrs.ip()
    }

    /// The addresses of the Unix sockets that were bound.
    #[cfg(unix)]
    pub fn unix_addrs(&self) -> &[std::os::unix::net::SocketAddr] {
        self.addrs.unix()
    }

    /// Stops the server and waits for its end: the grace and about a second, unless [handlers hold
    /// the loop](Self#when-handlers-hold-the-loop).
    ///
    /// # Errors
    /// As [`Server::serve`].
    ///
    /// # Cancellation
    /// Dropped before its end, it has stopped the server all the same: only the report is lost.
    ///
    /// # Panics
    /// As [`join`](Self::join).
    pub async fn stop(mut self) -> io::Result<StopReport> {
        self.handle.stop();
        self.join().await
    }

    /// As [`stop`](Self::stop), with this grace.
    ///
    /// # Errors
    /// As [`stop`](Self::stop).
    ///
    /// # Panics
    /// As [`join`](Self::join).
    pub async fn stop_within(mut self, grace: Duration) -> io::Result<StopReport> {
        self.handle.stop_within(grace);
        self.join().await
    }

    /// Waits until the server ends, by a [handle](Self::handle). Its report is returned once.
    ///
    /// # Errors
    /// As [`Server::serve`]; the runtime is shutting down; the result was already returned.
    ///
    /// # Cancellation
    /// Only the waiting ends: the server goes on, and may be waited for again.
    ///
    /// # Panics
    /// If the server did, with its payload.
    pub async fn join(&mut self) -> io::Result<StopReport> {
        let task = self.task.as_mut().ok_or_else(already_joined)?;
        let result = wait_until_ended(task, &self.control).await;
        self.task = None;
        result
    }

    /// As [`stop`](Self::stop), but blocks this thread, and ends in time [whatever handlers
    /// do](Self#when-handlers-hold-the-loop).
    ///
    /// ```
    /// # fn main_thread<S: portcullis::Service<Request = String, Response = String>>(service: S) -> std::io::Result<()> {
    /// let runtime = tokio::runtime::Runtime::new()?;
    /// let server = portcullis::Server::new(service).codec(portcullis::Lines::new()).bind("127.0.0.1:0")?;
    /// let server = runtime.block_on(server.spawn())?;
    /// let report = server.blocking_stop()?;
    /// if report.loop_held {
    ///     runtime.shutdown_background();
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`blocking_join`](Self::blocking_join). The server is stopped all the same.
    ///
    /// # Panics
    /// As [`join`](Self::join).
    pub fn blocking_stop(mut self) -> io::Result<StopReport> {
        self.handle.stop();
        self.blocking_join()
    }

    /// As [`join`](Self::join), but blocks this thread. Once the server was asked to stop, this
    /// ends within the grace and a second and a half, [whatever handlers
    /// do](Self#when-handlers-hold-the-loop).
    ///
    /// On a current-thread runtime, call it from another thread while that runtime runs.
    ///
    /// # Errors
    /// As [`join`](Self::join); this thread polls an async task, which has to await
    /// [`join`](Self::join). Then the server goes on.
    ///
    /// # Panics
    /// As [`join`](Self::join).
    pub fn blocking_join(&mut self) -> io::Result<StopReport> {
        if must_not_block() {
            let text = "`blocking_stop` and `blocking_join` block, and this thread polls an async task: await `stop` or `join`";
            return Err(io::Error::other(text));
        }
        let task = self.task.take().ok_or_else(already_joined)?;
        wait_for(task, &self.control, &self.runtime)
    }
}

fn already_joined() -> io::Error {
    io::Error::other("the result was already returned by `join`")
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        self.handle.stop();
    }
}

impl fmt::Debug for RunningServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningServer").field("addrs", &self.addrs).finish_non_exhaustive()
    }
}
