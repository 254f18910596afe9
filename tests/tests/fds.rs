//! Descriptors that are passed along with messages over Unix sockets; none of them leaks.

#![forbid(unsafe_code)]
#![cfg(unix)]

use std::io::{IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as StdStream;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::{fs, thread};

use portcullis::prelude::*;
use portcullis::{RunningServer, Unix};
use portcullis_tests::streams::TempDir;
use portcullis_tests::{LIMIT, on_loops, wait};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use tokio::time::timeout;

struct TestService {
    dir: TempDir,
    ended: Mutex<Vec<Reason>>,
    peers: Mutex<Vec<Peer<String>>>,
}

#[service]
impl TestService {
    #[on(connect)]
    async fn connected(&self, peer: &Peer<String>) {
        self.peers.lock().unwrap().push(peer.clone());
    }

    #[request]
    async fn handle(&self, peer: &Peer<String>, line: String) -> String {
        match line.as_str() {
            "read" => match peer.take_fd() {
                None => "nothing came along".into(),
                Some(fd) => {
                    let (mut file, mut text) = (fs::File::from(fd), String::new());
                    file.seek(SeekFrom::Start(0)).unwrap();
                    file.read_to_string(&mut text).unwrap();
                    text
                }
            },
            "give" => {
                for name in ["one", "two"] {
                    peer.attach_fd(self.file(name)).unwrap();
                }
                "given".into()
            }
            _ => line,
        }
    }

    #[on(disconnect)]
    async fn disconnected(&self, reason: Reason) {
        self.ended.lock().unwrap().push(reason);
    }
}

impl TestService {
    fn new() -> Arc<Self> {
        Arc::new(Self { dir: TempDir::new(), ended: Mutex::default(), peers: Mutex::default() })
    }

    /// A file with the contents `text`.
    fn file(&self, text: &str) -> OwnedFd {
        let path = self.dir.join(text);
        fs::write(&path, text).unwrap();
        fs::File::open(path).unwrap().into()
    }

    async fn serve(self: &Arc<Self>, pass_fds: Option<usize>) -> RunningServer {
        let server = Server::new(Arc::clone(self)).codec(Lines::new());
        let unix = Unix::new(self.dir.join("socket"));
        let server = match pass_fds {
            Some(count) => server.listen(unix.pass_fds(count)),
            None => server.listen(unix),
        };
        server.unwrap().spawn().await.unwrap()
    }

    async fn end(&self, count: usize) -> Reason {
        wait(|| self.ended.lock().unwrap().len() == count).await;
        self.ended.lock().unwrap()[count - 1].clone()
    }
}

/// A blocking client on its own thread.
async fn client<T: Send + 'static>(
    service: &TestService,
    talk: impl FnOnce(StdStream) -> T + Send + 'static,
) -> T {
    fn connect(path: &Path) -> StdStream {
        let stream = StdStream::connect(path).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream
    }
    let stream = connect(&service.dir.join("socket"));
    let (tx, rx) = tokio::sync::oneshot::channel();
    thread::spawn(move || drop(tx.send(talk(stream))));
    timeout(LIMIT, rx).await.expect("in time").expect("no panic")
}

fn pass(stream: &StdStream, text: &str, fds: &[OwnedFd]) {
    let fds: Vec<_> = fds.iter().map(AsFd::as_fd).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(16))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
    let sent = sendmsg(stream, &[IoSlice::new(text.as_bytes())], &mut control, SendFlags::NOSIGNAL).unwrap();
    assert_eq!(sent, text.len());
}

fn receive(stream: &StdStream) -> (String, Vec<OwnedFd>) {
    let mut bytes = [0; 100];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(16))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let count =
        recvmsg(stream, &mut [IoSliceMut::new(&mut bytes)], &mut control, RecvFlags::empty()).unwrap().bytes;
    let fds = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(fds) => Some(fds),
        _ => None,
    });
    (String::from_utf8_lossy(&bytes[..count]).into_owned(), fds.flatten().collect())
}

/// One end of a socket pair, and the other end, which reads EOF when every copy of the first is
/// closed.
fn witness_pair() -> (OwnedFd, StdStream) {
    let (held, listens) = StdStream::pair().unwrap();
    listens.set_read_timeout(Some(LIMIT)).unwrap();
    (held.into(), listens)
}

fn expect_closed(mut witness_pair: StdStream) {
    assert_eq!(witness_pair.read(&mut [0; 1]).unwrap(), 0);
}

fn lines(stream: &mut StdStream, length: usize) -> String {
    let mut back = vec![0; length];
    stream.read_exact(&mut back).unwrap();
    String::from_utf8(back).unwrap()
}

on_loops! {
    async fn descriptors_arrive_with_their_requests_in_order() {
        let service = TestService::new();
        let server = service.serve(Some(16)).await;
        let (a, b, c) = (service.file("a"), service.file("b"), service.file("c"));
        let back = client(&service, move |mut stream| {
            pass(&stream, "read\nre", &[a]);
            pass(&stream, "ad\nread\n", &[b, c]);
            stream.write_all(b"read\n").unwrap();
            lines(&mut stream, 25)
        }).await;
        assert_eq!(back, "a\nb\nc\nnothing came along\n");
        // Such a socket has peer credentials too.
        assert!(service.peers.lock().unwrap()[0].credentials().is_some());
        assert!(server.stop().await.unwrap().is_clean());
    }

    async fn descriptors_are_sent_with_their_responses() {
        let service = TestService::new();
        let server = service.serve(Some(16)).await;
        let (text, found) = client(&service, move |mut stream| {
            stream.write_all(b"give\n").unwrap();
            let (text, fds) = receive(&stream);
            let read = |fd| {
                let mut text = String::new();
                fs::File::from(fd).read_to_string(&mut text).unwrap();
                text
            };
            (text, fds.into_iter().map(read).collect::<Vec<_>>())
        }).await;
        assert_eq!((text.as_str(), found), ("given\n", vec!["one".to_owned(), "two".to_owned()]));
        server.stop().await.unwrap();
    }

    async fn untaken_descriptors_are_closed_with_the_session() {
        let service = TestService::new();
        let server = service.serve(Some(16)).await;
        let (held, witness_pair) = witness_pair();
        client(&service, move |mut stream| {
            pass(&stream, "x\n", &[held]);
            assert_eq!(lines(&mut stream, 2), "x\n");
        }).await;
        assert_eq!(service.end(1).await, Reason::PeerClosed);
        // Although a handle to the peer is kept.
        client(&service, move |_| expect_closed(witness_pair)).await;
        let peer = service.peers.lock().unwrap()[0].clone();
        assert!(peer.take_fd().is_none());
        assert!(peer.attach_fd(service.file("late")).is_err());
        server.stop().await.unwrap();
    }

    async fn s2_the_number_of_untaken_descriptors_is_bounded() {
        let service = TestService::new();
        let server = service.serve(Some(2)).await;
        let (held, witness_pair) = witness_pair();
        let fds = vec![service.file("a"), service.file("b"), held];
        client(&service, move |stream| {
            pass(&stream, "x\n", &fds);
            drop(fds);
            expect_closed(witness_pair);
        }).await;
        assert_eq!(service.end(1).await, Reason::Reset);
        let stream = client(&service, move |mut stream| {
            stream.write_all(b"x\n").unwrap();
            lines(&mut stream, 2);
            stream
        })
        .await;
        let peer = service.peers.lock().unwrap()[1].clone();
        let taken = (0..3).filter(|_| peer.attach_fd(service.file("a")).is_ok()).count();
        assert_eq!(taken, 2);
        drop(stream);
        server.stop().await.unwrap();
    }

    async fn a_listener_without_pass_fds_receives_no_descriptors() {
        let service = TestService::new();
        let server = service.serve(None).await;
        let (held, witness_pair) = witness_pair();
        client(&service, move |mut stream| {
            pass(&stream, "read\n", &[held]);
            assert_eq!(lines(&mut stream, 19), "nothing came along\n");
            // The kernel closes the descriptor, and the session continues.
            expect_closed(witness_pair);
            stream.write_all(b"x\n").unwrap();
            assert_eq!(lines(&mut stream, 2), "x\n");
        }).await;
        let peer = service.peers.lock().unwrap()[0].clone();
        assert!(peer.attach_fd(service.file("a")).is_err());
        server.stop().await.unwrap();
    }
}
