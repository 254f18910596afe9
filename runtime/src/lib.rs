//! The offload core of [portcullis](https://docs.rs/portcullis): bounded pools, offloads and the
//! portal. It needs no socket, no codec and no particular executor.
//!
//! Applications depend on `portcullis`, which re-exports everything here. `ARCHITECTURE.md` in the
//! repository lists the modules in the order in which they import each other.

#![forbid(unsafe_code)]
// docs.rs builds with nightly, and says of each item which feature it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod channel;
mod context;
mod error;
mod hooks;
mod host_call;
mod host_task;
mod job;
pub mod lints;
mod pool;
mod portal;
#[doc(hidden)]
pub mod private;
mod report;
mod scope;
mod spawn;
mod sync;
#[cfg_attr(portcullis_loom, allow(dead_code))]
mod threads;
mod timer;
mod values;
mod worker;

/// Bounds of generated code that compiler messages name. Not for use by hand.
pub mod bounds {
    pub use crate::private::{
        BodyInImplBlock, FromInterrupted, InFreeFunction, IsWorker, NoValue, NotAWorker, ResultType,
        is_error_of_a_job, is_not_a_worker, moves_between_threads,
    };
}

/// For `portcullis-service`, `portcullis-net` and `portcullis-testkit`, which are released together
/// with this crate. Not part of the public interface.
#[doc(hidden)]
pub mod internal {
    pub mod context {
        pub use crate::context::{DeadlineScope, InScope, is_polling_task};
    }
    pub mod error {
        pub use crate::error::{CatchUnwind, Interrupted, Panic, catch_and_log, catch_panic};
    }
    pub mod hooks {
        pub use crate::hooks::{
            HookTimer, Hooks, MakeHooks, PoolHooks, PoolProbe, SteppedThread, install, uninstall,
        };
    }
    pub mod pool {
        pub use crate::pool::{DrainReport, ExternalCancelHandle, ExternalJob, Offload, Pool, PoolBuilder};
    }
    pub mod portal {
        pub use crate::portal::in_tokio_task;
    }
    pub mod report {
        pub use crate::report::RunningJob;
    }
    pub mod scope {
        pub use crate::scope::{DrainSource, Scope, ScopeGuard};
    }
    pub mod spawn {
        pub use crate::spawn::{BoxTask, Executor, Spawn};
    }
    pub mod sync {
        pub use crate::sync::{CachePadded, Condvar, Mutex, MutexGuard, atomic};
    }
    pub mod threads {
        pub use crate::threads::{ThreadName, start};
    }
    pub mod timer {
        pub use crate::timer::{after, until};
    }
    pub mod worker {
        pub use crate::worker::Worker;
    }
}

pub use channel::{ChannelError, Receiver, Sender, channel};
pub use context::{ContextFuture, ContextKey, DEADLINE};
pub use error::{Interrupted, Panic};
pub use pool::{
    DrainReport, Histogram, JobBuilder, MethodEstimate, Offload, Overflow, Pool, PoolBuilder, PoolConfig,
    PoolMap, PoolStats, deadline,
};
pub use portal::{AsCompleted, CancelHandle, Portal, PortalTask, as_completed, join_all};
pub use report::{RunningJob, WaitsFor};
pub use spawn::{BoxTask, Spawn};
pub use worker::{Wait, Worker};
