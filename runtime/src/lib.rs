//! The runtime of [portcullis](https://docs.rs/portcullis): bounded pools, offloads, the portal, sessions and servers.
//!
//! Applications depend on `portcullis`, which re-exports everything here. The modules are the nouns, and imports
//! run one way: `server → session → portal → pool`.

#![forbid(unsafe_code)]

mod context;
mod crossing;
mod error;
mod job;
mod pool;
mod portal;
#[doc(hidden)]
pub mod private;
mod scope;
mod spawn;
mod sync;
mod timer;
mod worker;

pub use error::{Interrupted, Panic};
pub use job::StuckJob;
pub use pool::{Builder, DrainReport, JobBuilder, Offload, Overflow, Pool, Stats};
pub use portal::{AsCompleted, Portal, PortalTask, as_completed, join_all};
pub use spawn::{BoxTask, Spawn};
pub use worker::{Wait, Worker};
