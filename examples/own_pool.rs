//! Runs jobs on a pool of the service's own, which the server drains at its stop.
//!
//! ```text
//! cargo run --example own_pool
//! ```
//!
//! Ports "Use A Custom Thread Pool" of EasyNetwork's guide on threads in servers:
//!
//! ```python
//! async def service_init(self, exit_stack, server):
//!     # 4 worker threads for the demo
//!     self.executor = AsyncExecutor(ThreadPoolExecutor(max_workers=4), server.backend())
//!     # Shut down executor at server stop
//!     await exit_stack.enter_async_context(self.executor)
//!
//! async def handle(self, client):
//!     request: Request = yield
//!     response = await self.executor.run(self._data_processing, request)
//!     await client.send_packet(response)
//! ```
//!
//! Differences:
//! - The pool is a field from the start, so there is no time at which `self.executor` does not
//!   exist. `cleanup.pool(..)` corresponds to `enter_async_context`.
//! - The attribute of a method names its pool (`pool = self.pool`), instead of each call.
//! - The stop has a deadline and returns a report, whatever handlers and jobs do. (EasyNetwork's
//!   pattern, on asyncio, does not stop while a client stays connected whose handler awaited a
//!   running job.)

#![forbid(unsafe_code)]

use std::thread;
use std::time::{Duration, Instant};

use portcullis::prelude::*;
use portcullis::{Client, codec::JsonLines};
use portcullis_examples::{Error, time_limit};
use serde::{Deserialize, Serialize};

struct Demo {
    pool: Pool,
}

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
    /// Drains the pool at the server's stop: queued jobs still run, within the server's grace
    /// period.
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
    fn data_processing(&self, request: Request) -> Response {
        thread::sleep(Duration::from_millis(250)); // Simulate long computing
        let computed_on = thread::current().name().unwrap_or("?").to_owned();
        Response { square: request.number * request.number, computed_on }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    time_limit(Duration::from_secs(30));
    // 4 worker threads for the demo
    let pool = Pool::builder("demo").threads(4).build()?;
    let server =
        Server::new(Demo { pool: pool.clone() }).codec(JsonLines::new()).bind("127.0.0.1:0")?.spawn().await?;
    let addr = server.local_addr();

    let started = Instant::now();
    let clients: Vec<_> = (1..=8)
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
    println!("eight computations of 250 ms each on four threads took {:.0?}", started.elapsed());

    println!("server {}", server.stop().await?);
    match pool.run(|_| ()).await {
        Err(rejected) => println!("the pool was drained with it: {rejected}"),
        Ok(()) => return Err("the pool still accepts jobs".into()),
    }
    Ok(())
}
