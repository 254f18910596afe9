//! A service of calls in JSON-RPC, which the tests `json_rpc_clients` start. Its arguments are the
//! transport, `stdio` or `tcp`, and the framing, `lines` or `content-length`.

#![forbid(unsafe_code)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use portcullis::prelude::*;
use portcullis::rpc::JsonRpc;
use portcullis::{Interrupted, Stdio};
use serde_json::{Value, json};

struct TestService {
    cpu: Pool,
    /// How many jobs of `spin` run.
    running: AtomicUsize,
    noted: Mutex<Vec<Value>>,
}

#[service]
impl TestService {
    #[rpc]
    async fn subtract(&self, minuend: i64, subtrahend: i64) -> i64 {
        minuend - subtrahend
    }

    /// Gets the whole object of parameters.
    #[rpc(name = "text/echo")]
    async fn echo(&self, params: Value) -> Value {
        params
    }

    /// Runs on a thread until it is cancelled.
    #[rpc]
    #[blocking(pool = self.cpu)]
    fn spin(&self, worker: &Worker) -> Result<(), Interrupted> {
        self.running.fetch_add(1, SeqCst);
        let interrupted = loop {
            if let Err(interrupted) = worker.check() {
                break interrupted;
            }
            std::thread::yield_now();
        };
        self.running.fetch_sub(1, SeqCst);
        Err(interrupted)
    }

    /// Returns after this time.
    #[rpc]
    #[blocking(pool = self.cpu)]
    fn sleep(&self, worker: &Worker, millis: u64) -> Result<u64, Interrupted> {
        worker.sleep(Duration::from_millis(millis))?;
        Ok(millis)
    }

    /// How many threads run `spin`.
    #[rpc]
    async fn running(&self) -> usize {
        self.running.load(SeqCst)
    }

    #[rpc]
    async fn fail(&self, error: Value) -> Result<(), Value> {
        Err(error)
    }

    /// Sends notifications, in the forms that JSON-RPC has for parameters, before it returns.
    #[rpc]
    async fn announce(&self, peer: &TestServicePeer, count: u32) -> Result<u32, String> {
        for number in 0..count {
            let message = json!({ "type": 3, "message": format!("number {number}") });
            peer.notify("window/logMessage", &message).await.map_err(|error| error.to_string())?;
        }
        peer.notify("announced", &(count, "done")).await.map_err(|error| error.to_string())?;
        peer.notify("finished", &()).await.map_err(|error| error.to_string())?;
        Ok(count)
    }

    #[rpc]
    async fn note(&self, value: Value) {
        self.noted.lock().unwrap().push(value);
    }

    #[rpc]
    async fn noted(&self) -> Vec<Value> {
        std::mem::take(&mut *self.noted.lock().unwrap())
    }
}

fn main() {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let has = |name: &str| args.iter().any(|arg| arg == name);
    let codec = if has("lines") { JsonRpc::lines() } else { JsonRpc::content_length() };
    let server = Server::new(TestService {
        cpu: Pool::builder("cpu").threads(4).build().unwrap(),
        running: AtomicUsize::new(0),
        noted: Mutex::default(),
    })
    .codec(codec);
    let server = if has("stdio") {
        server.listen(Stdio::new()).unwrap()
    } else {
        let server = server.bind("127.0.0.1:0").unwrap();
        println!("{}", server.local_addr().port());
        server
    };
    server.run_until_signal().unwrap();
}
