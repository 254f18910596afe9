//! The portal: how a thread gets work done on the loop.
//!
//! - [`Wait`](crate::Wait) and [`Worker::call`](crate::Worker::call) need nothing of this module
//!   while the job's caller awaits it: the caller's task is the host. A
//!   [`HostTask`](crate::host_task::HostTask) stands in where there is no such task: for a detached
//!   job, for an external thread.
//! - [`PortalTask`] is what [`Worker::spawn`](crate::Worker::spawn) returns; [`as_completed`] and
//!   [`join_all`] wait for several.
//! - [`Portal`] lets threads in that no pool owns.

mod entrance;
mod join;
mod task;

pub use entrance::Portal;
pub use entrance::in_tokio_task;
pub use join::{AsCompleted, as_completed, join_all};
pub use task::{CancelHandle, PortalTask};
