//! Datagrams and streams on one server, and datagrams framed in a stream.

use portcullis::Udp;
use portcullis::codec::Framed;

use super::*;

on_loops! {
    async fn tcp_and_udp_share_a_stop_and_have_separate_limits() {
        let counter = Arc::new(Counter::default());
        let server = Server::new(Arc::clone(&counter))
            .codec(Lines::new())
            .bind("127.0.0.1:0")
            .unwrap()
            .listen(Udp::new("127.0.0.1:0", text()))
            .unwrap()
            .listen(Udp::new("127.0.0.1:0", text()))
            .unwrap()
            .max_connections(1)
            .max_datagram_sessions(2);
        let stats = server.datagram_stats();
        let server = server.spawn().await.unwrap();
        let &[tcp, udp, other] = server.local_addrs() else { panic!("three addresses") };
        let mut stream = Client::<&str, String, _>::connect(tcp, Lines::new()).await.unwrap();
        assert_eq!(timeout(LIMIT, stream.call("a")).await.unwrap().unwrap(), "1: a");
        assert_eq!(call(&raw(udp).await, "b").await, "1: b");
        assert_eq!(call(&raw(other).await, "c").await, "1: c");
        raw(udp).await.send(b"d").await.unwrap();
        wait(|| stats.counts().dropped_session_limit == 1).await;
        // `max_connections` is reached: the next connection is accepted when that one ends.
        let mut waits = Client::<&str, String, _>::connect(tcp, Lines::new()).await.unwrap();
        drop(stream);
        assert_eq!(timeout(LIMIT, waits.call("e")).await.unwrap().unwrap(), "1: e");
        assert_eq!(stop(server).await.sessions_finished, 3);
    }

    async fn a_stream_carries_framed_datagrams() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().codec(Framed::new(text())).bind("127.0.0.1:0").unwrap().spawn().await.unwrap();
        let addr = server.local_addrs()[1];
        let mut stream = Client::<&str, String, _>::connect(addr, Framed::new(text())).await.unwrap();
        assert_eq!(timeout(LIMIT, stream.call("a")).await.unwrap().unwrap(), "1: a");
        stop(server).await;
    }
}
