//! Spawns tasks on the event loop from a worker thread, takes their results as they complete, and
//! cancels one.
//!
//! ```text
//! cargo run --example spawn_tasks
//! ```
//!
//! Ports "Spawning tasks from worker threads" of EasyNetwork's guide on threads in servers:
//!
//! ```python
//! async def handle(self, client):
//!     request: Request = yield
//!     await self.executor.run(self._blocking_wait)
//!     await client.send_packet(Response())
//!
//! def _blocking_wait(self) -> None:
//!     sleep = self.executor.backend().sleep
//!
//!     async def long_running_task(index: int) -> str:
//!         await sleep(1)
//!         print(f"Task {index} running...")
//!         await sleep(index)
//!         return f"Task {index} return value"
//!
//!     # Spawn several tasks
//!     futures = [self.portal.run_coroutine_soon(long_running_task, i) for i in range(1, 5)]
//!     for future in as_completed(futures):
//!         print(future.result())
//! ```
//!
//! Differences:
//! - The tasks belong to the server: its stop cancels those that still run after the grace period.
//!   (EasyNetwork cancels them at once.)
//! - `as_completed` yields the position of each task with its result, which identifies a cancelled
//!   task too.
//! - The wait ends early if the client disconnects, at the deadline, and at the server's stop.

#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use portcullis::prelude::*;
use portcullis::{Client, Interrupted, as_completed, codec::JsonLines};
use portcullis_examples::{Error, time_limit};
use serde::{Deserialize, Serialize};

/// A scaled second, so that the example takes about one second instead of five.
const SECOND: Duration = Duration::from_millis(200);

struct Demo {
    pool: Pool,
}

#[derive(Serialize, Deserialize)]
struct Request;

#[derive(Serialize, Deserialize)]
struct Response {
    results: Vec<String>,
}

#[service]
impl Demo {
    #[on(start)]
    async fn service_init(&self, cleanup: &mut Cleanup) {
        cleanup.pool(self.pool.clone());
    }

    #[session]
    async fn handle(&self, session: &mut Session<Request, Response>) -> Result<(), Error> {
        let Request = session.next().await?;
        let results = self.four_tasks().await?;
        session.send(Response { results }).await?;
        Ok(())
    }

    #[blocking(pool = self.pool)]
    fn four_tasks(&self, worker: &Worker) -> Result<Vec<String>, Interrupted> {
        // Spawn several tasks
        let tasks: Vec<_> = (1..=4).map(|index| worker.spawn(self.long_running_task(index))).collect();
        tasks[2].cancel();

        let mut results = Vec::new();
        for (position, result) in as_completed(worker, tasks) {
            let result = result.unwrap_or_else(|why| format!("Task {}: {why}", position + 1));
            println!("{result}");
            results.push(result);
        }
        Ok(results)
    }

    async fn long_running_task(&self, index: u32) -> String {
        tokio::time::sleep(SECOND).await;
        println!("Task {index} running...");
        tokio::time::sleep(SECOND * index).await;
        format!("Task {index} return value")
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    time_limit(Duration::from_secs(30));
    let pool = Pool::builder("demo").threads(4).build()?;
    let server = Server::new(Demo { pool }).codec(JsonLines::new()).bind("127.0.0.1:0")?.spawn().await?;

    let mut client = Client::<Request, Response, _>::connect(server.local_addr(), JsonLines::new()).await?;
    let started = Instant::now();
    let Response { results } = client.call(Request).await?;
    println!("the client got {1} results after {0:.1?}", started.elapsed(), results.len());

    println!("server {}", server.stop().await?);
    Ok(())
}
