//! The test kit of [portcullis](https://docs.rs/portcullis): tests of services without sockets and
//! without real waiting.
//!
//! Applications find it as `portcullis::test` (feature `test-util`), with a guide.
//!
//! - [`connect()`]: a client of a service over an in-memory connection ([`memory`]), with injected
//!   faults ([`faulty`]);
//! - the typed client of a service of calls over that connection is in [`rpc`];
//! - [`peer()`], [`worker()`]: the arguments of handlers, hooks and blocking bodies;
//! - [`pause()`]: pauses tokio's [`clock`], which also stops while jobs run; the jobs report to
//!   [`activity`];
//! - stepped and inline pools are in [`stepped`].

#![forbid(unsafe_code)]

pub(crate) mod activity;
mod clock;
mod connect;
mod detached;
mod faulty;
mod memory;
mod peer;
#[cfg(feature = "rpc")]
mod rpc;
mod stepped;
#[cfg(test)]
mod tests;
mod worker;

// The modules of the crates below, under their own names.
pub(crate) use portcullis_codec as codec;
pub(crate) use portcullis_runtime::internal::{hooks, pool, scope, spawn, sync, threads, timer};
pub(crate) use portcullis_service as service;

pub(crate) use self::activity::TEST_TIMEOUT;
pub use self::clock::{Paused, pause};
pub use self::connect::{Client, Error, connect, connect_to};
pub use self::faulty::{Faults, Faulty};
pub use self::peer::{SentMessages, bounded_peer, peer};
pub use self::stepped::{Step, Stepper, TestPool, TestPoolBuilder};
pub use self::worker::{WorkerBuilder, WorkerCancelHandle, worker};
