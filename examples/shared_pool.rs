//! Runs a blocking function on the process-wide shared pool.
//!
//! ```text
//! cargo run --example shared_pool
//! ```
//!
//! Ports "Run Blocking Functions In A Worker Thread" of EasyNetwork's guide on threads in servers:
//!
//! ```python
//! async def handle(self, client):
//!     request: Request = yield
//!     response = await asyncio.to_thread(self._data_processing, request)
//!     await client.send_packet(response)
//!
//! def _data_processing(self, request: Request) -> Response:
//!     time.sleep(1)  # Simulate long computing
//!     return Response()
//! ```
//!
//! Differences:
//! - The function is marked as `#[blocking]`, so every call of it is an offload. There is no
//!   `to_thread` to forget.
//! - `Pool::shared()` is bounded, and so is its queue: a flood of requests cannot fill the memory
//!   with jobs.
//! - A client that disconnects cancels its job: a queued job never runs, and a running one can
//!   check for it (`worker.check()?`).

#![forbid(unsafe_code)]

use std::thread;
use std::time::{Duration, Instant};

use portcullis::prelude::*;
use portcullis::{Client, codec::JsonLines};
use portcullis_examples::{Error, time_limit};
use serde::{Deserialize, Serialize};

struct Demo;

#[derive(Serialize, Deserialize)]
struct Request {
    number: u32,
}

#[derive(Serialize, Deserialize)]
struct Response {
    square: u32,
    computed_on: String,
}

#[service]
impl Demo {
    /// `session.next()` corresponds to `yield`, and `session.send(..)` to `client.send_packet(..)`.
    /// When the handler has returned, it is started again for the next request, as in EasyNetwork.
    #[session]
    async fn handle(&self, session: &mut Session<Request, Response>) -> Result<(), Error> {
        let request = session.next().await?;
        let response = self.data_processing(request).await?;
        session.send(response).await?;
        Ok(())
    }

    /// Without `pool = …` the job runs on the shared pool.
    #[blocking]
    fn data_processing(&self, request: Request) -> Response {
        thread::sleep(Duration::from_millis(250)); // Simulate long computing
        let computed_on = thread::current().name().unwrap_or("?").to_owned();
        Response { square: request.number * request.number, computed_on }
    }
}

// One thread for the event loop, to show that it serves four handlers while their jobs run.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    time_limit(Duration::from_secs(30));
    let server = Server::new(Demo).codec(JsonLines::new()).bind("127.0.0.1:0")?.spawn().await?;
    let addr = server.local_addr();

    let started = Instant::now();
    let clients: Vec<_> = (1..=4)
        .map(|number| {
            tokio::spawn(async move {
                let mut client = Client::<Request, Response, _>::connect(addr, JsonLines::new()).await?;
                let Response { square, computed_on } = client.call(Request { number }).await?;
                println!("{number} squared is {square:2}, computed on {computed_on}");
                Ok::<_, Error>(())
            })
        })
        .collect();
    for client in clients {
        client.await??;
    }
    println!("four computations of 250 ms each beside one loop thread took {:.0?}", started.elapsed());

    println!("server {}", server.stop().await?);
    Ok(())
}
