//! `echo`: frames of 64 bytes over TCP, with one request at a time on each connection, and with 32.
//!
//! All servers run on one loop of one thread in this process, and only one of them is measured at a
//! time. The client is another process on another core, the same for all servers (see [`load`]).

pub(crate) mod broadcast;
pub(crate) mod cores;
pub(crate) mod frame;
#[cfg(feature = "peers")]
mod frameworks;
pub(crate) mod large;
pub(crate) mod load;
pub(crate) mod servers;

use std::net::SocketAddr;
use std::time::Duration;

use self::load::{Load, Talk};
use self::servers::Kind;
use crate::measure::{Contestant, Plan, interleave};
use crate::table::{Goal, Row, Table};

const BENCH: &str = "echo";
const CONNECTIONS: [usize; 3] = [1, 16, 256];
const IN_FLIGHT: usize = 32;

type Goals = fn(&str) -> Option<Goal>;
type Entry = (&'static str, SocketAddr, Talk);

pub(crate) fn run(plan: &Plan, table: &mut Table) {
    let all = kinds(&[Kind::Request, Kind::State, Kind::Session, Kind::Sending, Kind::Raw]);
    #[cfg(feature = "peers")]
    let mut all = all;
    #[cfg(feature = "peers")]
    for (name, start) in [
        (frameworks::TARPC, frameworks::tarpc as fn() -> _),
        (frameworks::JSONRPSEE, frameworks::jsonrpsee as fn() -> _),
    ] {
        let (addr, talk) = start();
        all.push((name, addr, talk));
    }
    for connections in CONNECTIONS {
        compare(plan, table, &all, (connections, 1), closed_loop);
    }
    let all = kinds(&[Kind::Request, Kind::State, Kind::Session, Kind::Sending, Kind::Batching, Kind::Raw]);
    for connections in CONNECTIONS {
        compare(plan, table, &all, (connections, IN_FLIGHT), in_flight);
    }
}

fn kinds(kinds: &[Kind]) -> Vec<Entry> {
    kinds.iter().map(|kind| (kind.name(), kind.start(), Talk::frames())).collect()
}

fn closed_loop(peer: &str) -> Option<Goal> {
    match peer {
        #[cfg(feature = "peers")]
        frameworks::TARPC | frameworks::JSONRPSEE => Some(Goal::AtLeast(3.0)),
        _ if peer == Kind::Sending.name() => Some(Goal::AtLeast(1.0)),
        _ => None,
    }
}

fn in_flight(peer: &str) -> Option<Goal> {
    let goals = [(Kind::Sending, 20.0), (Kind::Batching, 1.05), (Kind::Raw, 0.8)];
    goals.iter().find(|(kind, _)| kind.name() == peer).map(|&(_, goal)| Goal::AtLeast(goal))
}

/// Compares the first entry with each of the others.
fn compare(
    plan: &Plan,
    table: &mut Table,
    all: &[Entry],
    (connections, in_flight): (usize, usize),
    goals: Goals,
) {
    let time = Duration::from_millis(plan.size(500).max(25) as u64);
    let contestants = all.iter().map(|(name, addr, talk)| {
        let mut load = Load::on(*addr, talk, connections, in_flight);
        Contestant::new(name, move || vec![load.measure(time) / 1000.0])
    });
    let shown = interleave(plan, contestants.collect());
    let Some((ours, peers)) = shown.split_first() else { return };
    let case = match in_flight {
        1 => format!("closed loop, {connections} connections"),
        _ => format!("{in_flight} in flight, {connections} connections"),
    };
    for peer in peers {
        table.add(&Row::compare(BENCH, &case, "k/s", (ours, peer), 0).goal(goals(peer.name)));
    }
}
