//! [`TlsInfo`]: the result of a TLS handshake, and [`TlsPeer`], with which handlers read it.

use std::fmt;
use std::sync::OnceLock;

use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ProtocolVersion, ServerConnection};

use crate::service::Peer;

/// What a listener with TLS adds to a [`Peer`]. In the prelude.
pub trait TlsPeer {
    /// Returns the result of the TLS handshake: the client's certificates, the application
    /// protocol. `None` without TLS.
    fn tls(&self) -> Option<&TlsInfo>;
}

impl<Rsp, Ev> TlsPeer for Peer<Rsp, Ev> {
    fn tls(&self) -> Option<&TlsInfo> {
        self.extension::<Handshake>()?.get()
    }
}

/// The result of a handshake, once there is one: the extension of a connection's origin.
pub(crate) type Handshake = OnceLock<TlsInfo>;

/// The result of a TLS handshake; returned by [`TlsPeer::tls`](crate::TlsPeer::tls).
pub struct TlsInfo {
    alpn: Option<Box<[u8]>>,
    server_name: Option<Box<str>>,
    certificates: Box<[CertificateDer<'static>]>,
    version: Option<ProtocolVersion>,
}

impl TlsInfo {
    pub(crate) fn of(connection: &ServerConnection) -> Self {
        let certificates = connection.peer_certificates().unwrap_or_default();
        Self {
            alpn: connection.alpn_protocol().map(Box::from),
            server_name: connection.server_name().map(Box::from),
            certificates: certificates.iter().map(|certificate| certificate.clone().into_owned()).collect(),
            version: connection.protocol_version(),
        }
    }

    /// The application protocol that was agreed on, if both sides offered any.
    pub fn alpn(&self) -> Option<&[u8]> {
        self.alpn.as_deref()
    }

    /// The name that the client asked for (SNI).
    pub fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// The client's certificates, its own first; none unless they were [asked
    /// for](crate::TlsBuilder::client_roots).
    ///
    /// They are valid: a client with another certificate does not come to be a peer.
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }

    /// The version of the protocol.
    pub fn version(&self) -> Option<ProtocolVersion> {
        self.version
    }
}

impl fmt::Debug for TlsInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsInfo")
            .field("alpn", &self.alpn.as_deref().map(String::from_utf8_lossy))
            .field("server_name", &self.server_name)
            .field("certificates", &self.certificates.len())
            .field("version", &self.version)
            .finish()
    }
}
