//! A server in a task of its own, for programs (and tests) that have more to do than to serve.

use std::net::SocketAddr;
use std::time::Duration;
use std::{fmt, io, panic};

use tokio::task::JoinHandle;

use super::bind::Addrs;
use super::blocking::ended_early;
use super::{Listens, Server, ServerHandle, StopReport};
use crate::codec::Codec;
use crate::service::Service;

impl<S: Service, C: Codec<S::Request, S::Response>, B: Listens> Server<S, C, B> {
    /// Serves in a task of its own, on the current tokio runtime; returns when connections are accepted.
    ///
    /// # Errors
    /// As [`serve`](Self::serve) when starting.
    ///
    /// # Cancellation
    /// Dropped before its end, the server stops.
    ///
    /// # Panics
    /// As [`serve`](Self::serve).
    pub async fn spawn(self) -> io::Result<RunningServer> {
        let (handle, addrs) = (self.handle(), self.bound.bound().addrs.clone());
        let task = Some(tokio::spawn(self.serve()));
        let mut server = RunningServer { handle, addrs, task };
        if server.handle.ready().await {
            Ok(server)
        } else {
            server.join().await.and_then(|_| Err(ended_early()))
        }
    }
}

/// A server in a task of its own. Dropped, it stops the server and does not wait.
pub struct RunningServer {
    handle: ServerHandle,
    addrs: Addrs,
    /// `None` when its end has been told.
    task: Option<JoinHandle<io::Result<StopReport>>>,
}

impl RunningServer {
    /// A handle to stop the server by, from anywhere.
    pub fn handle(&self) -> ServerHandle {
        self.handle.clone()
    }

    /// The first IP address that was bound, with its real port.
    ///
    /// # Panics
    /// If there is none: the server listens on Unix sockets only.
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

    /// Stops the server and waits for its end.
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

    /// Waits until the server ends, by a [handle](Self::handle). Its end is told once.
    ///
    /// # Errors
    /// As [`Server::serve`]; the runtime is shutting down; the end has been told already.
    ///
    /// # Cancellation
    /// Only the waiting ends: the server goes on, and may be waited for again.
    ///
    /// # Panics
    /// If the server did, with its payload.
    pub async fn join(&mut self) -> io::Result<StopReport> {
        let Some(task) = &mut self.task else {
            return Err(io::Error::other("the server's end has been told"));
        };
        let ended = task.await;
        self.task = None;
        ended.unwrap_or_else(|error| match error.try_into_panic() {
            Ok(payload) => panic::resume_unwind(payload),
            Err(error) => Err(io::Error::other(error)),
        })
    }
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
