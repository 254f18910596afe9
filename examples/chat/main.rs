//! A chat server: states, passwords checked with argon2 on a pool, rooms with events, an idle
//! timeout, and a moderator who can kick.
//!
//! ```text
//! cargo run --example chat                      # runs three clients
//! cargo run --example chat -- 127.0.0.1:7777    # for your clients: nc 127.0.0.1 7777, then {"Login":{"name":"ann","password":"secret"}}
//! ```
//!
//! `service.rs` has the states, `rooms.rs` the data that sessions share, and this file the clients.

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
        println!("chat at {addr}, one JSON value per line, until ctrl-c");
        println!("{}", server.bind(addr)?.run_until_signal()?);
        return Ok(());
    }
    time_limit(Duration::from_secs(60));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let server = server.bind("127.0.0.1:0")?.spawn().await?;
        run_clients(server.local_addr()).await?;
        println!("\n{}", server.stop().await?);
        Ok(())
    })
}

async fn run_clients(addr: SocketAddr) -> Result<(), Error> {
    let mut carol = ChatClient::connect("carol", addr).await?;
    println!("-- three wrong passwords end the session");
    for guess in ["123456", "password", "letmein"] {
        carol.send(Request::Login { name: "carol".into(), password: guess.into() }).await?;
    }
    carol.expect_end().await?;

    println!("\n-- messages in a room reach all members");
    let mut ann = ChatClient::logged_in("ann", "secret", addr).await?;
    let mut bob = ChatClient::logged_in("bob", "hunter2", addr).await?;
    ann.send(Request::Join { room: "rust".into() }).await?;
    bob.send(Request::Join { room: "rust".into() }).await?;
    ann.receive().await?;
    bob.send(Request::Say { text: "hello, everyone".into() }).await?;
    bob.receive().await?;
    ann.receive().await?;

    println!("\n-- only a moderator may kick");
    bob.send(Request::Kick { name: "ann".into() }).await?;
    ann.send(Request::Kick { name: "bob".into() }).await?;
    bob.receive().await?;
    ann.receive().await?;
    bob.send(Request::Say { text: "hello?".into() }).await?;

    println!("\n-- a user who is idle for two seconds is disconnected");
    ann.receive().await?;
    ann.expect_end().await
}

/// A client that prints its requests and the responses.
struct ChatClient {
    name: &'static str,
    client: Client<Request, Response, JsonLines>,
}

impl ChatClient {
    async fn connect(name: &'static str, addr: SocketAddr) -> Result<Self, Error> {
        Ok(Self { name, client: Client::connect(addr, JsonLines::new()).await? })
    }

    async fn logged_in(name: &'static str, password: &str, addr: SocketAddr) -> Result<Self, Error> {
        let mut client = Self::connect(name, addr).await?;
        client.send(Request::Login { name: name.into(), password: password.into() }).await?;
        Ok(client)
    }

    async fn send(&mut self, request: Request) -> Result<(), Error> {
        println!("{:>5} > {request:?}", self.name);
        self.client.send(request).await?;
        self.receive().await
    }

    async fn receive(&mut self) -> Result<(), Error> {
        let response = self.client.next().await?.ok_or("the server closed the connection")?;
        println!("{:>5} < {response:?}", self.name);
        Ok(())
    }

    async fn expect_end(&mut self) -> Result<(), Error> {
        match self.client.next().await? {
            None => println!("{:>5} . disconnected", self.name),
            Some(response) => return Err(format!("{} did not expect {response:?}", self.name).into()),
        }
        Ok(())
    }
}
