//! One service on several transports: a guest book over TCP, TLS and a Unix socket at once.
//!
//! ```text
//! cargo run --example transports
//! ```
//!
//! The service is independent of the transport; it uses `Peer` to find out how its client
//! connected. The example also replaces the certificate while the server runs. Clients connect to
//! the same kinds of addresses.

#![forbid(unsafe_code)]

use std::sync::Mutex;
use std::time::Duration;

use portcullis::prelude::*;
use portcullis::rustls::pki_types::pem::PemObject;
use portcullis::rustls::{ClientConfig, RootCertStore, crypto::ring};
use portcullis::{Client, ClientTls, Connect, Tcp, Tls, Unix};
use portcullis_examples::{Error, time_limit};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

// ----------------------------------------------------------------------------------------------
// service

#[derive(Default)]
struct GuestBook {
    entries: Mutex<Vec<String>>,
}

#[service]
impl GuestBook {
    #[request]
    async fn sign(&self, peer: &Peer<String>, text: String) -> String {
        let entry = format!("{} wrote: {text}", describe(peer));
        let mut entries = self.entries.lock().unwrap();
        entries.push(entry.clone());
        format!("{}. {entry}", entries.len())
    }
}

/// Describes the client by what the transport knows.
fn describe(peer: &Peer<String>) -> String {
    if let Some(tls) = peer.tls() {
        let protocol = tls.alpn().map(String::from_utf8_lossy).unwrap_or_default();
        return format!("a TLS client of `{}` with {protocol}", tls.server_name().unwrap_or("?"));
    }
    if let Some(credentials) = peer.credentials() {
        return format!("local user {}", credentials.uid);
    }
    match peer.addr() {
        Some(addr) => format!("a client at {}", addr.ip()),
        None => "an unknown client".to_owned(),
    }
}

// ----------------------------------------------------------------------------------------------
// server and clients

#[tokio::main]
async fn main() -> Result<(), Error> {
    time_limit(Duration::from_secs(30));
    let authority = Authority::new()?;
    let (chain, key) = authority.sign("localhost")?;
    let tls = Tls::pem(chain, key).alpn(["guests/1"]).build()?;
    let reloader = tls.reloader();
    let path = std::env::temp_dir().join(format!("guest-book-{}", std::process::id()));

    let server = Server::new(GuestBook::default())
        .codec(Lines::new())
        .bind("127.0.0.1:0")?
        .listen(Tcp::new("127.0.0.1:0").tls(tls))?
        .listen(Unix::new(&path).mode(0o600))?
        .spawn()
        .await?;
    let [plain, secure] = *server.local_addrs() else {
        return Err("the server has two TCP addresses".into());
    };
    println!("listening on {plain}, {secure} (TLS) and {}", path.display());

    let secure = Tcp::new(secure).tls(authority.client_tls()?);
    sign(plain, "hello over TCP").await?;
    sign(secure.clone(), "hello over TLS").await?;
    sign(Unix::new(&path), "hello over a Unix socket").await?;

    let (chain, key) = authority.sign("localhost")?;
    reloader.set(Tls::pem(chain, key).alpn(["guests/1"]).config()?);
    println!("certificate replaced");
    sign(secure, "hello with the new certificate").await?;

    println!("{}", server.stop_within(Duration::from_secs(5)).await?);
    assert!(!path.exists(), "the server removes its socket file");
    Ok(())
}

async fn sign(address: impl Connect, text: &str) -> Result<(), Error> {
    let client = Client::<String, String, _>::connect(address, Lines::new()).await?;
    let mut client = client.timeout(Duration::from_secs(5));
    println!("{}", client.call(text.to_owned()).await?);
    client.finish().await?;
    Ok(())
}

/// Signs the certificates of the example. Use your own certificates from files with
/// `Tls::pem_files`.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Result<Self, Error> {
        let mut params = CertificateParams::new([])?;
        params.distinguished_name.push(DnType::CommonName, "the guest book's authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Ok(Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate()?)? })
    }

    fn sign(&self, name: &str) -> Result<(String, String), Error> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new([name.to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, name);
        Ok((params.signed_by(&key, &self.issuer)?.pem(), key.serialize_pem()))
    }

    fn client_tls(&self) -> Result<ClientTls, Error> {
        let mut roots = RootCertStore::empty();
        roots.add(PemObject::from_pem_slice(self.issuer.pem().as_bytes())?)?;
        let mut config = ClientConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"guests/1".to_vec()];
        Ok(ClientTls::new("localhost", config))
    }
}
