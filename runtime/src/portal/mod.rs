//! The portal: how a thread gets work done on the loop.
//!
//! - [`Wait`](crate::Wait) and [`Worker::call`](crate::Worker::call) need nothing of this module while the job's caller awaits it: the caller's
//!   task is the host. An [`Attendant`] stands in where there is no such task: for a detached job.
//! - [`PortalTask`] is what [`Worker::spawn`](crate::Worker::spawn) returns.

mod attendant;
mod task;

pub(crate) use attendant::Attendant;
pub use task::PortalTask;
