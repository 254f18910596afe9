//! A password hashing service written with tarpc, for the guide's page "Coming from RPC".

#![forbid(unsafe_code)]

use std::future::ready;
use std::time::{Duration, Instant};

use futures::StreamExt;
use tarpc::server::incoming::Incoming;
use tarpc::server::{BaseChannel, Channel};
use tarpc::tokio_serde::formats::Json;
use tarpc::{client, context};

// ANCHOR: service
#[tarpc::service]
trait Passwords {
    /// Hashes a password.
    async fn hash(password: String) -> Result<String, String>;
}

#[derive(Clone)]
struct PasswordServer;

impl Passwords for PasswordServer {
    async fn hash(self, _: context::Context, password: String) -> Result<String, String> {
        let hashing = tokio::task::spawn_blocking(move || slow_hash(&password));
        hashing.await.map_err(|error| error.to_string())
    }
}
// ANCHOR_END: service

fn slow_hash(password: &str) -> String {
    let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    format!("{:x}", password.bytes().fold(0xcbf2_9ce4_8422_2325, hash))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // ANCHOR: serve
    let listener = tarpc::serde_transport::tcp::listen("127.0.0.1:0", Json::default).await?;
    let addr = listener.local_addr();
    let serving = listener
        .filter_map(|accepted| ready(accepted.ok()))
        .map(BaseChannel::with_defaults)
        .max_channels_per_key(8, |channel| channel.transport().peer_addr().expect("an address").ip())
        .map(|channel| {
            channel.execute(PasswordServer.serve()).for_each(|answer| async {
                tokio::spawn(answer);
            })
        })
        .buffer_unordered(10_000)
        .for_each(|()| async {});
    let serving = tokio::spawn(serving);
    // ANCHOR_END: serve

    // ANCHOR: client
    let transport = tarpc::serde_transport::tcp::connect(addr, Json::default).await?;
    let client = PasswordsClient::new(client::Config::default(), transport).spawn();
    let mut context = context::current();
    context.deadline = Instant::now() + Duration::from_secs(2);
    let hash = client.hash(context, "correct horse".to_owned()).await??;
    // ANCHOR_END: client
    println!("{hash}");
    serving.abort();
    Ok(())
}
