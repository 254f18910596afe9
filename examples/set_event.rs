//! Sets an event on the event loop from a detached job.
//!
//! ```text
//! cargo run --example set_event
//! ```
//!
//! Ports "Calling synchronous code from a worker thread" of EasyNetwork's guide on threads in
//! servers:
//!
//! ```python
//! async def handle(self, client):
//!     request: Request = yield
//!     event = client.backend().create_event()
//!     self.executor.wrapped.submit(self._blocking_wait, event)
//!     await event.wait()
//!     await client.send_packet(Response())
//!
//! def _blocking_wait(self, event: IEvent) -> None:
//!     time.sleep(1)
//!     # Thread-safe flag set
//!     self.portal.run_sync(event.set)
//! ```
//!
//! Differences:
//! - `.detach()` submits the job without awaiting it. (Dropping the offload would cancel the job.)
//! - tokio's `Notify` is thread-safe, so this thread could set it directly. `worker.call` is for
//!   functions that must run on the loop, between two polls of its tasks. It returns the function's
//!   value.
//! - Nothing awaits this job, so its call runs as a task of the server. After the server has
//!   stopped, the call returns `Closed`.

#![forbid(unsafe_code)]

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use portcullis::prelude::*;
use portcullis::{Client, Interrupted, codec::JsonLines};
use portcullis_examples::{Error, time_limit};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

struct Demo {
    pool: Pool,
}

#[derive(Serialize, Deserialize)]
struct Request;

#[derive(Serialize, Deserialize)]
struct Response {
    message: String,
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

        let event = Arc::new(Notify::new());
        self.set_later(Arc::clone(&event)).detach();
        event.notified().await;

        session.send(Response { message: "the event is set".to_owned() }).await?;
        Ok(())
    }

    #[blocking(pool = self.pool)]
    fn set_later(&self, worker: &Worker, event: Arc<Notify>) -> Result<(), Interrupted> {
        thread::sleep(Duration::from_millis(300));
        println!("job on {}: sets the event", this_thread());
        worker.call(move || {
            println!("event set on {}, the event loop", this_thread());
            event.notify_one();
        })
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
    let started = Instant::now();
    let Response { message } = client.call(Request).await?;
    println!("the client got a response after {:.0?}: {message}", started.elapsed());

    println!("server {}", server.stop().await?);
    Ok(())
}
