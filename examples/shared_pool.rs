//! Run a blocking function in a worker thread: the shared pool.
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
//! Where we differ:
//! - What blocks says so itself (`#[blocking]`), and so every call of it is an offload. There is no
//!   `to_thread` to forget.
//! - `Pool::shared()` is bounded, its queue too. Nobody who floods the server can make it hoard
//!   jobs.
//! - A client that goes away cancels its job: one in the queue never runs, and one that runs can
//!   find out (`worker.check()?`).

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
    /// `session.next()` is the guide's `yield`, `session.send(..)` its `client.send_packet(..)`.
    /// Having returned, the handler is started again for the next request, as there.
    #[session]
    async fn handle(&self, session: &mut Session<Request, Response>) -> Result<(), Error> {
        let request = session.next().await?;
        let response = self.data_processing(request).await?;
        session.send(response).await?;
        Ok(())
    }

    /// No `pool = …`: the shared pool.
    #[blocking]
    fn data_processing(&self, request: Request) -> Response {
        thread::sleep(Duration::from_millis(250)); // Simulate long computing
        let computed_on = thread::current().name().unwrap_or("?").to_owned();
        Response { square: request.number * request.number, computed_on }
    }
}

// One thread for the loop, to show that four handlers wait on it at once.
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
                println!("{number} squared is {square:2}, says {computed_on}");
                Ok::<_, Error>(())
            })
        })
        .collect();
    for client in clients {
        client.await??;
    }
    println!("four computations of 250 ms each, one loop thread: {:.0?} in all", started.elapsed());

    println!("server {}", server.stop().await?);
    Ok(())
}
