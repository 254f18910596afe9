//! All hooks, with all of their parameters and with none.
#![deny(warnings)]
use portcullis::{Interrupted, JsonLines, prelude::*};
use std::{io, ops::ControlFlow};

struct All;

#[service(request = u64, response = String)]
impl All {
    #[request(half_close = answer)]
    async fn say(&self, peer: &Peer<String>, name: &mut String, n: u64) -> Result<String, Interrupted> {
        name.push('!');
        Ok(format!("{n}{name}{}", peer.id()))
    }

    #[on(start)]
    async fn start(&self, cleanup: &mut Cleanup) -> io::Result<()> {
        cleanup.push(async {});
        Ok(())
    }

    #[on(connect)]
    async fn connected(&self, peer: &Peer<String>) -> Result<String, Interrupted> {
        Ok(peer.id().to_string())
    }

    #[on(error)]
    async fn failed(
        &self,
        peer: &Peer<String>,
        name: &mut String,
        error: SessionError<Interrupted>,
    ) -> ControlFlow<Reason, String> {
        ControlFlow::Continue(format!("{}{name}{error}", peer.id()))
    }

    #[on(disconnect)]
    async fn left(&self, peer: &Peer<String>, name: String, reason: Reason) {
        drop((peer.id(), name, reason));
    }

    #[on(stop)]
    async fn stopped(&self) {}
}

struct Few;

#[service]
impl Few {
    #[session]
    async fn talk(&self, session: &mut Session<u64, u64>) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        while let Ok(n) = session.next().await {
            session.send(n).await?;
        }
        Ok(())
    }

    #[on(start)]
    async fn start(&self) {}

    #[on(connect)]
    async fn connected(&self) {}

    #[on(error)]
    async fn failed(
        &self,
        error: SessionError<Box<dyn std::error::Error + Send + Sync>>,
    ) -> ControlFlow<Reason, u64> {
        drop(error);
        ControlFlow::Continue(0)
    }

    #[on(disconnect)]
    async fn left(&self, reason: Reason) {
        drop(reason);
    }
}

type Lines = Session<String, String>;

struct Talk;

#[service]
impl Talk {
    #[session(half_close = answer)]
    async fn talk(self: &std::sync::Arc<Self>, said: &mut u64, session: &mut Lines) {
        *said += session.peer().id();
    }

    #[on(connect)]
    async fn connected(&self) -> u64 {
        0
    }
}

fn main() {
    let _ = Server::new(All).codec(JsonLines::new());
    let _ = Server::new(Few).codec(JsonLines::new());
    let _ = Server::new(Talk).codec(portcullis::Lines::new());
}
