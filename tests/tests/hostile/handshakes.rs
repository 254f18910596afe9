//! Attacks on TLS, before and in a session (S2, S3, S5, S8).

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;

use portcullis_tests::pki::{client_config, server_tls};
use portcullis_tests::streams::tls;
use tokio_rustls::rustls::ClientConnection;
use tokio_rustls::rustls::pki_types::ServerName;

use portcullis::Tcp;

use super::*;

/// The ClientHello of rustls.
fn hello() -> Vec<u8> {
    let name = ServerName::try_from("localhost").unwrap();
    let mut connection = ClientConnection::new(client_config(None, &[]), name).unwrap();
    let mut bytes = Vec::new();
    connection.write_tls(&mut bytes).unwrap();
    bytes
}

/// Byte sequences that are not a handshake.
fn no_handshakes() -> Vec<Vec<u8>> {
    let hello = hello();
    let spoilt = |at: usize, byte: u8| {
        let mut bytes = hello.clone();
        bytes[at] = byte;
        bytes
    };
    // Each length byte changed, and every other type of record and message.
    let mut all: Vec<Vec<u8>> = (0..60).map(|at| spoilt(at, !hello[at])).collect();
    all.extend((0..hello.len()).step_by(17).map(|length| hello[..length].to_vec()));
    all.extend([
        // The ClientHello twice, and an unencrypted request after it.
        [&hello[..], &hello].concat(),
        [&hello[..], b"give me all\n"].concat(),
        // The final messages of a handshake, at once.
        b"\x14\x03\x03\x00\x01\x01".repeat(1000),
        b"\x17\x03\x03\x00\x05hello".to_vec(),
        b"\x15\x03\x03\x00\x02\x01\x00".to_vec(),
        b"\x15\x03\x03\x00\x02\x01\x5a".repeat(1000),
        // Empty records, and one over the maximum length.
        b"\x16\x03\x01\x00\x00".repeat(1000),
        [&b"\x16\x03\x01\xff\xff"[..], &[0; 0xffff]].concat(),
        // A message that announces sixteen megabytes, and a part of it.
        [&b"\x16\x03\x01\x40\x00\x01\xff\xff\xff"[..], &[0; 0x3ffc]].concat(),
        // SSL 2.
        b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10\x01\x00\x80\x02\x00\x80".to_vec(),
        // SSH, HTTP/2, and a PROXY header.
        b"SSH-2.0-OpenSSH_9.9\r\n".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        [&b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n"[..], &hello].concat(),
    ]);
    all
}

async fn serve_tls(service: &Arc<TestService>) -> (RunningServer, SocketAddr) {
    let tls = server_tls().build().unwrap().handshake_timeout(Duration::from_secs(5));
    let server = service.server().listen(Tcp::new("127.0.0.1:0").tls(tls)).unwrap().spawn().await.unwrap();
    let addr = server.local_addr();
    (server, addr)
}

async fn stop(server: RunningServer) {
    let report = timeout(LIMIT, server.stop()).await.expect("in time").unwrap();
    assert!(report.is_clean(), "{report}");
}

on_loops! {
    async fn s3_an_invalid_handshake_never_becomes_a_session() {
        let service = service();
        let (server, addr) = serve_tls(&service).await;
        for (n, bytes) in no_handshakes().into_iter().enumerate() {
            let mut stream = tcp(addr).await;
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
            let back = read_until_closed(&mut stream).await;
            // Nothing, an alert, or the server's part of a handshake that does not continue.
            assert!(back.is_empty() || matches!(back[0], 0x15 | 0x16), "{n}: {back:?}");
            assert_eq!(service.connected.load(SeqCst), 0, "{n}");
        }
        let mut good = tls(addr, client_config(None, &[])).await.unwrap();
        assert_eq!(good.call("x").await, "x");
        drop(good);
        stop(server).await;
    }

    async fn s8_a_reset_during_a_handshake_frees_its_connection_slot() {
        let service = service();
        let tls_ = server_tls().build().unwrap().handshake_timeout(Duration::MAX);
        let server = service.server().max_connections(1).listen(Tcp::new("127.0.0.1:0").tls(tls_)).unwrap().spawn().await.unwrap();
        let addr = server.local_addr();
        let hello = hello();
        for length in (0..=hello.len()).step_by(29) {
            let mut stream = tcp(addr).await;
            stream.write_all(&hello[..length]).await.unwrap();
            stream.set_zero_linger().unwrap();
        }
        // The server has sent its part and waits for ours.
        let mut stream = tcp(addr).await;
        stream.write_all(&hello).await.unwrap();
        stream.readable().await.unwrap();
        stream.set_zero_linger().unwrap();
        drop(stream);
        let mut good = timeout(LIMIT, tls(addr, client_config(None, &[]))).await.expect("in time").unwrap();
        assert_eq!(good.call("x").await, "x");
        assert_eq!(service.connected.load(SeqCst), 1);
        drop(good);
        stop(server).await;
    }

    async fn s2_endless_key_updates_are_answered_only_while_the_answers_are_read() {
        let service = service();
        let (server, addr) = serve_tls(&service).await;
        let Conn::Tls(mut stream) = tls(addr, client_config(None, &[])).await.unwrap() else { unreachable!() };
        let mut back = [0; 2];
        for _ in 0..200 {
            stream.get_mut().1.refresh_traffic_keys().unwrap();
            stream.write_all(b"x\n").await.unwrap();
            stream.flush().await.unwrap();
            timeout(LIMIT, stream.read_exact(&mut back)).await.expect("in time").unwrap();
        }
        // All at once, without a request between them: rustls decides whether to accept them.
        for _ in 0..20 {
            for _ in 0..50 {
                let _ = stream.get_mut().1.refresh_traffic_keys();
            }
            let _ = stream.flush().await;
        }
        let mut good = tls(addr, client_config(None, &[])).await.unwrap();
        assert_eq!(good.call("x").await, "x");
        drop((good, stream));
        service.wait_until_empty().await;
        stop(server).await;
    }

    async fn s3_a_renegotiation_is_refused_and_affects_only_its_session() {
        let service = service();
        let (server, addr) = serve_tls(&service).await;
        let asking = tokio::task::spawn_blocking(move || Openssl::start(addr)).await.unwrap();
        let mut good = tls(addr, client_config(None, &[])).await.unwrap();
        assert_eq!(good.call("x").await, "x");
        // Without the openssl program, renegotiation cannot be requested.
        if let Some(asking) = asking {
            assert_eq!(service.asked.load(SeqCst), 2);
            drop(asking);
            service.ends(1).await;
        }
        drop(good);
        stop(server).await;
    }
}

/// `openssl s_client` that is requesting a renegotiation.
struct Openssl(Child);

impl Openssl {
    /// Sends a request, and then asks for a renegotiation (command `R`). `None` if openssl is not
    /// installed.
    fn start(addr: SocketAddr) -> Option<Self> {
        let mut client = Command::new("openssl")
            .args(["s_client", "-tls1_2", "-connect", &addr.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .ok()?;
        let mut stdin = client.stdin.take().expect("a pipe");
        let (out, err) = (client.stdout.take().expect("a pipe"), client.stderr.take().expect("a pipe"));
        let client = Self(client);
        // The reader ends when the process exits.
        let (tx, rx) = mpsc::channel();
        for (lines, word) in
            [(Box::new(out) as Box<dyn Read + Send>, "before"), (Box::new(err), "RENEGOTIATING")]
        {
            let tx = tx.clone();
            thread::spawn(move || {
                let mut lines = BufReader::new(lines).lines().map_while(Result::ok);
                let _ = tx.send(lines.any(|line| line == word));
            });
        }
        stdin.write_all(b"before\n").expect("it listens");
        assert!(rx.recv_timeout(LIMIT / 2).expect("an answer in time"));
        // `openssl` takes a line as a command only if it reads it alone.
        stdin.write_all(b"R\n").expect("it listens");
        assert!(rx.recv_timeout(LIMIT / 2).expect("it asks in time"));
        Some(client)
    }
}

impl Drop for Openssl {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
