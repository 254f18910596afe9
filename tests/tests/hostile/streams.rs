//! Attacks through one connection (S2, S3, S8, S9, S11).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use portcullis_tests::pki::client_config;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::*;

/// A stream that sends each byte in a packet of its own.
struct SingleBytes(TcpStream);

impl AsyncRead for SingleBytes {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for SingleBytes {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, &bytes[..bytes.len().min(1)])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

on_streams! {
    async fn s8_a_reset_after_any_byte_leaks_nothing(kind) {
        const TEXT: &str = "x\nbig 70000\nclose\nmore";
        let service = service();
        let served = serve(kind, service.server()).await;
        for cut in 0..=TEXT.len() {
            let mut stream = served.connect().await;
            stream.send(&TEXT[..cut]).await;
            stream.reset();
        }
        // A connection that was reset in the kernel's backlog may never have been accepted.
        served.still_echoes().await;
        service.wait_until_empty().await;
        served.stop().await;
    }

    async fn s9_large_frames_at_the_limit_are_read_and_one_byte_more_is_rejected(kind) {
        const MAX: usize = 1 << 20;
        let service = service();
        let served = serve(kind, service.server()).await;
        let mut clients = Vec::new();
        for n in 0..8 {
            let stream = served.connect().await;
            clients.push(tokio::spawn(async move {
                let (mut reads, mut writes) = tokio::io::split(stream);
                let (length, letter) = (MAX + n % 2, b'a' + n as u8);
                let mut frame = vec![letter; length + 1];
                frame[length] = b'\n';
                let write = async {
                    for part in frame.chunks(8191) {
                        writes.write_all(part).await.unwrap();
                    }
                    writes.write_all(b"next\n").await.unwrap();
                    writes.shutdown().await.unwrap();
                };
                let mut back = Vec::new();
                let (read, ()) = timeout(LIMIT, async { tokio::join!(reads.read_to_end(&mut back), write) }).await.expect("in time");
                read.expect("a proper end");
                frame.extend_from_slice(b"next\n");
                let expected = if length > MAX {
                    format!("error: malformed input: a frame is longer than {MAX} bytes\nnext\n").into_bytes()
                } else {
                    frame
                };
                assert!(back == expected, "{n}: {}", back.len());
            }));
        }
        for client in clients {
            client.await.unwrap();
        }
        service.wait_until_empty().await;
        served.stop().await;
    }

    async fn s11_a_client_that_never_reads_is_blocked_and_then_disconnected(kind) {
        let service = service();
        let served = serve(kind, service.server().write_timeout(SHORT * 4)).await;
        let mut stream = served.connect().await;
        // Sends without end: the server reads only as much as it can answer.
        let asking = tokio::spawn(async move {
            while stream.write_all(b"big 1000000\n").await.is_ok() && stream.flush().await.is_ok() {}
        });
        served.still_echoes().await;
        wait(|| service.ended.lock().unwrap().contains(&Reason::Timeout(Limit::Write))).await;
        let asked = service.asked.load(SeqCst);
        assert!(asked < 100, "{asked} megabytes were accepted without a reader");
        timeout(LIMIT, asking).await.expect("in time").unwrap();
        served.stop().await;
    }

    async fn s2_a_half_closed_idle_connection_frees_its_slot(kind) {
        let service = service();
        let served = serve(kind, service.server().max_connections(1)).await;
        let mut half = served.connect().await;
        half.send("x\n").await;
        half.shutdown().await.unwrap();
        // The client neither reads nor closes; the next client is served nevertheless.
        served.still_echoes().await;
        assert_eq!(service.ends(2).await[0], Reason::PeerClosed);
        drop(half);
        served.stop().await;
    }

    async fn s2_a_client_that_does_not_close_after_the_final_response_frees_its_slot(kind) {
        let service = service();
        let served = serve(kind, service.server().max_connections(1)).await;
        let mut stays = served.connect().await;
        assert_eq!(stays.call("close").await, "close");
        assert_eq!(stays.read_remaining().await, b"");
        served.still_echoes().await;
        drop(stays);
        served.stop().await;
    }

    async fn s2_a_client_that_keeps_sending_after_the_final_response_frees_its_slot(kind) {
        let service = service();
        let served = serve(kind, service.server().max_connections(1)).await;
        let mut stream = served.connect().await;
        assert_eq!(stream.call("close").await, "close");
        // Far more data than the server discards, for a longer time.
        let sending = tokio::spawn(async move {
            let bytes = [b'x'; 64 * 1024];
            while stream.write_all(&bytes).await.is_ok() && stream.flush().await.is_ok() {}
        });
        served.still_echoes().await;
        timeout(LIMIT, sending).await.expect("in time").unwrap();
        assert_eq!(service.asked.load(SeqCst), 2);
        served.stop().await;
    }
}

on_loops! {
    async fn s9_a_handshake_and_a_session_may_arrive_in_single_bytes() {
        let service = service();
        let served = serve(Kind::Tls, service.server()).await;
        let ServerAddr::Tls(addr) = served.server_addr else { unreachable!() };
        let connector = TlsConnector::from(client_config(None, &[]));
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = timeout(LIMIT, connector.connect(name, SingleBytes(tcp(addr).await))).await.expect("in time").unwrap();
        let mut back = vec![0; 6];
        stream.write_all(b"hello\n").await.unwrap();
        stream.flush().await.unwrap();
        timeout(LIMIT, stream.read_exact(&mut back)).await.expect("in time").unwrap();
        assert_eq!(back, b"hello\n");
        drop(stream);
        service.wait_until_empty().await;
        served.stop().await;
    }

    async fn s11_a_zero_receive_window_delays_no_other_session() {
        let service = service();
        let served = serve(Kind::Tcp, service.server().write_timeout(SHORT * 4)).await;
        let ServerAddr::Tcp(addr) = served.server_addr else { unreachable!() };
        let mut small = Vec::new();
        for _ in 0..20 {
            let socket = tokio::net::TcpSocket::new_v4().unwrap();
            socket.set_recv_buffer_size(1).unwrap();
            let mut stream = socket.connect(addr).await.unwrap();
            stream.write_all(&b"big 1000000\n".repeat(20)).await.unwrap();
            small.push(stream);
        }
        for _ in 0..5 {
            served.still_echoes().await;
        }
        wait(|| service.ended.lock().unwrap().iter().filter(|reason| **reason == Reason::Timeout(Limit::Write)).count() == 20).await;
        served.stop().await;
    }

    async fn s3_urgent_bytes_are_handled_as_ordinary_bytes_or_dropped() {
        let service = service();
        let served = serve(Kind::Tcp, service.server()).await;
        let Conn::Tcp(mut stream) = served.connect().await else { unreachable!() };
        for part in [&b"hel"[..], b"lo", b"\nsec", b"ond\n"] {
            stream.write_all(part).await.unwrap();
            SockRef::from(&stream).send_out_of_band(b"!").unwrap();
        }
        stream.shutdown().await.unwrap();
        // Only the last urgent byte is out of band; TCP delivers the others inline.
        let mut back = read_until_closed(&mut stream).await;
        back.retain(|byte| *byte != b'!');
        assert_eq!(back, b"hello\nsecond\n");
        service.wait_until_empty().await;
        served.stop().await;
    }

    async fn s8_a_client_that_closed_its_reading_side_is_detected_at_the_response() {
        let service = service();
        let served = serve(Kind::Unix, service.server()).await;
        let Conn::Unix(mut stream) = served.connect().await else { unreachable!() };
        SockRef::from(&stream).shutdown(std::net::Shutdown::Read).unwrap();
        stream.write_all(b"x\n").await.unwrap();
        assert_eq!(service.ends(1).await, [Reason::Reset]);
        served.still_echoes().await;
        served.stop().await;
    }
}
