//! The other end of a client: a test that reads its messages and answers them as it likes.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use portcullis_codec::{LengthPrefixed, Postcard};
use portcullis_net::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use portcullis_net::rustls::{ClientConfig, RootCertStore, ServerConfig};
use portcullis_net::{Client, ClientError, ClientTls, Tcp, Unix};
use portcullis_rpc::{ClientMessage, Failure, RpcClient, ServerMessage};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, UnixListener};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::echo::{EchoCall, EchoClient, EchoReply};

pub(crate) const LIMIT: Duration = Duration::from_secs(20);

pub(crate) type Codec = LengthPrefixed<Postcard>;

pub(crate) fn codec() -> Codec {
    LengthPrefixed::new()
}

pub(crate) async fn in_time<T>(work: impl Future<Output = T>) -> T {
    timeout(LIMIT, work).await.expect("in time")
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Tcp,
    Tls,
    Unix,
    InMemory,
}

pub(crate) const KINDS: [Kind; 4] = [Kind::Tcp, Kind::Tls, Kind::Unix, Kind::InMemory];

pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<IO: AsyncRead + AsyncWrite + Send + Unpin> Stream for IO {}

/// The messages of a client, as its server sees them.
pub(crate) struct Peer(Client<ServerMessage<EchoCall>, ClientMessage<EchoCall>, Codec, Box<dyn Stream>>);

impl Peer {
    pub(crate) fn new(io: impl Stream + 'static) -> Self {
        Self(Client::from_stream(Box::new(io), codec()))
    }

    /// The next message. `None` at the end of the connection.
    pub(crate) async fn next(&mut self) -> Option<ClientMessage<EchoCall>> {
        in_time(self.0.next()).await.expect("a message")
    }

    /// The next message, or the error of the connection.
    pub(crate) async fn try_next(&mut self) -> Result<Option<ClientMessage<EchoCall>>, ClientError> {
        self.0.next().await
    }

    /// Answers the next call of `echo` with this text.
    pub(crate) async fn serve_one(&mut self, text: &str) {
        let (id, _) = self.next_echo().await;
        self.reply(id, text).await;
    }

    pub(crate) async fn next_call(&mut self) -> (u64, EchoCall) {
        match self.next().await {
            Some(ClientMessage::Call { id, call, .. }) => (id, call),
            other => panic!("{other:?} is not a call"),
        }
    }

    /// The text of the next call, which calls `echo`.
    pub(crate) async fn next_echo(&mut self) -> (u64, String) {
        match self.next_call().await {
            (id, EchoCall::Echo { text }) => (id, text),
            (_, other) => panic!("{other:?} is not `echo`"),
        }
    }

    pub(crate) async fn send(&mut self, message: ServerMessage<EchoCall>) {
        in_time(self.0.send(message)).await.expect("sent");
    }

    /// Answers calls of `echo` in one write.
    pub(crate) async fn reply_together(&mut self, ids: Vec<u64>, text: &str) {
        for id in ids {
            let reply = EchoReply::Echo(text.to_owned());
            in_time(self.0.feed(ServerMessage::Reply { id, reply })).await.expect("fed");
        }
        in_time(self.0.flush()).await.expect("sent");
    }

    pub(crate) async fn reply(&mut self, id: u64, text: impl Into<String>) {
        self.send(ServerMessage::Reply { id, reply: EchoReply::Echo(text.into()) }).await;
    }

    pub(crate) async fn fail(&mut self, id: u64, failure: Failure) {
        self.send(ServerMessage::Failed { id, failure }).await;
    }

    /// Answers every call of `echo` with its text, until the connection ends.
    pub(crate) async fn serve(mut self) {
        while let Some(message) = in_time(self.0.next()).await.ok().flatten() {
            if let ClientMessage::Call { id, call: EchoCall::Echo { text }, .. } = message {
                self.reply(id, text).await;
            }
        }
    }
}

/// A client that is connected, and its other end.
pub(crate) async fn connect(kind: Kind) -> (EchoClient, Peer) {
    let (client, io) = connect_raw(kind).await;
    (client, Peer::new(io))
}

/// A client that is connected, and the stream of its other end.
pub(crate) async fn connect_raw(kind: Kind) -> (EchoClient, Box<dyn Stream>) {
    match kind {
        Kind::Tcp => {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let connecting = RpcClient::connect(listener.local_addr().unwrap(), codec());
            let (client, accepted) = tokio::join!(connecting, listener.accept());
            (EchoClient(client.unwrap()), Box::new(accepted.unwrap().0))
        }
        Kind::Tls => {
            let (client, acceptor) = tls();
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let addr = Tcp::new(listener.local_addr().unwrap()).tls(client);
            let accepting = async { acceptor.accept(listener.accept().await.unwrap().0).await };
            let (client, accepted) = tokio::join!(RpcClient::connect(addr, codec()), accepting);
            (EchoClient(client.unwrap()), Box::new(accepted.unwrap()))
        }
        Kind::Unix => {
            let path = SocketPath::new();
            let listener = UnixListener::bind(&path.0).unwrap();
            let connecting = RpcClient::connect(Unix::new(&path.0), codec());
            let (client, accepted) = tokio::join!(connecting, listener.accept());
            (EchoClient(client.unwrap()), Box::new(accepted.unwrap().0))
        }
        Kind::InMemory => {
            let (near, far) = tokio::io::duplex(64 * 1024);
            (EchoClient(RpcClient::from_stream(near, codec())), Box::new(far))
        }
    }
}

/// A client over a duplex pipe of this capacity, and its other end.
pub(crate) fn in_memory(capacity: usize) -> (EchoClient, Peer) {
    let (near, far) = tokio::io::duplex(capacity);
    (EchoClient(RpcClient::from_stream(near, codec())), Peer::new(far))
}

/// The two sides of TLS, with a certificate for `localhost`.
pub(crate) fn tls() -> (ClientTls, TlsAcceptor) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = CertificateDer::from(made.cert.der().to_vec());
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(portcullis_net::rustls::crypto::ring::default_provider());
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key.into())
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (ClientTls::new("localhost", client), TlsAcceptor::from(Arc::new(server)))
}

/// The path of a Unix socket, which is removed at the end.
pub(crate) struct SocketPath(pub(crate) PathBuf);

impl SocketPath {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("rpc-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for SocketPath {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Counts the writes of a stream.
pub(crate) struct CountWrites<IO> {
    pub(crate) io: IO,
    pub(crate) writes: Arc<AtomicUsize>,
}

impl<IO: AsyncRead + Unpin> AsyncRead for CountWrites<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for CountWrites<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
