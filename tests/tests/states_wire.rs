//! State services over real sockets: pipelined bytes, time limits, events from tasks and threads,
//! half-closes, resets, and the arguments of `on(disconnect)`.

#![forbid(unsafe_code)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use portcullis::prelude::*;
use portcullis::{Client, Interrupted, RunningServer};
use portcullis_tests::{Gate, LIMIT, OpenOnDrop, on_loops, wait};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A login with attempts, a hall, rooms, and states with time limits.
struct Club {
    cpu: Pool,
    peers: Mutex<Vec<Peer<String, Note>>>,
    ended: Mutex<Vec<Ended>>,
    holding: Gate,
    dropped: Arc<Gate>,
}

#[derive(Clone, Debug, PartialEq)]
enum Note {
    Said(&'static str),
    Sent(u32),
    Moved(&'static str),
}

/// The connection value, the last state, the reason.
type Ended = (Vec<String>, Option<ClubState>, Reason);

/// An alias as the return type, which the compiler resolves.
type Answer = (String, ClubState);

#[service(response = String, state(derive(Clone, Debug, PartialEq)))]
impl Club {
    #[on(connect)]
    async fn connected(&self, peer: &Peer<String, Note>) -> (Vec<String>, ClubState) {
        self.peers.lock().unwrap().push(peer.clone());
        (vec!["came".to_owned()], ClubState::Login(2))
    }

    #[state(start)]
    async fn login(&self, said: &mut Vec<String>, attempts: u32, line: String) -> Answer {
        said.push(line.clone());
        match line.as_str() {
            "sesame" => ("welcome".into(), ClubState::Hall),
            _ if attempts == 1 => ("goodbye".into(), ClubState::Closed),
            _ => (format!("{} left", attempts - 1), ClubState::Login(attempts - 1)),
        }
    }

    #[state]
    async fn hall(&self, said: &mut Vec<String>, line: String) -> (String, ClubState) {
        said.push(line.clone());
        let next = match line.as_str() {
            "room" => ClubState::Room("blue".into(), 1),
            "nap" => ClubState::Nap,
            "wait" => ClubState::Wait(7),
            "hold" => {
                self.hold().await;
                ClubState::Hall
            }
            _ => ClubState::Hall,
        };
        (format!("{line}: done"), next)
    }

    /// Takes the peer, so that a half-close cancels it; sends its responses itself.
    #[state]
    async fn room(&self, peer: &Peer<String, Note>, color: String, visits: u32, line: String) -> ClubState {
        match line.as_str() {
            "hold" => self.hold().await,
            "leave" => return ClubState::Hall,
            "quiet" => {}
            _ => peer.send(format!("{line} in {color}, {visits}")).await.unwrap(),
        }
        ClubState::Room(color, visits + 1)
    }

    #[state(idle = "50ms")]
    async fn nap(&self, _line: String) -> ClubState {
        ClubState::Hall
    }

    #[state(max_duration = "50ms")]
    async fn wait(&self, number: u32, _line: String) -> ClubState {
        ClubState::Wait(number)
    }

    #[on(timeout = nap)]
    async fn woken(&self, said: &mut Vec<String>) -> Answer {
        said.push("woken".to_owned());
        ("rise".into(), ClubState::Hall)
    }

    #[event(room)]
    async fn in_room(&self, color: String, visits: u32, note: Note) -> (String, ClubState) {
        match note {
            Note::Said(text) => (format!("heard {text} in {color}"), ClubState::Room(color, visits)),
            Note::Sent(n) => (format!("got {n}"), ClubState::Room(color, visits)),
            Note::Moved(color) => (format!("now in {color}"), ClubState::Room(color.into(), 1)),
        }
    }

    /// One method handles events of several states with the same data.
    #[event(hall, nap)]
    async fn evicted(&self, _note: Note) -> (String, ClubState) {
        ("thrown out".into(), ClubState::Closed)
    }

    #[on(disconnect)]
    async fn disconnected(&self, said: Vec<String>, last: Option<ClubState>, reason: Reason) {
        self.ended.lock().unwrap().push((said, last, reason));
    }

    /// On a pool thread: posts five events, each of which waits for capacity.
    #[blocking(pool = self.cpu)]
    fn work(&self, worker: &Worker, peer: Peer<String, Note>) -> Result<(), Interrupted> {
        for n in 0..5 {
            peer.post(Note::Sent(n)).wait(worker)?.expect("the session goes on");
        }
        Ok(())
    }

    async fn hold(&self) {
        let _guard = OpenOnDrop(self.dropped.clone());
        self.holding.open();
        std::future::pending::<()>().await;
    }
}

struct TestServer {
    club: Arc<Club>,
    server: RunningServer,
}

impl TestServer {
    async fn start() -> Self {
        let club = Arc::new(Club {
            cpu: Pool::builder("club").threads(1).build().unwrap(),
            peers: Mutex::default(),
            ended: Mutex::default(),
            holding: Gate::default(),
            dropped: Arc::default(),
        });
        let server = Server::new(club.clone()).codec(Lines::new()).grace(Duration::from_millis(50));
        let server = server.bind("127.0.0.1:0").unwrap().spawn().await.unwrap();
        Self { club, server }
    }

    /// Connects a client.
    async fn client(&self) -> TestClient {
        let client = Client::connect(self.server.local_addr(), Lines::new()).await.unwrap();
        TestClient(client)
    }

    /// Connects a client that has sent `lines` and read their responses.
    async fn client_after(&self, lines: &[&str]) -> TestClient {
        let mut client = self.client().await;
        for line in lines {
            client.call(line).await;
        }
        client
    }

    fn peer(&self) -> Peer<String, Note> {
        self.club.peers.lock().unwrap()[0].clone()
    }

    async fn ended(&self) -> Ended {
        wait(|| !self.club.ended.lock().unwrap().is_empty()).await;
        self.club.ended.lock().unwrap().remove(0)
    }
}

struct TestClient(Client<String, String, Lines>);

impl TestClient {
    async fn call(&mut self, line: &str) -> String {
        timeout(LIMIT, self.0.call(line.to_owned())).await.expect("in time").expect("an answer")
    }

    async fn send_line(&mut self, line: &str) {
        timeout(LIMIT, self.0.send(line.to_owned())).await.expect("in time").expect("sent");
    }

    /// The next line, or `None` at a regular end of the stream.
    async fn next(&mut self) -> Option<String> {
        timeout(LIMIT, self.0.next()).await.expect("in time").expect("a proper end")
    }

    async fn expect_line(&mut self, line: &str) {
        assert_eq!(self.next().await.as_deref(), Some(line));
    }
}

fn while_in(state: &'static str, reason: Reason) -> Reason {
    Reason::InState { state, reason: Box::new(reason) }
}

on_loops! {
    async fn state_data_moves_between_handlers() {
        let served = TestServer::start().await;
        let mut client = served.client().await;
        assert_eq!(client.call("open up").await, "1 left");
        assert_eq!(client.call("sesame").await, "welcome");
        assert_eq!(client.call("room").await, "room: done");
        assert_eq!(client.call("hello").await, "hello in blue, 1");
        client.send_line("quiet").await;
        assert_eq!(client.call("hello").await, "hello in blue, 3");
        client.send_line("leave").await;
        assert_eq!(client.call("room").await, "room: done");
        assert_eq!(client.call("again").await, "again in blue, 1");
    }

    async fn pipelined_requests_pass_through_the_states_in_order() {
        let served = TestServer::start().await;
        let mut client = served.client().await;
        for line in ["sesame", "room", "quiet", "here", "leave", "bye"] {
            client.send_line(line).await;
        }
        for line in ["welcome", "room: done", "here in blue, 2", "bye: done"] {
            client.expect_line(line).await;
        }
    }

    async fn closed_ends_the_session_after_its_response_is_written() {
        let served = TestServer::start().await;
        let mut client = served.client_after(&["open up"]).await;
        // Later requests are not handled.
        client.send_line("open up").await;
        client.send_line("sesame").await;
        client.expect_line("goodbye").await;
        assert_eq!(client.next().await, None);
        let said = ["came", "open up", "open up"].map(str::to_owned).to_vec();
        assert_eq!(served.ended().await, (said, Some(ClubState::Closed), Reason::Closed(By::Handler)));
    }

    async fn s2_a_timeout_runs_the_states_timeout_handler() {
        let served = TestServer::start().await;
        let mut client = served.client_after(&["sesame", "nap"]).await;
        client.expect_line("rise").await;
        assert_eq!(client.call("up").await, "up: done");
        drop(client);
        let (said, last, reason) = served.ended().await;
        assert_eq!(said, ["came", "sesame", "nap", "woken", "up"]);
        assert_eq!((last, reason), (Some(ClubState::Hall), Reason::PeerClosed));
    }

    async fn s2_a_timeout_without_a_handler_ends_the_session_in_its_state() {
        let served = TestServer::start().await;
        let mut client = served.client_after(&["sesame", "wait"]).await;
        assert_eq!(client.next().await, None);
        let (_, last, reason) = served.ended().await;
        assert_eq!((last, reason), (Some(ClubState::Wait(7)), Reason::Timeout(Limit::MaxDuration)));
    }

    async fn s2_staying_in_a_state_does_not_extend_its_time_limit() {
        let served = TestServer::start().await;
        let mut client = served.client_after(&["sesame", "wait"]).await;
        // Requests do not extend the time limit.
        let asking = async { while client.0.send("more".into()).await.is_ok() { tokio::task::yield_now().await } };
        let ended = timeout(LIMIT, async { tokio::join!(asking, served.ended()).1 }).await.expect("in time");
        assert_eq!((ended.1, ended.2), (Some(ClubState::Wait(7)), Reason::Timeout(Limit::MaxDuration)));
    }

    async fn events_from_a_task_change_the_state_in_order() {
        let served = TestServer::start().await;
        let mut client = served.client_after(&["sesame", "room"]).await;
        let peer = served.peer();
        let task = tokio::spawn(async move {
            peer.post(Note::Said("a")).await.unwrap();
            peer.post(Note::Moved("red")).await.unwrap();
            peer.try_post(Note::Said("b")).unwrap();
        });
        for line in ["heard a in blue", "now in red", "heard b in red"] {
            client.expect_line(line).await;
        }
        task.await.unwrap();
        assert_eq!(client.call("hello").await, "hello in red, 1");
    }

    async fn events_from_a_thread_change_the_state_in_order() {
        let served = TestServer::start().await;
        let mut client = served.client_after(&["sesame", "room"]).await;
        let work = tokio::spawn(served.club.work(served.peer()));
        for n in 0..5 {
            client.expect_line(&format!("got {n}")).await;
        }
        work.await.unwrap().unwrap();
    }

    async fn an_event_is_handled_by_the_method_of_the_current_state() {
        let served = TestServer::start().await;
        // No method handles events in `login`: there the event is discarded and the state is kept.
        let mut client = served.client_after(&["open up"]).await;
        served.peer().post(Note::Said("nothing")).await.unwrap();
        assert_eq!(client.call("sesame").await, "welcome");
        served.peer().post(Note::Said("nothing")).await.unwrap();
        client.expect_line("thrown out").await;
        assert_eq!(client.next().await, None);
        assert_eq!(served.ended().await.2, Reason::Closed(By::Handler));
    }

    async fn posting_to_an_ended_session_returns_the_event() {
        let served = TestServer::start().await;
        drop(served.client().await);
        served.ended().await;
        let peer = served.peer();
        wait(|| peer.is_closed()).await;
        assert_eq!(peer.post(Note::Said("late")).await.unwrap_err().0, Note::Said("late"));
        assert_eq!(peer.try_post(Note::Sent(1)).unwrap_err().into_inner(), Note::Sent(1));
    }

    async fn s8_a_half_close_cancels_a_handler_that_takes_the_peer() {
        let served = TestServer::start().await;
        let mut client = served.client_after(&["sesame", "room"]).await;
        client.send_line("hold").await;
        wait(|| served.club.holding.is_open()).await;
        client.0.finish().await.unwrap();
        let (_, last, reason) = served.ended().await;
        assert!(served.club.dropped.is_open());
        assert_eq!((last, reason.cause()), (None, &Reason::PeerClosed));
        assert_eq!(reason, while_in("room", Reason::PeerClosed));
    }

    async fn s8_a_reset_cancels_a_handler_of_any_state() {
        let served = TestServer::start().await;
        let mut client = TcpStream::connect(served.server.local_addr()).await.unwrap();
        client.write_all(b"sesame\nhold\n").await.unwrap();
        wait(|| served.club.holding.is_open()).await;
        client.set_zero_linger().unwrap();
        drop(client);
        let (said, last, reason) = served.ended().await;
        assert!(served.club.dropped.is_open());
        assert_eq!((said.len(), last, reason), (3, None, while_in("hall", Reason::Reset)));
    }

    async fn s5_on_disconnect_of_a_stopped_session_gets_the_idle_state_or_the_busy_states_name() {
        let served = TestServer::start().await;
        let _idle = served.client_after(&["sesame", "room"]).await;
        let mut busy = served.client_after(&["sesame"]).await;
        busy.send_line("hold").await;
        wait(|| served.club.holding.is_open()).await;
        let TestServer { club, server } = served;
        let report = timeout(LIMIT, server.stop()).await.expect("in time").unwrap();
        assert_eq!((report.sessions_finished, report.sessions_cancelled), (1, 1));
        let ended = std::mem::take(&mut *club.ended.lock().unwrap());
        let ends: Vec<_> = ended.into_iter().map(|(_, last, reason)| (last, reason)).collect();
        assert_eq!(ends[0], (Some(ClubState::Room("blue".into(), 1)), Reason::Stopped));
        assert_eq!(ends[1], (None, while_in("hall", Reason::Stopped)));
    }
}
