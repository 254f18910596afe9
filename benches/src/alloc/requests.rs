//! Allocations of one request and its response, over TCP, by a client that allocates nothing.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::Ordering::Relaxed;

use tracking_allocator::AllocationRegistry;

use super::Count;
use crate::echo::frame::FRAME;
use crate::echo::servers::Kind;
use crate::measure::{Contestant, Plan, Shown, interleave};

/// The goal is zero, whatever the servers by hand need.
pub(super) fn shown(plan: &Plan, count: &Count, times: usize) -> Vec<Shown> {
    let kinds = [Kind::Request, Kind::State, Kind::Session, Kind::Sending];
    interleave(plan, kinds.map(|kind| requests(kind, count.clone(), times)).into())
}

fn requests(kind: Kind, count: Count, times: usize) -> Contestant {
    let mut io = TcpStream::connect(kind.start()).expect("a connection");
    io.set_nodelay(true).expect("no delay");
    Contestant::new(kind.name(), move || {
        let mut frame = FRAME;
        // The first requests allocate what later ones reuse, and are not counted.
        for _ in 0..100 {
            trip(&mut io, &mut frame);
        }
        let before = count.0.load(Relaxed);
        AllocationRegistry::enable_tracking();
        for _ in 0..times {
            trip(&mut io, &mut frame);
        }
        AllocationRegistry::disable_tracking();
        vec![(count.0.load(Relaxed) - before) as f64 / times as f64]
    })
}

fn trip(io: &mut TcpStream, frame: &mut [u8]) {
    io.write_all(frame).expect("a request sent");
    io.read_exact(frame).expect("an answer");
}
