//! [`Tls`], the TLS configuration of a listener, and [`TlsReloader`], which replaces it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use tokio_rustls::rustls::ServerConfig;

use super::pem::TlsBuilder;
use crate::sync::Mutex;

/// The TLS configuration of a listener: certificates, application protocols, and the time limit of
/// the handshake.
///
/// From PEM files, which can be read again while the server runs:
///
/// ```no_run
/// # fn f() -> std::io::Result<()> {
/// let tls = portcullis::Tls::pem_files("chain.pem", "key.pem").alpn(["desk/1"]).build()?;
/// let reloader = tls.reloader(); // `reloader.reload()?` when the files have changed
/// # Ok(())
/// # }
/// ```
///
/// or `Tls::from(config)` of a `rustls::ServerConfig` of one's own. A clone is the same: it is
/// reloaded with it.
#[derive(Clone)]
pub struct Tls {
    current: Arc<ReloadableConfig>,
    handshake_timeout: Duration,
}

/// The current configuration, shared with the reloaders.
struct ReloadableConfig {
    config: Mutex<Arc<ServerConfig>>,
    /// The builder that read the configuration, if one did.
    builder: Option<TlsBuilder>,
}

impl Tls {
    /// From a certificate chain and its key, each a PEM file. They are read by
    /// [`build`](TlsBuilder::build).
    pub fn pem_files(chain: impl AsRef<Path>, key: impl AsRef<Path>) -> TlsBuilder {
        TlsBuilder::from_files(chain.as_ref(), key.as_ref())
    }

    /// From a certificate chain and its key, as the text of PEM files.
    pub fn pem(chain: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> TlsBuilder {
        TlsBuilder::from_text(chain.as_ref(), key.as_ref())
    }

    pub(super) fn new(config: Arc<ServerConfig>, builder: Option<TlsBuilder>) -> Self {
        let current = Arc::new(ReloadableConfig { config: Mutex::new(config), builder });
        Self { current, handshake_timeout: Duration::from_secs(10) }
    }

    /// Sets how long a handshake may take. 10 seconds by default.
    ///
    /// During the handshake a client counts as a [connection](crate::Server::max_connections), but
    /// no handler and no hook runs for it.
    #[must_use]
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// Returns a handle that replaces certificates while the server runs.
    pub fn reloader(&self) -> TlsReloader {
        TlsReloader { current: Arc::clone(&self.current) }
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.config.lock())
    }

    pub(crate) fn max_handshake(&self) -> Duration {
        self.handshake_timeout
    }
}

impl From<Arc<ServerConfig>> for Tls {
    fn from(config: Arc<ServerConfig>) -> Self {
        Self::new(config, None)
    }
}

impl From<ServerConfig> for Tls {
    fn from(config: ServerConfig) -> Self {
        Arc::new(config).into()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("handshake_timeout", &self.handshake_timeout).finish_non_exhaustive()
    }
}

/// Replaces what a [`Tls`] shows to its clients, from any thread, while the server runs.
///
/// Handshakes that begin afterwards see the new one; sessions, and handshakes that have begun, keep
/// theirs.
#[derive(Clone)]
pub struct TlsReloader {
    current: Arc<ReloadableConfig>,
}

impl TlsReloader {
    /// Reads the files again that the [`Tls`] was built from. Blocks for as long as reading files
    /// takes.
    ///
    /// # Errors
    /// As [`TlsBuilder::build`]; `Unsupported` if it was not built by one. What was shown before
    /// still is.
    pub fn reload(&self) -> io::Result<()> {
        let Some(builder) = &self.current.builder else {
            let text = "this `Tls` was not made from PEM: give `TlsReloader::set` a new configuration";
            return Err(io::Error::new(io::ErrorKind::Unsupported, text));
        };
        self.set(builder.config()?);
        Ok(())
    }

    /// Uses this configuration from now on.
    pub fn set(&self, config: impl Into<Arc<ServerConfig>>) {
        let old = std::mem::replace(&mut *self.current.config.lock(), config.into());
        // Drop it after the lock is released, because it can be large.
        drop(old);
    }
}

impl fmt::Debug for TlsReloader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsReloader").finish_non_exhaustive()
    }
}
