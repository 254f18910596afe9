//! Servers over real sockets, with services written by hand, on both tokio flavours. Every wait has
//! a limit.

mod closing;
mod events;
mod life;
mod linear;
mod machine;
mod state_limits;
mod states;
mod steps;
mod stop;
mod unfinished;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;
use crate::client::{Client, ClientError};
use crate::codec::Lines;
use crate::service::{
    BoxError, By, Cleanup, Connected, HalfClose, Limit, Peer, PerRequest, PerSession, Reason, Session,
    SessionError, Step,
};

/// The limit of every test: long enough for a loaded machine, short enough to notice a hang.
const LIMIT: Duration = Duration::from_secs(20);

/// Makes a test for each tokio flavour.
macro_rules! on_both_flavours {
    ($($(#[$meta:meta])* async fn $name:ident() $body:block)*) => { $(
        mod $name {
            use super::*;

            $(#[$meta])*
            async fn body() $body

            #[test]
            fn current_thread() {
                run(&mut tokio::runtime::Builder::new_current_thread(), body());
            }

            #[test]
            fn multi_thread() {
                run(tokio::runtime::Builder::new_multi_thread().worker_threads(2), body());
            }
        }
    )* };
}
use on_both_flavours;

/// Makes tests whose time is paused: it moves when nothing else does. What they sleep is no real
/// time.
macro_rules! paused {
    ($(async fn $name:ident() $body:block)*) => { $(
        #[test]
        fn $name() {
            run_paused(async $body);
        }
    )* };
}
use paused;

fn run_paused(body: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    // When nothing goes on the time runs to this limit at once.
    let limit = Duration::from_secs(24 * 60 * 60);
    runtime
        .expect("a runtime")
        .block_on(async { timeout(limit, body).await.expect("the test is over in time") });
}

fn run(builder: &mut tokio::runtime::Builder, body: impl Future<Output = ()>) {
    let runtime = builder.enable_all().build().expect("a runtime");
    runtime.block_on(async { timeout(LIMIT, body).await.expect("the test is over in time") });
    runtime.shutdown_background();
}

/// What a service reports to its test.
#[derive(Debug, PartialEq)]
pub(super) enum Event {
    Connected,
    Disconnected(Reason),
    Holding,
    Dropped,
    Asked(Result<(), String>),
    Stopped,
    Undone(u8),
}

/// Tells when a handler is dropped before its end.
struct Report(mpsc::UnboundedSender<Event>);

impl Drop for Report {
    fn drop(&mut self) {
        let _ = self.0.send(Event::Dropped);
    }
}

/// Does what its requests say.
pub(super) struct Scripted {
    events: mpsc::UnboundedSender<Event>,
    release: Semaphore,
    refuse: bool,
}

pub(super) fn scripted() -> (Scripted, mpsc::UnboundedReceiver<Event>) {
    let (events, reports) = mpsc::unbounded_channel();
    (Scripted { events, release: Semaphore::new(0), refuse: false }, reports)
}

impl Scripted {
    fn tell(&self, event: Event) {
        let _ = self.events.send(event);
    }

    async fn act(&self, peer: &Peer<String>, count: &mut u32, request: String) -> Result<String, String> {
        *count += 1;
        match request.as_str() {
            "fail" => Err("as asked".to_owned()),
            "panic" => panic!("as asked"),
            "hold" => {
                let reports = Report(self.events.clone());
                self.tell(Event::Holding);
                self.release.acquire().await.expect("never closed").forget();
                std::mem::forget(reports);
                Ok("held".to_owned())
            }
            "push" => {
                for n in 0..300 {
                    peer.send(format!("pushed {n}")).await.map_err(|error| error.to_string())?;
                }
                Ok("done".to_owned())
            }
            "newline" => Ok("a\nb".to_owned()),
            "close" => {
                peer.close();
                Ok("closing".to_owned())
            }
            "count" => Ok(count.to_string()),
            _ => Ok(request),
        }
    }
}

macro_rules! hooks {
    () => {
        type Request = String;
        type Response = String;
        type Error = String;
        type Event = std::convert::Infallible;
        type Conn = u32;
        type State = ();

        async fn on_connect(self: &Arc<Self>, _: &Peer<String>) -> Result<Connected<Self>, String> {
            if self.refuse {
                return Err("refused".to_owned());
            }
            self.tell(Event::Connected);
            Ok(Connected { conn: 0, state: () })
        }

        async fn on_disconnect(self: &Arc<Self>, peer: &Peer<String>, _: u32, _: Option<()>, reason: Reason) {
            let _ = peer.try_send("bye".to_owned());
            self.tell(Event::Disconnected(reason));
        }

        async fn on_error(
            self: &Arc<Self>,
            _: &Peer<String>,
            _: &mut u32,
            error: SessionError<String>,
        ) -> ControlFlow<Reason, String> {
            match error {
                SessionError::Handler(text) => ControlFlow::Continue(format!("error: {text}")),
                SessionError::Decode(_) => ControlFlow::Continue("what?".to_owned()),
                SessionError::Encode(_) => ControlFlow::Continue("can't say".to_owned()),
                SessionError::Panicked(panic) => ControlFlow::Continue(format!("panic: {panic}")),
                error => ControlFlow::Break(Reason::from_error(&error)),
            }
        }

        async fn on_start(self: &Arc<Self>, cleanup: &mut Cleanup) -> Result<(), BoxError> {
            for n in 0..2 {
                let events = self.events.clone();
                cleanup.push(async move { drop(events.send(Event::Undone(n))) });
            }
            Ok(())
        }

        async fn on_stop(self: &Arc<Self>) {
            self.tell(Event::Stopped);
        }
    };
}

impl Service for Scripted {
    hooks!();
    type Kind = PerRequest;

    async fn on_request(
        self: &Arc<Self>,
        (): (),
        peer: &Peer<String>,
        conn: &mut u32,
        request: String,
    ) -> Result<Step<Self>, String> {
        Ok(Step::reply((), self.act(peer, conn, request).await?))
    }
}

/// The same, asking for its requests.
struct Asking {
    scripted: Scripted,
    /// How many requests one run of the handler takes.
    rounds: usize,
}

impl std::ops::Deref for Asking {
    type Target = Scripted;

    fn deref(&self) -> &Scripted {
        &self.scripted
    }
}

impl Service for Asking {
    hooks!();
    type Kind = PerSession;
    const HALF_CLOSE: HalfClose = HalfClose::Cancel;

    async fn on_session(
        self: &Arc<Self>,
        conn: &mut u32,
        session: &mut Session<String, String>,
    ) -> Result<(), String> {
        for _ in 0..self.rounds {
            let request = session.next().await;
            self.tell(Event::Asked(request.as_ref().map(drop).map_err(ToString::to_string)));
            let request = request.map_err(|error| error.to_string())?;
            let peer = session.peer().clone();
            let response = self.act(&peer, conn, request).await?;
            session.send(response).await.map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

/// A server that runs in a task.
struct Served {
    handle: ServerHandle,
    addr: SocketAddr,
    task: JoinHandle<io::Result<StopReport>>,
}

fn bound<S>(service: impl IntoService<Service = S>) -> Server<S, Lines, Bound>
where
    S: Service<Request = String, Response = String>,
{
    Server::new(service).codec(Lines::new().max_length(4096)).bind("127.0.0.1:0").expect("a port")
}

async fn serve<S: Service>(server: Server<S, Lines, Bound>) -> Served
where
    Lines: portcullis_codec::Codec<S::Request, S::Response>,
{
    let (handle, addr) = (server.handle(), server.local_addr());
    let task = tokio::spawn(server.serve());
    assert!(handle.ready().await);
    Served { handle, addr, task }
}

impl Served {
    async fn connect(&self) -> Client<String, String, Lines> {
        Client::connect(self.addr, Lines::new().max_length(1 << 20)).await.expect("it listens").timeout(LIMIT)
    }

    async fn stop(self) -> StopReport {
        self.handle.stop();
        self.task.await.expect("no panic").expect("no error")
    }
}

async fn call(client: &mut Client<String, String, Lines>, request: &str) -> String {
    client.call(request.to_owned()).await.expect("an answer")
}

async fn rest(client: &mut Client<String, String, Lines>) -> Vec<String> {
    let mut lines = Vec::new();
    loop {
        match client.next().await {
            Ok(Some(line)) => lines.push(line),
            Ok(None) => return lines,
            Err(ClientError::Io(error)) if error.kind() == io::ErrorKind::ConnectionReset => return lines,
            Err(error) => panic!("{error}"),
        }
    }
}

/// The events up to and with the session's end.
async fn until_end(reports: &mut mpsc::UnboundedReceiver<Event>) -> Reason {
    loop {
        if let Event::Disconnected(reason) = reports.recv().await.expect("the service lives") {
            return reason;
        }
    }
}

/// An idle session is its task, the idle struct in a box, and what it shares with its peers.
#[test]
fn what_an_idle_session_holds_does_not_grow() {
    use crate::session::driver::{Drive, IdleSession, session_factory};
    use crate::session::registry::{SessionGuard, SessionRegistry};
    use tokio::net::TcpStream;

    fn task_of<S: Service, IO, C, D: Drive<S, IO, C>>(_: fn(Arc<SessionRegistry<S>>) -> D) -> usize {
        size_of::<D::Task>()
    }
    assert_eq!(size_of::<IdleSession<Scripted, TcpStream, Lines>>(), 144);
    assert_eq!(size_of::<SessionGuard<Scripted>>(), 24);
    assert_eq!(task_of(session_factory::<Scripted, TcpStream, Lines>), 88);
    assert_eq!(task_of(session_factory::<Asking, TcpStream, Lines>), 88);
    assert_eq!(size_of::<Session<String, String>>(), 24);
    assert_eq!(size_of::<Peer<String>>(), 16);
}
