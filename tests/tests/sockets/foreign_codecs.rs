//! `tokio_util` codecs: a malformed line is an error, and the session continues.

use std::io;

use portcullis_tests::streams::{Kind, bind};
use tokio_util::codec::LinesCodec;

use super::*;

struct Requests;

#[service]
impl Requests {
    #[request]
    async fn echo(&self, line: String) -> String {
        line
    }

    #[on(error)]
    async fn failed(&self, _: SessionError) -> ControlFlow<Reason, String> {
        ControlFlow::Continue("bad".into())
    }
}

struct States;

#[service]
impl States {
    #[state(start)]
    async fn open(&self, line: String) -> (String, StatesState) {
        (line, StatesState::Open)
    }

    #[on(error)]
    async fn failed(&self, _: SessionError) -> ControlFlow<Reason, String> {
        ControlFlow::Continue("bad".into())
    }
}

struct Linear;

#[service]
impl Linear {
    #[session]
    async fn open(&self, session: &mut Session<String, String>) -> Result<(), io::Error> {
        loop {
            let line = match session.next().await {
                Ok(line) => line,
                Err(SessionError::Decode(_)) => "bad".into(),
                Err(_) => return Ok(()),
            };
            if session.send(line).await.is_err() {
                return Ok(());
            }
        }
    }
}

async fn assert_continues<S>(service: S)
where
    S: portcullis::Service<Request = String, Response = String>,
{
    let (server, server_addr) =
        bind(Kind::Tcp, Server::new(service).codec(LinesCodec::new_with_max_length(20)));
    let server = server.spawn().await.unwrap();
    let mut conn = server_addr.connect().await;
    conn.send(b"one\n\xff\xfe\ntwo\nmuch too long to be a line of this codec\nthree\n").await;
    for expected in ["one", "bad", "two", "bad", "three"] {
        assert_eq!(conn.line().await, expected);
    }
    stop(server).await;
}

on_loops! {
    async fn request_services_continue_after_a_malformed_line() {
        assert_continues(Requests).await;
    }

    async fn state_services_continue_after_a_malformed_line() {
        assert_continues(States).await;
    }

    async fn linear_sessions_continue_after_a_malformed_line() {
        assert_continues(Linear).await;
    }

    async fn clients_continue_after_a_malformed_line() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let say = async {
            for _ in 0..2 {
                let (mut stream, _) = listener.accept().await.unwrap();
                tokio::io::AsyncWriteExt::write_all(&mut stream, b"\xff\ntwo\n").await.unwrap();
            }
        };
        let receive = async {
            let mut client =
                Client::<String, String, _>::connect(addr, LinesCodec::new()).await.unwrap().timeout(LIMIT);
            assert!(matches!(client.next().await, Err(ClientError::Decode(error)) if error.is_recoverable()));
            assert_eq!(client.next().await.unwrap().unwrap(), "two");
            blocking(move || {
                let client = BlockingClient::<String, String, _>::connect(addr, LinesCodec::new());
                let mut client = client.unwrap().timeout(LIMIT);
                assert!(matches!(client.next(), Err(ClientError::Decode(error)) if error.is_recoverable()));
                assert_eq!(client.next().unwrap().unwrap(), "two");
            })
            .await;
        };
        tokio::join!(say, receive);
    }
}
