//! [`RunningJob`]: what the report of a drain says of a job.

use std::panic::Location;
use std::time::Duration;

/// What a job waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitsFor {
    /// The loop, to run a future to its end: `.wait(worker)`, `worker.call(..)`.
    Loop,
    /// The receiver of a [`channel`](crate::channel()), to make room:
    /// [`Sender::send`](crate::Sender::send).
    Room,
    /// Time to pass: [`Worker::sleep`](crate::Worker::sleep).
    Time,
}

/// A place in the user's code where a worker waits, and for what.
pub(crate) type WaitsAt = (&'static Location<'static>, WaitsFor);

/// Where a job stands, for a drain's report.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RunningJob {
    /// The method, as `Type::method`, or the name given to [`Pool::job`](crate::Pool::job).
    pub method: &'static str,
    /// The pool's name.
    pub pool: String,
    /// Time since the call.
    pub age: Duration,
    /// Where the job waits, if it waits in a function of this crate; else it runs code of its own.
    pub waiting_at: Option<&'static Location<'static>>,
    /// What it waits for there.
    pub waits_for: Option<WaitsFor>,
    /// The job waits in a crossing for an `Offload` that is held but that nobody polls (P8).
    pub host_not_polled: bool,
}

impl std::fmt::Display for RunningJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` on pool `{}` for {:?}", self.method, self.pool, self.age)?;
        match self.waiting_at {
            Some(at) if self.host_not_polled => {
                write!(f, ", waiting at {at} for an offload that nobody polls")
            }
            Some(at) => match self.waits_for {
                Some(WaitsFor::Room) => write!(f, ", waiting for room in a channel at {at}"),
                Some(WaitsFor::Time) => write!(f, ", sleeping at {at}"),
                Some(WaitsFor::Loop) | None => write!(f, ", waiting for the loop at {at}"),
            },
            None => f.write_str(", running"),
        }
    }
}
