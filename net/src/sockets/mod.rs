//! Addresses and sockets, for servers, clients and endpoints. This module imports nothing else of
//! the crate.
//!
//! - [`tcp`], [`unix`]: addresses with the options of their sockets; [`wrappers`]: the same over
//!   TLS, or with descriptor passing;
//! - [`addrs`]: resolves names, and tries one address after another; [`happy_eyeballs`]: tries
//!   several at a time;
//! - [`options`]: options that TCP and UDP share;
//! - [`socket_file`]: creates, replaces and removes the files of Unix sockets.

mod addrs;
mod happy_eyeballs;
mod options;
#[cfg(unix)]
pub(crate) mod socket_file;
pub(crate) mod tcp;
#[cfg(unix)]
pub(crate) mod unix;
#[cfg(any(feature = "tls", all(feature = "fds", unix)))]
pub(crate) mod wrappers;

pub use self::addrs::SocketAddrs;
pub(crate) use self::addrs::{remaining, try_each_addr, try_each_addr_until};
pub(crate) use self::happy_eyeballs::race;
pub(crate) use self::options::{IpOptions, set_buffers};
