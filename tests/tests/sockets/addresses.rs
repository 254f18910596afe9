//! Several addresses of one name: one that is dead does not use up the time of all.

use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};

use portcullis::{
    Backoff, BlockingEndpoint, BlockingReconnectingClient, ClientTls, Endpoint, ReconnectingClient, Tcp, Udp,
};
use portcullis_tests::pki::{client_config, server_tls};
use socket2::{Domain, Socket, Type};

use super::*;

/// An address at which connecting hangs, as long as this is kept.
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

/// An address at which somebody accepts, and says nothing.
fn silent() -> (SocketAddr, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    (listener.local_addr().unwrap(), listener)
}

/// An address at which nobody is.
fn refuses() -> SocketAddr {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

async fn echo() -> (RunningServer, SocketAddr) {
    let server = Server::new(Echo).codec(Lines::new()).bind("127.0.0.1:0").unwrap();
    let server = server.spawn().await.unwrap();
    let addr = server.local_addr();
    (server, addr)
}

type Asks = Client<String, String, Lines>;
type AsksBlocking = BlockingClient<String, String, Lines>;

on_loops! {
    async fn a_limit_is_for_all_addresses_and_a_dead_one_leaves_time_for_the_next() {
        let dead = Dead::new();
        let (server, alive) = echo().await;
        // Also one that is shorter than the head starts together.
        for limit in [Duration::from_secs(5), Duration::from_millis(900)] {
            let addrs = [dead.addr, dead.addr, alive];
            let mut client = Asks::connect_timeout(&addrs[..], Lines::new(), limit).await.unwrap();
            assert_eq!(client.call("here".into()).await.unwrap(), "here");
            let connected = blocking(move || AsksBlocking::connect_timeout(&addrs[..], Lines::new(), limit));
            let mut client = connected.await.unwrap();
            assert_eq!(blocking(move || client.call("here".into())).await.unwrap(), "here");
        }
        // Nor without a limit.
        let addrs = [dead.addr, alive];
        let mut client = Asks::connect(&addrs[..], Lines::new()).await.unwrap();
        assert_eq!(client.call("here".into()).await.unwrap(), "here");
        stop(server).await;
    }

    async fn a_limit_holds_if_all_addresses_are_dead() {
        let (one, other) = (Dead::new(), Dead::new());
        let addrs = [one.addr, other.addr];
        let limit = Duration::from_millis(300);
        let error = Asks::connect_timeout(&addrs[..], Lines::new(), limit).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
        let error = blocking(move || AsksBlocking::connect_timeout(&addrs[..], Lines::new(), limit));
        assert_eq!(error.await.unwrap_err().kind(), std::io::ErrorKind::TimedOut);
    }

    async fn with_tls_a_peer_that_does_not_shake_hands_leaves_time_for_the_next() {
        let (silent, _listener) = silent();
        let tls = server_tls().build().unwrap();
        let server = Server::new(Echo).codec(Lines::new()).listen(Tcp::new("127.0.0.1:0").tls(tls)).unwrap();
        let server = server.spawn().await.unwrap();
        let addrs = [silent, server.local_addr()];
        let (config, limit) = (client_config(None, &[]), Duration::from_secs(10));
        let client = Asks::connect_timeout(Tcp::new(&addrs[..]).tls(ClientTls::new("localhost", Arc::clone(&config))), Lines::new(), limit);
        assert_eq!(client.await.unwrap().call("here".into()).await.unwrap(), "here");
        let client = Asks::connect(Tcp::new(&addrs[..]).tls(ClientTls::new("localhost", Arc::clone(&config))), Lines::new());
        assert_eq!(client.await.unwrap().call("here".into()).await.unwrap(), "here");
        let limit = Duration::from_secs(2);
        let connected =
            blocking(move || AsksBlocking::connect_timeout(Tcp::new(&addrs[..]).tls(ClientTls::new("localhost", config)), Lines::new(), limit));
        let mut client = connected.await.unwrap();
        assert_eq!(blocking(move || client.call("here".into())).await.unwrap(), "here");
        stop(server).await;
    }

    async fn clients_that_reconnect_reach_the_address_that_is_alive() {
        let dead = Dead::new();
        let (server, alive) = echo().await;
        let addrs = [dead.addr, alive];
        let backoff = Backoff::new().max_attempts(1).connect_timeout(Duration::from_secs(5));
        let mut client = ReconnectingClient::new(move || async move {
            Ok::<_, ClientError>(Asks::connect(&addrs[..], Lines::new()).await?)
        })
        .backoff(backoff.clone());
        assert_eq!(client.call("here".into()).await.unwrap(), "here");
        let mut client = BlockingReconnectingClient::new(move || {
            AsksBlocking::connect_timeout(&addrs[..], Lines::new(), Duration::from_secs(1))
        })
        .backoff(backoff);
        assert_eq!(blocking(move || client.call("here".into())).await.unwrap(), "here");
        stop(server).await;
    }

    async fn an_endpoint_goes_to_the_next_address_if_the_first_refuses() {
        let server = Server::new(Echo).listen(Udp::new("127.0.0.1:0", text())).unwrap().spawn().await.unwrap();
        let addrs = [refuses(), refuses(), server.local_addr()];
        let connect = || Endpoint::<String, String, _>::connect(Udp::new(&addrs[..], text()));
        let mut asks = connect().await.unwrap().timeout(LIMIT);
        assert_eq!(asks.call("call".into()).await.unwrap(), "call");
        assert_eq!(asks.call("again".into()).await.unwrap(), "again");
        let mut asks = connect().await.unwrap().timeout(LIMIT);
        asks.send("send".into()).await.unwrap();
        assert_eq!(asks.recv().await.unwrap(), "send");
        // The refusal may also be told to what is sent next.
        let mut asks = connect().await.unwrap().timeout(LIMIT);
        for n in 0..5 {
            asks.send(format!("{n}")).await.unwrap();
        }
        while asks.recv().await.unwrap() != "4" {}

        blocking(move || {
            let connect = || BlockingEndpoint::<String, String, _>::connect(Udp::new(&addrs[..], text()));
            let mut asks = connect().unwrap().timeout(LIMIT);
            assert_eq!(asks.call("call".into()).unwrap(), "call");
            assert_eq!(asks.call("again".into()).unwrap(), "again");
            let mut asks = connect().unwrap().timeout(LIMIT);
            for n in 0..5 {
                asks.send(format!("{n}")).unwrap();
            }
            while asks.recv().unwrap() != "4" {}
        })
        .await;
        stop(server).await;
    }

    async fn an_endpoint_whose_addresses_all_refuse_says_so_and_one_that_was_answered_stays() {
        let (one, other) = (refuses(), refuses());
        let mut asks = Endpoint::<String, String, _>::connect(Udp::new(&[one, other][..], text())).await.unwrap().timeout(LIMIT);
        let Err(ClientError::Io(error)) = asks.call("anyone?".into()).await else { panic!("nobody is there") };
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);

        let first = Server::new(Echo).listen(Udp::new("127.0.0.1:0", text())).unwrap().spawn().await.unwrap();
        let second = Server::new(Echo).listen(Udp::new("127.0.0.1:0", text())).unwrap().spawn().await.unwrap();
        let addrs = [first.local_addr(), second.local_addr()];
        let mut asks = Endpoint::<String, String, _>::connect(Udp::new(&addrs[..], text())).await.unwrap().timeout(LIMIT);
        assert_eq!(asks.call("one".into()).await.unwrap(), "one");
        let local = asks.local_addr().unwrap();
        stop(first).await;
        let Err(ClientError::Io(error)) = asks.call("two".into()).await else { panic!("it stays with the first") };
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
        assert_eq!(asks.local_addr().unwrap(), local);
        stop(second).await;
    }
}
