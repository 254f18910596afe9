//! Limits, starting, and the forms that block.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

on_both_flavours! {
    async fn s2_no_more_sessions_than_places() {
        let (service, mut reports) = scripted();
        let server = serve(bound(service).max_connections(1)).await;
        let mut first = server.connect().await;
        assert_eq!(call(&mut first, "one").await, "one");
        let mut second = server.connect().await;
        second.send("two".to_owned()).await.expect("sent");
        assert_eq!(reports.recv().await, Some(Event::Connected));
        drop(first);
        assert_eq!(second.next().await.expect("read"), Some("two".to_owned()));
        assert_eq!(until_end(&mut reports).await, Reason::PeerClosed);
        assert_eq!(reports.recv().await, Some(Event::Connected));
        server.stop().await;
    }

    async fn s2_the_first_request_must_come_in_time() {
        let (service, mut reports) = scripted();
        let limit = Duration::from_millis(100);
        let server = serve(bound(service).first_request_timeout(limit)).await;
        let mut quick = server.connect().await;
        assert_eq!(call(&mut quick, "one").await, "one");
        let mut slow = server.connect().await;
        // Part of a request is no request.
        let mut stream = tokio::net::TcpStream::connect(server.addr).await.expect("it listens");
        stream.write_all(b"par").await.expect("written");
        assert_eq!(rest(&mut slow).await, ["bye"]);
        assert_eq!(until_end(&mut reports).await, Reason::Timeout(Limit::FirstRequest));
        assert_eq!(until_end(&mut reports).await, Reason::Timeout(Limit::FirstRequest));
        assert_eq!(call(&mut quick, "two").await, "two");
        server.stop().await;
    }

    async fn s2_idle_sessions_end_in_time() {
        let (service, mut reports) = scripted();
        let server = serve(bound(service).idle_timeout(Duration::from_millis(100))).await;
        let mut client = server.connect().await;
        assert_eq!(call(&mut client, "one").await, "one");
        assert_eq!(rest(&mut client).await, ["bye"]);
        assert_eq!(until_end(&mut reports).await, Reason::Timeout(Limit::Idle));
        server.stop().await;
    }

    async fn s2_a_busy_handler_is_not_idle() {
        let (service, mut reports) = scripted();
        let service = Arc::new(service);
        let limit = Duration::from_millis(50);
        let server =
            serve(bound(Arc::clone(&service)).idle_timeout(limit).first_request_timeout(limit)).await;
        let mut client = server.connect().await;
        client.send("hold".to_owned()).await.expect("sent");
        while reports.recv().await != Some(Event::Holding) {}
        // A second session shows that the limit has passed.
        let mut other = server.connect().await;
        assert_eq!(rest(&mut other).await, ["bye"]);
        service.release.add_permits(1);
        assert_eq!(client.next().await.expect("read"), Some("held".to_owned()));
        server.stop().await;
    }

    async fn s11_a_slow_reader_slows_only_itself_and_is_ended_in_time() {
        let (service, mut reports) = scripted();
        let server = serve(bound(service).write_timeout(Duration::from_millis(200))).await;
        let mut stream = tokio::net::TcpStream::connect(server.addr).await.expect("it listens");
        let line = [b"x".repeat(4000), b"\n".to_vec()].concat();
        // Writes until the server, which is not read from, does not read any more either.
        let stuck = async {
            loop {
                if stream.write_all(&line).await.is_err() {
                    break;
                }
            }
        };
        let mut other = server.connect().await;
        let ((), ()) = tokio::join!(stuck, async {
            assert_eq!(call(&mut other, "quick").await, "quick");
            assert_eq!(until_end(&mut reports).await, Reason::Timeout(Limit::Write));
        });
        server.stop().await;
    }

    async fn a_connection_that_is_refused_has_no_other_hook() {
        let (mut service, mut reports) = scripted();
        service.refuse = true;
        let server = serve(bound(service)).await;
        let mut client = server.connect().await;
        assert_eq!(rest(&mut client).await, [""; 0]);
        server.stop().await;
        assert_eq!(reports.recv().await, Some(Event::Stopped));
    }

    async fn several_addresses_are_served() {
        let (service, _told) = scripted();
        let server = bound(service).bind("127.0.0.1:0").expect("a port");
        let addrs = server.local_addrs();
        let served = serve(server).await;
        for addr in addrs {
            let mut stream = tokio::net::TcpStream::connect(addr).await.expect("it listens");
            stream.write_all(b"x\n").await.expect("written");
            let mut back = [0; 2];
            stream.read_exact(&mut back).await.expect("read");
            assert_eq!(&back, b"x\n");
        }
        served.stop().await;
    }

    async fn a_session_runs_over_any_stream() {
        let (service, mut reports) = scripted();
        let (near, far) = tokio::io::duplex(64);
        let server = Server::new(service).codec(Lines::new());
        let serving = tokio::spawn(server.serve_stream(far));
        let mut client = Client::<String, String, _, _>::from_stream(near, Lines::new()).timeout(LIMIT);
        for request in ["one", &"x".repeat(1000), "two"] {
            assert_eq!(client.call(request.to_owned()).await.expect("an answer"), request);
        }
        client.finish().await.expect("half-closed");
        assert_eq!(client.next().await.expect("read").as_deref(), Some("bye"));
        assert_eq!(client.next().await.expect("read"), None);
        let report = serving.await.expect("no panic").expect("no error");
        assert!(report.is_clean(), "{report}");
        assert_eq!(until_end(&mut reports).await, Reason::PeerClosed);
    }

    async fn a_start_that_fails_is_what_serving_fails_with() {
        let (events, mut reports) = mpsc::unbounded_channel();
        let server = bound(Failing(events));
        let handle = server.handle();
        let error = server.serve().await.expect_err("the start fails");
        assert!(error.to_string().contains("no database"), "{error}");
        assert_eq!(reports.recv().await, Some(Event::Undone(0)));
        assert!(!handle.ready().await);
    }

    async fn a_server_in_a_task_of_its_own() {
        let (service, mut reports) = scripted();
        let mut server = bound(service).spawn().await.expect("it starts");
        let connect = || Client::<String, String, _>::connect(server.local_addr(), Lines::new());
        let mut client = connect().await.expect("it listens").timeout(LIMIT);
        assert_eq!(call(&mut client, "one").await, "one");
        assert_eq!(server.local_addrs(), [server.local_addr()]);
        // Waiting for its end may be given up, and taken up again.
        let patience = timeout(Duration::from_millis(1), server.join()).await;
        assert!(patience.is_err());
        assert_eq!(call(&mut client, "two").await, "two");
        server.handle().stop();
        let report = server.join().await.expect("it stops");
        assert_eq!((report.sessions_finished, until_end(&mut reports).await), (1, Reason::Stopped));
        let again = server.stop().await.expect_err("reported once");
        assert!(again.to_string().contains("already returned"), "{again}");
    }

    async fn a_server_in_a_task_of_its_own_stops_when_it_is_dropped() {
        let (service, mut reports) = scripted();
        let server = bound(service).spawn().await.expect("it starts");
        let mut client = Client::<String, String, _>::connect(server.local_addr(), Lines::new())
            .await
            .expect("it listens")
            .timeout(LIMIT);
        assert_eq!(call(&mut client, "one").await, "one");
        drop(server);
        assert_eq!(rest(&mut client).await, ["bye"]);
        assert_eq!(until_end(&mut reports).await, Reason::Stopped);
    }

    async fn a_start_that_fails_in_a_task_of_its_own_is_told() {
        let (events, _told) = mpsc::unbounded_channel();
        let error = bound(Failing(events)).spawn().await.expect_err("the start fails");
        assert!(error.to_string().contains("no database"), "{error}");
    }

    async fn a_client_is_told_when_it_is_not_answered() {
        let (mut service, _told) = scripted();
        service.refuse = true;
        let server = bound(service).spawn().await.expect("it starts");
        let mut client = Client::<String, String, _>::connect(server.local_addr(), Lines::new())
            .await
            .expect("it listens")
            .timeout(LIMIT);
        let error = client.call("one".to_owned()).await.expect_err("refused");
        assert!(matches!(error, ClientError::Closed), "{error}");
        assert_eq!(error.to_string(), "the server closed the connection before it responded");
        assert_eq!(io::Error::from(error).kind(), io::ErrorKind::UnexpectedEof);
        server.stop().await.expect("it stops");
    }

    async fn a_server_that_is_stopped_before_it_serves_starts_and_stops() {
        let (service, _told) = scripted();
        let server = bound(service);
        server.handle().stop();
        let ended = server.serve().await;
        assert!(ended.is_ok_and(|report| report.sessions_finished == 0));
    }
}

struct Failing(mpsc::UnboundedSender<Event>);

impl Service for Failing {
    type Request = String;
    type Response = String;
    type Error = std::convert::Infallible;
    type Event = std::convert::Infallible;
    type Conn = ();
    type State = ();
    type Kind = PerRequest;

    async fn on_start(self: &Arc<Self>, cleanup: &mut Cleanup) -> Result<(), BoxError> {
        let events = self.0.clone();
        cleanup.push(async move { drop(events.send(Event::Undone(0))) });
        Err("no database".into())
    }

    async fn on_connect(self: &Arc<Self>, _: &Peer<String>) -> Result<Connected<Self>, Self::Error> {
        Ok(Connected { conn: (), state: () })
    }

    async fn on_request(
        self: &Arc<Self>,
        (): (),
        _: &Peer<String>,
        (): &mut (),
        request: String,
    ) -> Result<Step<Self>, Self::Error> {
        Ok(Step::reply((), request))
    }
}

#[test]
fn a_server_on_a_thread_of_its_own() {
    use std::io::{BufRead, BufReader, Write};
    let (service, _told) = scripted();
    let server = bound(service).spawn_thread().expect("it starts");
    let stream = std::net::TcpStream::connect(server.local_addr()).expect("it listens");
    stream.set_read_timeout(Some(LIMIT)).expect("set");
    (&stream).write_all(b"hello\n").expect("written");
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line).expect("read");
    assert_eq!(line, "hello\n");
    let report = server.stop().expect("it stops");
    assert_eq!(report.sessions_finished, 1);
}

#[test]
fn a_start_that_fails_on_a_thread_of_its_own_is_told() {
    let (events, _told) = mpsc::unbounded_channel();
    let error = bound(Failing(events)).spawn_thread().expect_err("the start fails");
    assert!(error.to_string().contains("no database"), "{error}");
}

#[test]
fn run_until_signal_does_not_block_a_loop() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let (service, _told) = scripted();
    let error = runtime.block_on(async { bound(service).run_until_signal() }).expect_err("refused");
    assert!(error.to_string().contains("serve().await"), "{error}");
}
