//! The runtime of [portcullis](https://docs.rs/portcullis): bounded pools, offloads, the portal,
//! and the traits that `#[service]` implements (feature `service`).
//!
//! Applications depend on `portcullis`, which re-exports everything here. `portcullis-net` serves
//! the services. `ARCHITECTURE.md` in the repository lists the modules in the order in which they
//! import each other.

#![forbid(unsafe_code)]
// docs.rs builds with nightly, and says of each item which feature it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod channel;
mod context;
#[cfg(feature = "service")]
pub mod describe;
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
#[cfg(feature = "service")]
mod service;
mod spawn;
mod sync;
#[cfg_attr(portcullis_loom, allow(dead_code))]
mod threads;
mod timer;
mod values;
mod worker;

/// What messages of the compiler name: the bounds that expansions ask for. Nothing in here is to be
/// called by hand.
pub mod bounds {
    #[cfg(feature = "service")]
    pub use crate::private::{
        BeginsWithConn, BorrowsCleanup, BorrowsConn, Completes, DerefTarget, EndOfConn, FailsWith, First,
        Flows, IsState, IsWire, MakesBoth, NextState, NextTypes, SameType, SessionTypes, Step, TakesConn,
        TakesData, TakesError, TakesEvent, TakesPeer, TakesReason, TakesRequest, TakesResponse, Unknown,
        WrittenOut,
    };
    pub use crate::private::{
        Fallible, FromInterrupted, InAnImplBlock, IsNoWorker, IsWorker, Nowhere, OfAFreeFunction,
        crosses_as_worker, is_error_of_a_job, moves_between_threads,
    };
}

/// For `portcullis-net` and `portcullis-testkit`, which are released together with this crate. Not
/// part of the public interface.
#[doc(hidden)]
pub mod internal {
    pub mod context {
        pub use crate::context::{InScope, is_polling_task};
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
    #[cfg(feature = "service")]
    pub mod service {
        #[cfg(unix)]
        pub use crate::service::Credentials;
        pub use crate::service::{
            BoxError, Cleanup, Connected, HalfClose, HandlerKind, IntoService, Peer, PerRequest, PerSession,
            PostFuture, Reason, SendError, Service, Session, SessionError, StateLimits, Step, Stopping,
            TrySendError, internal,
        };
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
pub use context::{ContextFuture, ContextKey};
pub use error::{Interrupted, Panic};
pub use pool::{
    DrainReport, Histogram, JobBuilder, Offload, Overflow, Pool, PoolBuilder, PoolConfig, PoolMap, PoolStats,
};
pub use portal::{AsCompleted, CancelHandle, Portal, PortalTask, as_completed, join_all};
pub use report::{RunningJob, WaitsFor};
pub use spawn::{BoxTask, Spawn};
pub use worker::{Wait, Worker};

#[cfg(feature = "service")]
pub use describe::{Describe, Description};
#[cfg(all(feature = "service", unix))]
pub use service::Credentials;
#[cfg(feature = "service")]
pub use service::{
    Cleanup, ClosedFuture, HalfClose, IntoService, Peer, PostFuture, Reason, SendError, SendFuture, Service,
    Session, SessionError, StateLimits, Stopping, TrySendError,
};
