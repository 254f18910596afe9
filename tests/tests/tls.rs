//! TLS: negotiated parameters, rejected clients, and misbehaving clients (S2, S5, S8).

#![forbid(unsafe_code)]
#![cfg(unix)]

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portcullis::prelude::*;
use portcullis::{Bound, Client, ClientTls, RunningServer, Tcp, Tls, Unix};
use portcullis_tests::pki::{Identity, certificate, client_config, pki, server_tls, strangers};
use portcullis_tests::streams::{Conn, TempDir, tcp, tls};
use portcullis_tests::{LIMIT, on_loops, wait};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Semaphore;
use tokio::time::timeout;

const SHORT: Duration = Duration::from_millis(150);

struct TestService {
    connected: AtomicUsize,
    holding: AtomicUsize,
    release: Semaphore,
    ended: Mutex<Vec<Reason>>,
    peers: Mutex<Vec<Peer<String>>>,
}

#[service]
impl TestService {
    #[on(connect)]
    async fn connected(&self, peer: &Peer<String>) {
        self.connected.fetch_add(1, SeqCst);
        self.peers.lock().unwrap().push(peer.clone());
    }

    #[request(half_close = answer)]
    async fn handle(&self, peer: &Peer<String>, line: String) -> String {
        let tls = peer.tls().expect("it is TLS");
        match line.as_str() {
            "alpn" => format!("{:?}", tls.alpn().map(String::from_utf8_lossy)),
            "name" => format!("{:?}", tls.server_name()),
            "version" => format!("{:?}", tls.version()),
            "certificates" => tls.certificates().len().to_string(),
            "hold" => {
                self.holding.fetch_add(1, SeqCst);
                self.release.acquire().await.unwrap().forget();
                line
            }
            _ => line,
        }
    }

    #[on(disconnect)]
    async fn disconnected(&self, reason: Reason) {
        self.ended.lock().unwrap().push(reason);
    }
}

fn service() -> Arc<TestService> {
    Arc::new(TestService {
        connected: AtomicUsize::new(0),
        holding: AtomicUsize::new(0),
        release: Semaphore::new(0),
        ended: Mutex::default(),
        peers: Mutex::default(),
    })
}

impl TestService {
    fn bound(self: &Arc<Self>, tls: Tls) -> Server<Self, Lines, Bound> {
        Server::new(Arc::clone(self)).codec(Lines::new()).listen(Tcp::new("127.0.0.1:0").tls(tls)).unwrap()
    }

    async fn end(&self, count: usize) -> Reason {
        wait(|| self.ended.lock().unwrap().len() == count).await;
        self.ended.lock().unwrap()[count - 1].clone()
    }
}

async fn connect(addr: SocketAddr) -> Conn {
    tls(addr, client_config(None, &[])).await.unwrap()
}

/// The error of a client whose certificate is rejected: in TLS 1.3 it arrives after the client's
/// part of the handshake.
async fn refused(addr: SocketAddr, identity: Option<&Identity>, alpn: &[&str]) -> io::Error {
    match tls(addr, client_config(identity, alpn)).await {
        Err(error) => error,
        Ok(mut stream) => {
            let _ = stream.write_all(b"x\n").await;
            timeout(LIMIT, stream.read_u8()).await.expect("in time").expect_err("refused")
        }
    }
}

async fn stop(server: RunningServer) {
    let report = timeout(LIMIT, server.stop()).await.expect("in time").unwrap();
    assert!(report.is_clean(), "{report}");
}

on_loops! {
    async fn a_peer_reports_the_negotiated_tls_parameters() {
        let service = service();
        let server = service.bound(server_tls().alpn(["desk/2", "desk/1"]).build().unwrap()).spawn().await.unwrap();
        let addr = server.local_addr();
        let mut both = tls(addr, client_config(None, &["desk/1", "desk/2"])).await.unwrap();
        assert_eq!(both.call("alpn").await, r#"Some("desk/2")"#);
        assert_eq!(both.call("name").await, r#"Some("localhost")"#);
        assert_eq!(both.call("version").await, "Some(TLSv1_3)");
        assert_eq!(both.call("certificates").await, "0");
        let mut none = connect(addr).await;
        assert_eq!(none.call("alpn").await, "None");
        // The address is known, and a handle that outlives the session still has the parameters.
        let peer = service.peers.lock().unwrap()[0].clone();
        assert!(peer.addr().is_some_and(|addr| addr.ip().is_loopback()));
        assert_eq!(peer.credentials(), None);
        drop((both, none));
        service.end(2).await;
        assert_eq!(peer.tls().and_then(|tls| tls.alpn()), Some(&b"desk/2"[..]));

        let error = refused(addr, None, &["http/1.1"]).await;
        assert!(error.to_string().contains("NoApplicationProtocol"), "{error}");
        assert_eq!(service.connected.load(SeqCst), 2);
        stop(server).await;
    }

    async fn tls_over_a_unix_socket_reports_credentials_and_certificate() {
        let service = service();
        let dir = TempDir::new();
        let path = dir.join("socket");
        let server = Server::new(service.clone()).codec(Lines::new());
        let server = server.listen(Unix::new(&path).tls(server_tls().alpn(["desk/1"]).build().unwrap())).unwrap();
        // Sockets created by the user too.
        let second = dir.join("second");
        let listener = std::os::unix::net::UnixListener::bind(&second).unwrap();
        let server = server.listen(Unix::from(listener).tls(server_tls().build().unwrap())).unwrap();
        assert_eq!(server.unix_addrs()[1].as_pathname(), Some(&*second));
        let server = server.spawn().await.unwrap();
        for (n, path) in [&path, &second].into_iter().enumerate() {
            let config = client_config(None, &["desk/1"]);
            let mut client = Client::<String, String, _>::connect(Unix::new(path).tls(ClientTls::new("localhost", config)), Lines::new()).await.unwrap();
            assert_eq!(client.call("name".into()).await.unwrap(), r#"Some("localhost")"#);
            let peer = service.peers.lock().unwrap()[n].clone();
            assert_eq!(peer.credentials().unwrap().pid, Some(std::process::id().cast_signed()));
            assert_eq!(peer.addr(), None);
            assert_eq!(peer.tls().unwrap().alpn().is_some(), n == 0);
        }
        stop(server).await;
    }

    async fn a_client_certificate_is_required() {
        let service = service();
        let server = service.bound(server_tls().client_roots(&pki().root).build().unwrap()).spawn().await.unwrap();
        let addr = server.local_addr();
        let mut known = tls(addr, client_config(Some(&pki().client), &[])).await.unwrap();
        assert_eq!(known.call("certificates").await, "1");
        let shown = service.peers.lock().unwrap()[0].tls().unwrap().certificates()[0].clone();
        assert_eq!(shown, certificate(&pki().client.chain));
        let error = refused(addr, None, &[]).await;
        assert!(error.to_string().contains("CertificateRequired"), "{error}");
        // A client does not present a certificate whose issuer was not requested: this one has a
        // forged issuer name.
        let forged = Identity { chain: strangers().client.chain.clone(), key: strangers().client.key.clone() };
        let error = refused(addr, Some(&forged), &[]).await;
        assert!(error.to_string().contains("received fatal alert"), "{error}");
        assert_eq!(service.connected.load(SeqCst), 1);
        drop(known);
        stop(server).await;
    }

    async fn a_client_certificate_is_optional() {
        let service = service();
        let tls_ = server_tls().client_roots(&pki().root).client_certificate_optional().build().unwrap();
        let server = service.bound(tls_).spawn().await.unwrap();
        let addr = server.local_addr();
        assert_eq!(connect(addr).await.call("certificates").await, "0");
        let mut known = tls(addr, client_config(Some(&pki().client), &[])).await.unwrap();
        assert_eq!(known.call("certificates").await, "1");
        drop(known);
        let error = refused(addr, Some(&strangers().client), &[]).await;
        assert!(error.to_string().contains("received fatal alert"), "{error}");
        assert_eq!(service.connected.load(SeqCst), 2);
        stop(server).await;
    }

    async fn s2_a_slow_handshake_times_out_and_frees_its_slot() {
        let service = service();
        let tls_ = server_tls().build().unwrap().handshake_timeout(SHORT);
        let server = service.bound(tls_).max_connections(2).spawn().await.unwrap();
        let addr = server.local_addr();
        let began = Instant::now();
        let mut silent = tcp(addr).await;
        // Begins a regular handshake, and continues a byte at a time.
        let (mut reads, mut writes) = tcp(addr).await.into_split();
        let dripping = tokio::spawn(async move {
            for byte in b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".iter().chain(std::iter::repeat(&0)) {
                if writes.write_all(&[*byte]).await.is_err() {
                    break;
                }
                // The client sends one byte at a time.
                tokio::time::sleep(SHORT / 50).await;
            }
        });
        let mut back = Vec::new();
        timeout(LIMIT, silent.read_to_end(&mut back)).await.expect("in time").unwrap();
        assert_eq!(back, b"");
        assert!(began.elapsed() >= SHORT);
        let _ = timeout(LIMIT, reads.read_to_end(&mut back)).await.expect("in time");
        // Both connection slots are free again.
        let (mut one, mut two) = (connect(addr).await, connect(addr).await);
        assert_eq!((one.call("1").await, two.call("2").await), ("1".into(), "2".into()));
        assert_eq!(service.connected.load(SeqCst), 2);
        dripping.await.unwrap();
        drop((one, two));
        stop(server).await;
    }

    async fn s5_a_stop_does_not_wait_for_a_handshake() {
        let service = service();
        let server = service.bound(server_tls().build().unwrap().handshake_timeout(Duration::MAX)).spawn().await.unwrap();
        let addr = server.local_addr();
        let mut silent = tcp(addr).await;
        // Its connection has been accepted when later ones have.
        assert_eq!(connect(addr).await.call("x").await, "x");
        stop(server).await;
        let mut back = Vec::new();
        timeout(LIMIT, silent.read_to_end(&mut back)).await.expect("in time").unwrap();
        assert_eq!(back, b"");
    }

    async fn s5_dropping_the_serve_future_ends_handshakes() {
        let service = service();
        let server = service.bound(server_tls().build().unwrap().handshake_timeout(Duration::MAX));
        let (addr, handle) = (server.local_addr(), server.handle());
        let serving = tokio::spawn(server.serve());
        assert!(handle.ready().await);
        let mut silent = tcp(addr).await;
        assert_eq!(connect(addr).await.call("x").await, "x");
        serving.abort();
        let mut back = Vec::new();
        timeout(LIMIT, silent.read_to_end(&mut back)).await.expect("in time").unwrap();
        assert_eq!(back, b"");
    }

    async fn plaintext_is_rejected_and_never_becomes_a_session() {
        let service = service();
        let server = service.bound(server_tls().build().unwrap()).spawn().await.unwrap();
        let addr = server.local_addr();
        for text in [&b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..], &[0xff; 2000], b"\n"] {
            let mut stream = tcp(addr).await;
            stream.write_all(text).await.unwrap();
            stream.shutdown().await.unwrap();
            let mut back = Vec::new();
            timeout(LIMIT, stream.read_to_end(&mut back)).await.expect("in time").expect("a proper end");
            // An alert, if the server had read enough to decide.
            assert!(back.is_empty() || back[0] == 0x15, "{back:?}");
        }
        // Garbage after a valid handshake.
        let mut stream = connect(addr).await;
        assert_eq!(stream.call("x").await, "x");
        let Conn::Tls(mut stream) = stream else { unreachable!() };
        stream.get_mut().0.write_all(b"\x17\x03\x03\x00\x20this was never encrypted by any key").await.unwrap();
        assert_eq!(service.end(1).await, Reason::Reset);
        assert_eq!(connect(addr).await.call("x").await, "x");
        assert_eq!(service.connected.load(SeqCst), 2);
        stop(server).await;
    }

    async fn s8_an_eof_without_close_notify_is_a_reset() {
        let service = service();
        let server = service.bound(server_tls().build().unwrap()).spawn().await.unwrap();
        let addr = server.local_addr();
        // Like an attacker on the network: the TCP connection ends in the middle of a line.
        let Conn::Tls(mut stream) = connect(addr).await else { unreachable!() };
        stream.write_all(b"give all my money to Eve").await.unwrap();
        stream.flush().await.unwrap();
        stream.get_mut().0.shutdown().await.unwrap();
        assert_eq!(service.end(1).await, Reason::Reset);
        // With `close_notify` the line is complete.
        let mut stream = connect(addr).await;
        stream.send("give all my money to Everyone").await;
        stream.shutdown().await.unwrap();
        assert_eq!(stream.read_remaining().await, b"give all my money to Everyone\n");
        assert_eq!(service.end(2).await, Reason::PeerClosed);
        // A busy handler is cancelled too.
        let Conn::Tls(mut stream) = connect(addr).await else { unreachable!() };
        stream.write_all(b"hold\n").await.unwrap();
        stream.flush().await.unwrap();
        wait(|| service.holding.load(SeqCst) == 1).await;
        stream.get_mut().0.shutdown().await.unwrap();
        assert_eq!(service.end(3).await, Reason::Reset);
        stop(server).await;
    }

    async fn certificates_are_replaced_while_the_server_runs() {
        let dir = TempDir::new();
        let (chain, key) = (dir.join("chain.pem"), dir.join("key.pem"));
        let write = |identity: &Identity| {
            fs::write(&chain, &identity.chain).unwrap();
            fs::write(&key, &identity.key).unwrap();
        };
        write(&pki().server);
        let tls_ = Tls::pem_files(&chain, &key).build().unwrap();
        let reloader = tls_.reloader();
        let service = service();
        let server = service.bound(tls_).spawn().await.unwrap();
        let addr = server.local_addr();
        let shown = |stream: &Conn| {
            let Conn::Tls(stream) = stream else { unreachable!() };
            stream.get_ref().1.peer_certificates().unwrap()[0].clone()
        };
        let mut before = connect(addr).await;
        assert_eq!(shown(&before), certificate(&pki().server.chain));

        write(&pki().renewed);
        reloader.reload().unwrap();
        let after = connect(addr).await;
        assert_eq!(shown(&after), certificate(&pki().renewed.chain));
        assert_eq!(before.call("still").await, "still");

        // Unreadable or mismatched files change nothing.
        fs::write(&key, &pki().server.key).unwrap();
        assert_eq!(reloader.reload().unwrap_err().kind(), io::ErrorKind::InvalidInput);
        fs::write(&chain, "nothing").unwrap();
        let error = reloader.reload().unwrap_err();
        assert!(error.to_string().contains("chain.pem"), "{error}");
        fs::remove_file(&chain).unwrap();
        assert_eq!(reloader.reload().unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(shown(&connect(addr).await), certificate(&pki().renewed.chain));

        reloader.set(server_tls().config().unwrap());
        assert_eq!(shown(&connect(addr).await), certificate(&pki().server.chain));
        drop((before, after));
        stop(server).await;
    }
}

#[test]
fn a_user_supplied_configuration_cannot_be_reloaded_from_files() {
    let tls = Tls::from(server_tls().config().unwrap());
    assert_eq!(tls.reloader().reload().unwrap_err().kind(), io::ErrorKind::Unsupported);
    let error = Tls::pem("", &pki().server.key).build().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    // Keys do not appear in `Debug` output.
    let text = format!("{:?} {:?}", server_tls(), tls);
    assert!(!text.contains("PRIVATE") && text.len() < 200, "{text}");
}
