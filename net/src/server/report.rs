//! [`StopReport`]: the result of a server's shutdown.

use std::fmt;
use std::panic::Location;
use std::time::Duration;

use crate::pool::DrainReport;
use crate::report::RunningJob;
use crate::session::StuckSession;

/// The result of a server's shutdown.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct StopReport {
    /// Sessions that were active when the stop began and ended by themselves.
    pub sessions_finished: usize,
    /// Sessions that were cancelled at the end of the grace period.
    pub sessions_cancelled: usize,
    /// Sessions that did not end after that: their handlers or hooks block a thread.
    pub sessions_stuck: usize,
    /// The sessions that block a thread, with their handlers.
    pub stuck_sessions: Vec<StuckSession>,
    /// Whether the serving task did not end in time, so that the report was made without it:
    /// handlers block all threads of the loop, or a hook blocks the serving thread. Hooks and
    /// cleanup have not run or not finished.
    ///
    /// Never set by [`serve`](crate::Server::serve), which is that task.
    pub loop_held: bool,
    /// Jobs of this server that still ran after they were cancelled.
    pub stuck: Vec<RunningJob>,
    /// Where the tasks were spawned that had to be cancelled when the grace was over (or, if [the
    /// loop is held](Self::loop_held), that were still running then): by
    /// [`Portal::spawn`](portcullis_runtime::Portal::spawn),
    /// [`Worker::spawn`](portcullis_runtime::Worker::spawn) or
    /// [`Cleanup::spawn`](portcullis_service::Cleanup::spawn).
    pub tasks_cancelled: Vec<&'static Location<'static>>,
    /// The reports of the pools that the cleanup drained, in that order.
    pub drained: Vec<DrainReport>,
    /// Hooks and cleanup steps that did not finish in time.
    pub unfinished: usize,
    /// How long the stop took.
    pub took: Duration,
}

impl StopReport {
    /// Returns whether nothing was cancelled and nothing is left.
    pub fn is_clean(&self) -> bool {
        !self.loop_held
            && self.sessions_cancelled == 0
            && self.sessions_stuck == 0
            && self.unfinished == 0
            && self.stuck.is_empty()
            && self.tasks_cancelled.is_empty()
            && self.drained.iter().all(DrainReport::is_clean)
    }
}

/// `stopped in 0.1 ms: 1 session ended, 1 pool drained, nothing left`; what is left is named, a job
/// a line.
impl fmt::Display for StopReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let took = self.took.as_secs_f64();
        if took < 1.0 {
            write!(f, "stopped in {:.1} ms", took * 1000.0)?;
        } else {
            write!(f, "stopped in {took:.1} s")?;
        }
        let drained = self.drained.iter().filter(|report| report.is_clean()).count();
        write!(f, ": {}", counted(self.sessions_finished, ["session ended", "sessions ended"]))?;
        for (count, what) in [
            (self.sessions_cancelled, ["session cancelled", "sessions cancelled"]),
            (self.sessions_stuck, ["session stuck", "sessions stuck"]),
            (drained, ["pool drained", "pools drained"]),
            (self.unfinished, ["hook unfinished", "hooks unfinished"]),
            (self.stuck.len(), ["job stuck", "jobs stuck"]),
            (self.tasks_cancelled.len(), ["task cancelled", "tasks cancelled"]),
        ] {
            if count > 0 {
                write!(f, ", {}", counted(count, what))?;
            }
        }
        if self.is_clean() {
            f.write_str(", nothing left")?;
        }
        if self.loop_held {
            f.write_str(", the event loop is blocked: no hook has run since")?;
        }
        self.stuck_sessions.iter().try_for_each(|session| write!(f, "\n  {session}"))?;
        self.stuck.iter().try_for_each(|job| write!(f, "\n  {job}"))?;
        self.tasks_cancelled.iter().try_for_each(|at| write!(f, "\n  a task spawned at {at}"))?;
        self.drained
            .iter()
            .filter(|report| !report.is_clean())
            .try_for_each(|report| write!(f, "\n  {report}"))
    }
}

fn counted(count: usize, [one, many]: [&str; 2]) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_counts_in_words_and_says_when_nothing_is_left() {
        let pool = portcullis_runtime::Pool::builder("db").threads(1).build().expect("a pool");
        let drained = futures::executor::block_on(pool.drain(Duration::from_secs(10)));
        let clean = || drained.clone();
        let mut report = StopReport {
            sessions_finished: 1,
            drained: vec![clean()],
            took: Duration::from_micros(130),
            ..StopReport::default()
        };
        assert_eq!(report.to_string(), "stopped in 0.1 ms: 1 session ended, 1 pool drained, nothing left");
        report.sessions_finished = 0;
        report.drained.push(clean());
        assert_eq!(report.to_string(), "stopped in 0.1 ms: 0 sessions ended, 2 pools drained, nothing left");
        report.sessions_cancelled = 2;
        report.unfinished = 1;
        let mut cancelled = clean();
        cancelled.cancelled = 1;
        report.drained.push(cancelled);
        report.took = Duration::from_millis(10_250);
        assert_eq!(
            report.to_string(),
            "stopped in 10.2 s: 0 sessions ended, 2 sessions cancelled, 2 pools drained, 1 hook unfinished\n  \
             pool `db`: 1 cancelled, 0 stuck"
        );
    }
}
