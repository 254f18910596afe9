//! The service with tarpc, as in its example service: a task for each call.

use std::net::SocketAddr;
use std::time::Instant;

use futures::StreamExt;
use tarpc::client;
use tarpc::context::{self, Context};
use tarpc::server::{BaseChannel, Channel};
use tarpc::tokio_serde::formats;
use tokio::net::TcpStream;
use tokio_util::codec::LengthDelimitedCodec;

use super::{Caller, DEADLINE, hash};
use crate::echo::servers::listen;

#[tarpc::service]
trait Texts {
    async fn echo(text: String) -> String;
    async fn hash(text: String) -> u64;
}

#[derive(Clone)]
struct Server;

impl Texts for Server {
    async fn echo(self, _: Context, text: String) -> String {
        text
    }

    async fn hash(self, _: Context, text: String) -> u64 {
        tokio::task::spawn_blocking(move || hash(&text)).await.expect("no panic")
    }
}

macro_rules! format {
    ($start:ident, $name:ident) => {
        pub(super) fn $start() -> SocketAddr {
            listen(|io| {
                let framed = LengthDelimitedCodec::builder().new_framed(io);
                let transport = tarpc::serde_transport::new(framed, formats::$name::default());
                BaseChannel::with_defaults(transport).execute(Server.serve()).for_each(|answer| async {
                    tokio::spawn(answer);
                })
            })
        }

        #[derive(Clone)]
        pub(super) struct $name(TextsClient);

        impl Caller for $name {
            async fn connect(addr: SocketAddr) -> Self {
                let io = TcpStream::connect(addr).await.expect("it listens");
                io.set_nodelay(true).expect("a connection");
                let framed = LengthDelimitedCodec::builder().new_framed(io);
                let transport = tarpc::serde_transport::new(framed, formats::$name::default());
                Self(TextsClient::new(client::Config::default(), transport).spawn())
            }

            async fn echo(&self, text: &str) {
                self.0.echo(context(), text.to_owned()).await.expect("a reply");
            }

            async fn hash(&self, text: &str) {
                self.0.hash(context(), text.to_owned()).await.expect("a reply");
            }
        }
    };
}

format!(bincode, Bincode);
format!(json, Json);

fn context() -> Context {
    let mut context = context::current();
    context.deadline = Instant::now() + DEADLINE;
    context
}
