//! The life of a server: start, serve, stop.
//!
//! # The stop, in order
//! 1. Nothing more is accepted. Idle sessions end; those at work go on, until the grace is over.
//! 2. What is left is cancelled: handlers are dropped (and with them their offloads, which tells
//!    the jobs), and `on(disconnect)` runs. After half of [`HOOK_GRACE`] even that is dropped.
//! 3. Background tasks, which were cancelled when the stop began, are waited for. Then `on(stop)`,
//!    then the cleanup, in reverse.
//! 4. Jobs of this server that still run are waited for, and tasks that they spawned, until the
//!    grace is over; then they are cancelled and the report names those that have not heeded it.
//!
//! All of it ends within the grace and [`HOOK_GRACE`] (and the tenth of a second that a cancelled job
//! is given), provided that the task which serves is polled. If handlers hold all threads of its
//! runtime it is not, and who waits for its end makes the report: see
//! [`blocking`](super::blocking).

use std::io;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

use super::acceptor::Source;
use super::acceptor::accept_loop::AcceptLoop;
use super::control::{Control, Lifecycle};
use super::datagram::{Counters, Rate};
use super::robust_sleep::robust_sleep_until;
use super::tasks::TaskTracker;
use super::{IsBound, Options, Server, StopReport, datagram};
use crate::codec::Codec;
use crate::error::CatchUnwind;
use crate::report::RunningJob;
use crate::scope::Scope;
use crate::service::internal::ShutdownPhase;
use crate::service::{BoxError, Cleanup, Service};
use crate::session::driver::{Drive, session_factory};
use crate::session::registry::{SessionRegistry, SessionsView, find_stuck};
use crate::transport::Transport;

/// How long hooks may go on after the grace.
pub(super) const HOOK_GRACE: Duration = Duration::from_secs(1);

/// What the listeners of one server share while it runs.
pub struct ServeContext<S: Service> {
    /// The server's sessions.
    pub registry: Arc<SessionRegistry<S>>,
    /// Its jobs and tasks.
    pub scope: Arc<Scope>,
    pub(super) control: Arc<Control>,
    pub(super) counters: Arc<Counters>,
    pub(super) max_datagram_sessions: usize,
    pub(super) max_queued_datagram_bytes: usize,
    /// Of the datagrams of one host, and of its new sessions.
    pub(super) datagram_rates: [Rate; 2],
}

impl<S: Service> ServeContext<S> {
    /// Stops the server when its last session has ended.
    pub fn stop_after_last_session(&self) -> impl Future<Output = ()> + Send + use<S> {
        let (registry, control) = (Arc::clone(&self.registry), Arc::clone(&self.control));
        async move {
            registry.wait_until_at_most(0).await;
            control.stop(None);
        }
    }
}

impl<S: Service, C: Send + 'static, B: IsBound> Server<S, C, B> {
    /// Serves until it is told to stop, by a [handle](Self::handle); on the current tokio runtime,
    /// of either flavour.
    ///
    /// # Errors
    /// `#[on(start)]` failed, or the sockets can't be used on this runtime. Nothing that happens to
    /// a connection is an error here.
    ///
    /// # When handlers hold the loop
    /// The stop needs a thread on which this future is polled. Awaited in `Runtime::block_on` of a
    /// multi-threaded runtime (so in the `main` of `#[tokio::main]`), it has one of its own, and
    /// ends within the grace and about a second whatever handlers do. In a task, or on a
    /// current-thread runtime, it waits while handlers hold all threads of the runtime:
    /// [`spawn`](Self::spawn) with [`blocking_stop`](super::RunningServer::blocking_stop),
    /// [`spawn_thread`](Self::spawn_thread) and [`run_until_signal`](Self::run_until_signal) do
    /// not.
    ///
    /// # Cancellation
    /// Dropped, the server stops without a grace: sessions are cancelled, `#[on(disconnect)]` runs
    /// as long as the runtime does.
    ///
    /// # Panics
    /// Outside a tokio runtime that has I/O and time enabled.
    pub async fn serve(self) -> io::Result<StopReport> {
        let Self { service, codec: _, bound, listeners, counters, options, control } = self;
        let addrs = bound.bound().addrs.clone();
        drop(bound);
        let owned = control;
        let control = Arc::clone(&owned.0);
        let max_connections = options.max_connections;
        let max_datagram_sessions = options.max_datagram_sessions.unwrap_or(max_connections);
        let max_queued_datagram_bytes = options.max_queued_datagram_bytes;
        let datagram_rates = [options.datagram_rate, options.datagram_session_rate];
        let running = ServerCore::new(service, options, control);
        let context = ServeContext {
            registry: Arc::clone(&running.registry),
            scope: Arc::clone(&running.scope),
            control: Arc::clone(&running.control),
            counters,
            max_datagram_sessions,
            max_queued_datagram_bytes,
            datagram_rates,
        };
        let (mut acceptors, mut routers) = (Vec::new(), Vec::new());
        for listener in listeners {
            match listener.start(&context)? {
                Source::Connections(acceptor) => acceptors.push(acceptor),
                Source::Datagrams(router) => routers.push(router),
            }
        }
        let accepting = async {
            info!(?addrs, "serving");
            let accept_loop = AcceptLoop::new(acceptors);
            tokio::join!(accept_loop.run(&running.registry, max_connections), datagram::poll_all(routers));
        };
        running.serve(accepting).await
    }
}

impl<S: Service, C, B> Server<S, C, B> {
    /// Serves one session over a stream that is connected already: an in-memory pipe, a socket from
    /// elsewhere. The server starts with it and stops after it; addresses that were bound are not
    /// accepted on.
    ///
    /// # Errors
    /// `#[on(start)]` failed.
    ///
    /// # Cancellation
    /// As [`serve`](Server::serve).
    ///
    /// # Panics
    /// Outside a tokio runtime that has time enabled.
    pub async fn serve_stream<IO: Transport>(self, io: IO) -> io::Result<StopReport>
    where
        C: Codec<S::Request, S::Response>,
    {
        let Self { service, codec, options, control, .. } = self;
        let owned = control;
        let control = Arc::clone(&owned.0);
        let running = ServerCore::new(service, options, control);
        let accepting = async {
            let drive = Arc::new(session_factory::<S, IO, C>(Arc::clone(&running.registry)));
            let task = drive.drive(running.registry.admit(None), io, codec);
            drop(tokio::spawn(running.scope.enter(task)));
            running.registry.wait_until_at_most(0).await;
            running.control.stop(None);
        };
        running.serve(accepting).await
    }
}

/// Moves the sessions' clock.
async fn run_clock<S: Service>(registry: &SessionRegistry<S>) {
    let tick = registry.server().limits().tick();
    loop {
        registry.sweep();
        robust_sleep_until(Instant::now() + tick).await;
        // The loop may have been held up, and not have looked at its sockets since: it does so
        // before this goes on. Otherwise a session that the clock wakes would overlook a request
        // that came in time.
        tokio::task::yield_now().await;
    }
}

/// A server between its start and the end of its stop.
struct ServerCore<S: Service> {
    registry: Arc<SessionRegistry<S>>,
    scope: Arc<Scope>,
    tasks: Arc<TaskTracker>,
    control: Arc<Control>,
}

impl<S: Service> ServerCore<S> {
    /// Must be called on the runtime that will serve.
    fn new(service: Arc<S>, options: Options, control: Arc<Control>) -> Self {
        let tasks = Arc::new(TaskTracker::new());
        let scope = Scope::new(Arc::<TaskTracker>::clone(&tasks));
        let Options { limits, queue_limits, max_sessions_per_ip, max_lingering, .. } = options;
        let registry =
            SessionRegistry::new(service, limits, queue_limits, max_sessions_per_ip, max_lingering);
        let sessions: Arc<dyn SessionsView> = Arc::<SessionRegistry<S>>::clone(&registry);
        control.set_views(Arc::downgrade(&sessions), Arc::downgrade(&tasks));
        Self { registry, scope, tasks, control }
    }

    /// From the start to the end of the stop; `accepting` makes sessions in between.
    async fn serve(&self, accepting: impl Future<Output = ()>) -> io::Result<StopReport> {
        let serving = async {
            let cleanup = self.start().await?;
            self.control.set_lifecycle(Lifecycle::Ready);
            tokio::select! {
                biased;
                () = self.control.wait_for_stop() => {}
                () = accepting => {}
            }
            Ok(self.stop(cleanup).await)
        };
        tokio::select! {
            biased;
            result = self.scope.enter(serving) => result,
            () = run_clock(&self.registry) => unreachable!("sweeping never ends"),
        }
    }

    /// Runs `on_start`. If it fails, or the server is stopped meanwhile, what it had put on the
    /// cleanup is undone.
    async fn start(&self) -> io::Result<Cleanup> {
        let mut cleanup = Cleanup::new(Arc::clone(&self.scope), self.control.stopping());
        let started = {
            let hook = CatchUnwind::new(self.registry.service().on_start(&mut cleanup));
            tokio::select! {
                biased;
                started = hook => started
                    .unwrap_or_else(|panic| Err(BoxError::from(format!("on(start) panicked: {panic}"))))
                    .map_err(into_io_error),
                () = self.control.wait_for_stop() => Err(io::Error::new(io::ErrorKind::Interrupted, "stopped while starting")),
            }
        };
        match started {
            Ok(()) => Ok(cleanup),
            Err(error) => {
                self.control.stop(None);
                self.control.run_until_deadline(HOOK_GRACE, cleanup.wait_for_background()).await;
                let deadline = self.control.shutdown_deadline();
                self.control
                    .run_until_deadline(HOOK_GRACE, cleanup.run(deadline, deadline + HOOK_GRACE))
                    .await;
                self.shut_down_tasks().await;
                Err(error)
            }
        }
    }

    async fn stop(&self, mut cleanup: Cleanup) -> StopReport {
        let began = Instant::now();
        let mut report = StopReport::default();
        info!(sessions = self.registry.active_count(), "stopping");
        self.shut_down_sessions(&mut report).await;
        // They end as the stop begins, so there is nothing to wait for unless one holds its thread.
        if self.control.run_until_deadline(HOOK_GRACE, cleanup.wait_for_background()).await.is_none() {
            warn!("a background task holds its loop thread");
        }
        let hook = self
            .control
            .run_until_deadline(HOOK_GRACE, run_stop_hook(self.registry.service().on_stop()))
            .await;
        if hook.is_none() {
            warn!("on(stop) was not finished in time");
            report.unfinished += 1;
        }
        let deadline = self.control.shutdown_deadline();
        match self.control.run_until_deadline(HOOK_GRACE, cleanup.run(deadline, deadline + HOOK_GRACE)).await
        {
            Some(unwound) => {
                report.drained = unwound.drained;
                report.unfinished += unwound.unfinished;
            }
            None => report.unfinished += 1,
        }
        (report.stuck, report.tasks_cancelled) = self.shut_down_tasks().await;
        report.took = began.elapsed();
        if report.is_clean() {
            info!("{report}");
        } else {
            warn!("{report}");
        }
        report
    }

    async fn shut_down_sessions(&self, report: &mut StopReport) {
        let present = self.registry.active_count();
        self.registry.advance(ShutdownPhase::Draining);
        if self
            .control
            .run_until_deadline(Duration::ZERO, self.registry.wait_until_at_most(0))
            .await
            .is_none()
        {
            report.sessions_cancelled = self.registry.active_count();
            self.registry.advance(ShutdownPhase::Cancelling);
            let _ =
                self.control.run_until_deadline(HOOK_GRACE / 2, self.registry.wait_until_at_most(0)).await;
            self.registry.advance(ShutdownPhase::Aborting);
            let before = SessionsView::polled_sessions(&*self.registry);
            let _ = self
                .control
                .run_until_deadline(HOOK_GRACE * 3 / 5, self.registry.wait_until_at_most(0))
                .await;
            report.sessions_stuck = self.registry.count();
            report.stuck_sessions = find_stuck(&before, SessionsView::polled_sessions(&*self.registry));
        }
        report.sessions_finished = present.saturating_sub(report.sessions_cancelled);
    }

    /// Jobs and tasks finish until the grace is over; then they are cancelled.
    async fn shut_down_tasks(&self) -> (Vec<RunningJob>, Vec<&'static Location<'static>>) {
        let deadline = self.control.shutdown_deadline();
        let both = async { tokio::join!(self.scope.drained(deadline.into_std()), self.tasks.wait()).0 };
        let drained = self.control.run_until_deadline(Duration::ZERO, both).await;
        let left = self.tasks.running_locations();
        self.scope.close();
        if self.control.run_until_deadline(HOOK_GRACE, self.tasks.abort_and_wait()).await.is_none() {
            warn!("a task holds its loop thread");
        }
        let stuck = match drained {
            Some(stuck) => stuck,
            // Out of time: this cancels the jobs, and gives them a moment to heed it.
            None => self.scope.drained(std::time::Instant::now()).await,
        };
        (stuck, left)
    }
}

impl<S: Service> Drop for ServerCore<S> {
    /// After a stop there is nothing left to do; after serving was dropped, this is the stop.
    fn drop(&mut self) {
        self.registry.advance(ShutdownPhase::Cancelling);
        self.scope.close();
        self.tasks.abort();
    }
}

async fn run_stop_hook(hook: impl Future<Output = ()>) {
    if let Err(panic) = CatchUnwind::new(hook).await {
        warn!(%panic, "on(stop) panicked");
    }
}

fn into_io_error(error: BoxError) -> io::Error {
    match error.downcast::<io::Error>() {
        Ok(error) => *error,
        Err(error) => io::Error::other(error),
    }
}
