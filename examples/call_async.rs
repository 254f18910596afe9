//! Call asynchronous code from a worker thread.
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
//! Where we differ:
//! - There is no portal to create, keep and close: a method that needs one takes a `worker`. On the
//!   loop there is none to be had, so what raises an error there when it runs does not compile
//!   here.
//! - What the thread waits for runs inside the handler that awaits the thread. If the client
//!   leaves, the handler is dropped, and the thread's wait ends with `Interrupted::Abandoned`
//!   instead of going on.

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
    asked_from: String,
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
        // Back to the loop for a while. Any `Send + 'static` future can be waited for, a method of
        // the service ...
        self.pause(Duration::from_millis(request.pause_ms)).wait(worker)?;
        // ... or a block. Synchronous code goes there by `worker.call`.
        let ran_on = async { this_thread() }.wait(worker)?;
        Ok(Response { asked_from: this_thread(), ran_on })
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
        let asked = Instant::now();
        let Response { asked_from, ran_on } = client.call(Request { pause_ms }).await?;
        let took = asked.elapsed();
        println!("a pause of {pause_ms} ms on the loop ({ran_on}), waited for by {asked_from}: {took:.1?}");
    }

    println!("server {}", server.stop().await?);
    Ok(())
}
