//! TLS, by rustls with ring.
//!
//! - [`config`]: [`Tls`], what a listener shows to its clients and asks of them, and
//!   [`TlsReloader`], which replaces it while the server runs;
//! - [`pem`]: [`TlsBuilder`], which makes one from PEM;
//! - [`stream`]: the encrypted stream under a session;
//! - [`info`]: what a handshake has told, and [`TlsPeer`], by which handlers get at it.

pub(crate) mod config;
pub(crate) mod info;
pub(crate) mod pem;
pub(crate) mod stream;

pub use self::config::{Tls, TlsReloader};
pub use self::info::{TlsInfo, TlsPeer};
pub use self::pem::TlsBuilder;
