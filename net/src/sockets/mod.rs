//! What servers, clients and endpoints need of sockets, streams and datagrams alike. It imports
//! nothing of this crate.
//!
//! - [`tcp`], [`unix`]: addresses with the options of their sockets, for servers and clients;
//!   [`wrappers`]: the same over TLS, or passing descriptors;
//! - [`addrs`]: names to sockets, one address after another; [`race`]: several at a time;
//! - [`options`]: options that sockets of several kinds have;
//! - [`socket_file`]: the files of Unix sockets, and who may remove them.

mod addrs;
mod options;
mod race;
#[cfg(unix)]
pub(crate) mod socket_file;
pub(crate) mod tcp;
#[cfg(unix)]
pub(crate) mod unix;
#[cfg(any(feature = "tls", all(feature = "fds", unix)))]
pub(crate) mod wrappers;

pub use self::addrs::SocketAddrs;
pub(crate) use self::addrs::{each_its_share, first_of, left};
pub(crate) use self::options::{set_buffers, set_reuse_port};
pub(crate) use self::race::race;
