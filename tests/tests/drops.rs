//! Values whose drop panics: whatever a session holds when it ends, `on(disconnect)` runs, and the
//! next session is served.

#![forbid(unsafe_code)]

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::{BufMut, BytesMut};
use portcullis::codec::{Codec, DecodeError, EncodeError};
use portcullis::prelude::*;
use portcullis::{Client, Session};
use portcullis_tests::served::TestServer;
use portcullis_tests::{Gate, LIMIT, eventually, on_loops};
use tokio::time::timeout;

/// Panics on drop if it is armed.
#[derive(Debug)]
struct Bomb(bool);

impl Drop for Bomb {
    fn drop(&mut self) {
        if self.0 && !std::thread::panicking() {
            panic!("dropped");
        }
    }
}

/// A request whose drop may panic, and a response.
#[derive(Clone)]
struct Armed(Lines);

struct Request(String, Bomb);

impl Codec<Request, Response> for Armed {
    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Request>, DecodeError> {
        let line: Option<String> = Codec::<String, String>::decode(&mut self.0, input)?;
        Ok(line.map(|line| {
            let bomb = Bomb(line == "request");
            Request(line, bomb)
        }))
    }

    fn encode(&mut self, response: Response, output: &mut BytesMut) -> Result<(), EncodeError> {
        output.put_slice(response.0.as_bytes());
        output.put_u8(b'\n');
        Ok(())
    }
}

struct Response(String, #[expect(dead_code)] Bomb);

struct Failure(#[expect(dead_code)] Bomb);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("on request")
    }
}

#[derive(Default)]
struct Counted {
    connected: AtomicUsize,
    disconnected: AtomicUsize,
    holding: AtomicUsize,
    /// `on(connect)` fails, and its error panics when it is dropped.
    refuses: AtomicBool,
}

struct Held {
    conn: Bomb,
}

#[service]
impl Counted {
    #[on(connect)]
    async fn connected(&self) -> Result<(Held, CountedState), Failure> {
        if self.refuses.swap(false, Ordering::SeqCst) {
            return Err(Failure(Bomb(true)));
        }
        self.connected.fetch_add(1, Ordering::SeqCst);
        Ok((Held { conn: Bomb(false) }, CountedState::First(Arc::new(Bomb(false)))))
    }

    #[on(disconnect)]
    async fn disconnected(&self, conn: Held, _last: Option<CountedState>, _reason: Reason) {
        self.disconnected.fetch_add(1, Ordering::SeqCst);
        drop(conn);
    }

    #[on(error)]
    async fn failed(&self, error: SessionError<Failure>) -> ControlFlow<Reason, Response> {
        ControlFlow::Break(Reason::from_error(&error))
    }

    #[state(start)]
    async fn first(
        &self,
        peer: &Peer<Response, Bomb>,
        conn: &mut Held,
        data: Arc<Bomb>,
        request: Request,
    ) -> Result<(Response, CountedState), Failure> {
        let Request(line, _bomb) = request;
        match line.as_str() {
            "event" => {
                for _ in 0..3 {
                    let _ = peer.try_post(Bomb(true));
                }
            }
            "response" => {
                for _ in 0..3 {
                    let _ = peer.try_send(Response("sent".to_owned(), Bomb(true)));
                }
            }
            "conn" => conn.conn.0 = true,
            "data" => {
                return Ok((
                    Response("armed".to_owned(), Bomb(false)),
                    CountedState::First(Arc::new(Bomb(true))),
                ));
            }
            "error" => return Err(Failure(Bomb(true))),
            "payload" => std::panic::panic_any(Bomb(true)),
            "panic" => panic!("on request"),
            _ => {}
        }
        self.holding.fetch_add(1, Ordering::SeqCst);
        if line == "event" || line == "hold" {
            // The events stay queued until the session ends.
            std::future::pending::<()>().await;
        }
        Ok((Response(line, Bomb(false)), CountedState::First(data)))
    }

    #[event(first)]
    async fn on_event(&self, data: Arc<Bomb>, event: Bomb) -> CountedState {
        drop(event);
        CountedState::First(data)
    }
}

on_loops! {
    async fn a_panicking_drop_does_not_skip_on_disconnect() {
        let service = Arc::new(Counted::default());
        let served = TestServer::new(Server::new(Arc::clone(&service)).codec(Armed(Lines::new())).bind("127.0.0.1:0").unwrap()).await;
        let mut sessions = 0;
        for line in ["event", "response", "conn", "data", "error", "payload", "panic", "request", "fine"] {
            for reset in [false, true] {
                let before = service.holding.load(Ordering::SeqCst);
                let mut client = Client::<String, String, _>::connect(served.addr, Lines::new()).await.unwrap();
                client.send(line.to_owned()).await.unwrap();
                sessions += 1;
                if line == "event" {
                    let service = Arc::clone(&service);
                    tokio::task::spawn_blocking(move || eventually(|| service.holding.load(Ordering::SeqCst) > before)).await.unwrap();
                } else {
                    // A response, or the end of the stream.
                    let _ = timeout(LIMIT, client.next()).await.expect("in time");
                }
                if reset {
                    client.get_ref().set_zero_linger().unwrap();
                }
                drop(client);
                let service = Arc::clone(&service);
                tokio::task::spawn_blocking(move || eventually(|| {
                    service.disconnected.load(Ordering::SeqCst) == sessions
                })).await.unwrap();
            }
        }
        assert_eq!(service.connected.load(Ordering::SeqCst), sessions);
        served.stop().await;
    }

    async fn a_panicking_drop_of_a_connect_error_ends_only_its_session() {
        let service = Arc::new(Counted::default());
        service.refuses.store(true, Ordering::SeqCst);
        let served = TestServer::new(Server::new(Arc::clone(&service)).codec(Armed(Lines::new())).bind("127.0.0.1:0").unwrap()).await;
        let mut refused = Client::<String, String, _>::connect(served.addr, Lines::new()).await.unwrap();
        assert_eq!(timeout(LIMIT, refused.next()).await.expect("in time").expect("an orderly end"), None);
        let mut client = Client::<String, String, _>::connect(served.addr, Lines::new()).await.unwrap();
        assert_eq!(timeout(LIMIT, client.call("fine".to_owned())).await.expect("in time").unwrap(), "fine");
        drop(client);
        served.stop().await;
        assert_eq!(service.disconnected.load(Ordering::SeqCst), 1);
    }

    async fn closing_a_session_does_not_panic_because_of_values_it_held() {
        let service = Arc::new(Closing::default());
        let served = TestServer::new(Server::new(Arc::clone(&service)).codec(Lines::new()).bind("127.0.0.1:0").unwrap()).await;
        let mut held = Client::<String, String, _>::connect(served.addr, Lines::new()).await.unwrap();
        held.send("hold".to_owned()).await.unwrap();
        let inside = Arc::clone(&service.inside);
        assert!(tokio::task::spawn_blocking(move || inside.pass()).await.unwrap());
        let peer = service.peer.lock().unwrap().take().expect("it holds");
        for _ in 0..3 {
            peer.try_post(Bomb(true)).unwrap();
        }
        // Closed by another task, which would receive the panic.
        tokio::spawn(async move { peer.close() }).await.expect("no panic");
        service.release.notify_one();
        assert_eq!(timeout(LIMIT, held.next()).await.expect("in time").unwrap().as_deref(), Some("held"));
        assert_eq!(timeout(LIMIT, held.next()).await.expect("in time").unwrap(), None);
        served.stop().await;
        assert_eq!(service.disconnected.load(Ordering::SeqCst), 1);
    }

    async fn a_linear_session_with_panicking_drops_is_disconnected() {
        let service = Arc::new(Linear::default());
        let served = TestServer::new(Server::new(Arc::clone(&service)).codec(Armed(Lines::new())).bind("127.0.0.1:0").unwrap()).await;
        for (n, line) in ["request", "held", "fine"].into_iter().enumerate() {
            let mut client = Client::<String, String, _>::connect(served.addr, Lines::new()).await.unwrap();
            client.send(line.to_owned()).await.unwrap();
            let _ = timeout(LIMIT, client.next()).await.expect("in time");
            drop(client);
            let service = Arc::clone(&service);
            tokio::task::spawn_blocking(move || eventually(|| {
                service.disconnected.load(Ordering::SeqCst) == n + 1
            })).await.unwrap();
        }
        served.stop().await;
    }
}

#[derive(Default)]
struct Closing {
    peer: std::sync::Mutex<Option<Peer<String, Bomb>>>,
    inside: Arc<Gate>,
    release: tokio::sync::Notify,
    disconnected: AtomicUsize,
}

#[service]
impl Closing {
    #[state(start)]
    async fn first(&self, peer: &Peer<String, Bomb>, line: String) -> (String, ClosingState) {
        if line == "hold" {
            *self.peer.lock().unwrap() = Some(peer.clone());
            self.inside.open();
            self.release.notified().await;
        }
        ("held".to_owned(), ClosingState::First)
    }

    #[event(first)]
    async fn on_event(&self, event: Bomb) -> ClosingState {
        drop(event);
        ClosingState::First
    }

    #[on(disconnect)]
    async fn disconnected(&self) {
        self.disconnected.fetch_add(1, Ordering::SeqCst);
    }
}

#[derive(Default)]
struct Linear {
    disconnected: AtomicUsize,
}

#[service]
impl Linear {
    #[session]
    async fn talk(&self, session: &mut Session<Request, Response>) -> Result<(), SessionError> {
        let Request(line, bomb) = session.next().await?;
        let _held = Bomb(line == "held");
        session.send(Response(line, Bomb(false))).await?;
        let _ = session.next().await?;
        drop(bomb);
        Ok(())
    }

    #[on(disconnect)]
    async fn disconnected(&self) {
        self.disconnected.fetch_add(1, Ordering::SeqCst);
    }
}
