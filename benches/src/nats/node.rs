//! The process of a node: it squares numbers, in jobs on as many threads on each [`Side`].

use std::io::{self, ErrorKind, Read};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use futures::StreamExt;
use portcullis::nats::async_nats::{self, Client, Message};
use portcullis::nats::{Calls, NatsError};
use portcullis::prelude::*;
use portcullis::{Datagrams, Interrupted};
use tokio::runtime::Builder;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;

use crate::loops::{LOOP_THREADS, POOL_THREADS};

/// The first argument of a node process.
pub(crate) const WORD: &str = "__nats_node";
/// What a node prints when it has subscribed.
pub(super) const READY: &str = "ready";
/// How many calls a node has in flight: the default of [`Calls`].
const IN_FLIGHT: usize = 256;
/// The same for [`Side::Shedding`], whose jobs of 4 ms on four threads then wait for at most 60 ms.
const ADMITTED: usize = 64;

/// How a node is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Ours,
    /// A task for each message, and `spawn_blocking`.
    ByHand,
    /// By hand, with an empty answer at once to each call beyond [`ADMITTED`].
    Shedding,
}

impl Side {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::ByHand => "by-hand",
            Self::Shedding => "shedding",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Ours, Self::ByHand, Self::Shedding].into_iter().find(|side| side.name() == name)
    }
}

/// The job.
pub(super) fn square(n: u64) -> u64 {
    n.wrapping_mul(n)
}

fn square_in(time: Duration, n: u64) -> u64 {
    if !time.is_zero() {
        thread::sleep(time);
    }
    square(n)
}

/// The code of the process, which runs until its input ends.
pub(crate) fn run(arguments: &[String]) -> io::Result<()> {
    let wrong = || io::Error::new(ErrorKind::InvalidInput, "side, URL, subject, milliseconds");
    let [side, url, subject, millis] = arguments else { return Err(wrong()) };
    let side = Side::named(side).ok_or_else(wrong)?;
    let time = Duration::from_millis(millis.parse().map_err(|_| wrong())?);
    let (url, subject) = (url.clone(), subject.clone());
    let mut builder = Builder::new_multi_thread();
    // Tokio's blocking pool is by hand what the pool is on our side.
    let runtime =
        builder.worker_threads(LOOP_THREADS).max_blocking_threads(POOL_THREADS).enable_all().build()?;
    runtime.spawn(async move {
        let served = async {
            let client = async_nats::connect(url).await?;
            match side {
                Side::Ours => ours(client, subject, time).await,
                Side::ByHand => by_hand(client, subject, time, IN_FLIGHT, false).await,
                Side::Shedding => by_hand(client, subject, time, ADMITTED, true).await,
            }
        };
        // The benchmark fails when it reads no further line.
        if let Err(error) = served.await {
            eprintln!("node: {error}");
            std::process::exit(1);
        }
    });
    let ended = io::stdin().read_to_end(&mut Vec::new());
    runtime.shutdown_background();
    ended.map(drop)
}

struct Squares {
    cpu: Pool,
    time: Duration,
}

#[service]
impl Squares {
    #[request]
    async fn handle(&self, n: u64) -> Result<u64, Interrupted> {
        self.square(n).await
    }

    #[blocking(pool = self.cpu)]
    fn square(&self, n: u64) -> u64 {
        square_in(self.time, n)
    }
}

async fn ours(client: Client, subject: String, time: Duration) -> Result<(), NatsError> {
    let service = Squares { cpu: Pool::builder("cpu").threads(POOL_THREADS).build()?, time };
    let calls = Calls::builder(client, subject, Datagrams::<Json>::new()).max_in_flight(IN_FLIGHT);
    let calls = calls.pool(&service.cpu).subscribe().await?;
    println!("{READY}");
    Server::new(service).listen(calls)?.serve().await?;
    Ok(())
}

async fn by_hand(
    client: Client,
    subject: String,
    time: Duration,
    in_flight: usize,
    sheds: bool,
) -> Result<(), NatsError> {
    let mut calls = client.queue_subscribe(subject.clone(), subject).await?;
    // The server says that nothing answers on a fresh subject, so it has the subscription.
    let _ = client.request(client.new_inbox(), "".into()).await;
    println!("{READY}");
    let in_flight = Arc::new(Semaphore::new(in_flight));
    while let Some(call) = calls.next().await {
        let permit = if sheds {
            Arc::clone(&in_flight).try_acquire_owned()
        } else {
            Ok(Arc::clone(&in_flight).acquire_owned().await?)
        };
        match (permit, &call.reply) {
            (Ok(permit), _) => drop(tokio::spawn(answer(client.clone(), call, time, permit))),
            (Err(_), Some(inbox)) => client.publish(inbox.clone(), "".into()).await?,
            (Err(_), None) => {}
        }
    }
    Ok(())
}

async fn answer(
    client: Client,
    call: Message,
    time: Duration,
    permit: OwnedSemaphorePermit,
) -> Result<(), NatsError> {
    let n = serde_json::from_slice(&call.payload)?;
    let square = spawn_blocking(move || square_in(time, n)).await?;
    if let Some(inbox) = call.reply {
        client.publish(inbox, serde_json::to_vec(&square)?.into()).await?;
    }
    drop(permit);
    Ok(())
}
