//! EasyNetwork's own clients (PyPI's `easynetwork` 1.2) with its serializers, over each transport.
//!
//! Needs a Python in which `easynetwork` with its extras `cbor` and `msgpack` can be imported:
//! `python3`, or the program that `PORTCULLIS_PYTHON` names. Without one the tests are skipped with
//! a message; with `CI=true` they fail.

#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::fs;
use std::marker::PhantomData;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use portcullis::codec::{
    Base64, Cbor, Codec, Concatenated, DatagramCodec, Json, MessagePack, NewlineDelimited, Sha256, Utf8, Zlib,
};
use portcullis::prelude::*;
use portcullis::{Datagrams, RunningServer, Udp, UnixDatagram};
use portcullis_tests::pki;
use portcullis_tests::streams::{Kind, ServerAddr, TempDir, bind};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

/// A packet for the structured formats.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Note {
    n: i64,
    text: String,
    list: Vec<f64>,
    flag: Option<bool>,
}

trait Packet: Send + Sync + 'static {
    fn next(self) -> Self;
    fn refused() -> Self;
}

impl Packet for Note {
    fn next(self) -> Self {
        Self { n: self.n + 1, ..self }
    }

    fn refused() -> Self {
        Self { n: 0, text: "refused".to_owned(), list: Vec::new(), flag: None }
    }
}

impl Packet for String {
    fn next(self) -> Self {
        let (n, text) = self.split_once(": ").expect("what the script says");
        format!("{}: {text}", n.parse::<i64>().expect("what the script says") + 1)
    }

    fn refused() -> Self {
        "0: refused".to_owned()
    }
}

/// Answers each packet with the next one, and malformed input with a message of its own.
struct Echo<P>(PhantomData<fn() -> P>);

#[service]
impl<P: Packet> Echo<P> {
    #[request]
    async fn echo(&self, packet: P) -> P {
        packet.next()
    }

    #[on(error)]
    async fn failed(&self, _: SessionError) -> ControlFlow<Reason, P> {
        ControlFlow::Continue(P::refused())
    }
}

/// Servers, one for each serializer, and their addresses in the form that the script expects.
#[derive(Default)]
struct Servers {
    running: Vec<RunningServer>,
    places: Vec<String>,
    folders: Vec<TempDir>,
}

impl Servers {
    async fn stream<P: Packet>(&mut self, kind: Kind, name: &str, codec: impl Codec<P, P>) {
        let (server, server_addr) = bind(kind, Server::new(Echo::<P>(PhantomData)).codec(codec));
        self.running.push(server.spawn().await.unwrap());
        match server_addr {
            ServerAddr::Tcp(addr) | ServerAddr::Tls(addr) => self.places.push(format!("{name}={addr}")),
            ServerAddr::Unix(path, dir) | ServerAddr::UnixTls(path, dir) => {
                self.places.push(format!("{name}={}", path.display()));
                self.folders.push(dir);
            }
        }
    }

    /// The pairs in the table of `portcullis::codec`.
    async fn streams(kind: Kind) -> Self {
        const MAX: usize = 1 << 20;
        let mut servers = Self::default();
        servers.stream::<String>(kind, "lines", Lines::new().max_length(MAX)).await;
        servers.stream::<Note>(kind, "json", JsonLines::new().max_frame(MAX)).await;
        servers.stream::<Note>(kind, "json-documents", Concatenated::<Json>::new().max_frame(MAX)).await;
        servers.stream::<Note>(kind, "msgpack", Concatenated::<MessagePack>::new().max_frame(MAX)).await;
        servers.stream::<Note>(kind, "cbor", Concatenated::<Cbor>::new().max_frame(MAX)).await;
        servers.stream::<Note>(kind, "zlib-streams", Concatenated::<Zlib<Json>>::new().max_frame(MAX)).await;
        let base64 = NewlineDelimited::<Base64<Sha256<Json>>>::new().crlf().max_frame(MAX);
        servers.stream::<Note>(kind, "base64", base64).await;
        servers
    }

    async fn udp<P: Packet>(&mut self, name: &str, codec: impl DatagramCodec<P, P>) {
        let server = Server::new(Echo(PhantomData))
            .listen(Udp::new("127.0.0.1:0", codec))
            .unwrap()
            .spawn()
            .await
            .unwrap();
        self.places.push(format!("{name}={}", server.local_addr()));
        self.running.push(server);
    }

    async fn unix_datagrams<P: Packet>(&mut self, dir: &Path, name: &str, codec: impl DatagramCodec<P, P>) {
        let path = dir.join(name);
        let server = Server::new(Echo(PhantomData))
            .listen(UnixDatagram::new(&path, codec))
            .unwrap()
            .spawn()
            .await
            .unwrap();
        self.places.push(format!("{name}={}", path.display()));
        self.running.push(server);
    }

    /// Runs the script against the servers, and stops them.
    async fn run_clients(self, kind: &'static str) {
        let dir = TempDir::new();
        fs::write(dir.join("root.pem"), &pki::pki().root).unwrap();
        let mut command = Command::new(python());
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/easynetwork_clients/talk.py"));
        command.arg(kind).arg(&*dir).args(&self.places).stdin(Stdio::null());
        let run_clients = tokio::task::spawn_blocking(move || command.output().expect("python3"));
        let output = timeout(Duration::from_secs(120), run_clients).await.expect("in time").unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "ok");
        for server in self.running {
            let report = server.stop().await.unwrap();
            assert!(report.is_clean(), "{report}");
        }
    }
}

fn python() -> OsString {
    std::env::var_os("PORTCULLIS_PYTHON").unwrap_or_else(|| "python3".into())
}

/// Whether a Python with EasyNetwork is installed. Prints a message if not.
///
/// # Panics
/// If it is not installed, in CI.
fn easynetwork_is_installed() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    let found = *FOUND.get_or_init(|| {
        let import = ["-c", "import easynetwork, cbor2, msgpack"];
        let status = Command::new(python()).args(import).stdin(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    });
    let ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
    assert!(found || !ci, "no Python with easynetwork[cbor,msgpack]; PORTCULLIS_PYTHON says which to take");
    if !found {
        eprintln!("skipped: no Python with easynetwork[cbor,msgpack]; PORTCULLIS_PYTHON says which to take");
    }
    found
}

#[tokio::test]
async fn its_tcp_clients_are_answered() {
    if easynetwork_is_installed() {
        Servers::streams(Kind::Tcp).await.run_clients("tcp").await;
    }
}

#[tokio::test]
async fn its_tls_clients_are_answered() {
    if easynetwork_is_installed() {
        Servers::streams(Kind::Tls).await.run_clients("tls").await;
    }
}

#[tokio::test]
async fn its_unix_stream_clients_are_answered() {
    if easynetwork_is_installed() {
        Servers::streams(Kind::Unix).await.run_clients("unix").await;
    }
}

#[tokio::test]
async fn its_udp_clients_are_answered() {
    if !easynetwork_is_installed() {
        return;
    }
    let mut servers = Servers::default();
    servers.udp::<String>("lines", Datagrams::<Utf8>::new()).await;
    servers.udp::<Note>("json", Datagrams::<Json>::new()).await;
    servers.udp::<Note>("msgpack", Datagrams::<MessagePack>::new()).await;
    servers.udp::<Note>("cbor", Datagrams::<Cbor>::new()).await;
    servers.udp::<Note>("base64", Datagrams::<Base64<Sha256<Json>>>::new()).await;
    servers.udp::<Note>("zlib", Datagrams::<Zlib<Json>>::new()).await;
    servers.run_clients("udp").await;
}

#[tokio::test]
async fn its_unix_datagram_clients_are_answered() {
    if !easynetwork_is_installed() {
        return;
    }
    let (dir, mut servers) = (TempDir::new(), Servers::default());
    servers.unix_datagrams::<String>(&dir, "lines", Datagrams::<Utf8>::new()).await;
    servers.unix_datagrams::<Note>(&dir, "json", Datagrams::<Json>::new()).await;
    servers.unix_datagrams::<Note>(&dir, "msgpack", Datagrams::<MessagePack>::new()).await;
    servers.unix_datagrams::<Note>(&dir, "cbor", Datagrams::<Cbor>::new()).await;
    servers.unix_datagrams::<Note>(&dir, "base64", Datagrams::<Base64<Sha256<Json>>>::new()).await;
    servers.unix_datagrams::<Note>(&dir, "zlib", Datagrams::<Zlib<Json>>::new()).await;
    servers.run_clients("unixgram").await;
}
