//! `idle`: resident bytes of an idle session, for each of 9,000 connections after two requests.
//!
//! Each repetition starts a server process and another process that holds the connections, and
//! reads the server's memory before and after. (Each server has its own port, so that the client
//! never runs out of ports.)

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::echo::frame::FRAME;
use crate::echo::load::Load;
use crate::echo::servers::Kind;
use crate::measure::{Contestant, Plan, Shown, interleave};
use crate::table::{Goal, Row, Table};

const BENCH: &str = "idle";
const CONNECTIONS: usize = 9000;
/// The one-time allocations for the first connections are not counted.
const WARM_UP: usize = 50;
const KINDS: [Kind; 5] = [Kind::Request, Kind::State, Kind::Session, Kind::NeverWaiting, Kind::Sending];
/// The first arguments of the server process and of the process that holds the connections.
pub(crate) const SERVER: &str = "__serve";
pub(crate) const HOLDER: &str = "__hold";

pub(crate) fn run(plan: &Plan, table: &mut Table) {
    let wanted = plan.size(CONNECTIONS);
    let connections = wanted.min(open_files().saturating_sub(WARM_UP + 100));
    if connections < wanted {
        eprintln!("idle: no more than {connections} connections: this system limits open files");
    }
    let contestants =
        KINDS.map(|kind| Contestant::new(kind.name(), move || vec![resident(kind, connections)]));
    let shown = interleave(plan, contestants.into());
    let Some((by_hand, ours)) = shown.split_last() else { return };
    for (ours, kind) in ours.iter().zip(KINDS) {
        let case = format!("{connections} sessions, {}", kind.name());
        // A linear session that waits keeps the future of its handler.
        let goal = |goal| (kind != Kind::Session).then_some(Goal::AtMost(goal));
        table.add(&Row::compare(BENCH, &case, "bytes", (ours, by_hand), 0).goal(goal(0.1)));
        let kibibyte = Shown { name: "1 KiB", metrics: vec![vec![1024.0; ours.metrics[0].len()]] };
        table.add(&Row::compare(BENCH, &case, "bytes", (ours, &kibibyte), 0).goal(goal(1.0)));
    }
}

/// Resident bytes for each of `connections` sessions.
fn resident(kind: Kind, connections: usize) -> f64 {
    let mut server = Load::start(&[SERVER.to_owned(), kind.name().to_owned()]);
    let addr = server.line();
    let hold = |count: usize| {
        let mut holder = Load::start(&[HOLDER.to_owned(), addr.clone(), count.to_string()]);
        assert_eq!(holder.line(), "held");
        holder
    };
    let _first = hold(WARM_UP);
    let before = settled(server.id());
    let _all = hold(connections);
    let after = settled(server.id());
    (after - before) / connections as f64
}

/// Resident bytes of a process, once they are stable.
fn settled(process: u32) -> f64 {
    let mut last = f64::NAN;
    // For at most 5 s; remaining changes show in the spread.
    for _ in 0..100 {
        thread::sleep(Duration::from_millis(50));
        let now = resident_bytes(process).expect("Linux: /proc/<process>/smaps_rollup");
        if now == last {
            break;
        }
        last = now;
    }
    last
}

/// From the page tables, because `VmRSS` is imprecise by some pages for each thread.
fn resident_bytes(process: u32) -> Option<f64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup")).ok()?;
    let kibibytes = text.lines().find_map(|line| line.strip_prefix("Rss:"))?.split_whitespace().next()?;
    Some(kibibytes.parse::<f64>().ok()? * 1024.0)
}

/// Raises the limit of open files to its maximum, for this process and its children, and returns
/// it.
fn open_files() -> usize {
    let limit = getrlimit(Resource::Nofile);
    // Without a change if the system refuses.
    let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    let current = if raised.is_ok() { limit.maximum } else { limit.current };
    current.map_or(usize::MAX, |count| usize::try_from(count).unwrap_or(usize::MAX))
}

/// The code of the server process, which runs until its input ends.
pub(crate) fn server(arguments: &[String]) -> io::Result<()> {
    let kind = arguments.first().and_then(|name| Kind::named(name));
    let kind = kind.ok_or(io::Error::new(ErrorKind::InvalidInput, "no such server"))?;
    println!("{}", kind.start());
    io::stdin().read_to_end(&mut Vec::new()).map(drop)
}

/// The code of the process that holds connections, which runs until its input ends.
pub(crate) fn holder(arguments: &[String]) -> io::Result<()> {
    let wrong = || io::Error::new(ErrorKind::InvalidInput, "address, connections");
    let [addr, count] = arguments else { return Err(wrong()) };
    let addr: SocketAddr = addr.parse().map_err(|_| wrong())?;
    let count = count.parse().map_err(|_| wrong())?;
    let held: io::Result<Vec<TcpStream>> = (0..count).map(|_| connection(addr)).collect();
    let _held = held?;
    println!("held");
    io::stdin().read_to_end(&mut Vec::new()).map(drop)
}

/// Opens a connection and reads two responses.
fn connection(addr: SocketAddr) -> io::Result<TcpStream> {
    let mut io = TcpStream::connect(addr)?;
    io.set_nodelay(true)?;
    for _ in 0..2 {
        io.write_all(&FRAME)?;
        io.read_exact(&mut FRAME.clone())?;
    }
    Ok(io)
}
