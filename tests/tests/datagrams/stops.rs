//! How a datagram server stops (S5, S10).

use portcullis::Udp;

use super::*;

on_loops! {
    async fn s5_a_stop_lets_busy_handlers_finish_and_accepts_nothing_new() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().spawn().await.unwrap();
        let (busy, idle) = (raw(server.local_addr()).await, raw(server.local_addr()).await);
        call(&idle, "a").await;
        busy.send(b"hold").await.unwrap();
        wait(|| counter.begun.load(SeqCst) == 2).await;
        server.handle().stop();
        assert_eq!(counter.end(1).await, Reason::Stopped);
        // The kernel rejects it or the server drops it, depending on the timing.
        let _ = raw(server.local_addr()).await.send(b"b").await;
        counter.gate.add_permits(1);
        assert_eq!(answer(&busy).await, "1: hold");
        let report = stop(server).await;
        assert_eq!((report.sessions_finished, report.sessions_cancelled), (2, 0));
        assert_eq!(counter.connected.load(SeqCst), 2);
        assert_eq!(counter.end(2).await, Reason::Stopped);
    }

    async fn s10_a_stop_ends_within_its_grace_although_handlers_never_return() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().grace(SHORT).spawn().await.unwrap();
        let busy = raw(server.local_addr()).await;
        busy.send(b"hold").await.unwrap();
        busy.send(b"queued").await.unwrap();
        wait(|| counter.begun.load(SeqCst) == 1).await;
        let report = stop(server).await;
        assert_eq!((report.sessions_cancelled, report.sessions_stuck), (1, 0));
        assert_eq!(counter.begun.load(SeqCst), 1);
        assert_eq!(counter.end(1).await, Reason::Stopped);
    }

    async fn a_stop_releases_the_port() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().spawn().await.unwrap();
        let addr = server.local_addr();
        call(&raw(addr).await, "a").await;
        stop(server).await;
        let again = Server::new(Arc::clone(&counter)).listen(Udp::new(addr, text())).unwrap().spawn().await.unwrap();
        assert_eq!(call(&raw(addr).await, "b").await, "1: b");
        stop(again).await;
    }
}
