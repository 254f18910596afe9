//! What is bounded, and whom that holds up (D5, S2).

use super::*;

on_loops! {
    async fn d5_a_flood_fills_its_own_queue_and_holds_up_nobody() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().max_inbound(4000);
        let stats = server.datagram_stats();
        let server = server.spawn().await.unwrap();
        let (flood, other) = (raw(server.local_addr()).await, raw(server.local_addr()).await);
        flood.send(b"hold").await.unwrap();
        wait(|| counter.begun.load(SeqCst) == 1).await;
        let mut sent = 1;
        while stats.counts().full < 100 {
            flood.send(&[b'f'; 900]).await.unwrap();
            sent += 1;
            tokio::task::yield_now().await;
        }
        assert_eq!(ask(&other, "a").await, "1: a");
        counter.gate.add_permits(1);
        assert_eq!(answer(&flood).await, "1: hold");
        // What was queued, and one buffer that was read ahead, and no more.
        wait(|| counter.begun.load(SeqCst) > 2).await;
        stop(server).await;
        let handled = counter.begun.load(SeqCst) - 2;
        assert!((1..30).contains(&handled), "{handled} of {sent}");
    }

    async fn s2_strangers_beyond_the_limit_of_sessions_are_dropped_until_one_leaves() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().max_connections(2).idle_within(SHORT * 4);
        let stats = server.datagram_stats();
        let server = server.spawn().await.unwrap();
        let (one, two) = (raw(server.local_addr()).await, raw(server.local_addr()).await);
        ask(&one, "a").await;
        two.send(b"hold").await.unwrap();
        wait(|| counter.begun.load(SeqCst) == 2).await;
        let three = raw(server.local_addr()).await;
        three.send(b"b").await.unwrap();
        wait(|| stats.counts().no_place == 1).await;
        assert_eq!(counter.end(1).await, Reason::Timeout);
        let mut four = client(server.local_addr()).await.resend_every(SHORT);
        assert_eq!(four.call("c".into()).await.unwrap(), "1: c");
        assert_eq!(counter.connected.load(SeqCst), 3);
        counter.gate.add_permits(1);
        assert_eq!(answer(&two).await, "1: hold");
        stop(server).await;
    }

    async fn a_slow_handler_holds_up_no_other_session() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().spawn().await.unwrap();
        let slow = raw(server.local_addr()).await;
        slow.send(b"hold").await.unwrap();
        wait(|| counter.begun.load(SeqCst) == 1).await;
        for _ in 0..20 {
            assert_eq!(ask(&raw(server.local_addr()).await, "a").await, "1: a");
        }
        counter.gate.add_permits(1);
        assert_eq!(answer(&slow).await, "1: hold");
        stop(server).await;
    }
}
