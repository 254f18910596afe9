//! [`TlsBuilder`]: from PEM to a configuration.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, fs, io};

use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::config::Tls;

/// Builds a [`Tls`] from PEM; by [`Tls::pem_files`] or [`Tls::pem`].
///
/// TLS 1.3 and 1.2, with rustls' safe defaults; for another choice, make a
/// `rustls::ServerConfig`.
#[derive(Clone)]
#[must_use = "nothing is read before `build`"]
pub struct TlsBuilder {
    chain: Pem,
    key: Pem,
    alpn: Vec<Vec<u8>>,
    client_auth: Option<ClientAuth>,
}

#[derive(Clone)]
struct ClientAuth {
    roots: Pem,
    required: bool,
}

#[derive(Clone)]
enum Pem {
    File(PathBuf),
    Text(Vec<u8>),
}

impl TlsBuilder {
    pub(super) fn from_files(chain: &Path, key: &Path) -> Self {
        Self::new(Pem::File(chain.to_owned()), Pem::File(key.to_owned()))
    }

    pub(super) fn from_text(chain: &[u8], key: &[u8]) -> Self {
        Self::new(Pem::Text(chain.to_owned()), Pem::Text(key.to_owned()))
    }

    fn new(chain: Pem, key: Pem) -> Self {
        Self { chain, key, alpn: Vec::new(), client_auth: None }
    }

    /// The application protocols that are spoken, the preferred one first. A client that offers
    /// others only is refused.
    pub fn alpn<P: AsRef<[u8]>>(mut self, protocols: impl IntoIterator<Item = P>) -> Self {
        self.alpn = protocols.into_iter().map(|protocol| protocol.as_ref().to_owned()).collect();
        self
    }

    /// Asks clients for a certificate that one of these (the text of a PEM file) has signed, and
    /// refuses those that have none. The certificate is in
    /// [`TlsInfo::certificates`](crate::TlsInfo::certificates).
    pub fn client_roots(mut self, roots: impl AsRef<[u8]>) -> Self {
        self.client_auth = Some(ClientAuth { roots: Pem::Text(roots.as_ref().to_owned()), required: true });
        self
    }

    /// As [`client_roots`](Self::client_roots), from a PEM file.
    pub fn client_roots_file(mut self, roots: impl AsRef<Path>) -> Self {
        self.client_auth = Some(ClientAuth { roots: Pem::File(roots.as_ref().to_owned()), required: true });
        self
    }

    /// Lets clients without a certificate in, too; one that is not valid is still refused.
    pub fn client_certificate_optional(mut self) -> Self {
        if let Some(client_auth) = &mut self.client_auth {
            client_auth.required = false;
        }
        self
    }

    /// Reads the files.
    ///
    /// # Errors
    /// A file can't be read, is not PEM, or holds no certificate or key; key and certificate don't
    /// belong together.
    pub fn build(self) -> io::Result<Tls> {
        Ok(Tls::new(Arc::new(self.config()?), Some(self)))
    }

    /// As [`build`](Self::build), for [`TlsReloader::set`](crate::TlsReloader::set), or to change
    /// what is not covered here.
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub fn config(&self) -> io::Result<ServerConfig> {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(invalid)?;
        let builder = match &self.client_auth {
            None => builder.with_no_client_auth(),
            Some(client_auth) => builder.with_client_cert_verifier(client_auth.verifier(provider)?),
        };
        let key = self.key.one_key()?;
        let mut config = builder.with_single_cert(self.chain.certificates()?, key).map_err(invalid)?;
        config.alpn_protocols.clone_from(&self.alpn);
        Ok(config)
    }
}

impl ClientAuth {
    fn verifier(&self, provider: Arc<CryptoProvider>) -> io::Result<Arc<dyn ClientCertVerifier>> {
        let mut roots = RootCertStore::empty();
        for root in self.roots.certificates()? {
            roots.add(root).map_err(invalid)?;
        }
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let builder = if self.required { builder } else { builder.allow_unauthenticated() };
        builder.build().map_err(invalid)
    }
}

impl Pem {
    fn text(&self) -> io::Result<Vec<u8>> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::File(path) => fs::read(path)
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
        }
    }

    fn certificates(&self) -> io::Result<Vec<CertificateDer<'static>>> {
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.text()?).collect();
        let certificates = certificates.map_err(|error| self.pem_error(&error))?;
        if certificates.is_empty() {
            Err(self.pem_error(&pem::Error::NoItemsFound))
        } else {
            Ok(certificates)
        }
    }

    fn one_key(&self) -> io::Result<PrivateKeyDer<'static>> {
        PrivateKeyDer::from_pem_slice(&self.text()?).map_err(|error| self.pem_error(&error))
    }

    fn pem_error(&self, error: &pem::Error) -> io::Error {
        match self {
            Self::File(path) => invalid(format!("{}: {error}", path.display())),
            Self::Text(_) => invalid(error.to_string()),
        }
    }
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}

/// Keys don't go into logs.
impl fmt::Debug for TlsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsBuilder").finish_non_exhaustive()
    }
}
