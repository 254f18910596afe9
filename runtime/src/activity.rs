//! [`Activity`]: what a job does now, for those who must know in tests.
//!
//! The paused clock stands still while a job is at work, and an inline pool's caller waits for as long (see
//! [`test`](crate::test)). Jobs say here what they do; without the feature `test-util` nobody listens, and this is nothing.
//!
//! ```text
//! queued ── begins ──> at work <── works / rests ──> at rest        any ── over ──> over
//!                      at work, at rest ── lends / goes_on ──> lending ──> at work
//! ```

#[cfg(feature = "test-util")]
pub(crate) use crate::test::activity::Activity;

#[cfg(not(feature = "test-util"))]
pub(crate) use nothing::Activity;

#[cfg(not(feature = "test-util"))]
mod nothing {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use crate::error::Interrupted;
    use crate::job::{Home, Job};
    use crate::pool::Inner;

    /// Of no interest to anybody.
    #[derive(Clone)]
    pub(crate) struct Activity;

    impl Activity {
        pub(crate) fn new(_: &Home, _: &Arc<Inner>) -> Self {
            Self
        }

        /// That of a visit, which is no pool's job.
        pub(crate) fn none() -> Self {
            Self
        }

        /// The time by the clock that the job's deadline is counted on.
        pub(crate) fn now(&self) -> Instant {
            Instant::now()
        }

        /// A thread has it.
        pub(crate) fn begins(&self) {}

        /// Its worker is about to go on after a rest.
        pub(crate) fn works(&self) {}

        /// Its worker waits for something that has to wake it.
        pub(crate) fn rests(&self) {}

        /// Its worker waits, and its thread begins a job that was lent to it: until that is over it can't go on, whatever wakes it.
        pub(crate) fn lends(&self) {}

        /// The lent job has left the thread.
        pub(crate) fn goes_on(&self) {}

        /// Its outcome is delivered.
        pub(crate) fn over(&self) {}

        /// It is in the line, or lent, or refused. If its pool is inline, the loop gives way to it.
        pub(crate) fn submitted(&self) {}

        /// The loop has answered its worker. If its pool is inline, the loop gives way to it again.
        pub(crate) fn answered(&self) {}

        /// Has the worker of `host` sleep by the test's clock, if there is one.
        pub(crate) fn sleep(
            &self,
            _: &Arc<dyn Job>,
            _: Duration,
            _: &'static std::panic::Location<'static>,
        ) -> Option<Result<(), Interrupted>> {
            None
        }
    }
}
