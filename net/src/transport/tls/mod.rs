//! TLS, by rustls with ring.
//!
//! - [`config`]: [`Tls`], the configuration of a listener, and [`TlsReloader`], which replaces it
//!   while the server runs;
//! - [`pem`]: [`TlsBuilder`], which makes a configuration from PEM;
//! - [`stream`]: the encrypted stream of a session;
//! - [`info`]: the result of a handshake, and [`TlsPeer`], with which handlers read it.

pub(crate) mod config;
pub(crate) mod info;
pub(crate) mod pem;
pub(crate) mod stream;

pub use self::config::{Tls, TlsReloader};
pub use self::info::{TlsInfo, TlsPeer};
pub use self::pem::TlsBuilder;
