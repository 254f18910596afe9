//! [`ExternalJob`]: what a thread that no pool owns is to the core: a job that runs already.

use std::sync::{Arc, Weak};
use std::time::Instant;

use super::Pool;
use super::job_cell::JobCell;
use crate::context::{self, Current};
use crate::error::Interrupted;
use crate::job::{CancelReason, Charge, Host, Job, JobMeta, RareMeta};
use crate::spawn::Executor;
use crate::timer::{self, Expire, TimerGuard};
use crate::worker::Worker;

type ExternalCell = JobCell<fn(&Worker) -> Result<(), Interrupted>, (), Interrupted>;

/// Stands for this thread, until it is dropped. Then no job is handed off to the thread any more.
pub struct ExternalJob {
    cell: Arc<ExternalCell>,
    deadline_timer: Option<TimerGuard>,
}

impl ExternalJob {
    pub(crate) fn new(meta: JobMeta) -> Self {
        Self { cell: JobCell::external(meta), deadline_timer: None }
    }

    /// For a test kit: this thread counts as one of `pool`'s, and what the job waits for runs on
    /// `executor`.
    pub fn in_place_of(
        pool: Option<&Pool>,
        name: &'static str,
        deadline: Option<Instant>,
        executor: Executor,
    ) -> Self {
        Self::new(JobMeta {
            name,
            pool: pool.map(|pool| pool.inner().id),
            charge: Charge::default(),
            submitted_at: Instant::now(),
            scope: None,
            values: context::values(),
            executor,
            rare: Some(Box::new(RareMeta { deadline, ..RareMeta::default() })),
        })
    }

    /// Interrupts the job at its deadline, by the time of the operating system.
    pub fn start_deadline_timer(&mut self) {
        match self.cell.meta().deadline() {
            Some(deadline) if deadline <= Instant::now() => self.cell.expire(),
            Some(deadline) => {
                let cell: Weak<ExternalCell> = Arc::downgrade(&self.cell);
                self.deadline_timer = timer::expire_at(deadline, cell).ok();
            }
            None => {}
        }
    }

    /// A handle that cancels the job.
    pub fn cancel_handle(&self) -> ExternalCancelHandle {
        ExternalCancelHandle(self.host())
    }

    /// Calls `f` on this thread, as the body of the job.
    pub fn run<R>(self, f: impl FnOnce(&Worker) -> R) -> R {
        let host = self.host();
        let _entered = host.meta().executor.enter();
        context::with(&mut Current::for_job(Arc::clone(&host)), false, || f(&Worker::new(Arc::clone(&host))))
    }

    fn host(&self) -> Arc<dyn Host> {
        Arc::clone(&self.cell) as Arc<dyn Host>
    }
}

impl Drop for ExternalJob {
    /// On a panic of the thread's code, too.
    fn drop(&mut self) {
        self.cell.finish_external();
    }
}

/// Cancels an [`ExternalJob`], as if its caller had dropped it.
#[derive(Clone)]
pub struct ExternalCancelHandle(Arc<dyn Host>);

impl ExternalCancelHandle {
    /// Cancels the job now.
    pub fn cancel(&self) {
        self.0.interrupt(CancelReason::Dropped);
    }
}

/// The job that stands for a portal itself. It takes what threads ask for that have not entered,
/// and never ends.
pub(crate) fn root_job(meta: JobMeta) -> Arc<dyn Host> {
    ExternalCell::external(meta)
}
