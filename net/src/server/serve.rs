//! The life of a server: start, serve, shutdown.
//!
//! # The shutdown
//! 1. Accepting ends. Listeners refuse what they have received
//!    ([`Listener::poll_close`](crate::Listener::poll_close)). Idle sessions end; busy sessions
//!    continue until the end of the grace period.
//! 2. The remaining sessions are cancelled: their handlers are dropped, which cancels their jobs,
//!    and `on(disconnect)` runs. After half of [`HOOK_GRACE`] that is dropped too.
//! 3. Background tasks, which were cancelled when the stop began, are awaited. Then `on(stop)`
//!    runs, and then the cleanup in reverse order.
//! 4. Jobs of this server, and tasks that they spawned, are awaited until the end of the grace
//!    period and are then cancelled. The report lists those that still run.
//!
//! All of this ends within the grace period plus [`HOOK_GRACE`] and 100 ms, if the serving task is
//! polled. If handlers block all threads of the runtime, it is not polled, and the caller that
//! waits for the end makes the report: see [`blocking`](super::blocking).

use std::future::poll_fn;
use std::io;
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

use super::acceptor::Source;
use super::acceptor::accept_loop::AcceptLoop;
use super::acceptor::refusal::Refuser;
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
use crate::session::registry::{MaxSessions, SessionRegistry, SessionsView, find_stuck};
use crate::transport::Transport;

/// How long hooks may run after the grace period.
pub(super) const HOOK_GRACE: Duration = Duration::from_secs(1);

/// What the listeners of one server share while it runs.
pub struct ServeContext<S: Service> {
    /// The server's sessions.
    pub registry: Arc<SessionRegistry<S>>,
    /// Its jobs and tasks.
    pub scope: Arc<Scope>,
    pub(super) control: Arc<Control>,
    pub(super) refuser: Option<Refuser>,
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
    /// Serves until a [handle](Self::handle) stops the server. Runs on the current tokio runtime,
    /// of either flavour.
    ///
    /// # Errors
    /// `#[on(start)]` failed, or the sockets cannot be registered with this runtime. An error of a
    /// connection is not an error here.
    ///
    /// # When handlers block the event loop
    /// The stop needs a thread that polls this future. Awaited in `Runtime::block_on` of a
    /// multi-threaded runtime (as in a `main` with `#[tokio::main]`), it has its own thread, and
    /// ends within the grace period and about a second. In a task, or on a current-thread runtime,
    /// it waits while handlers block all threads of the runtime. [`spawn`](Self::spawn) with
    /// [`blocking_stop`](super::RunningServer::blocking_stop), [`spawn_thread`](Self::spawn_thread)
    /// and [`run_until_signal`](Self::run_until_signal) do not have this limit.
    ///
    /// # Cancellation
    /// Dropping the future stops the server without a grace period: sessions are cancelled, and
    /// `#[on(disconnect)]` runs while the runtime does.
    ///
    /// # Panics
    /// Outside a tokio runtime that has I/O and time enabled.
    pub async fn serve(self) -> io::Result<StopReport> {
        let Self { service, codec: _, bound, listeners, counters, options, control } = self;
        let addrs = bound.bound().addrs.clone();
        drop(bound);
        let owned = control;
        let control = Arc::clone(&owned.0);
        let max_datagram_sessions = options.max_datagram_sessions.unwrap_or(options.max_connections);
        let max_queued_datagram_bytes = options.max_queued_datagram_bytes;
        let datagram_rates = [options.datagram_rate, options.datagram_session_rate];
        let refuser = options.refusal.clone().map(|refusal| Refuser::new(refusal, control.stopping()));
        let running = ServerCore::new(service, options, control);
        let context = ServeContext {
            registry: Arc::clone(&running.registry),
            scope: Arc::clone(&running.scope),
            control: Arc::clone(&running.control),
            refuser,
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
        let mut accept_loop = AcceptLoop::new(acceptors, context.refuser.clone());
        let accepting = async {
            let until_stop = async {
                info!(?addrs, "serving");
                tokio::join!(accept_loop.run(&running.registry), datagram::poll_all(routers));
            };
            tokio::select! {
                biased;
                () = running.control.wait_for_stop() => {}
                () = until_stop => {}
            }
            poll_fn(|cx| accept_loop.poll_close(cx)).await;
        };
        running.serve(accepting).await
    }
}

impl<S: Service, C, B> Server<S, C, B> {
    /// Serves one session over a connected stream: an in-memory pipe, or a socket from elsewhere.
    /// The server starts before it and stops after it. Bound addresses are not used.
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
            if running.control.stopping().is_stopping() {
                return; // `on(start)` has failed
            }
            let drive = Arc::new(session_factory::<S, IO, C>(Arc::clone(&running.registry)));
            let task = drive.drive(running.registry.admit(None), io, codec);
            drop(tokio::spawn(running.scope.enter(task)));
            tokio::select! {
                biased;
                () = running.control.wait_for_stop() => {}
                () = running.registry.wait_until_at_most(0) => running.control.stop(None),
            }
        };
        running.serve(accepting).await
    }
}

/// Advances the clock of the sessions.
async fn run_clock<S: Service>(registry: &SessionRegistry<S>) {
    loop {
        registry.sweep();
        robust_sleep_until(Instant::now() + registry.server().tick_interval()).await;
        // If the loop was blocked, it has not polled its sockets since. It does so before this task
        // continues. Otherwise a session could time out although its request arrived in time.
        tokio::task::yield_now().await;
    }
}

/// A server from its start to the end of its shutdown.
struct ServerCore<S: Service> {
    registry: Arc<SessionRegistry<S>>,
    scope: Arc<Scope>,
    tasks: Arc<TaskTracker>,
    control: Arc<Control>,
}

impl<S: Service> ServerCore<S> {
    /// Call it on the runtime that will serve.
    fn new(service: Arc<S>, options: Options, control: Arc<Control>) -> Self {
        let tasks = Arc::new(TaskTracker::new());
        let scope = Scope::new(Arc::<TaskTracker>::clone(&tasks));
        let Options { limits, queue_limits, .. } = options;
        let max = MaxSessions {
            connections: options.max_connections,
            per_host: options.max_sessions_per_ip,
            lingering: options.max_lingering,
        };
        let registry = SessionRegistry::new(service, limits, queue_limits, max, control.stopping());
        let sessions: Arc<dyn SessionsView> = Arc::<SessionRegistry<S>>::clone(&registry);
        control.set_views(Arc::downgrade(&sessions), Arc::downgrade(&tasks));
        Self { registry, scope, tasks, control }
    }

    /// Starts, polls `accepting` until a stop is requested, and shuts down. `accepting` ends when a
    /// stop is requested and its listeners are closed.
    async fn serve(&self, accepting: impl Future<Output = ()>) -> io::Result<StopReport> {
        let serving = async {
            let mut accepting = pin!(accepting);
            let cleanup = match self.start().await {
                Ok(cleanup) => cleanup,
                Err(error) => {
                    // The stop is requested, so this accepts nothing. It closes the listeners,
                    // which refuse what they have received.
                    let _ = self.control.run_until_deadline(HOOK_GRACE * 3 / 5, accepting).await;
                    return Err(error);
                }
            };
            self.control.set_lifecycle(Lifecycle::Ready);
            let has_ended = tokio::select! {
                biased;
                () = self.control.wait_for_stop() => false,
                () = &mut accepting => true,
            };
            let closing = async {
                if !has_ended {
                    accepting.await;
                }
            };
            Ok(self.stop(cleanup, closing).await)
        };
        tokio::select! {
            biased;
            result = self.scope.enter(serving) => result,
            () = run_clock(&self.registry) => unreachable!("sweeping never ends"),
        }
    }

    /// Runs `on_start`. If it fails or a stop is requested meanwhile, the registered cleanup runs.
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

    async fn stop(&self, mut cleanup: Cleanup, closing: impl Future<Output = ()>) -> StopReport {
        let began = Instant::now();
        let mut report = StopReport::default();
        // As long as sessions may take to end, so that a listener can see the last of them off.
        let mut closing = pin!(self.control.run_until_deadline(HOOK_GRACE * 3 / 5, closing));
        // Polled once before the sessions begin to end and before a logger may block: nothing is
        // accepted after that.
        let is_closed = poll_fn(|cx| Poll::Ready(closing.as_mut().poll(cx).is_ready())).await;
        info!(sessions = self.registry.active_count(), "stopping");
        let close = async {
            if !is_closed && closing.await.is_none() {
                warn!("a listener was not closed in time");
            }
        };
        tokio::join!(close, self.shut_down_sessions(&mut report));
        // They were cancelled when the stop began, so this waits only for a task that blocks its
        // thread.
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

    /// Waits for jobs and tasks until the end of the grace period, then cancels them.
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
            // Out of time: cancel the jobs, and give them 100 ms to end.
            None => self.scope.drained(std::time::Instant::now()).await,
        };
        (stuck, left)
    }
}

impl<S: Service> Drop for ServerCore<S> {
    /// Has no effect after a shutdown. If the serve future was dropped, this is the shutdown.
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
