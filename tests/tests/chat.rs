//! The example `chat`: members of a room that are slow, and members that only seem to be.

#![forbid(unsafe_code)]

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;

use portcullis::{JsonLines, Server};
use portcullis_tests::LIMIT;

#[path = "../../examples/chat/rooms.rs"]
mod rooms;
#[path = "../../examples/chat/service.rs"]
mod service;

use self::service::{Chat, Request, Response};

struct Client(BufReader<TcpStream>);

impl Client {
    fn log_in(addr: SocketAddr, name: &str, password: &str) -> Self {
        let stream = TcpStream::connect(addr).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let mut client = Self(BufReader::new(stream));
        client.send(&[Request::Login { name: name.into(), password: password.into() }]);
        assert_eq!(client.next(), Some(Response::Welcome { name: name.into() }));
        client
    }

    fn join(&mut self) {
        self.send(&[Request::Join { room: "r".into() }]);
        assert!(matches!(self.next(), Some(Response::Joined { .. })));
    }

    fn send(&mut self, requests: &[Request]) {
        let lines: String =
            requests.iter().map(|request| serde_json::to_string(request).unwrap() + "\n").collect();
        self.0.get_mut().write_all(lines.as_bytes()).unwrap();
    }

    fn next(&mut self) -> Option<Response> {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        (!line.is_empty()).then(|| serde_json::from_str(&line).unwrap())
    }
}

/// Ann pipelines far more lines than a queue of events holds. Bob reads all the while.
#[test]
fn s22_a_member_who_pipelines_does_not_disconnect_a_member_who_reads() {
    const COUNT: usize = 2000;
    let chat = Chat::open(&[("ann", "secret", true), ("bob", "hunter2", false)]).unwrap();
    let server = Server::new(chat).codec(JsonLines::new().max_frame(4096));
    let server = server.bind("127.0.0.1:0").unwrap().spawn_thread().unwrap();
    let mut bob = Client::log_in(server.local_addr(), "bob", "hunter2");
    let mut ann = Client::log_in(server.local_addr(), "ann", "secret");
    bob.join();
    ann.join();
    assert_eq!(bob.next(), Some(Response::UserJoined { name: "ann".into() }));

    let bob = thread::spawn(move || {
        let mut said = 0;
        while said < COUNT {
            match bob.next() {
                Some(Response::Said { text, .. }) => {
                    assert_eq!(text, said.to_string());
                    // A member who only listens is idle.
                    if said % 100 == 0 {
                        bob.send(&[Request::Who]);
                    }
                    said += 1;
                }
                Some(Response::Present { names }) => assert_eq!(names, ["ann", "bob"]),
                other => panic!("{other:?} after {said} messages"),
            }
        }
    });
    let stream = ann.0.get_ref().try_clone().unwrap();
    let lines: Vec<_> = (0..COUNT).map(|at| Request::Say { text: at.to_string() }).collect();
    let writing = thread::spawn(move || Client(BufReader::new(stream)).send(&lines));
    let (mut done, mut said) = (0, 0);
    while done < COUNT || said < COUNT {
        match ann.next() {
            Some(Response::Done) => done += 1,
            Some(Response::Said { .. }) => said += 1,
            other => panic!("{other:?} after {done} answers and {said} messages"),
        }
    }
    writing.join().unwrap();
    bob.join().unwrap();
    server.stop().unwrap();
}
