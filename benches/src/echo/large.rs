//! Frames of 10,000 bytes over TCP, 32 in flight, each answered by one byte.
//!
//! What counts is how often the servers read and write: the server by hand reads into a buffer that
//! grows while reads fill it.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use bytes::{Buf, BufMut, BytesMut};
use portcullis::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::codec::{Decoder, Encoder};

use super::cores;
use super::servers::{SERVERS, listen};
use crate::measure::{Contestant, Plan, interleave};
use crate::table::{Goal, Row, Table};

const BENCH: &str = "frames";
const SIZE: usize = 10_000;
const IN_FLIGHT: usize = 32;
const MIN_READ: usize = 8 * 1024;
const MAX_READ: usize = 64 * 1024;

pub(crate) fn run(plan: &Plan, table: &mut Table) {
    let time = Duration::from_millis(plan.size(500).max(25) as u64);
    let contestant = |name, addr| {
        let mut client = TcpStream::connect(addr).expect("it listens");
        client.set_nodelay(true).expect("a socket");
        Contestant::new(name, move || vec![measure(&mut client, time) / 1000.0])
    };
    let by_hand = listen(|io| async { drop(by_hand(io).await) });
    let contestants = vec![contestant("ours", ours()), contestant("by hand, an adaptive buffer", by_hand)];
    let shown = interleave(plan, contestants);
    let [ours, by_hand] = &shown[..] else { return };
    let case = format!("{SIZE} bytes, {IN_FLIGHT} in flight");
    table.add(&Row::compare(BENCH, case, "k/s", (ours, by_hand), 0).goal(Some(Goal::AtLeast(1.0))));
}

/// Frames a second, by a thread on the other core.
fn measure(client: &mut TcpStream, time: Duration) -> f64 {
    thread::scope(|scope| {
        let client = scope.spawn(|| {
            cores::last();
            let (batch, mut answers) = (vec![b'x'; SIZE * IN_FLIGHT], [0; IN_FLIGHT]);
            let (began, mut frames) = (Instant::now(), 0);
            while began.elapsed() < time {
                client.write_all(&batch).expect("a server that reads");
                client.read_exact(&mut answers).expect("a server that answers");
                frames += IN_FLIGHT;
            }
            frames as f64 / began.elapsed().as_secs_f64()
        });
        client.join().expect("no panic")
    })
}

/// For our server, and for the one by hand.
#[derive(Clone, Copy)]
struct Blocks;

impl Decoder for Blocks {
    type Item = Vec<u8>;
    type Error = io::Error;

    fn decode(&mut self, input: &mut BytesMut) -> io::Result<Option<Vec<u8>>> {
        let frame = input.get(..SIZE).map(<[u8]>::to_vec);
        if frame.is_some() {
            input.advance(SIZE);
        }
        Ok(frame)
    }
}

impl Encoder<u8> for Blocks {
    type Error = io::Error;

    fn encode(&mut self, byte: u8, output: &mut BytesMut) -> io::Result<()> {
        output.put_u8(byte);
        Ok(())
    }
}

struct Sink;

#[service]
impl Sink {
    #[request]
    async fn take(&self, frame: Vec<u8>) -> u8 {
        frame[frame.len() - 1]
    }
}

fn ours() -> SocketAddr {
    let _inside = SERVERS.enter();
    let server = Server::new(Sink).codec(Blocks).bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let addr = server.local_addr();
    SERVERS.spawn(server.serve());
    addr
}

async fn by_hand(mut io: tokio::net::TcpStream) -> io::Result<()> {
    let (mut codec, mut input, mut output) = (Blocks, BytesMut::new(), BytesMut::new());
    let mut size = MIN_READ;
    loop {
        input.reserve(size.saturating_sub(input.len()).max(1024));
        let offered = input.capacity() - input.len();
        let read = io.read_buf(&mut input).await?;
        if read == 0 {
            return Ok(());
        }
        if read == offered {
            size = (2 * size).min(MAX_READ);
        } else if read < size / 4 {
            size = (size / 2).max(MIN_READ);
        }
        while let Some(frame) = codec.decode(&mut input)? {
            codec.encode(frame[frame.len() - 1], &mut output)?;
        }
        if !output.is_empty() {
            io.write_all(&output).await?;
            output.clear();
        }
    }
}
