//! A message to every subscriber: one connection publishes messages of 64 bytes, 32 in flight, and
//! each goes to 10 or 100 other connections.
//!
//! Ours sends a message as an event, whose handler answers with it, or with `Peer::try_send`. The
//! server by hand has a task and a bounded channel for each connection, and writes what is in the
//! channel together. All three encode a message once.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use portcullis::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio_util::codec::{Decoder, Encoder};

use super::cores;
use super::frame::{FRAME, SIZE};
use super::servers::{SERVERS, listen};
use crate::measure::{Contestant, Plan, interleave};
use crate::table::{Goal, Row, Table};

const BENCH: &str = "broadcast";
const SUBSCRIBERS: [usize; 2] = [10, 100];
const IN_FLIGHT: usize = 32;
/// The bound of each subscriber's queue, which is our default.
const CAPACITY: usize = 128;
/// The first byte of a message by which a connection subscribes; it is answered with that message.
const SUBSCRIBE: u8 = b's';

pub(crate) fn run(plan: &Plan, table: &mut Table) {
    let time = Duration::from_millis(plan.size(500).max(25) as u64);
    for subscribers in SUBSCRIBERS {
        let contestant = |name, addr| {
            let mut load = Load::on(addr, subscribers);
            Contestant::new(name, move || vec![load.measure(time) / 1000.0])
        };
        let channels = Arc::new(Channels::default());
        let by_hand = listen(move |io| {
            let channels = Arc::clone(&channels);
            async move { drop(by_hand(io, &channels).await) }
        });
        let contestants = vec![
            contestant("events", serve_events()),
            contestant("try_send", serve_sends()),
            contestant("by hand, a channel each", by_hand),
        ];
        let shown = interleave(plan, contestants);
        let Some((by_hand, ours)) = shown.split_last() else { return };
        for ours in ours {
            let case = format!("{}, {subscribers} subscribers", ours.name);
            let row = Row::compare(BENCH, case, "k messages/s", (ours, by_hand), 0);
            table.add(&row.goal(Some(Goal::AtLeast(0.9))));
        }
    }
}

/// The clients: one that publishes, and the subscribers.
struct Load {
    publisher: TcpStream,
    subscribers: Vec<TcpStream>,
}

impl Load {
    fn on(addr: SocketAddr, subscribers: usize) -> Self {
        let connect = || {
            let stream = TcpStream::connect(addr).expect("it listens");
            stream.set_nodelay(true).expect("a socket");
            stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a socket");
            stream
        };
        let subscribe = || {
            let (mut stream, mut message) = (connect(), FRAME);
            message[0] = SUBSCRIBE;
            stream.write_all(&message).expect("a server that reads");
            stream.read_exact(&mut message).expect("a server that answers");
            stream
        };
        Self { publisher: connect(), subscribers: (0..subscribers).map(|_| subscribe()).collect() }
    }

    /// Messages that were published and received by all, a second; by a thread on the other core.
    fn measure(&mut self, time: Duration) -> f64 {
        thread::scope(|scope| {
            let client = scope.spawn(|| {
                cores::last();
                let (batch, mut received) = (FRAME.repeat(IN_FLIGHT), vec![0; SIZE * IN_FLIGHT]);
                let (began, mut messages) = (Instant::now(), 0);
                while began.elapsed() < time {
                    self.publisher.write_all(&batch).expect("a server that reads");
                    for subscriber in &mut self.subscribers {
                        subscriber.read_exact(&mut received).expect("all messages");
                    }
                    messages += IN_FLIGHT;
                }
                messages as f64 / began.elapsed().as_secs_f64()
            });
            client.join().expect("no panic")
        })
    }
}

/// Messages of 64 bytes, which are their own encoding.
#[derive(Clone, Copy)]
struct Messages;

impl Decoder for Messages {
    type Item = Bytes;
    type Error = io::Error;

    fn decode(&mut self, input: &mut BytesMut) -> io::Result<Option<Bytes>> {
        // A copy: each message is kept for as long as the slowest subscriber needs.
        let message = input.get(..SIZE).map(Bytes::copy_from_slice);
        if message.is_some() {
            drop(input.split_to(SIZE));
        }
        Ok(message)
    }
}

impl Encoder<Bytes> for Messages {
    type Error = io::Error;

    fn encode(&mut self, message: Bytes, output: &mut BytesMut) -> io::Result<()> {
        output.extend_from_slice(&message);
        Ok(())
    }
}

#[derive(Default)]
struct Events {
    subscribers: Mutex<Vec<Peer<Bytes, Bytes>>>,
}

#[service(response = Bytes)]
impl Events {
    #[state(start)]
    async fn open(&self, peer: &Peer<Bytes, Bytes>, message: Bytes) -> EventsState {
        let mut subscribers = self.subscribers.lock().expect("no panic");
        if message[0] == SUBSCRIBE {
            peer.try_post(message).expect("an empty queue");
            subscribers.push(peer.clone());
        } else {
            for subscriber in &*subscribers {
                subscriber.try_post(message.clone()).expect("no more than 32 in flight");
            }
        }
        EventsState::Open
    }

    #[event(open)]
    async fn published(&self, message: Bytes) -> (Bytes, EventsState) {
        (message, EventsState::Open)
    }
}

#[derive(Default)]
struct Sends {
    subscribers: Mutex<Vec<Peer<Bytes>>>,
}

#[service(response = Bytes)]
impl Sends {
    #[state(start)]
    async fn open(&self, peer: &Peer<Bytes>, message: Bytes) -> SendsState {
        let mut subscribers = self.subscribers.lock().expect("no panic");
        if message[0] == SUBSCRIBE {
            peer.try_send(message).expect("an empty queue");
            subscribers.push(peer.clone());
        } else {
            for subscriber in &*subscribers {
                subscriber.try_send(message.clone()).expect("no more than 32 in flight");
            }
        }
        SendsState::Open
    }
}

macro_rules! serve {
    ($name:ident, $service:ident) => {
        fn $name() -> SocketAddr {
            let _inside = SERVERS.enter();
            let server = Server::new($service::default()).codec(Messages);
            let server = server.bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
            let addr = server.local_addr();
            SERVERS.spawn(server.serve());
            addr
        }
    };
}

serve!(serve_events, Events);
serve!(serve_sends, Sends);

#[derive(Default)]
struct Channels(Mutex<Vec<mpsc::Sender<Bytes>>>);

async fn by_hand(io: tokio::net::TcpStream, channels: &Channels) -> io::Result<()> {
    let (mut reading, mut writing) = io.into_split();
    let (sender, mut published) = mpsc::channel::<Bytes>(CAPACITY);
    let (mut codec, mut input, mut output) = (Messages, BytesMut::with_capacity(8192), BytesMut::new());
    let mut messages = Vec::new();
    loop {
        tokio::select! {
            read = reading.read_buf(&mut input) => {
                if read? == 0 {
                    return Ok(());
                }
                while let Some(message) = codec.decode(&mut input)? {
                    let mut channels = channels.0.lock().expect("no panic");
                    if message[0] == SUBSCRIBE {
                        channels.push(sender.clone());
                        codec.encode(message, &mut output)?;
                    } else {
                        for channel in &*channels {
                            channel.try_send(message.clone()).expect("no more than 32 in flight");
                        }
                    }
                }
                input.reserve(1024);
            }
            _ = published.recv_many(&mut messages, CAPACITY) => {
                for message in messages.drain(..) {
                    codec.encode(message, &mut output)?;
                }
            }
        }
        if !output.is_empty() {
            writing.write_all(&output).await?;
            output.clear();
        }
    }
}
