//! Datagram clients, async and blocking (D11).

use portcullis::BlockingEndpoint;
use portcullis::Udp;
use portcullis::codec::DatagramCodec;

use super::*;

on_loops! {
    async fn d11_a_closed_client_port_ends_neither_the_server_nor_the_session() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound();
        let stats = server.datagram_stats();
        let server = server.spawn().await.unwrap();
        for n in 1..=10 {
            let closed = raw(server.local_addr()).await;
            closed.send(b"hold").await.unwrap();
            wait(|| counter.begun.load(SeqCst) == n).await;
        }
        // All clients are closed. The system reports that at a later send, or not at all.
        counter.gate.add_permits(10);
        wait(|| stats.counts().sent + stats.counts().dropped_send_failed >= 10).await;
        assert_eq!(call(&raw(server.local_addr()).await, "a").await, "1: a");
        assert!(counter.ended.lock().unwrap().is_empty());
        stop(server).await;
    }

    async fn an_endpoint_stays_usable_after_connection_refused() {
        let closed = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let addr = closed.local_addr().unwrap();
        drop(closed);
        let mut client = client(addr).await;
        let Err(ClientError::Io(error)) = client.call("a".into()).await else { panic!("the port is closed") };
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        client.send("nor now".into()).await.unwrap();
        let counter = Arc::new(Counter::default());
        let server = Server::new(counter).listen(Udp::new(addr, text())).unwrap().spawn().await.unwrap();
        // An error about the earlier datagram does not prevent this one from being sent.
        client.send("b".into()).await.unwrap();
        let mut heard = client.recv().await;
        if heard.is_err() {
            heard = client.recv().await;
        }
        assert_eq!(heard.unwrap(), "1: b");
        stop(server).await;
    }

    async fn an_endpoint_that_retransmits_survives_a_server_restart() {
        let before = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let addr = before.local_addr().unwrap();
        let asking = tokio::spawn(async move {
            client(addr).await.retransmit_interval(SHORT).call("a".into()).await.unwrap()
        });
        // The first server receives the request and closes without a response.
        timeout(LIMIT, before.recv(&mut [0; 10])).await.expect("in time").unwrap();
        drop(before);
        let server = Arc::new(Counter::default());
        let server = Server::new(server).listen(Udp::new(addr, text())).unwrap().spawn().await.unwrap();
        assert_eq!(asking.await.unwrap(), "1: a");
        stop(server).await;
    }

    async fn an_endpoint_retransmits_only_if_configured_to() {
        // A server that answers only the third datagram.
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let addr = server.local_addr().unwrap();
        let count = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&count);
        let responder = tokio::spawn(async move {
            let mut buffer = [0; 100];
            loop {
                let (length, from) = server.recv_from(&mut buffer).await.unwrap();
                if seen.fetch_add(1, SeqCst) == 2 {
                    server.send_to(&buffer[..length], from).await.unwrap();
                }
            }
        });
        let mut patient = client(addr).await.timeout(SHORT);
        let Err(ClientError::Io(error)) = patient.call("a".into()).await else { panic!("no answer comes") };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(count.load(SeqCst), 1);
        let mut insistent = client(addr).await.retransmit_interval(SHORT);
        assert_eq!(insistent.call("b".into()).await.unwrap(), "b");
        assert_eq!(count.load(SeqCst), 3);
        responder.abort();
    }

    async fn call_matching_skips_responses_to_earlier_requests() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().spawn().await.unwrap();
        let mut client = client(server.local_addr()).await.timeout(SHORT);
        client.call("hold".into()).await.unwrap_err();
        counter.gate.add_permits(1);
        let mut client = client.timeout(LIMIT);
        let answer = client.call_matching("b".into(), |answer| answer.ends_with("b")).await.unwrap();
        assert_eq!(answer, "2: b");
        stop(server).await;
    }

    async fn endpoints_exchange_datagrams_and_implement_stream() {
        use futures::StreamExt;
        let mut center = Endpoint::<&[u8], Vec<u8>, _>::bind(Udp::new("127.0.0.1:0", Datagrams::<Raw>::new().max_size(10))).unwrap();
        let to = center.local_addr().unwrap().ip().unwrap();
        let mut other = Endpoint::<&[u8], Vec<u8>, _>::connect(Udp::new(to, Datagrams::<Raw>::new())).await.unwrap().timeout(LIMIT);
        for message in [&b"one"[..], b"", b"this is too long", b"four"] {
            other.send(message).await.unwrap();
        }
        let mut next = async || timeout(LIMIT, center.next()).await.expect("in time").expect("no end");
        let (one, from) = next().await.unwrap();
        assert_eq!(one, b"one");
        assert_eq!(from, other.local_addr().unwrap());
        assert_eq!(next().await.unwrap().0, b"");
        let Err(ClientError::Decode(error)) = next().await else { panic!("it is too long") };
        assert!(error.to_string().contains("10 bytes"));
        assert_eq!(next().await.unwrap().0, b"four");
        center.send_to(b"back", &from).await.unwrap();
        assert_eq!(other.recv().await.unwrap(), b"back");
        let Err(ClientError::Encode(_)) = center.send_to(b"this is too long", &from).await else { panic!("too long") };
    }
}

/// A user-defined protocol: a number in eight bytes.
#[derive(Clone)]
struct Number;

impl DatagramCodec<u64, u64> for Number {
    fn max_size(&self) -> usize {
        8
    }

    fn decode(&mut self, datagram: &[u8]) -> Result<u64, portcullis::codec::DecodeError> {
        let bytes =
            datagram.try_into().map_err(|_| portcullis::codec::DecodeError::new("not eight bytes"))?;
        Ok(u64::from_be_bytes(bytes))
    }

    fn encode(
        &mut self,
        number: u64,
        datagram: &mut bytes::BytesMut,
    ) -> Result<(), portcullis::codec::EncodeError> {
        datagram.extend_from_slice(&number.to_be_bytes());
        Ok(())
    }
}

struct Square;

#[service]
impl Square {
    #[request]
    async fn square(&self, n: u64) -> u64 {
        n * n
    }
}

#[test]
fn a_blocking_endpoint_works_without_a_runtime_in_every_format() {
    let server = Server::new(Square)
        .listen(Udp::new("127.0.0.1:0", Number))
        .unwrap()
        .listen(Udp::new("127.0.0.1:0", Datagrams::<Json>::new()))
        .unwrap()
        .listen(Udp::new("[::1]:0", Datagrams::<Postcard>::new()))
        .unwrap()
        .spawn_thread()
        .unwrap();
    fn call(to: SocketAddr, codec: impl DatagramCodec<u64, u64>) {
        let mut client =
            BlockingEndpoint::<u64, u64, _>::connect(Udp::new(to, codec)).unwrap().timeout(LIMIT);
        assert_eq!(client.call(12).unwrap(), 144);
        client.send(5).unwrap();
        assert_eq!(client.next().unwrap().unwrap().0, 25);
    }
    call(server.local_addrs()[0], Number);
    call(server.local_addrs()[1], Datagrams::<Json>::new());
    call(server.local_addrs()[2], Datagrams::<Postcard>::new());
    assert!(server.stop().unwrap().is_clean());
}

#[test]
fn a_blocking_endpoint_times_out_and_reports_malformed_datagrams() {
    let mut quiet =
        BlockingEndpoint::<u64, u64, _>::bind(Udp::new("127.0.0.1:0", Number)).unwrap().timeout(SHORT);
    let to = quiet.local_addr().unwrap();
    let Err(ClientError::Io(error)) = quiet.recv() else { panic!("nothing was sent") };
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    let mut other =
        BlockingEndpoint::<&[u8], Vec<u8>, _>::bind(Udp::new("127.0.0.1:0", Datagrams::<Raw>::new()))
            .unwrap();
    for message in [&b"short"[..], b"far too long", b"\0\0\0\0\0\0\0\x07"] {
        other.send_to(message, &to).unwrap();
    }
    let mut quiet = quiet.timeout(LIMIT);
    let Some(Err(ClientError::Decode(error))) = quiet.next() else { panic!("it is too short") };
    assert_eq!(error.to_string(), "not eight bytes");
    let Some(Err(ClientError::Decode(error))) = quiet.next() else { panic!("it is too long") };
    assert!(error.to_string().contains("8 bytes"), "{error}");
    assert_eq!(quiet.next().unwrap().unwrap(), (7, other.local_addr().unwrap()));
}
