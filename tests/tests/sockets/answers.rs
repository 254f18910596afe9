//! A server at the wildcard address answers from the address that the request was sent to. On
//! Linux, where 127.0.0.0/8 is local.

use std::collections::HashSet;
use std::net::SocketAddr;

use portcullis::Endpoint;
use portcullis::Udp;

use super::*;

/// Each session answers with its number.
struct Numbers(std::sync::atomic::AtomicUsize);

#[service]
impl Numbers {
    #[on(connect)]
    async fn connected(&self) -> usize {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
    }

    #[request]
    async fn number(&self, number: &mut usize, text: String) -> String {
        format!("{number} {text}")
    }
}

fn numbers() -> Numbers {
    Numbers(0.into())
}

/// The socket is connected, so it receives datagrams from this address only.
async fn call(to: SocketAddr) -> String {
    let endpoint = Endpoint::<String, String, _>::connect(Udp::new(to, text())).await.unwrap();
    endpoint.timeout(LIMIT).call("hello".into()).await.unwrap()
}

on_loops! {
    async fn a_wildcard_server_answers_from_the_address_that_was_asked() {
        let server = Server::new(numbers()).listen(Udp::new("0.0.0.0:0", text())).unwrap().spawn().await.unwrap();
        let port = server.local_addr().port();
        for last in [1, 2, 3, 99] {
            assert!(call(SocketAddr::from(([127, 0, 0, last], port))).await.ends_with(" hello"));
        }
        stop(server).await;
    }

    async fn a_dual_stack_server_answers_from_the_address_that_was_asked() {
        // Without IPv6 there is nothing to test.
        let Ok(server) = Server::new(numbers()).listen(Udp::new("[::]:0", text())) else { return };
        let server = server.spawn().await.unwrap();
        let port = server.local_addr().port();
        for to in [SocketAddr::from(([127, 0, 0, 3], port)), format!("[::1]:{port}").parse().unwrap()] {
            assert!(call(to).await.ends_with(" hello"));
        }
        stop(server).await;
    }

    async fn a_peer_has_a_session_for_each_local_address_it_uses() {
        let server = Server::new(numbers()).listen(Udp::new("0.0.0.0:0", text())).unwrap().spawn().await.unwrap();
        let port = server.local_addr().port();
        let mut endpoint = Endpoint::<String, String, _>::bind(Udp::new("127.0.0.1:0", text())).unwrap().timeout(LIMIT);
        let mut answered = HashSet::new();
        for _ in 0..3 {
            for last in [4, 5] {
                let to = SocketAddr::from(([127, 0, 0, last], port)).into();
                endpoint.send_to("hello".into(), &to).await.unwrap();
                let (answer, from) = endpoint.recv_from().await.unwrap();
                assert_eq!(from, to);
                answered.insert(answer);
            }
        }
        assert_eq!(answered, HashSet::from(["0 hello".to_owned(), "1 hello".to_owned()]));
        stop(server).await;
    }

    async fn a_response_of_the_maximum_udp_size_is_sent() {
        let large = || Datagrams::<Utf8>::new().max_size(65_000);
        let server = Server::new(Echo).listen(Udp::new("0.0.0.0:0", large())).unwrap().spawn().await.unwrap();
        let to = SocketAddr::from(([127, 0, 0, 2], server.local_addr().port()));
        let endpoint = Endpoint::<String, String, _>::connect(Udp::new(to, large())).await.unwrap();
        let question = "x".repeat(60_000);
        assert!(endpoint.timeout(LIMIT).call(question.clone()).await.unwrap() == question);
        stop(server).await;
    }
}
