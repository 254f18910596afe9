//! Names with several addresses: a dead address does not use up the time of the others.

use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};

use portcullis::{
    Backoff, BlockingEndpoint, BlockingReconnectingClient, ClientTls, Endpoint, ReconnectingClient, Tcp, Udp,
};
use portcullis_tests::pki::{client_config, server_tls};
use socket2::{Domain, Socket, Type};

use super::*;

/// An address at which connecting hangs as long as this is kept.
struct Dead {
    addr: SocketAddr,
    _listener: TcpListener,
    _waiting: Vec<TcpStream>,
}

impl Dead {
    fn new() -> Self {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let listener = TcpListener::from(listener);
        let addr = listener.local_addr().unwrap();
        let mut waiting = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&addr, Duration::from_millis(200)) {
            waiting.push(stream);
        }
        Self { addr, _listener: listener, _waiting: waiting }
    }
}

/// An address that accepts connections and never sends anything.
fn silent_server() -> (SocketAddr, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    (listener.local_addr().unwrap(), listener)
}

/// An address that refuses connections.
fn refusing_addr() -> SocketAddr {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

async fn echo() -> (RunningServer, SocketAddr) {
    let server = Server::new(Echo).codec(Lines::new()).bind("127.0.0.1:0").unwrap();
    let server = server.spawn().await.unwrap();
    let addr = server.local_addr();
    (server, addr)
}

type AsyncClient = Client<String, String, Lines>;
type SyncClient = BlockingClient<String, String, Lines>;

on_loops! {
    async fn a_connect_timeout_is_shared_so_that_a_dead_address_leaves_time_for_the_next() {
        let dead = Dead::new();
        let (server, alive) = echo().await;
        // Also a timeout that is shorter than the delays between attempts together.
        for limit in [Duration::from_secs(5), Duration::from_millis(900)] {
            let addrs = [dead.addr, dead.addr, alive];
            let mut client = AsyncClient::connect_timeout(&addrs[..], Lines::new(), limit).await.unwrap();
            assert_eq!(client.call("here".into()).await.unwrap(), "here");
            let connected = blocking(move || SyncClient::connect_timeout(&addrs[..], Lines::new(), limit));
            let mut client = connected.await.unwrap();
            assert_eq!(blocking(move || client.call("here".into())).await.unwrap(), "here");
        }
        // The same without a timeout.
        let addrs = [dead.addr, alive];
        let mut client = AsyncClient::connect(&addrs[..], Lines::new()).await.unwrap();
        assert_eq!(client.call("here".into()).await.unwrap(), "here");
        stop(server).await;
    }

    async fn a_connect_timeout_holds_if_all_addresses_are_dead() {
        let (one, other) = (Dead::new(), Dead::new());
        let addrs = [one.addr, other.addr];
        let limit = Duration::from_millis(300);
        let error = AsyncClient::connect_timeout(&addrs[..], Lines::new(), limit).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
        let error = blocking(move || SyncClient::connect_timeout(&addrs[..], Lines::new(), limit));
        assert_eq!(error.await.unwrap_err().kind(), std::io::ErrorKind::TimedOut);
    }

    async fn a_peer_that_ignores_the_tls_handshake_leaves_time_for_the_next_address() {
        let (silent_server, _listener) = silent_server();
        let tls = server_tls().build().unwrap();
        let server = Server::new(Echo).codec(Lines::new()).listen(Tcp::new("127.0.0.1:0").tls(tls)).unwrap();
        let server = server.spawn().await.unwrap();
        let addrs = [silent_server, server.local_addr()];
        let (config, limit) = (client_config(None, &[]), Duration::from_secs(10));
        let client = AsyncClient::connect_timeout(Tcp::new(&addrs[..]).tls(ClientTls::new("localhost", Arc::clone(&config))), Lines::new(), limit);
        assert_eq!(client.await.unwrap().call("here".into()).await.unwrap(), "here");
        let client = AsyncClient::connect(Tcp::new(&addrs[..]).tls(ClientTls::new("localhost", Arc::clone(&config))), Lines::new());
        assert_eq!(client.await.unwrap().call("here".into()).await.unwrap(), "here");
        let limit = Duration::from_secs(2);
        let connected =
            blocking(move || SyncClient::connect_timeout(Tcp::new(&addrs[..]).tls(ClientTls::new("localhost", config)), Lines::new(), limit));
        let mut client = connected.await.unwrap();
        assert_eq!(blocking(move || client.call("here".into())).await.unwrap(), "here");
        stop(server).await;
    }

    async fn reconnecting_clients_reach_the_live_address() {
        let dead = Dead::new();
        let (server, alive) = echo().await;
        let addrs = [dead.addr, alive];
        let backoff = Backoff::new().max_attempts(1).connect_timeout(Duration::from_secs(5));
        let mut client = ReconnectingClient::new(move || async move {
            Ok::<_, ClientError>(AsyncClient::connect(&addrs[..], Lines::new()).await?)
        })
        .backoff(backoff.clone());
        assert_eq!(client.call("here".into()).await.unwrap(), "here");
        let mut client = BlockingReconnectingClient::new(move || {
            SyncClient::connect_timeout(&addrs[..], Lines::new(), Duration::from_secs(1))
        })
        .backoff(backoff);
        assert_eq!(blocking(move || client.call("here".into())).await.unwrap(), "here");
        stop(server).await;
    }

    async fn an_endpoint_uses_the_next_address_if_the_first_refuses() {
        let server = Server::new(Echo).listen(Udp::new("127.0.0.1:0", text())).unwrap().spawn().await.unwrap();
        let addrs = [refusing_addr(), refusing_addr(), server.local_addr()];
        let connect = || Endpoint::<String, String, _>::connect(Udp::new(&addrs[..], text()));
        let mut endpoint = connect().await.unwrap().timeout(LIMIT);
        assert_eq!(endpoint.call("call".into()).await.unwrap(), "call");
        assert_eq!(endpoint.call("again".into()).await.unwrap(), "again");
        let mut endpoint = connect().await.unwrap().timeout(LIMIT);
        endpoint.send("send".into()).await.unwrap();
        assert_eq!(endpoint.recv().await.unwrap(), "send");
        // The refusal may be reported for a later datagram.
        let mut endpoint = connect().await.unwrap().timeout(LIMIT);
        for n in 0..5 {
            endpoint.send(format!("{n}")).await.unwrap();
        }
        while endpoint.recv().await.unwrap() != "4" {}

        blocking(move || {
            let connect = || BlockingEndpoint::<String, String, _>::connect(Udp::new(&addrs[..], text()));
            let mut endpoint = connect().unwrap().timeout(LIMIT);
            assert_eq!(endpoint.call("call".into()).unwrap(), "call");
            assert_eq!(endpoint.call("again".into()).unwrap(), "again");
            let mut endpoint = connect().unwrap().timeout(LIMIT);
            for n in 0..5 {
                endpoint.send(format!("{n}")).unwrap();
            }
            while endpoint.recv().unwrap() != "4" {}
        })
        .await;
        stop(server).await;
    }

    async fn an_endpoint_reports_refusal_by_all_addresses_and_keeps_one_that_answered() {
        let (one, other) = (refusing_addr(), refusing_addr());
        let mut endpoint = Endpoint::<String, String, _>::connect(Udp::new(&[one, other][..], text())).await.unwrap().timeout(LIMIT);
        let Err(ClientError::Io(error)) = endpoint.call("anyone?".into()).await else { panic!("the port is closed") };
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);

        let first = Server::new(Echo).listen(Udp::new("127.0.0.1:0", text())).unwrap().spawn().await.unwrap();
        let second = Server::new(Echo).listen(Udp::new("127.0.0.1:0", text())).unwrap().spawn().await.unwrap();
        let addrs = [first.local_addr(), second.local_addr()];
        let mut endpoint = Endpoint::<String, String, _>::connect(Udp::new(&addrs[..], text())).await.unwrap().timeout(LIMIT);
        assert_eq!(endpoint.call("one".into()).await.unwrap(), "one");
        let local = endpoint.local_addr().unwrap();
        stop(first).await;
        let Err(ClientError::Io(error)) = endpoint.call("two".into()).await else { panic!("it stays with the first") };
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
        assert_eq!(endpoint.local_addr().unwrap(), local);
        stop(second).await;
    }
}
