//! Tests services without sockets, with paused time and stepped pools (feature `test-util`, for
//! `[dev-dependencies]`).
//!
//! | to test | use |
//! |---|---|
//! | a service with its hooks | [`connect`], [`connect_to`] |
//! | one handler or hook | [`peer`], [`bounded_peer`] |
//! | one blocking body | [`worker`], [`WorkerBuilder`] |
//! | time limits | [`pause`] |
//! | the order of jobs | [`PoolBuilder::stepped`](crate::test::TestPoolBuilder::stepped), [`Pool::inline`](crate::test::TestPool::inline) |
//! | a bad connection | [`Faulty`], [`Client::faults`] |
//!
//! Everything works on both flavors of tokio, except that [`pause`] needs the current-thread
//! flavor. Every wait has a limit by the real clock (ten seconds by default), so a test that would
//! hang fails instead.
//!
//! # A service without sockets
//! ```
//! use portcullis::prelude::*;
//! use portcullis::{Interrupted, test};
//!
//! struct Squares { cpu: Pool }
//!
//! #[service]
//! impl Squares {
//!     #[request]
//!     async fn square(&self, n: u64) -> Result<u64, Interrupted> { self.compute(n).await }
//!
//!     #[blocking(pool = self.cpu)]
//!     fn compute(&self, worker: &Worker, n: u64) -> Result<u64, Interrupted> {
//!         assert!(n < 1000, "{n} is too much");
//!         async move { n * n }.wait(worker)
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut client = test::connect(Squares { cpu: Pool::inline() }).await?;
//! assert_eq!(client.call(7).await?, 49);
//!
//! // Several requests at once. The responses arrive in the order of the requests.
//! client.send(2);
//! client.send(3);
//! assert_eq!((client.next().await?, client.next().await?), (4, 9));
//!
//! // A second connection to the same server. The error contains the reason why it ended.
//! let mut other = client.connect_another().await?;
//! let error = other.call(1000).await.unwrap_err();
//! assert_eq!(error.to_string(), "the session ended: failed: panicked: 1000 is too much");
//!
//! assert!(client.close().await?.is_clean()); // `disconnect` and `stop` have run
//! # Ok(())
//! # }
//! ```
//!
//! # A handler, a hook
//! ```
//! use portcullis::prelude::*;
//! use portcullis::test;
//!
//! async fn welcome(peer: &Peer<String>) {
//!     let _ = peer.try_send("hello".to_owned());
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let (peer, mut sent) = test::bounded_peer::<String, std::convert::Infallible>(1);
//! welcome(&peer).await;
//! welcome(&peer).await; // the queue is full, which the hook ignores
//! assert_eq!(sent.next().await.as_deref(), Some("hello"));
//! assert_eq!(sent.try_next(), None);
//! # }
//! ```
//!
//! # A blocking body
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//! use portcullis::prelude::*;
//! use portcullis::{Interrupted, test};
//!
//! struct Counter;
//!
//! impl Counter {
//!     #[blocking]
//!     fn count(self: &Arc<Self>, worker: &Worker, to: u64) -> Result<u64, Interrupted> {
//!         for _ in 0..to { worker.check()?; }
//!         async move { to }.wait(worker)
//!     }
//! }
//!
//! let counter = Arc::new(Counter);
//! assert_eq!(test::worker(|worker| counter.blocking_count(worker, 3)).unwrap(), 3);
//!
//! let late = test::WorkerBuilder::new().deadline(Duration::ZERO).run(|worker| counter.blocking_count(worker, 3));
//! assert!(matches!(late, Err(Interrupted::Deadline { .. })));
//! ```
//!
//! # Time
//! [`pause`] stops tokio's clock. The clock advances to the next timer when nothing else can run,
//! and does not advance while a job runs.
//!
//! ```
//! use std::time::Duration;
//! use portcullis::prelude::*;
//! use portcullis::test;
//! use tokio::time::{sleep, timeout};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let time = test::pause();
//! let pool = Pool::builder("cpu").threads(1).build()?;
//!
//! let busy = pool.run(|_| std::thread::sleep(Duration::from_millis(20)));
//! timeout(Duration::from_millis(1), busy).await??; // the clock does not advance meanwhile
//!
//! let nap = pool.run(|worker| sleep(Duration::from_secs(3600)).wait(worker));
//! nap.await??; // an hour of paused time
//! assert!(time.elapsed() >= Duration::from_secs(3600));
//! # Ok(())
//! # }
//! ```
//!
//! # The order of jobs
//! A [stepped](crate::test::TestPoolBuilder::stepped) pool runs one job for each [`Stepper::step`].
//! An [inline](crate::test::TestPool::inline) pool runs each job at the place of its call.
//!
//! ```
//! use portcullis::prelude::*;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (pool, stepper) = Pool::builder("db").threads(1).stepped()?;
//! let write = pool.job("write").run(|_| 1);
//! let read = pool.job("read").run(|_| 2);
//! assert_eq!(stepper.queued(), ["write", "read"]);
//! drop(write); // cancels the job before it runs
//! assert!(stepper.step().await);
//! assert_eq!(read.await?, 2);
//! assert!(!stepper.step().await); // the queue is empty
//! # Ok(())
//! # }
//! ```
//!
//! # A bad connection
//! ```
//! use portcullis::prelude::*;
//! use portcullis::{Client, test::Faulty};
//!
//! # struct Echo;
//! # #[service]
//! # impl Echo {
//! #     #[request]
//! #     async fn echo(&self, text: String) -> String { text }
//! # }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (near, far) = tokio::io::duplex(1024);
//! let server = Server::new(Echo).codec(Lines::new());
//! let serving = tokio::spawn(server.serve_stream(Faulty::new(far).tiny_reads().delayed_flush()));
//!
//! let mut client = Client::<String, String, _, _>::from_stream(Faulty::new(near).tiny_writes(), Lines::new());
//! assert_eq!(client.call("hello".into()).await?, "hello");
//! drop(client);
//! serving.await??;
//! # Ok(())
//! # }
//! ```

pub use portcullis_testkit::*;
