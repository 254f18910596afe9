//! Clients that send much before they read, against a server that answers much: no deadlock.

use portcullis::{ClientTls, Tcp, Unix};
use portcullis_tests::pki::client_config;
use portcullis_tests::streams::{Kind, ServerAddr, bind};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::rustls::ClientConfig;

use super::*;

/// More than the kernel buffers for a connection.
const REQUESTS: usize = 24;
const SIZE: usize = 1 << 20;

fn lines() -> Lines {
    Lines::new().max_length(SIZE)
}

fn request(n: usize) -> String {
    let number = n.to_string();
    let dots = ".".repeat(SIZE - number.len());
    number + &dots
}

async fn server(kind: Kind) -> (RunningServer, ServerAddr) {
    let (server, server_addr) = bind(kind, Server::new(Echo).codec(lines()));
    (server.spawn().await.unwrap(), server_addr)
}

fn config() -> Arc<ClientConfig> {
    client_config(None, &[])
}

type AsyncClient = Client<String, String, Lines>;

async fn sends_then_reads<IO>(
    client: impl Future<Output = std::io::Result<Client<String, String, Lines, IO>>>,
) where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let mut client = client.await.unwrap().timeout(LIMIT);
    for n in 0..REQUESTS {
        client.send(request(n)).await.unwrap();
    }
    for n in 0..REQUESTS {
        assert!(client.next().await.unwrap().unwrap() == request(n));
    }
    // One task, which sends with one half and then receives with the other.
    let (mut sends, mut receives) = client.into_split();
    for n in 0..REQUESTS {
        sends.send(request(n)).await.unwrap();
    }
    sends.finish().await.unwrap();
    for n in 0..REQUESTS {
        assert!(receives.next().await.unwrap().unwrap() == request(n));
    }
    assert!(receives.next().await.unwrap().is_none());
}

type SyncClient = BlockingClient<String, String, Lines>;

async fn sends_then_reads_on_a_thread(
    connect: impl FnOnce() -> std::io::Result<SyncClient> + Send + 'static,
) {
    blocking(move || {
        // First without a timeout, then with one.
        let mut client = connect().unwrap();
        for yield_once in 0..2 {
            for n in 0..REQUESTS {
                client.send(request(n)).unwrap();
            }
            if yield_once == 1 {
                client.finish().unwrap();
            }
            for n in 0..REQUESTS {
                assert!(client.next().unwrap().unwrap() == request(n));
            }
            client = client.timeout(LIMIT);
        }
        assert!(client.next().unwrap().is_none());
    })
    .await;
}

on_loops! {
    async fn a_client_that_pipelines_before_it_reads_does_not_deadlock() {
        for kind in [Kind::Tcp, Kind::Tls, Kind::Unix, Kind::UnixTls] {
            let (server, server_addr) = server(kind).await;
            match &server_addr {
                ServerAddr::Tcp(addr) => sends_then_reads(AsyncClient::connect(*addr, lines())).await,
                ServerAddr::Tls(addr) => sends_then_reads(AsyncClient::connect(Tcp::new(*addr).tls(ClientTls::new("localhost", config())), lines())).await,
                ServerAddr::Unix(path, _) => sends_then_reads(AsyncClient::connect(Unix::new(path), lines())).await,
                ServerAddr::UnixTls(path, _) => {
                    sends_then_reads(AsyncClient::connect(Unix::new(path).tls(ClientTls::new("localhost", config())), lines())).await
                }
            }
            stop(server).await;
        }
    }

    async fn a_blocking_client_that_pipelines_before_it_reads_does_not_deadlock() {
        for kind in [Kind::Tcp, Kind::Tls, Kind::Unix, Kind::UnixTls] {
            let (server, server_addr) = server(kind).await;
            // The directory is kept until the server has stopped.
            let server_addr = Arc::new(server_addr);
            let to = Arc::clone(&server_addr);
            sends_then_reads_on_a_thread(move || match &*to {
                ServerAddr::Tcp(addr) => SyncClient::connect(*addr, lines()),
                ServerAddr::Tls(addr) => SyncClient::connect(Tcp::new(*addr).tls(ClientTls::new("localhost", config())), lines()),
                ServerAddr::Unix(path, _) => SyncClient::connect(Unix::new(path), lines()),
                ServerAddr::UnixTls(path, _) => SyncClient::connect(Unix::new(path).tls(ClientTls::new("localhost", config())), lines()),
            })
            .await;
            stop(server).await;
            drop(server_addr);
        }
    }

    async fn sending_fails_beyond_the_read_ahead_limit_and_continues_after_reading() {
        let (server, server_addr) = server(Kind::Tcp).await;
        let ServerAddr::Tcp(addr) = server_addr else { unreachable!() };
        let client = Client::<String, String, _>::connect(addr, lines()).await.unwrap();
        let mut client = client.timeout(LIMIT).read_ahead(SIZE);
        let mut sent = 0;
        let waiting = loop {
            sent += 1;
            assert!(sent < 200);
            match client.send(request(sent - 1)).await {
                Ok(()) => {}
                Err(ClientError::Unread(bytes)) => break bytes,
                Err(error) => panic!("{error}"),
            }
        };
        assert!((SIZE..SIZE * 8).contains(&waiting), "{waiting}");
        // The request that exceeded the limit is sent nevertheless.
        for n in 0..sent {
            let _ = client.flush().await;
            assert!(client.next().await.unwrap().unwrap() == request(n));
        }

        let failed_and_continued = blocking(move || {
            let client = BlockingClient::<String, String, _>::connect(addr, lines()).unwrap();
            let mut client = client.timeout(LIMIT).read_ahead(SIZE);
            let mut sent = 0;
            loop {
                sent += 1;
                assert!(sent < 200);
                match client.send(request(sent - 1)) {
                    Ok(()) => {}
                    Err(ClientError::Unread(_)) => break,
                    Err(error) => panic!("{error}"),
                }
            }
            for n in 0..sent {
                let _ = client.flush();
                assert!(client.next().unwrap().unwrap() == request(n));
            }
            true
        });
        assert!(failed_and_continued.await);
        stop(server).await;
    }

    async fn split_halves_in_two_tasks_lose_no_wake_up() {
        for kind in [Kind::Tcp, Kind::Tls] {
            let (server, server_addr) = server(kind).await;
            let addr = match server_addr {
                ServerAddr::Tcp(addr) | ServerAddr::Tls(addr) => addr,
                _ => unreachable!(),
            };
            if kind == Kind::Tcp {
                two_tasks(Client::connect(addr, lines()).await.unwrap()).await;
            } else {
                two_tasks(Client::connect(Tcp::new(addr).tls(ClientTls::new("localhost", config())), lines()).await.unwrap()).await;
            }
            stop(server).await;
        }
    }
}

/// A sender that is sometimes blocked, and a receiver that is sometimes late.
async fn two_tasks<IO>(client: Client<String, String, Lines, IO>)
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // A small limit, so that it is often reached.
    let (mut sends, mut receives) = client.timeout(LIMIT).read_ahead(3 * SIZE).into_split();
    let sending = tokio::spawn(async move {
        for n in 0..REQUESTS {
            sends.send(request(n)).await.unwrap();
            sends.send(n.to_string()).await.unwrap();
        }
        sends
    });
    for n in 0..REQUESTS {
        assert!(receives.next().await.unwrap().unwrap() == request(n));
        assert_eq!(receives.next().await.unwrap().unwrap(), n.to_string());
        if n % 7 == 0 {
            // The test needs a late receiver.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    // A blocked sender is woken, whichever half has read.
    let mut sends = sending.await.unwrap();
    let (sent, received) = tokio::join!(sends.send("last".into()), receives.next());
    sent.unwrap();
    assert_eq!(received.unwrap().unwrap(), "last");
}
