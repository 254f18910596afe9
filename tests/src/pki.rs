//! A certificate authority for the tests, and the certificates that it has signed. They are
//! generated once per process.

use std::sync::{Arc, OnceLock};

use portcullis::{Tls, TlsBuilder};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// A certificate and its key.
#[derive(Debug)]
pub struct Identity {
    /// The certificate, as PEM.
    pub chain: String,
    /// Its key, as PEM.
    pub key: String,
}

/// A certificate authority, and three identities that it has signed.
#[derive(Debug)]
pub struct Pki {
    /// The authority's certificate, as PEM.
    pub root: String,
    /// `localhost`, a server.
    pub server: Identity,
    /// `localhost` again, with another key.
    pub renewed: Identity,
    /// A client.
    pub client: Identity,
}

impl Pki {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).expect("params");
        params.distinguished_name.push(DnType::CommonName, "the tests' authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer =
            CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a root");
        let sign = |name: &str, purpose| {
            let mut params = CertificateParams::new([name.to_owned()]).expect("params");
            // With the authority's name, it would look self-signed.
            params.distinguished_name.push(DnType::CommonName, name);
            params.extended_key_usages = vec![purpose];
            let key = KeyPair::generate().expect("a key");
            let certificate = params.signed_by(&key, &issuer).expect("a certificate");
            Identity { chain: certificate.pem(), key: key.serialize_pem() }
        };
        Self {
            root: issuer.pem(),
            server: sign("localhost", ExtendedKeyUsagePurpose::ServerAuth),
            renewed: sign("localhost", ExtendedKeyUsagePurpose::ServerAuth),
            client: sign("desk-client", ExtendedKeyUsagePurpose::ClientAuth),
        }
    }
}

/// The authority that servers and clients of the tests trust.
pub fn pki() -> &'static Pki {
    static PKI: OnceLock<Pki> = OnceLock::new();
    PKI.get_or_init(Pki::new)
}

/// Another authority, which neither servers nor clients trust.
pub fn strangers() -> &'static Pki {
    static PKI: OnceLock<Pki> = OnceLock::new();
    PKI.get_or_init(Pki::new)
}

/// The server side of TLS, with the certificate for `localhost`.
pub fn server_tls() -> TlsBuilder {
    let Identity { chain, key } = &pki().server;
    Tls::pem(chain, key)
}

/// The client side of TLS: trusts the authority, presents `identity` on request, and offers `alpn`.
///
/// # Panics
/// If the identity is none.
pub fn client_config(identity: Option<&Identity>, alpn: &[&str]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate(&pki().root)).expect("a root");
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(Identity { chain, key }) => {
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
            builder.with_client_auth_cert(vec![certificate(chain)], key).expect("an identity")
        }
    };
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_owned()).collect();
    Arc::new(config)
}

/// The certificate in a PEM text.
///
/// # Panics
/// If there is none.
pub fn certificate(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate")
}
