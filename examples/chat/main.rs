//! A chat server: passwords checked with argon2 on a pool, rooms by events, an idle timeout, and a
//! kick.
//!
//! ```text
//! cargo run --example chat                      # three clients of its own
//! cargo run --example chat -- 127.0.0.1:7777    # or yours: nc 127.0.0.1 7777, then {"Login":{"name":"ann","password":"secret"}}
//! ```
//!
//! `service.rs` is the machine of states, `rooms.rs` what sessions share, and this file the
//! clients.

#![forbid(unsafe_code)]

mod rooms;
mod service;

use std::env;
use std::net::SocketAddr;
use std::time::Duration;

use portcullis::{Client, JsonLines, Server};
use portcullis_examples::{Error, time_limit};

use self::service::{Chat, Request, Response};

fn main() -> Result<(), Error> {
    let chat = Chat::open(&[("ann", "secret", true), ("bob", "hunter2", false), ("carol", "qwerty", false)])?;
    let server = Server::new(chat).codec(JsonLines::new().max_frame(4096));
    if let Some(addr) = env::args().nth(1) {
        println!("chat at {addr}, one JSON value a line, until ctrl-c");
        println!("{}", server.bind(addr)?.run_until_signal()?);
        return Ok(());
    }
    time_limit(Duration::from_secs(60));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let server = server.bind("127.0.0.1:0")?.spawn().await?;
        converse(server.local_addr()).await?;
        println!("\n{}", server.stop().await?);
        Ok(())
    })
}

async fn converse(addr: SocketAddr) -> Result<(), Error> {
    let mut carol = Talker::connect("carol", addr).await?;
    println!("-- who knows no password is not let in, and not for ever");
    for guess in ["123456", "password", "letmein"] {
        carol.says(Request::Login { name: "carol".into(), password: guess.into() }).await?;
    }
    carol.hears_the_end().await?;

    println!("\n-- what is said in a room comes to all who are there");
    let mut ann = Talker::logged_in("ann", "secret", addr).await?;
    let mut bob = Talker::logged_in("bob", "hunter2", addr).await?;
    ann.says(Request::Join { room: "rust".into() }).await?;
    bob.says(Request::Join { room: "rust".into() }).await?;
    ann.hears().await?;
    bob.says(Request::Say { text: "is anybody here?".into() }).await?;
    bob.hears().await?;
    ann.hears().await?;

    println!("\n-- a moderator may kick, others may not");
    bob.says(Request::Kick { name: "ann".into() }).await?;
    ann.says(Request::Kick { name: "bob".into() }).await?;
    bob.hears().await?;
    ann.hears().await?;
    bob.says(Request::Say { text: "hello?".into() }).await?;

    println!("\n-- who says nothing for two seconds makes place");
    ann.hears().await?;
    ann.hears_the_end().await
}

/// A client that prints what it says and hears.
struct Talker {
    name: &'static str,
    client: Client<Request, Response, JsonLines>,
}

impl Talker {
    async fn connect(name: &'static str, addr: SocketAddr) -> Result<Self, Error> {
        Ok(Self { name, client: Client::connect(addr, JsonLines::new()).await? })
    }

    async fn logged_in(name: &'static str, password: &str, addr: SocketAddr) -> Result<Self, Error> {
        let mut talker = Self::connect(name, addr).await?;
        talker.says(Request::Login { name: name.into(), password: password.into() }).await?;
        Ok(talker)
    }

    async fn says(&mut self, request: Request) -> Result<(), Error> {
        println!("{:>5} > {request:?}", self.name);
        self.client.send(request).await?;
        self.hears().await
    }

    async fn hears(&mut self) -> Result<(), Error> {
        let response = self.client.next().await?.ok_or("the server hung up")?;
        println!("{:>5} < {response:?}", self.name);
        Ok(())
    }

    async fn hears_the_end(&mut self) -> Result<(), Error> {
        match self.client.next().await? {
            None => println!("{:>5} . hung up", self.name),
            Some(response) => return Err(format!("{} did not expect {response:?}", self.name).into()),
        }
        Ok(())
    }
}
