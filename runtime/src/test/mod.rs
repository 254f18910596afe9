//! For the tests of services: no sockets, no waiting, no chance (feature `test-util`). The guide is in `portcullis::test`.
//!
//! - [`connect()`]: a service as its clients see it, over a [`wire`] that carries values; what goes wrong there is told by [`faulty`];
//! - [`peer()`], [`worker()`]: what handlers, hooks and blocking bodies are given;
//! - [`pause`]: the [`clock`], which stands while jobs are at work; what they do is told by their [`activity`];
//! - stepped and inline pools are in [`stepped`].

pub(crate) mod activity;
mod clock;
mod connect;
mod detached;
mod faulty;
mod peer;
mod stepped;
#[cfg(all(test, not(portcullis_loom)))]
mod tests;
mod wire;
mod worker;

pub(crate) use self::activity::LIMIT;
pub use self::clock::{Paused, pause};
pub use self::connect::{Client, Error, connect, connect_to};
pub use self::faulty::{Faults, Faulty};
pub use self::peer::{Sent, bounded_peer, peer};
pub use self::stepped::{Step, Stepper, TestPool, TestPoolBuilder};
pub use self::worker::{Body, Cancel, worker};
