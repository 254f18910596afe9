//! A mail server whose session is a state machine: RFC 5321, with one method for each state.
//!
//! ```text
//! cargo run --example smtp                      # runs its own client
//! cargo run --example smtp -- 127.0.0.1:2525    # for your client: swaks, msmtp, python's smtplib, nc -C
//! ```
//!
//! `service.rs` is the state machine, `wire.rs` the codec for its lines and replies, and this file
//! a client.

#![forbid(unsafe_code)]

mod service;
mod wire;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs, process};

use portcullis::Server;
use portcullis_examples::{Error, time_limit};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufStream};
use tokio::net::TcpStream;

use self::service::Smtp;
use self::wire::Wire;

fn main() -> Result<(), Error> {
    let spool = Spool::new()?;
    let server = Server::new(Smtp::open("example.org", spool.0.clone())?).codec(Wire::default());
    if let Some(addr) = env::args().nth(1) {
        println!("accepting mail for example.org at {addr}; stored in {} until ctrl-c", spool.0.display());
        println!("{}", server.bind(addr)?.run_until_signal()?);
        return Ok(());
    }
    time_limit(Duration::from_secs(60));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let server = server.bind("127.0.0.1:0")?.spawn().await?;
        run_client(server.local_addr()).await?;
        println!("\n{}", server.stop().await?);
        show(&spool.0)
    })
}

/// A client that makes some mistakes first.
async fn run_client(addr: SocketAddr) -> Result<(), Error> {
    let mut client = Client { stream: BufStream::new(TcpStream::connect(addr).await?) };
    client.reply().await?;
    client.send("DATA").await?;
    client.send("EHLO client.example.com").await?;
    client.send("RCPT TO:<ann@example.org>").await?;
    client.send("MAIL FROM:<bob@example.com> SIZE=99999999").await?;
    client.send("MAIL FROM:<bob@example.com>").await?;
    client.send("RCPT TO:<carol@elsewhere.example>").await?;
    client.send("RCPT TO:<ann@example.org>").await?;
    client.send("RCPT TO:<dan@example.org>").await?;
    client.send("DATA").await?;
    let text = "Subject: states\r\n\r\nOne state a method.\r\n..and a line that begins with a dot.\r\n.";
    client.send(text).await?;
    client.send("QUIT").await
}

struct Client {
    stream: BufStream<TcpStream>,
}

impl Client {
    async fn send(&mut self, text: &str) -> Result<(), Error> {
        text.lines().for_each(|line| println!("C: {line}"));
        self.stream.write_all(text.as_bytes()).await?;
        self.stream.write_all(b"\r\n").await?;
        self.stream.flush().await?;
        self.reply().await
    }

    /// Reads all lines of one reply.
    async fn reply(&mut self) -> Result<(), Error> {
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line).await? == 0 {
                return Err("the server closed the connection".into());
            }
            println!("S: {}", line.trim_end());
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(());
            }
        }
    }
}

fn show(spool: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(spool)? {
        let path = entry?.path();
        println!("\n{}:", path.file_name().unwrap_or_default().display());
        fs::read_to_string(&path)?.lines().for_each(|line| println!("  {line}"));
    }
    Ok(())
}

/// A temporary directory, which is removed when the program ends.
struct Spool(PathBuf);

impl Spool {
    fn new() -> Result<Self, Error> {
        let folder = env::temp_dir().join(format!("portcullis-smtp-{}", process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
