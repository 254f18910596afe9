//! The same axum service twice, with `spawn_blocking` and with `#[blocking]`, under three times the
//! requests that it can answer.
//!
//! ```text
//! cargo run --example flood
//! ```
//!
//! Each request takes a thread for 4 ms, and there are four threads, so the service can answer
//! 1,000 requests per second. The clients wait for 100 ms, and say so in a header. The load comes
//! from a process of its own, over HTTP; it prints how many requests per second were answered in
//! time.
//!
//! With `spawn_blocking` and a timeout the threads soon work only for clients that have given up.
//! With portcullis, a middleware sets the deadline of all jobs of a request, and a request that
//! would be answered too late is refused at once with 503 and a `Retry-After` header.

#![forbid(unsafe_code)]

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::get;
use portcullis::prelude::*;
use portcullis::{DEADLINE, Interrupted};
use portcullis_examples::{Error, time_limit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

const THREADS: usize = 4;
const WORK: Duration = Duration::from_millis(4);
/// How long a client waits, and how long the service works for one that does not say.
const PATIENCE: Duration = Duration::from_millis(100);
/// Three times as many as the threads can answer.
const REQUESTS_PER_SECOND: f64 = 3_000.0;
const TIME: Duration = Duration::from_secs(3);
/// The clients' connections, each with one request at a time.
const CONNECTIONS: u32 = 600;

static POOL: LazyLock<Pool> = LazyLock::new(|| {
    Pool::builder("database").threads(THREADS).queue_capacity(1024).build().expect("threads")
});

/// A query to a database, for example. It inherits the deadline of its request.
#[blocking(pool = POOL)]
fn query() -> Result<&'static str, Interrupted> {
    thread::sleep(WORK);
    Ok("done")
}

/// What a handler often looks like today.
async fn by_spawn_blocking() -> (StatusCode, &'static str) {
    let query = spawn_blocking(|| thread::sleep(WORK));
    match timeout(PATIENCE, query).await {
        Ok(Ok(())) => (StatusCode::OK, "done"),
        Ok(Err(_)) => (StatusCode::INTERNAL_SERVER_ERROR, "failed"),
        Err(_) => (StatusCode::GATEWAY_TIMEOUT, "too late"),
    }
}

/// An [`Interrupted`] is a response: 503 with `Retry-After` if the pool is overloaded.
async fn by_portcullis() -> Result<&'static str, Interrupted> {
    query().await
}

/// A middleware: the jobs of a handler have the time that the client waits, at most `PATIENCE`.
async fn with_deadline(request: Request, next: Next) -> Response {
    let header = request.headers().get("x-timeout-ms").and_then(|value| value.to_str().ok());
    let limit = header.and_then(|millis| millis.parse().ok()).map_or(PATIENCE, Duration::from_millis);
    DEADLINE.scope(Instant::now() + limit.min(PATIENCE), next.run(request)).await
}

fn main() -> Result<(), Error> {
    time_limit(Duration::from_secs(60));
    // The peer gets four threads as well.
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(1).max_blocking_threads(THREADS).enable_all().build()?;
    let mut arguments = std::env::args().skip(1);
    let result = match (arguments.next(), arguments.next()) {
        (Some(addr), Some(path)) => runtime.block_on(flood(addr.parse()?, path)),
        _ => runtime.block_on(compare()),
    };
    runtime.shutdown_background(); // jobs of clients that have given up are still queued
    result
}

async fn compare() -> Result<(), Error> {
    let app = Router::new()
        .route("/spawn_blocking", get(by_spawn_blocking))
        .route("/portcullis", get(by_portcullis).layer(from_fn(with_deadline)));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    let serving = axum::serve(listener, app);
    println!("{THREADS} threads can answer 1000 requests per second; {REQUESTS_PER_SECOND} arrive.\n");
    let clients = async {
        for path in ["/spawn_blocking", "/portcullis"] {
            let mut load = Command::new(std::env::current_exe()?);
            load.arg(addr.to_string()).arg(path).stdin(Stdio::null()).kill_on_drop(true);
            let ended = load.status().await?;
            if !ended.success() {
                return Err(Error::from(format!("the load for {path} ended with {ended}")));
            }
        }
        Ok(())
    };
    tokio::select! {
        result = clients => result?,
        served = serving => served?,
    }
    let stats = POOL.stats();
    println!("\nOf the requests to `#[blocking]`, {} were refused at the call,", stats.overloaded);
    println!("and {} expired in the queue without taking a thread.", stats.expired_unstarted);
    Ok(())
}

// ----------------------------------------------------------------------------------------------
// the load, in a process of its own

/// What became of the requests.
#[derive(Default)]
struct Counts {
    in_time: u32,
    late_or_failed: u32,
    refused: Vec<Duration>,
    /// The header of a refusal, in seconds.
    retry_after: Option<String>,
}

async fn flood(addr: SocketAddr, path: String) -> Result<(), Error> {
    let start = Instant::now();
    let clients: Vec<_> =
        (0..CONNECTIONS).map(|n| tokio::spawn(client(addr, path.clone(), n, start))).collect();
    let mut all = Counts::default();
    for client in clients {
        let counts = client.await??;
        all.in_time += counts.in_time;
        all.late_or_failed += counts.late_or_failed;
        all.refused.extend(counts.refused);
        all.retry_after = all.retry_after.or(counts.retry_after);
    }
    let per_second = |count: f64| count / TIME.as_secs_f64();
    println!("{path}:");
    println!("  {:5.0} answers per second in time", per_second(f64::from(all.in_time)));
    println!("  {:5.0} per second too late, or never", per_second(f64::from(all.late_or_failed)));
    all.refused.sort_unstable();
    if let Some(median) = all.refused.get(all.refused.len() / 2) {
        println!("  {:5.0} per second refused, within {median:.1?},", per_second(all.refused.len() as f64));
        println!("        with Retry-After: {}", all.retry_after.ok_or("no Retry-After in a refusal")?);
    }
    Ok(())
}

/// One connection: a request each time that it is this client's turn.
async fn client(addr: SocketAddr, path: String, n: u32, start: Instant) -> Result<Counts, Error> {
    let millis = PATIENCE.as_millis();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nX-Timeout-Ms: {millis}\r\n\r\n");
    let mut stream = TcpStream::connect(addr).await?;
    let mut counts = Counts::default();
    let gap = Duration::from_secs_f64(1.0 / REQUESTS_PER_SECOND);
    let mut turn = gap * n;
    while turn < TIME {
        sleep(turn.saturating_sub(start.elapsed())).await;
        let asked = Instant::now();
        stream.write_all(request.as_bytes()).await?;
        let response = read_response(&mut stream).await?;
        match (response.status, asked.elapsed()) {
            (200, took) if took <= PATIENCE => counts.in_time += 1,
            (503, took) => {
                counts.refused.push(took);
                counts.retry_after = response.retry_after;
            }
            _ => counts.late_or_failed += 1,
        }
        turn += gap * CONNECTIONS;
    }
    Ok(counts)
}

struct Answer {
    status: u16,
    retry_after: Option<String>,
}

/// Reads a response with a `Content-Length`.
async fn read_response(stream: &mut TcpStream) -> Result<Answer, Error> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err("the service closed the connection".into());
        }
        let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let header = |name| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        if body.len() >= header("content-length:").unwrap_or("0").parse()? {
            let status = head.split(' ').nth(1).ok_or("no status")?.parse()?;
            let retry_after = header("retry-after:").map(str::to_owned);
            return Ok(Answer { status, retry_after });
        }
    }
}
