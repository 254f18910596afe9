//! Broadcast and multicast on the loopback network, and unsupported options.

use std::net::{Ipv4Addr, Ipv6Addr};

use portcullis::{BlockingEndpoint, DatagramAddr, Udp};

use super::*;

type Text = Endpoint<String, String, Datagrams<Utf8>>;

const GROUP: Ipv4Addr = Ipv4Addr::new(239, 77, 7, 1);

on_loops! {
    // Only Linux delivers broadcasts to the loopback network.
    #[cfg(target_os = "linux")]
    async fn a_server_answers_a_broadcast() {
        let counter = Arc::new(Counter::default());
        let server = Server::new(counter).listen(Udp::new("0.0.0.0:0", text())).unwrap().spawn().await.unwrap();
        let port = server.local_addr().port();
        let all = DatagramAddr::from(SocketAddr::from(([127, 255, 255, 255], port)));
        let mut asks = Text::bind(Udp::new("127.0.0.1:0", Datagrams::new())).unwrap().timeout(LIMIT);
        let Err(ClientError::Io(error)) = asks.send_to("may I?".into(), &all).await else { panic!("it was not permitted") };
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        let mut asks = Text::bind(Udp::new("127.0.0.1:0", Datagrams::new()).broadcast(true)).unwrap().timeout(LIMIT);
        asks.send_to("who is there?".into(), &all).await.unwrap();
        let (answer, from) = asks.recv_from().await.unwrap();
        assert_eq!((answer.as_str(), from), ("1: who is there?", SocketAddr::from(([127, 0, 0, 1], port)).into()));
        stop(server).await;
    }

    async fn a_multicast_datagram_reaches_every_member_and_no_other_socket() {
        let counter = Arc::new(Counter::default());
        let hears = |port| {
            let udp = Udp::new(("0.0.0.0", port), text());
            udp.reuse_addr(true).join_multicast_v4(GROUP, Ipv4Addr::LOCALHOST)
        };
        let server = Server::new(Arc::clone(&counter)).listen(hears(0)).unwrap();
        let port = server.local_addr().port();
        // The server has another socket, which is not a member.
        let server = server.listen(Udp::new("127.0.0.1:0", text()).receive_buffer(1 << 16)).unwrap();
        let server = server.spawn().await.unwrap();
        let mut member = Text::bind(hears(port)).unwrap().timeout(LIMIT);
        let asks = Udp::new("127.0.0.1:0", text()).multicast_if_v4(Ipv4Addr::LOCALHOST);
        let mut asks = Text::bind(asks).unwrap().timeout(LIMIT);
        let group = DatagramAddr::from(SocketAddr::from((GROUP, port)));
        for n in 1..=3 {
            asks.send_to(format!("{n}"), &group).await.unwrap();
            assert_eq!(asks.recv().await.unwrap(), format!("{n}: {n}"));
            assert_eq!(member.recv_from().await.unwrap(), (format!("{n}"), asks.local_addr().unwrap()));
        }
        assert_eq!(counter.begun.load(SeqCst), 3);
        stop(server).await;
    }
}

#[test]
fn an_unsupported_option_is_an_error_at_bind() {
    let udp = || Udp::new("127.0.0.1:0", Datagrams::<Utf8>::new());
    let none = udp().join_multicast_v4(Ipv4Addr::LOCALHOST, Ipv4Addr::LOCALHOST);
    let bound = BlockingEndpoint::<String, String, _>::bind(none);
    assert!(bound.is_err());
    // A group of the other address family.
    let other = udp().join_multicast_v6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 7, 7), 0);
    let bound = Server::new(Counter::default()).listen(other);
    assert!(bound.is_err());
}
