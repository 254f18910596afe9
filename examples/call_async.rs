//! Call asynchronous code from a worker thread.
//!
//! ```text
//! cargo run --example call_async
//! ```
//!
//! Ports "Calling asynchronous code from a worker thread" of EasyNetwork's guide on threads in
//! servers:
//!
//! ```python
//! async def handle(self, client):
//!     request: Request = yield
//!     response = await self.executor.run(self._data_processing, request)
//!     await client.send_packet(response)
//!
//! def _data_processing(self, request: Request) -> Response:
//!     # Get back in scheduler loop for 1 second
//!     backend = self.executor.backend()
//!     self.portal.run_coroutine(backend.sleep, 1)
//!     return Response()
//! ```
//!
//! Differences:
//! - There is no portal to create, keep and close: a method that needs one takes a `worker`. Code
//!   on the event loop has no worker, so a mistake that raises an error at run time there does not
//!   compile here.
//! - The thread polls the future itself. `run_on_loop` runs a future inside the handler that awaits
//!   the thread instead.
//! - If the client disconnects, the handler is dropped, and the thread's wait ends with
//!   `Interrupted::Cancelled`.

#![forbid(unsafe_code)]

use std::thread;
use std::time::{Duration, Instant};

use portcullis::prelude::*;
use portcullis::{Client, Interrupted, codec::JsonLines};
use portcullis_examples::{Error, time_limit};
use serde::{Deserialize, Serialize};

struct Demo {
    pool: Pool,
}

#[derive(Serialize, Deserialize)]
struct Request {
    pause_ms: u64,
}

#[derive(Serialize, Deserialize)]
struct Response {
    waited_on: String,
    ran_on: String,
}

#[service]
impl Demo {
    #[on(start)]
    async fn service_init(&self, cleanup: &mut Cleanup) {
        cleanup.pool(self.pool.clone());
    }

    #[session]
    async fn handle(&self, session: &mut Session<Request, Response>) -> Result<(), Error> {
        let request = session.next().await?;
        let response = self.data_processing(request).await?;
        session.send(response).await?;
        Ok(())
    }

    #[blocking(pool = self.pool)]
    fn data_processing(&self, worker: &Worker, request: Request) -> Result<Response, Interrupted> {
        // A thread can wait for any future: a method of the service, or an async block, which may
        // borrow. The thread polls it.
        let time = Duration::from_millis(request.pause_ms);
        let waited_on = async {
            self.pause(time).await;
            this_thread()
        }
        .wait(worker)?;
        // The event loop runs this one. `worker.call` runs a synchronous function there.
        let ran_on = worker.run_on_loop(async { this_thread() })?;
        Ok(Response { waited_on, ran_on })
    }

    async fn pause(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

fn this_thread() -> String {
    thread::current().name().unwrap_or("?").to_owned()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    time_limit(Duration::from_secs(30));
    let pool = Pool::builder("demo").threads(4).build()?;
    let server = Server::new(Demo { pool }).codec(JsonLines::new()).bind("127.0.0.1:0")?.spawn().await?;

    let mut client = Client::<Request, Response, _>::connect(server.local_addr(), JsonLines::new()).await?;
    for pause_ms in [300, 100] {
        let started = Instant::now();
        let Response { waited_on, ran_on } = client.call(Request { pause_ms }).await?;
        let took = started.elapsed();
        println!(
            "a pause of {pause_ms} ms on {waited_on}, then a call to the event loop ({ran_on}): {took:.1?}"
        );
    }

    println!("server {}", server.stop().await?);
    Ok(())
}
