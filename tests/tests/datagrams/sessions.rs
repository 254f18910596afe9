//! The life of a datagram session (D1 to D4).

use portcullis::Udp;

use super::*;

/// A linear session that greets, and then numbers its requests, two in each run.
struct Pairs;

#[service]
impl Pairs {
    #[session]
    async fn pairs(&self, session: &mut Session<String, String>) -> Result<(), io::Error> {
        let first = session.next().await?;
        if first == "leave" {
            session.peer().close();
            return Ok(());
        }
        let second = session.next().await?;
        session.send(format!("{first} and {second}")).await?;
        Ok(())
    }
}

/// Reads no request.
#[derive(Default)]
struct ReadsNothing {
    started: AtomicUsize,
    ended: AtomicUsize,
}

#[service]
impl ReadsNothing {
    #[session]
    async fn deaf(&self, session: &mut Session<String, String>) -> Result<(), io::Error> {
        self.started.fetch_add(1, SeqCst);
        session.send("not now".to_owned()).await?;
        Ok(())
    }

    #[on(disconnect)]
    async fn disconnected(&self, reason: Reason) {
        assert_eq!(reason, Reason::Closed(By::Handler));
        self.ended.fetch_add(1, SeqCst);
    }
}

/// Responds with as many datagrams as the request says.
struct Several;

#[service(response = String)]
impl Several {
    #[request]
    async fn list(&self, count: String) -> Vec<String> {
        let count = count.parse().unwrap_or(0);
        (0..count).map(|n| format!("{n} of {count}")).collect()
    }
}

/// Echoes, until a request asks it to send nothing more.
#[derive(Default)]
struct Sink {
    connected: AtomicUsize,
    handled: Mutex<Vec<String>>,
}

#[service]
impl Sink {
    #[on(connect)]
    async fn connected(&self) {
        self.connected.fetch_add(1, SeqCst);
    }

    #[request]
    async fn handle(&self, peer: &Peer<String>, line: String) -> String {
        if line == "shut" {
            peer.shutdown_write();
        }
        self.handled.lock().unwrap().push(line.clone());
        line
    }
}

on_loops! {
    async fn s24_a_session_that_sends_nothing_more_still_gets_the_datagrams_of_its_address() {
        let sink = Arc::new(Sink::default());
        let server = Server::new(Arc::clone(&sink)).listen(Udp::new("127.0.0.1:0", Datagrams::<Utf8>::new()));
        let server = server.unwrap().spawn().await.unwrap();
        let socket = raw(server.local_addr()).await;
        assert_eq!(call(&socket, "a").await, "a");
        assert_eq!(call(&socket, "shut").await, "shut");
        socket.send(b"b").await.unwrap();
        wait(|| sink.handled.lock().unwrap().last().is_some_and(|line| line == "b")).await;
        assert!(stop(server).await.is_clean());
        assert_eq!(sink.connected.load(SeqCst), 1);
        assert!(socket.try_recv(&mut [0; 16]).is_err(), "no response");
    }

    async fn s16_each_of_several_responses_is_a_datagram() {
        let server = Server::new(Several).listen(Udp::new("127.0.0.1:0", Datagrams::<Utf8>::new()));
        let server = server.unwrap().spawn().await.unwrap();
        let socket = raw(server.local_addr()).await;
        socket.send(b"0").await.unwrap();
        assert_eq!(call(&socket, "3").await, "0 of 3");
        assert_eq!(answer(&socket).await, "1 of 3");
        assert_eq!(answer(&socket).await, "2 of 3");
        assert_eq!(call(&socket, "1").await, "0 of 1");
        assert!(stop(server).await.is_clean());
    }

    async fn d1_each_address_has_a_session_with_its_own_connection_value() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().spawn().await.unwrap();
        let mut clients = Vec::new();
        for _ in 0..50 {
            clients.push(client(server.local_addr()).await);
        }
        for round in 1..=3 {
            for (n, client) in clients.iter_mut().enumerate() {
                assert_eq!(client.call(format!("{n}")).await.unwrap(), format!("{round}: {n}"));
            }
        }
        assert_eq!(counter.connected.load(SeqCst), 50);
        let report = stop(server).await;
        assert_eq!(report.sessions_finished, 50);
        assert!(report.is_clean(), "{report}");
        assert!(counter.ended.lock().unwrap().iter().all(|reason| *reason == Reason::Stopped));
        assert_eq!(counter.end(50).await, Reason::Stopped);
    }

    async fn d1_datagrams_of_one_address_are_handled_in_order() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().spawn().await.unwrap();
        let socket = raw(server.local_addr()).await;
        for n in 0..100 {
            socket.send(format!("{n}").as_bytes()).await.unwrap();
        }
        for n in 0..100 {
            assert_eq!(answer(&socket).await, format!("{}: {n}", n + 1));
        }
        stop(server).await;
    }

    async fn d2_an_idle_session_ends_and_the_next_datagram_starts_a_new_one() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().idle_timeout(SHORT).spawn().await.unwrap();
        let socket = raw(server.local_addr()).await;
        assert_eq!(call(&socket, "a").await, "1: a");
        assert_eq!(counter.end(1).await, Reason::Timeout(Limit::Idle));
        assert_eq!(call(&socket, "b").await, "1: b");
        assert_eq!(counter.connected.load(SeqCst), 2);
        stop(server).await;
    }

    async fn a_busy_handler_is_not_idle() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().idle_timeout(SHORT).spawn().await.unwrap();
        let (busy, idle) = (raw(server.local_addr()).await, raw(server.local_addr()).await);
        busy.send(b"hold").await.unwrap();
        wait(|| counter.begun.load(SeqCst) == 1).await;
        // Two sessions that begin later time out one after the other.
        for ended in 1..=2 {
            assert_eq!(call(&idle, "a").await, "1: a");
            assert_eq!(counter.end(ended).await, Reason::Timeout(Limit::Idle));
        }
        counter.gate.add_permits(1);
        assert_eq!(answer(&busy).await, "1: hold");
        stop(server).await;
    }

    async fn closing_the_peer_ends_the_session_and_not_the_server() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().spawn().await.unwrap();
        let socket = raw(server.local_addr()).await;
        assert_eq!(call(&socket, "a").await, "1: a");
        assert_eq!(call(&socket, "close").await, "2: close");
        assert_eq!(counter.end(1).await, Reason::Closed(By::Close));
        // A datagram that arrives while the old session ends may be lost.
        let mut buffer = [0; 100];
        let length = loop {
            socket.send(b"b").await.unwrap();
            if let Ok(length) = timeout(SHORT, socket.recv(&mut buffer)).await {
                break length.unwrap();
            }
        };
        assert_eq!(&buffer[..length], b"1: b");
        stop(server).await;
    }

    async fn d3_a_session_that_reads_nothing_ends_and_its_datagram_is_discarded() {
        let deaf = Arc::new(ReadsNothing::default());
        let server = Server::new(Arc::clone(&deaf)).listen(Udp::new("127.0.0.1:0", text())).unwrap();
        let server = server.spawn().await.unwrap();
        for n in 1..4 {
            // A datagram that arrives while the old session ends may be lost.
            let mut client = client(server.local_addr()).await;
            assert_eq!(client.call("x".into()).await.unwrap(), "not now");
            assert_eq!(deaf.started.load(SeqCst), n);
            wait(|| deaf.ended.load(SeqCst) == n).await;
        }
        stop(server).await;
    }

    async fn d4_a_linear_session_reads_queued_datagrams_and_starts_again() {
        let server = Server::new(Pairs).listen(Udp::new("127.0.0.1:0", text())).unwrap().spawn().await.unwrap();
        let socket = raw(server.local_addr()).await;
        for request in ["a", "b", "c", "d"] {
            socket.send(request.as_bytes()).await.unwrap();
        }
        assert_eq!(answer(&socket).await, "a and b");
        assert_eq!(answer(&socket).await, "c and d");
        stop(server).await;
    }
}
