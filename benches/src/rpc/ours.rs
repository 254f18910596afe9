//! The service with `#[rpc]`, in two formats.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use portcullis::codec::{Json as JsonFormat, LengthPrefixed, Postcard as PostcardFormat};
use portcullis::prelude::*;
use portcullis::{Interrupted, Pool};

use super::{Caller, DEADLINE, hash};
use crate::echo::servers::SERVERS;

/// More connections than the bench opens.
const CONNECTIONS: usize = 4096;

struct Texts {
    pool: Pool,
}

#[service]
impl Texts {
    #[rpc]
    async fn echo(&self, text: String) -> String {
        text
    }

    #[rpc]
    #[blocking(pool = self.pool)]
    fn hash(&self, text: String) -> Result<u64, Interrupted> {
        Ok(hash(&text))
    }

    #[rpc]
    async fn sleep(&self, micros: u64) {
        tokio::time::sleep(Duration::from_micros(micros)).await;
    }
}

macro_rules! format {
    ($name:ident, $format:ty) => {
        #[derive(Clone)]
        pub(super) struct $name(TextsClient);

        impl $name {
            pub(super) fn start() -> SocketAddr {
                let _inside = SERVERS.enter();
                let pool = Pool::builder("hash").threads(1).build().expect("a thread");
                let server = Server::new(Texts { pool }).codec(LengthPrefixed::<$format>::new());
                let server =
                    server.max_connections(CONNECTIONS).bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
                let addr = server.local_addr();
                SERVERS.spawn(server.serve());
                addr
            }

            #[allow(dead_code, reason = "called in one format")]
            pub(super) async fn sleep(&self, time: Duration) {
                let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
                self.0.sleep(micros).await.expect("a reply");
            }
        }

        impl Caller for $name {
            async fn connect(addr: SocketAddr) -> Self {
                let client = TextsClient::connect(addr, LengthPrefixed::<$format>::new()).await;
                Self(client.expect("it listens"))
            }

            async fn echo(&self, text: &str) {
                self.0.echo(text.to_owned()).deadline(DEADLINE).await.expect("a reply");
            }

            async fn hash(&self, text: &str) {
                self.0.hash(text.to_owned()).deadline(DEADLINE).await.expect("a reply");
            }
        }
    };
}

format!(Postcard, PostcardFormat);
format!(Json, JsonFormat);
