//! The benchmarks of portcullis:
//! `cargo run --release -p portcullis-bench -- <what> [--json] [--quick]`.
//!
//! Ours and the peer are measured in the same run, interleaved; figures are medians of several
//! repetitions with their spread (lowest..highest), and ratios. Allocations are counted exactly. No
//! figure fails a run.
//!
//! A benchmark is a function that adds [`Row`](table::Row)s to a [`Table`]; [`BENCHES`] lists them.
//! Allocations are counted in a separate program ([`counting`]), so that all other benchmarks use
//! the system's allocator.

#![forbid(unsafe_code)]

mod alloc;
#[cfg(feature = "peers")]
mod build;
mod echo;
mod expand;
mod idle;
mod loops;
mod measure;
#[cfg(feature = "nats")]
mod nats;
mod offload;
mod overload;
mod peers;
mod portal;
#[cfg(feature = "peers")]
mod rpc;
mod table;
mod tail;

use std::process::{Command, ExitCode};

use measure::Plan;
use table::Table;

/// Runs a benchmark and adds its rows to the table.
type Bench = fn(&Plan, &mut Table);

/// The name, the description and the function of each benchmark.
const BENCHES: &[(&str, &str, Bench)] = &[
    ("offload", "no-op jobs: latency, throughput, and the tail of handlers beside them", offload_and_tail),
    (
        "overload",
        "goodput, and when refused callers are informed, at 0.8 to 5 times the capacity",
        overload::run,
    ),
    ("portal", "round trips from a pool thread to the loop", portal::run),
    ("echo", "frames over TCP, closed loop and 32 in flight", echo::run),
    ("frames", "frames of 10,000 bytes over TCP, 32 in flight", echo::large::run),
    ("broadcast", "a message to 10 and 100 subscribers, by events and by try_send", echo::broadcast::run),
    #[cfg(feature = "peers")]
    ("rpc", "typed calls of 64 bytes, and calls that offload, by clients of each framework", rpc::run),
    #[cfg(feature = "nats")]
    ("nats", "calls over NATS by one and three nodes, and goodput at twice the capacity", nats::run),
    ("idle", "memory of an idle session", idle::run),
    ("alloc", "heap allocations of a request, an offload and a portal call", alloc::run),
    #[cfg(feature = "peers")]
    ("build", "clean builds of a small service and of the quickstart", build::run),
    ("expand", "lines that the macros generate for a method", expand::run),
];

fn offload_and_tail(plan: &Plan, table: &mut Table) {
    offload::run(plan, table);
    tail::run(plan, table);
}

/// The program `portcullis-bench`.
pub fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(code) = as_helper(&arguments) {
        return code;
    }
    let (flags, names): (Vec<&str>, Vec<&str>) =
        arguments.iter().map(String::as_str).partition(|argument| argument.starts_with("--"));
    let known = |name: &&str| *name == "all" || BENCHES.iter().any(|(bench, ..)| bench == name);
    if names.is_empty()
        || !names.iter().all(known)
        || !flags.iter().all(|f| ["--json", "--quick"].contains(f))
    {
        return usage();
    }
    if let Some(code) = peers::unblock::again_with_its_threads_limited() {
        return code;
    }
    let plan = if flags.contains(&"--quick") { Plan::quick() } else { Plan::thorough() };
    let mut table = Table::new(flags.contains(&"--json"));
    for (name, _, run) in BENCHES {
        if names.contains(name) || names.contains(&"all") {
            run(&plan, &mut table);
        }
    }
    table.finish();
    ExitCode::SUCCESS
}

/// Runs the helper process that a benchmark has started, if the arguments name one.
fn as_helper(arguments: &[String]) -> Option<ExitCode> {
    let (word, rest) = arguments.split_first()?;
    let ended = match word.as_str() {
        echo::load::WORD => echo::load::client(rest),
        idle::SERVER => idle::server(rest),
        idle::HOLDER => idle::holder(rest),
        #[cfg(feature = "peers")]
        rpc::count::SERVER => rpc::count::server(rest),
        #[cfg(feature = "peers")]
        rpc::count::CLIENT => rpc::count::client(rest),
        #[cfg(feature = "nats")]
        nats::node::WORD => nats::node::run(rest),
        _ => return None,
    };
    Some(match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{word}: {error}");
            ExitCode::FAILURE
        }
    })
}

/// The program `counting`: the benchmark `alloc` with an allocator that counts. [`main`] starts it.
pub fn counting() -> ExitCode {
    let flags: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| flags.iter().any(|given| given == flag);
    if let Some(code) = peers::unblock::again_with_its_threads_limited() {
        return code;
    }
    let plan = if has("--quick") { Plan::quick() } else { Plan::thorough() };
    let mut table = Table::new(has("--json"));
    alloc::count(&plan, &mut table);
    table.finish();
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("usage: portcullis-bench <what>.. [--json] [--quick]\n");
    for (name, what, _) in BENCHES {
        eprintln!("  {name:<9} {what}");
    }
    eprintln!("  {:<9} all of them\n", "all");
    eprintln!(
        "  --json   a line of JSON for each figure\n  --quick  a smoke test of a few seconds; the figures are not meaningful"
    );
    ExitCode::from(2)
}

/// Runs this program again with the environment variable `name`, unless it is set already, and
/// returns the exit code of that run.
///
/// (Setting a variable of the running process is `unsafe`.)
fn again_with(name: &str, value: String) -> Option<ExitCode> {
    if std::env::var_os(name).is_some() {
        return None;
    }
    let program = std::env::current_exe().expect("the path of this program");
    let status = Command::new(program).args(std::env::args_os().skip(1)).env(name, value).status();
    let code = status.expect("this program, started again").code();
    Some(ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}
