//! [`RunningJob`]: what the report of a drain says about a job.

use std::panic::Location;
use std::time::Duration;

/// What a job waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitsFor {
    /// A wake-up for the future that it polls: `future.wait(worker)`.
    Wakeup,
    /// The event loop: [`Worker::call`](crate::Worker::call),
    /// [`Worker::run_on_loop`](crate::Worker::run_on_loop).
    Loop,
    /// Free capacity in a [`channel`](crate::channel()): [`Sender::send`](crate::Sender::send).
    Capacity,
    /// Time: [`Worker::sleep`](crate::Worker::sleep).
    Time,
}

/// Where in the user's code a worker waits, and for what.
pub(crate) type WaitsAt = (&'static Location<'static>, WaitsFor);

/// A job that runs, in the report of a drain.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RunningJob {
    /// The method, as `Type::method`, or the name given to [`Pool::job`](crate::Pool::job).
    pub method: &'static str,
    /// The pool's name.
    pub pool: String,
    /// Time since the call.
    pub age: Duration,
    /// Where the job waits, if it waits in a function of this crate. `None`: it runs its own code.
    pub waiting_at: Option<&'static Location<'static>>,
    /// What it waits for there.
    pub waits_for: Option<WaitsFor>,
    /// The job waits for the task that awaits it, and that task holds the `Offload` without polling
    /// it (P8).
    pub host_not_polled: bool,
}

impl std::fmt::Display for RunningJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` on pool `{}` for {:?}", self.method, self.pool, self.age)?;
        match self.waiting_at {
            Some(at) if self.host_not_polled => {
                write!(f, ", waiting at {at} for an `Offload` that is not polled")
            }
            Some(at) => match self.waits_for {
                Some(WaitsFor::Capacity) => write!(f, ", waiting for capacity in a channel at {at}"),
                Some(WaitsFor::Time) => write!(f, ", sleeping at {at}"),
                Some(WaitsFor::Wakeup) => write!(f, ", waiting for a future at {at}"),
                Some(WaitsFor::Loop) | None => write!(f, ", waiting for the loop at {at}"),
            },
            None => f.write_str(", running"),
        }
    }
}
