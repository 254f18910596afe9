//! Hostile datagrams (S2, S3, S9, D5).

use std::net::{Ipv4Addr, SocketAddr};

use portcullis::codec::Utf8;
use portcullis::{Datagrams, Endpoint, Udp};
use tokio::net::UdpSocket;

use super::*;

/// The maximum of UDP, which is more than the codec accepts.
const LONGEST: usize = 65_507;

fn text() -> Datagrams<Utf8> {
    Datagrams::new().max_size(1000)
}

async fn good(to: SocketAddr) -> Endpoint<String, String, Datagrams<Utf8>> {
    Endpoint::connect(Udp::new(to, text())).await.unwrap().timeout(LIMIT).retransmit_interval(SHORT)
}

async fn from(ip: Ipv4Addr) -> UdpSocket {
    UdpSocket::bind((ip, 0)).await.unwrap()
}

on_loops! {
    async fn s2_one_datagram_each_from_hundreds_of_addresses_occupies_sessions_only_briefly() {
        let service = service();
        let server = Server::new(Arc::clone(&service)).max_connections(64).idle_timeout(SHORT * 4);
        let server = server.listen(Udp::new("127.0.0.1:0", text())).unwrap().spawn().await.unwrap();
        let addr = server.local_addr();
        let mut known = good(addr).await;
        assert_eq!(known.call("before".into()).await.unwrap(), "before");
        // Like forged datagrams: the sender is closed when the response is sent.
        for n in 0..600_u32 {
            let ip = Ipv4Addr::from_bits(Ipv4Addr::new(127, 1, 0, 0).to_bits() + n);
            let _ = from(ip).await.send_to(b"x", addr).await;
            assert!(service.connected.load(SeqCst) - service.ended() <= 64);
        }
        // A peer that had a session is served throughout; new peers are served when the sessions
        // have timed out.
        assert_eq!(known.call("still".into()).await.unwrap(), "still");
        assert_eq!(good(addr).await.call("new".into()).await.unwrap(), "new");
        assert!(timeout(LIMIT, server.stop()).await.expect("in time").unwrap().is_clean());
    }

    async fn s9_a_flood_of_empty_oversized_and_malformed_datagrams_affects_only_its_sender() {
        let service = service();
        let server = Server::new(Arc::clone(&service)).listen(Udp::new("127.0.0.1:0", text())).unwrap().spawn().await.unwrap();
        let addr = server.local_addr();
        let (flood, mut known) = (from(Ipv4Addr::LOCALHOST).await, good(addr).await);
        let oversized = vec![b'x'; LONGEST];
        for n in 0..500 {
            let bytes: &[u8] = [b"", &oversized[..], b"\xff\xfe", &oversized[..1001], b"\0"][n % 5];
            let _ = flood.send_to(bytes, addr).await;
            if n % 100 == 0 {
                assert_eq!(known.call(format!("{n}")).await.unwrap(), format!("{n}"));
            }
        }
        // The flooding sender is answered when it behaves again.
        wait_for_answer(&flood, addr).await;
        assert_eq!(service.connected.load(SeqCst), 2);
        assert!(timeout(LIMIT, server.stop()).await.expect("in time").unwrap().is_clean());
    }

    async fn s5_a_stop_in_a_flood_of_datagrams_ends_in_time() {
        let service = service();
        let server = Server::new(Arc::clone(&service)).listen(Udp::new("127.0.0.1:0", text())).unwrap().spawn().await.unwrap();
        let addr = server.local_addr();
        let flooding = tokio::spawn(async move {
            let sockets = [from(Ipv4Addr::LOCALHOST).await, from(Ipv4Addr::new(127, 0, 0, 2)).await];
            loop {
                for socket in &sockets {
                    let _ = socket.send_to(b"x", addr).await;
                }
                tokio::task::yield_now().await;
            }
        });
        wait(|| service.asked.load(SeqCst) > 100).await;
        let report = timeout(LIMIT, server.stop()).await.expect("in time").unwrap();
        flooding.abort();
        assert!(report.is_clean(), "{report}");
        assert_eq!(service.ended(), service.connected.load(SeqCst));
    }
}

/// Sends until its response arrives, possibly after many others.
async fn wait_for_answer(socket: &UdpSocket, addr: SocketAddr) {
    let mut buffer = [0; 2000];
    let answered = async {
        loop {
            socket.send_to(b"sorry", addr).await.unwrap();
            while let Ok(Ok((length, _))) = timeout(SHORT, socket.recv_from(&mut buffer)).await {
                if &buffer[..length] == b"sorry" {
                    return;
                }
            }
        }
    };
    timeout(LIMIT, answered).await.expect("in time");
}
