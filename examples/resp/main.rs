//! A server for clients of Redis: an own codec, transactions and subscriptions as states, messages
//! as events, a handler that waits, and a file that is written on a pool.
//!
//! ```text
//! cargo run --example resp                      # runs its own clients
//! cargo run --example resp -- 127.0.0.1:6379    # for your clients: redis-cli, redis-benchmark -t set,get
//! ```
//!
//! `wire.rs` is the codec for both ends, `store.rs` the data and the commands on them,
//! `channels.rs` the subscriptions, `service.rs` the states, and this file the clients.

#![forbid(unsafe_code)]

mod channels;
mod service;
mod store;
mod wire;

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};
use std::{env, fs, process};

use bytes::Bytes;
use portcullis::{Client, Server};
use portcullis_examples::{Error, time_limit};
use tokio::time::timeout;

use self::service::Redis;
use self::wire::{Command, Reply, Resp};

fn main() -> Result<(), Error> {
    if let Some(addr) = env::args().nth(1) {
        let server = Server::new(Redis::open("dump.resp".into())?).codec(Resp).bind(addr)?;
        println!("redis at {}; SAVE writes dump.resp; until ctrl-c", server.local_addr());
        println!("{}", server.run_until_signal()?);
        return Ok(());
    }
    time_limit(Duration::from_secs(60));
    let file = env::temp_dir().join(format!("portcullis-resp-{}", process::id()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(run(&file));
    let _ = fs::remove_file(file);
    result
}

async fn run(file: &Path) -> Result<(), Error> {
    let server = || Server::new(Redis::open(file.to_owned())?).codec(Resp).bind("127.0.0.1:0");
    let running = server()?.spawn().await?;
    run_clients(running.local_addr()).await?;

    println!("\n-- a stop does not wait for a client that waits");
    let mut ann = RespClient::connect("ann", running.local_addr()).await?;
    ann.send("BLPOP nothing 0").await?;
    ann.assert_waiting().await?;
    let began = Instant::now();
    let report = running.stop().await?;
    ann.receive().await?;
    assert!(began.elapsed() < Duration::from_secs(5), "within less than the grace period");
    println!("{report}");

    println!("\n-- another server loads what was saved");
    let running = server()?.spawn().await?;
    let mut bob = RespClient::connect("bob", running.local_addr()).await?;
    bob.call("GET greeting").await?;
    bob.call("LPOP jobs").await?;
    println!("\n{}", running.stop().await?);
    Ok(())
}

async fn run_clients(addr: SocketAddr) -> Result<(), Error> {
    let mut ann = RespClient::connect("ann", addr).await?;
    let mut bob = RespClient::connect("bob", addr).await?;

    println!("-- keys, some of which expire");
    ann.call("SET greeting hello").await?;
    bob.call("GET greeting").await?;
    ann.call("SET session secret EX 100").await?;
    ann.call("TTL session").await?;
    ann.call("INCR greeting").await?;

    println!("\n-- a transaction: a state that collects commands");
    for line in ["MULTI", "INCR visits", "INCR visits", "EXEC"] {
        ann.call(line).await?;
    }

    println!("\n-- a handler that waits for an element of a list");
    bob.send("BLPOP jobs 10").await?;
    bob.assert_waiting().await?;
    ann.call("RPUSH jobs one two").await?;
    bob.receive().await?;

    println!("\n-- messages to a channel are events of its subscribers");
    bob.send("SUBSCRIBE news weather").await?;
    bob.receive().await?;
    bob.receive().await?;
    ann.call("PUBLISH weather sunny").await?;
    bob.receive().await?;
    bob.call("GET greeting").await?;
    bob.send("UNSUBSCRIBE").await?;
    bob.receive().await?;
    bob.receive().await?;

    println!("\n-- a client that writes 20,000 commands before it reads");
    ann.client.send_all((0..20_000).map(|_| command("INCR visits"))).await?;
    let mut last = Reply::Null;
    for _ in 0..20_000 {
        last = ann.client.next().await?.ok_or("the server closed the connection")?;
    }
    println!("{:>5} < {}", "ann", in_words(&last));

    println!("\n-- the data are saved on a thread");
    ann.call("SAVE").await
}

/// A client that prints its commands and the replies.
struct RespClient {
    name: &'static str,
    client: Client<Command, Reply, Resp>,
}

impl RespClient {
    async fn connect(name: &'static str, addr: SocketAddr) -> Result<Self, Error> {
        Ok(Self { name, client: Client::connect(addr, Resp).await? })
    }

    async fn send(&mut self, line: &str) -> Result<(), Error> {
        println!("{:>5} > {line}", self.name);
        Ok(self.client.send(command(line)).await?)
    }

    async fn call(&mut self, line: &str) -> Result<(), Error> {
        self.send(line).await?;
        self.receive().await
    }

    async fn receive(&mut self) -> Result<(), Error> {
        let reply = self.client.next().await?.ok_or("the server closed the connection")?;
        println!("{:>5} < {}", self.name, in_words(&reply));
        Ok(())
    }

    /// Returns an error if a reply arrives soon.
    async fn assert_waiting(&mut self) -> Result<(), Error> {
        match timeout(Duration::from_millis(100), self.client.next()).await {
            Ok(reply) => Err(format!("{} did not expect {reply:?}", self.name).into()),
            Err(_) => {
                println!("{:>5} . waits", self.name);
                Ok(())
            }
        }
    }
}

fn command(line: &str) -> Command {
    let mut words = line.split(' ');
    Command::new(words.next().unwrap_or_default(), words.map(|word| Bytes::copy_from_slice(word.as_bytes())))
}

fn in_words(reply: &Reply) -> String {
    match reply {
        Reply::Status(text) => (*text).to_owned(),
        Reply::Error(text) => format!("error: {text}"),
        Reply::Integer(number) => number.to_string(),
        Reply::Bulk(bytes) | Reply::Encoded(bytes) => format!("{:?}", String::from_utf8_lossy(bytes)),
        Reply::Null | Reply::NullArray => "nothing".to_owned(),
        Reply::Array(replies) => format!("[{}]", replies.iter().map(in_words).collect::<Vec<_>>().join(", ")),
    }
}
