//! Third-party clients: `openssl s_client`, `socat` and `nc`. A test whose program is not installed
//! is skipped with a message; in CI it fails.

#![forbid(unsafe_code)]
#![cfg(unix)]

use std::fs;

use portcullis::prelude::*;
use portcullis::{ServerThread, Tcp, Tls, Unix};
use portcullis_tests::foreign::{is_installed, run};
use portcullis_tests::pki::{Identity, pki, server_tls, strangers};
use portcullis_tests::streams::TempDir;

struct TestService;

#[service]
impl TestService {
    #[request(half_close = answer)]
    async fn handle(&self, peer: &Peer<String>, line: String) -> String {
        match line.as_str() {
            "close" => {
                peer.close();
                line
            }
            "alpn" => format!("{:?}", peer.tls().and_then(|tls| tls.alpn()).map(String::from_utf8_lossy)),
            "certificates" => peer.tls().map_or(0, |tls| tls.certificates().len()).to_string(),
            "pid" => format!(
                "{}",
                peer.credentials().is_some_and(|who| who.pid != Some(std::process::id() as i32))
            ),
            _ => line,
        }
    }
}

fn server() -> Server<TestService, Lines> {
    Server::new(TestService).codec(Lines::new())
}

fn tls_server(tls: Tls) -> ServerThread {
    server().listen(Tcp::new("127.0.0.1:0").tls(tls)).unwrap().spawn_thread().unwrap()
}

fn stop(server: ServerThread) {
    let report = server.stop().unwrap();
    assert!(report.is_clean(), "{report}");
}

#[test]
fn openssl_over_tls() {
    if !is_installed("openssl", "openssl") {
        return;
    }
    let dir = TempDir::new();
    let write = |name: &str, text: &str| {
        let path = dir.join(name);
        fs::write(&path, text).unwrap();
        path.into_os_string().into_string().unwrap()
    };
    let root = write("root.pem", &pki().root);
    let as_client = |server: &ServerThread, more: &[&str], input: &str| {
        let addr = server.local_addr().to_string();
        let args = ["s_client", "-quiet", "-connect", &addr, "-servername", "localhost", "-CAfile", &root];
        // Without the first option it would accept any server.
        let args = [&args[..], &["-verify_return_error", "-verify_hostname", "localhost"], more].concat();
        run("openssl", &args, input, true)
    };

    let server = tls_server(server_tls().alpn(["desk/1"]).build().unwrap());
    for version in ["-tls1_3", "-tls1_2"] {
        let (said, well) = as_client(&server, &[version, "-alpn", "desk/1"], "one\nalpn\nclose\nnot heard\n");
        assert_eq!((said.as_str(), well), ("one\nSome(\"desk/1\")\nclose\n", true), "{version}");
    }
    let (said, well) = as_client(&server, &["-alpn", "http/1.1"], "one\nclose\n");
    assert_eq!((said.as_str(), well), ("", false));
    // TLS 1.1 is disabled.
    assert!(!as_client(&server, &["-tls1_1"], "one\nclose\n").1);
    stop(server);

    // The client does not trust the authority of this certificate.
    let Identity { chain, key } = &strangers().server;
    let server = tls_server(Tls::pem(chain, key).build().unwrap());
    assert_eq!(as_client(&server, &[], "one\nclose\n"), (String::new(), false));
    stop(server);

    let server = tls_server(server_tls().client_roots(&pki().root).build().unwrap());
    let (chain, key) = (write("client.pem", &pki().client.chain), write("client.key", &pki().client.key));
    let (said, well) = as_client(&server, &["-cert", &chain, "-key", &key], "certificates\nclose\n");
    // The client sends the root certificate along.
    assert_eq!((said.as_str(), well), ("2\nclose\n", true));
    let (chain, key) =
        (write("forged.pem", &strangers().client.chain), write("forged.key", &strangers().client.key));
    assert_eq!(as_client(&server, &["-cert", &chain, "-key", &key], "one\nclose\n").0, "");
    assert_eq!(as_client(&server, &[], "one\nclose\n").0, "");
    stop(server);
}

#[test]
fn socat_over_everything() {
    if !is_installed("socat", "socat") {
        return;
    }
    let dir = TempDir::new();
    let (path, root) = (dir.join("socket"), dir.join("root.pem"));
    fs::write(&root, &pki().root).unwrap();
    let server = server().listen(Unix::new(&path)).unwrap().bind("127.0.0.1:0").unwrap();
    let server = server
        .listen(Tcp::new("127.0.0.1:0").tls(server_tls().build().unwrap()))
        .unwrap()
        .spawn_thread()
        .unwrap();
    let [plain, tls] = *server.local_addrs() else { unreachable!() };
    // `socat` closes its writing side at the end of its input, and waits for responses. The last
    // line has no line ending.
    let call = |address: &str, input: &str| run("socat", &["-t20", "-", address], input, false);
    let local = format!("UNIX-CONNECT:{}", path.display());
    assert_eq!(call(&local, "one\npid\nlast"), ("one\ntrue\nlast\n".into(), true));
    assert_eq!(call(&format!("TCP:{plain}"), "one\npid\nlast"), ("one\nfalse\nlast\n".into(), true));
    let tls = format!("OPENSSL:{tls},cafile={},commonname=localhost,snihost=localhost", root.display());
    // When the server has closed, `socat` waits for the end of its input for at most the given
    // time.
    let (said, well) = run("socat", &["-t0.1", "-", &tls], "one\nalpn\nclose\n", true);
    assert_eq!((said.as_str(), well), ("one\nNone\nclose\n", true));
    let large = "x".repeat(50_000) + "\n";
    assert_eq!(call(&local, &large).0.len(), large.len());
    stop(server);
}

#[cfg(target_os = "linux")]
#[test]
fn socat_over_an_abstract_name() {
    if !is_installed("socat", "socat") {
        return;
    }
    let name = format!("portcullis-foreign-{}", std::process::id());
    let server = server().listen(Unix::abstract_name(&name)).unwrap().spawn_thread().unwrap();
    let (said, well) = run("socat", &["-t20", "-", &format!("ABSTRACT-CONNECT:{name}")], "one\nlast", false);
    assert_eq!((said.as_str(), well), ("one\nlast\n", true));
    stop(server);
}

#[test]
fn nc_over_tcp_and_unix_sockets() {
    if !is_installed("nc", "netcat-openbsd") {
        return;
    }
    let dir = TempDir::new();
    let path = dir.join("socket");
    let server =
        server().listen(Unix::new(&path)).unwrap().bind("127.0.0.1:0").unwrap().spawn_thread().unwrap();
    let port = server.local_addr().port().to_string();
    // `-N` closes the writing side at the end of the input.
    let said = run("nc", &["-N", "127.0.0.1", &port], "one\nlast", false).0;
    assert_eq!(said, "one\nlast\n");
    let said = run("nc", &["-N", "-U", path.to_str().unwrap()], "one\npid\nlast", false).0;
    assert_eq!(said, "one\ntrue\nlast\n");
    stop(server);
}
