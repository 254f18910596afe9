//! A client that we did not write: `nats-py` calls a service, sees its refusals, asks the service
//! protocol, and adds a durable job.
//!
//! It needs a Python with `nats-py`: `python3`, or the program that `PORTCULLIS_PYTHON` names.
//! Without one the test is skipped, and fails where `CI` is set.

#![forbid(unsafe_code)]

mod common;

use std::process::Stdio;
use std::time::Duration;

use portcullis::nats::{Calls, JobQueue};
use portcullis::prelude::*;
use portcullis::{Datagrams, Stopping};
use tokio::process::Command;
use tokio::sync::mpsc;

struct Shout;

#[service]
impl Shout {
    #[request]
    async fn shout(&self, text: String) -> Result<String, String> {
        if text.is_empty() { Err("nothing to shout".into()) } else { Ok(text.to_uppercase()) }
    }
}

const CLIENT: &str = r#"
import asyncio, json, sys
import nats

async def main():
    nc = await nats.connect(sys.argv[1])
    answer = await nc.request("shout", b'"hello"', timeout=10)
    assert json.loads(answer.data) == "HELLO", answer
    answer = await nc.request("shout", b'""', timeout=10)
    assert answer.headers["Nats-Service-Error-Code"] == "500", answer.headers
    assert answer.headers["Nats-Service-Error"] == "nothing to shout", answer.headers
    answer = await nc.request("shout", b'{', timeout=10)
    assert answer.headers["Nats-Service-Error-Code"] == "400", answer.headers
    info = json.loads((await nc.request("$SRV.INFO.shout", b"", timeout=10)).data)
    assert info["name"] == "shout" and info["endpoints"][0]["subject"] == "shout", info
    stats = json.loads((await nc.request("$SRV.STATS.shout", b"", timeout=10)).data)
    assert stats["endpoints"][0]["num_requests"] == 3, stats
    ack = await nc.jetstream().publish("jobs.words", b'"from Python"')
    assert ack.stream == "jobs-words", ack
    await nc.close()

asyncio.run(main())
print("all right")
"#;

async fn python() -> Option<std::ffi::OsString> {
    let python = std::env::var_os("PORTCULLIS_PYTHON").unwrap_or_else(|| "python3".into());
    let import = Command::new(&python).args(["-c", "import nats"]).stderr(Stdio::null()).status().await;
    let found = import.is_ok_and(|status| status.success());
    assert!(
        found || std::env::var_os("CI").is_none(),
        "no Python with nats-py; PORTCULLIS_PYTHON says which to take"
    );
    if !found {
        eprintln!("skipped: no Python with nats-py; PORTCULLIS_PYTHON says which to take");
    }
    found.then_some(python)
}

#[tokio::test]
async fn a_client_in_python_calls_the_service_and_adds_a_job() {
    let Some(python) = python().await else { return };
    let nats = nats_server!();
    let codec = Datagrams::<Json>::new();
    let calls =
        Calls::builder(nats.client().await, "shout", codec.clone()).subscribe().await.expect("subscribed");
    let server = Server::new(Shout).listen(calls).expect("a listener").spawn().await.expect("a server");
    let jobs =
        JobQueue::<String, _>::builder(nats.client().await, "words", codec).open().await.expect("a queue");
    let (seen_tx, mut seen) = mpsc::unbounded_channel();
    let handle = server.handle();
    let stopping: Stopping = handle.stopping();
    let working = tokio::spawn(jobs.workers(1).run(stopping, move |delivery| {
        let sent = seen_tx.send(delivery.job);
        async move { sent.map_err(|error| error.to_string()) }
    }));
    let client = Command::new(python).args(["-c", CLIENT, &nats.url()]).output();
    let output = tokio::time::timeout(common::LIMIT, client).await.expect("in time").expect("python");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("all right"), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(common::soon(seen.recv()).await.as_deref(), Some("from Python"));
    assert!(common::soon(server.stop_within(Duration::from_secs(5))).await.expect("a report").is_clean());
    assert_eq!(common::soon(working).await.expect("no panic").done, 1);
}
