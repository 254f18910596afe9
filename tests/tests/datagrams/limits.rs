//! Limits of datagram sessions: queues, numbers of sessions, rates and lifetimes (D5, S2).

use portcullis::Udp;

use super::*;

on_loops! {
    async fn d5_a_flood_fills_only_its_own_queue() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().max_queued_datagram_bytes(4000);
        let stats = server.datagram_stats();
        let server = server.spawn().await.unwrap();
        let (flood, other) = (raw(server.local_addr()).await, raw(server.local_addr()).await);
        flood.send(b"hold").await.unwrap();
        wait(|| counter.begun.load(SeqCst) == 1).await;
        let mut sent = 1;
        while stats.counts().dropped_queue_full < 100 {
            flood.send(&[b'f'; 900]).await.unwrap();
            sent += 1;
            tokio::task::yield_now().await;
        }
        assert_eq!(call(&other, "a").await, "1: a");
        counter.gate.add_permits(1);
        assert_eq!(answer(&flood).await, "1: hold");
        // The queue and one buffer that was read ahead, and no more.
        wait(|| counter.begun.load(SeqCst) > 2).await;
        stop(server).await;
        let handled = counter.begun.load(SeqCst) - 2;
        assert!((1..30).contains(&handled), "{handled} of {sent}");
    }

    async fn s2_new_addresses_over_the_session_limit_are_dropped_until_a_session_ends() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().max_connections(2).idle_timeout(SHORT * 4);
        let stats = server.datagram_stats();
        let server = server.spawn().await.unwrap();
        let (one, two) = (raw(server.local_addr()).await, raw(server.local_addr()).await);
        call(&one, "a").await;
        two.send(b"hold").await.unwrap();
        wait(|| counter.begun.load(SeqCst) == 2).await;
        let three = raw(server.local_addr()).await;
        three.send(b"b").await.unwrap();
        wait(|| stats.counts().dropped_session_limit == 1).await;
        assert_eq!(counter.end(1).await, Reason::Timeout(Limit::Idle));
        let mut four = client(server.local_addr()).await.retransmit_interval(SHORT);
        assert_eq!(four.call("c".into()).await.unwrap(), "1: c");
        assert_eq!(counter.connected.load(SeqCst), 3);
        counter.gate.add_permits(1);
        assert_eq!(answer(&two).await, "1: hold");
        stop(server).await;
    }

    async fn datagram_sessions_do_not_count_as_connections() {
        let counter = Arc::new(Counter::default());
        let server = Server::new(Arc::clone(&counter)).codec(Lines::new()).bind("127.0.0.1:0").unwrap();
        let server = server.listen(Udp::new("127.0.0.1:0", text())).unwrap();
        let server = server.max_connections(2).max_connections_per_ip(2).max_datagram_sessions(20);
        let stats = server.datagram_stats();
        let server = server.spawn().await.unwrap();
        let &[tcp, udp] = server.local_addrs() else { panic!("two addresses") };
        let mut flood = Vec::new();
        for _ in 0..50 {
            let stranger = raw(udp).await;
            stranger.send(b"a").await.unwrap();
            flood.push(stranger);
        }
        // `max_connections_per_ip` bounds a host's datagram sessions too, separately from its
        // connections.
        wait(|| stats.counts().dropped_session_limit == 48).await;
        assert_eq!(counter.begun.load(SeqCst), 2);
        for n in 0..2 {
            let mut client = Client::<&str, String, _>::connect(tcp, Lines::new()).await.unwrap();
            assert_eq!(timeout(LIMIT, client.call("b")).await.unwrap().unwrap(), "1: b", "{n}");
        }
        stop(server).await;
    }

    async fn an_address_over_its_rate_is_throttled_and_others_are_served() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().datagram_rate(20);
        let stats = server.datagram_stats();
        let server = server.spawn().await.unwrap();
        let (one, two) = (raw(server.local_addr()).await, raw(server.local_addr()).await);
        let began = Instant::now();
        for sent in 1..=200 {
            let port = if sent % 2 == 0 { &one } else { &two };
            port.send(b"a").await.unwrap();
            wait(|| stats.counts().received == sent).await;
        }
        let dropped = stats.counts().dropped_rate;
        // A burst of one second's worth, then 20 a second, over all ports together.
        let admitted = 20 + (began.elapsed().as_secs_f64() * 20.0) as u64 + 1;
        assert!((200 - admitted..=180).contains(&dropped), "{dropped} dropped; no more than {admitted} may pass");
        if let Some(other) = from_another_ip(server.local_addr()).await {
            assert_eq!(call(&other, "b").await, "1: b");
        }
        // The address is served again when it sends slowly enough.
        let mut slow = client(server.local_addr()).await.retransmit_interval(SHORT);
        assert_eq!(slow.call("d".into()).await.unwrap(), "1: d");
        assert_eq!(stats.counts().dropped_session_rate, 0);
        stop(server).await;
    }

    async fn one_host_cannot_open_all_sessions_from_its_ports() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().datagram_session_rate(5).max_datagram_sessions(20);
        let stats = server.datagram_stats();
        let server = server.spawn().await.unwrap();
        let known = raw(server.local_addr()).await;
        assert_eq!(call(&known, "a").await, "1: a");
        let began = Instant::now();
        let mut ports = Vec::new();
        for sent in 2..=16 {
            let port = raw(server.local_addr()).await;
            port.send(b"a").await.unwrap();
            ports.push(port);
            wait(|| stats.counts().received == sent).await;
        }
        let admitted = 5 + (began.elapsed().as_secs_f64() * 5.0) as u64 + 1;
        let dropped = stats.counts().dropped_session_rate;
        assert!((16 - admitted..=11).contains(&dropped), "{dropped} dropped; no more than {admitted} may pass");
        // A peer that already has a session is served, and so are other addresses.
        assert_eq!(call(&known, "b").await, "2: b");
        if let Some(other) = from_another_ip(server.local_addr()).await {
            assert_eq!(call(&other, "c").await, "1: c");
        }
        assert_eq!((stats.counts().dropped_rate, stats.counts().dropped_session_limit), (0, 0));
        stop(server).await;
    }

    async fn without_a_rate_limit_no_datagram_is_dropped() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().datagram_rate(usize::MAX).datagram_session_rate(usize::MAX);
        let stats = server.datagram_stats();
        let server = server.spawn().await.unwrap();
        let socket = raw(server.local_addr()).await;
        for n in 1..=200 {
            assert_eq!(call(&socket, "a").await, format!("{n}: a"));
        }
        assert_eq!(stats.counts().dropped_rate, 0);
        stop(server).await;
    }

    async fn the_session_of_an_address_that_sends_once_ends_soon() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().max_datagram_sessions(2).spawn().await.unwrap();
        let (once, twice) = (raw(server.local_addr()).await, raw(server.local_addr()).await);
        call(&twice, "a").await;
        call(&twice, "b").await;
        call(&once, "a").await;
        assert_eq!(counter.end(1).await, Reason::Timeout(Limit::Idle));
        assert_eq!(call(&twice, "c").await, "3: c");
        assert_eq!(call(&once, "b").await, "1: b", "it is a stranger again");
        stop(server).await;
    }

    async fn a_slow_handler_delays_no_other_session() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().spawn().await.unwrap();
        let slow = raw(server.local_addr()).await;
        slow.send(b"hold").await.unwrap();
        wait(|| counter.begun.load(SeqCst) == 1).await;
        for _ in 0..20 {
            assert_eq!(call(&raw(server.local_addr()).await, "a").await, "1: a");
        }
        counter.gate.add_permits(1);
        assert_eq!(answer(&slow).await, "1: hold");
        stop(server).await;
    }
}
