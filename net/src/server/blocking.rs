//! Servers for programs that are not async: on this thread until a signal arrives, or on a thread
//! of their own.
//!
//! There are two runtimes: one serves, and the thread that waits for the end has another one for
//! that and the signals ([`supervise`]). Handlers can block the threads of the first but not this
//! thread, so signals and the end of the grace period are handled in time.

use std::convert::Infallible;
use std::future::pending;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{fmt, io, panic, process};

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::{self, JoinError};
use tokio::time::{Instant, sleep};
use tracing::{error, info, warn};

use super::bind::Addrs;
use super::control::Control;
use super::serve::HOOK_GRACE;
use super::{IsBound, Server, ServerHandle, StopReport};
use crate::context;
use crate::error::Panic;
use crate::portal::in_tokio_task;
use crate::service::Service;
use crate::session::registry::find_stuck;
use crate::threads::{self, ThreadName};
use crate::timer;

/// How long after the deadline of a stop the supervisor stops waiting for it.
const SLACK: Duration = Duration::from_millis(400);
/// How long the supervisor waits for the logger.
const LOG_TIMEOUT: Duration = Duration::from_millis(200);
/// How often the supervisor checks the event loop.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);
/// A session that is in the same poll after this time blocks its thread.
const STUCK_AFTER: Duration = Duration::from_millis(20);

/// The serving task.
pub(super) type Serving = task::JoinHandle<io::Result<StopReport>>;

impl<S: Service, C: Send + 'static, B: IsBound> Server<S, C, B> {
    /// Serves on a multi-threaded runtime of its own until SIGINT or SIGTERM (elsewhere: Ctrl-C)
    /// stops it; blocks this thread.
    ///
    /// It may be called wherever a thread may block: in `main`, on a thread of yours, inside
    /// `spawn_blocking`, under the guard of `Runtime::enter`.
    ///
    /// | signal | what it does |
    /// |---|---|
    /// | the first | stops the server, with its [`grace`](Self::grace) |
    /// | the second | ends the process at once, with the exit code 128 and the signal's number |
    ///
    /// The usual effect of these signals is off from here on, for the whole process.
    ///
    /// The stop ends within the grace and a second and a half, also if handlers hold all threads of
    /// the loop; then the report [says so](StopReport::loop_held), and [names
    /// them](StopReport::stuck_sessions).
    ///
    /// # The second signal
    /// It calls [`std::process::exit`]: standard output is flushed and `atexit` functions run, but
    /// no destructor, hook or cleanup does. A line is logged before, at level `ERROR`; the process
    /// waits for that for a fifth of a second at most, so a logger that blocks does not keep it.
    /// There is no hook: what must be flushed belongs after the first signal, and a program that
    /// wants to do more at the second one serves with [`spawn_thread`](Self::spawn_thread) and
    /// listens to the signals itself.
    ///
    /// # Errors
    /// As [`serve`](Self::serve); the runtime can't be made, or the signals can't be had; this
    /// thread is polling an async task (there, `serve().await` is what is meant).
    pub fn run_until_signal(self) -> io::Result<StopReport> {
        if must_not_block() {
            let text = "`run_until_signal` blocks, and this thread polls an async task: use `serve().await`";
            return Err(io::Error::other(text));
        }
        let runtimes = Runtimes::new(self.options.loop_threads)?;
        let handle = self.handle();
        runtimes.run(async |runtimes| {
            let signals = Signals::new()?;
            let control = self.control();
            let serving = runtimes.runtime.spawn(self.serve());
            tokio::select! {
                biased;
                result = supervise(serving, &control, runtimes.runtime.handle()) => result,
                never = stop_at_signals(handle, signals) => match never {},
            }
        })
    }

    /// As [`serve`](Self::serve), until SIGINT or SIGTERM (elsewhere: Ctrl-C) stops the server: on
    /// the current tokio runtime, for a program that has one of its own.
    ///
    /// The signals do the same as with [`run_until_signal`](Self::run_until_signal): the first one
    /// stops the server with its [`grace`](Self::grace), the second one ends the process. Their
    /// usual effect is off from here on, for the whole process. Several servers may wait for the
    /// same signals.
    ///
    /// ```no_run
    /// # async fn run<S: portcullis::Service<Request = String, Response = String>>(service: S) -> std::io::Result<()> {
    /// let server = portcullis::Server::new(service).codec(portcullis::Lines::new());
    /// let report = server.bind("127.0.0.1:9000")?.serve_until_signal().await?;
    /// println!("{report}");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`serve`](Self::serve); the signals cannot be had.
    ///
    /// # When handlers block the event loop
    /// Signals are handled, and the server stops, when a thread polls this future: see
    /// [`serve`](Self::serve).
    ///
    /// # Cancellation
    /// As [`serve`](Self::serve). The signals have no effect after that.
    ///
    /// # Panics
    /// Outside a tokio runtime that has I/O and time enabled.
    pub async fn serve_until_signal(self) -> io::Result<StopReport> {
        let signals = Signals::new()?;
        let handle = self.handle();
        tokio::select! {
            biased;
            result = self.serve() => result,
            never = stop_at_signals(handle, signals) => match never {},
        }
    }

    /// Serves on a thread of its own, on a multi-threaded runtime; returns when connections are
    /// accepted.
    ///
    /// As with [`run_until_signal`](Self::run_until_signal), no handler holds its stop.
    ///
    /// # Errors
    /// As [`serve`](Self::serve) when starting; the thread or the runtime can't be made.
    pub fn spawn_thread(self) -> io::Result<ServerThread> {
        let handle = self.handle();
        let addrs = self.bound.bound().addrs.clone();
        let (ready_tx, ready_rx) = mpsc::channel();
        let ready = handle.clone();
        let loop_threads = self.options.loop_threads;
        // The runtimes are made there: one that is dropped here, because there is no thread, would
        // panic in an async task.
        let thread = threads::start(ThreadName::internal("server"), None, move || {
            Runtimes::new(loop_threads)?.run(async |runtimes| {
                let control = self.control();
                runtimes.runtime.spawn(async move { ready_tx.send(ready.ready().await) });
                let serving = runtimes.runtime.spawn(self.serve());
                supervise(serving, &control, runtimes.runtime.handle()).await
            })
        })?;
        let thread = ServerThread { handle, addrs, thread: Some(thread) };
        // A receive error means that the runtime has ended: the thread's result says why.
        if ready_rx.recv().unwrap_or(false) {
            Ok(thread)
        } else {
            thread.join().and_then(|_| Err(stopped_while_starting()))
        }
    }
}

/// Stops the server at the first signal, and ends the process at the second.
async fn stop_at_signals(handle: ServerHandle, mut signals: Signals) -> Infallible {
    signals.next().await;
    handle.stop();
    log_on_thread(|| info!("a signal stops the server"));
    let number = signals.next().await;
    log_on_thread(move || error!(number, "a second signal ends the process"));
    process::exit(128 + number)
}

/// The runtime that serves, and the runtime of the supervising thread.
struct Runtimes {
    runtime: Runtime,
    waiting: Runtime,
}

/// # Errors
/// The system gives no thread. (tokio panics then: it is asked only when a thread could be had just
/// before, and what panics in spite of that becomes an error.)
fn runtime(loop_threads: Option<usize>) -> io::Result<Runtime> {
    let thread = threads::start(ThreadName::new("portcullis-loop", ""), None, || ())?;
    thread.join().map_err(|payload| io::Error::other(Panic::new(payload).to_string()))?;
    let build = || {
        // One thread for the loop is not enough: a handler that holds it would hold all sessions.
        let default = || thread::available_parallelism().map_or(2, |count| count.get().max(2));
        let threads = loop_threads.unwrap_or_else(default);
        let mut builder = Builder::new_multi_thread();
        builder
            .worker_threads(threads)
            .thread_name_fn(|| ThreadName::internal("loop").full())
            .on_thread_start(ThreadName::show_numbered);
        builder.enable_all().build()
    };
    panic::catch_unwind(build).unwrap_or_else(|payload| {
        Err(io::Error::new(io::ErrorKind::WouldBlock, Panic::new(payload).to_string()))
    })
}

impl Runtimes {
    fn new(loop_threads: Option<usize>) -> io::Result<Self> {
        Ok(Self {
            runtime: runtime(loop_threads)?,
            waiting: Builder::new_current_thread().enable_all().build()?,
        })
    }

    /// Runs `serve` on this thread. Does not wait for what is then left on the serving runtime.
    fn run(self, serve: impl AsyncFnOnce(&Self) -> io::Result<StopReport>) -> io::Result<StopReport> {
        let result = self.waiting.block_on(serve(&self));
        self.runtime.shutdown_background();
        result
    }
}

/// Waits for the end of a server on `runtime`, from a thread outside that runtime.
async fn supervise(mut serving: Serving, control: &Control, runtime: &Handle) -> io::Result<StopReport> {
    tokio::select! {
        biased;
        result = wait_until_ended(&mut serving, control) => result,
        () = keep_loop_driven(control, runtime) => unreachable!("attending never ends"),
    }
}

/// Like [`supervise`], but blocks this thread.
///
/// # Errors
/// The runtime for waiting cannot be made; the errors of the server.
pub(super) fn wait_for(serving: Serving, control: &Control, runtime: &Handle) -> io::Result<StopReport> {
    let waiting = Builder::new_current_thread().enable_time().build()?;
    waiting.block_on(supervise(serving, control, runtime))
}

/// Returns the report of the serving task, or, if it does not end in time, a report that is made
/// from outside.
pub(super) async fn wait_until_ended(serving: &mut Serving, control: &Control) -> io::Result<StopReport> {
    tokio::select! {
        biased;
        ended = serving => flatten_join(ended),
        report = report_overdue(control) => Ok(report),
    }
}

fn flatten_join(ended: Result<io::Result<StopReport>, JoinError>) -> io::Result<StopReport> {
    ended.unwrap_or_else(|error| match error.try_into_panic() {
        Ok(payload) => panic::resume_unwind(payload),
        Err(error) => Err(io::Error::other(error)),
    })
}

/// Keeps sockets and timers driven. The runtime thread that drives them may be blocked by a
/// handler; a task that is spawned from outside wakes another thread, which then drives them.
async fn keep_loop_driven(control: &Control, runtime: &Handle) {
    loop {
        sleep(CHECK_INTERVAL).await;
        if control.sessions().is_some_and(|sessions| sessions.is_clock_late()) {
            drop(runtime.spawn(async {}));
        }
    }
}

/// Waits until a stop is overdue, and reports what is visible from outside the runtime.
///
/// Uses the timer thread of `portcullis-runtime`, because the timers of the blocked runtime may not
/// fire. After the deadline by tokio's clock there is a wait by the real clock, because a clock
/// that a test has paused can be ahead of the threads.
async fn report_overdue(control: &Control) -> StopReport {
    control.wait_for_stop().await;
    let began = Instant::now();
    let _ = control.run_until_deadline(HOOK_GRACE, pending::<()>()).await;
    wait(SLACK).await;
    let mut report = StopReport { loop_held: true, took: began.elapsed(), ..StopReport::default() };
    if let Some(sessions) = control.sessions() {
        let before = sessions.polled_sessions();
        wait(STUCK_AFTER).await;
        report.stuck_sessions = find_stuck(&before, sessions.polled_sessions());
        report.sessions_cancelled = sessions.active_count();
        report.sessions_stuck = report.stuck_sessions.len();
    }
    report.tasks_cancelled = control.tasks().map(|tasks| tasks.running_locations()).unwrap_or_default();
    let text = report.to_string();
    log_on_thread(move || warn!("{text}"));
    report
}

async fn wait(time: Duration) {
    timer::until(timer::after(time), |_| false).await;
}

/// Logs on another thread, and waits for it for at most [`LOG_TIMEOUT`]. The logger may block (on a
/// full pipe, or on a lock that a handler holds), and this thread must still handle signals and the
/// deadline.
fn log_on_thread(log: impl FnOnce() + Send + 'static) {
    let (done_tx, done_rx) = mpsc::channel::<()>();
    let thread = threads::start(ThreadName::internal("log"), None, move || {
        let _ended = done_tx;
        log();
    });
    if thread.is_ok() {
        let _ = done_rx.recv_timeout(LOG_TIMEOUT);
    }
}

/// Returns whether this thread is polling an async task, which a blocking call would block.
pub(super) fn must_not_block() -> bool {
    context::is_polling_task() || in_tokio_task()
}

pub(super) fn stopped_while_starting() -> io::Error {
    io::Error::new(io::ErrorKind::Interrupted, "stopped while starting")
}

/// A server on a thread of its own. Dropping it stops the server without waiting.
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
    /// If there is none, for example because the server listens on Unix sockets only.
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
    pub fn stop_within(self, grace: Duration) -> io::Result<StopReport> {
        self.handle.stop_within(grace);
        self.join()
    }

    /// Waits until the server ends. A [handle](Self::handle) stops it. Blocks this thread.
    ///
    /// # Errors
    /// As [`Server::serve`].
    ///
    /// # Panics
    /// If the server's thread did, with its payload.
    pub fn join(mut self) -> io::Result<StopReport> {
        let Some(thread) = self.thread.take() else { return Err(stopped_while_starting()) };
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

    /// Returns the number of the next signal.
    async fn next(&mut self) -> i32 {
        use tokio::signal::unix::SignalKind;
        let kind = tokio::select! {
            _ = self.interrupt.recv() => SignalKind::interrupt(),
            _ = self.terminate.recv() => SignalKind::terminate(),
        };
        kind.as_raw_value()
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    /// The next one's number, as it is elsewhere.
    async fn next(&mut self) -> i32 {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        2
    }
}
