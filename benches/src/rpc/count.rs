//! Helper processes for exact counts: a server, and a client that makes a given number of calls.
//!
//! Counts of instructions and of system calls do not depend on other work of the machine. Each end
//! is a process, so that `valgrind --tool=callgrind` or `strace -c` counts one of them.
//! `benches/README.md` has the commands.

use std::io::{self, ErrorKind, Read};
use std::net::SocketAddr;

use tokio::task::JoinSet;

use super::{CLIENTS, Caller, Method, jsonrpsee, ours, tarpc, text};

/// The first argument of a server process: then the name of a peer.
pub(crate) const SERVER: &str = "__rpc_server";
/// The first argument of a client process: then the name of a peer, the address, `echo` or
/// `offload`, the connections, the calls in flight on each, and the calls on each.
pub(crate) const CLIENT: &str = "__rpc_client";

/// Serves until the input ends. Prints the address.
pub(crate) fn server(arguments: &[String]) -> io::Result<()> {
    let addr = match arguments {
        [name] if name == "ours-postcard" => ours::Postcard::start(),
        [name] if name == "ours-json" => ours::Json::start(),
        [name] if name == "tarpc-bincode" => tarpc::bincode(),
        [name] if name == "tarpc-json" => tarpc::json(),
        [name] if name == "jsonrpsee" => jsonrpsee::start(),
        _ => return Err(wrong()),
    };
    println!("{addr}");
    io::stdin().read_to_end(&mut Vec::new()).map(drop)
}

/// Makes the calls.
pub(crate) fn client(arguments: &[String]) -> io::Result<()> {
    let [name, addr, method, connections, in_flight, calls] = arguments else { return Err(wrong()) };
    let addr = addr.parse().map_err(|_| wrong())?;
    let method = match method.as_str() {
        "echo" => Method::Echo,
        "offload" => Method::Hash,
        _ => return Err(wrong()),
    };
    let number = |text: &str| text.parse::<usize>().map_err(|_| wrong());
    let load = Load {
        addr,
        method,
        connections: number(connections)?,
        in_flight: number(in_flight)?,
        calls: number(calls)?,
    };
    CLIENTS.block_on(async {
        match name.as_str() {
            "ours-postcard" => load.run::<ours::Postcard>().await,
            "ours-json" => load.run::<ours::Json>().await,
            "tarpc-bincode" => load.run::<tarpc::Bincode>().await,
            "tarpc-json" => load.run::<tarpc::Json>().await,
            "jsonrpsee" => load.run::<jsonrpsee::Client>().await,
            _ => return Err(wrong()),
        }
        Ok(())
    })
}

fn wrong() -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, "peer, address, method, connections, calls in flight, calls")
}

struct Load {
    addr: SocketAddr,
    method: Method,
    connections: usize,
    in_flight: usize,
    calls: usize,
}

impl Load {
    async fn run<C: Caller>(self) {
        let Self { addr, method, connections, in_flight, calls } = self;
        let mut tasks = JoinSet::new();
        for _ in 0..connections {
            let client = C::connect(addr).await;
            for _ in 0..in_flight {
                let client = client.clone();
                tasks.spawn(async move {
                    let text = text();
                    for _ in 0..calls / in_flight {
                        method.call(&client, &text).await;
                    }
                });
            }
        }
        tasks.join_all().await;
    }
}
