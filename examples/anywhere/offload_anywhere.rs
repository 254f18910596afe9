//! `#[blocking]` functions in an axum app that hashes passwords and queries a database.
//!
//! ```text
//! cargo run --example offload_anywhere
//! ```
//!
//! The first half is the app. Its handlers are ordinary axum handlers; the blocking calls in them
//! run on two bounded pools. The second half sends it HTTP requests, and prints the results: a full
//! pool (503), an exceeded deadline (504), a job that stops because its client disconnected, and
//! the latency of the event loop, which has a single thread.
//!
//! Such a program needs portcullis only with `default-features = false, features = ["axum"]`.

#![forbid(unsafe_code)]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::{Duration, Instant};
use std::{env, fmt, fs, process, thread};

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{self, PasswordHasher, PasswordVerifier};
use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use portcullis::{Interrupted, Overflow, Pool, Worker, blocking};
use portcullis_examples::{Error, time_limit};
use rusqlite::{Connection, OptionalExtension};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

// ----------------------------------------------------------------------------------------------
// pools

/// Password hashing is slow on purpose. Two hashes run at once, two more wait in the queue, and
/// further ones are rejected.
static HASHING: LazyLock<Pool> = LazyLock::new(|| {
    Pool::builder("hash")
        .threads(2)
        .queue_capacity(2)
        .overflow(Overflow::Reject)
        .build()
        .expect("two threads")
});

/// Each thread has its own SQLite connection, so that connections need not be shared.
static DATABASE: LazyLock<Pool> = LazyLock::new(|| {
    let connect = || Connection::open(&*FILE).expect("a database");
    Pool::builder("db").threads(2).queue_capacity(64).thread_state(connect).build().expect("two threads")
});

static FILE: LazyLock<PathBuf> =
    LazyLock::new(|| env::temp_dir().join(format!("portcullis-users-{}.sqlite", process::id())));

// ----------------------------------------------------------------------------------------------
// blocking functions

#[blocking(pool = HASHING)]
fn hash(password: String) -> Result<String, Failure> {
    Ok(Argon2::default().hash_password(password.as_bytes())?.to_string())
}

#[blocking(pool = HASHING)]
fn verify(password: String, hash: String) -> Result<bool, Failure> {
    let hash = PasswordHash::new(&hash).map_err(password_hash::Error::from)?;
    Ok(Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

#[blocking(pool = DATABASE)]
fn create_tables(worker: &Worker) -> Result<(), Failure> {
    let database = worker.local::<Connection>();
    Ok(database.execute_batch(
        "PRAGMA journal_mode = wal; CREATE TABLE IF NOT EXISTS users (name TEXT PRIMARY KEY, hash TEXT NOT NULL)",
    )?)
}

#[blocking(pool = DATABASE)]
fn insert(worker: &Worker, name: String, hash: String) -> Result<usize, Failure> {
    let database = worker.local::<Connection>();
    Ok(database.execute("INSERT OR REPLACE INTO users VALUES (?1, ?2)", [name, hash])?)
}

#[blocking(pool = DATABASE)]
fn find(worker: &Worker, name: String) -> Result<Option<String>, Failure> {
    let database = worker.local::<Connection>();
    Ok(database.query_row("SELECT hash FROM users WHERE name = ?1", [name], |row| row.get(0)).optional()?)
}

/// A query without end, with a deadline of 200 milliseconds.
#[blocking(pool = DATABASE, deadline = "200ms")]
fn report(worker: &Worker) -> Result<u64, Failure> {
    count_rows(worker)
}

/// The same query without a deadline.
#[blocking(pool = DATABASE)]
fn long_report(worker: &Worker) -> Result<u64, Failure> {
    count_rows(worker)
}

/// Counts rows of an endless result. A real report would process them.
fn count_rows(worker: &Worker) -> Result<u64, Failure> {
    let database = worker.local::<Connection>();
    let mut query = database.prepare(
        "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers) SELECT n FROM numbers",
    )?;
    let mut rows = query.query([])?;
    let mut seen = 0;
    while rows.next()?.is_some() {
        // Stops if the deadline has passed or the client has disconnected.
        if let Err(why) = worker.check() {
            println!("    ({} stops after {seen} rows: {why})", thread::current().name().unwrap_or("?"));
            return Err(why.into());
        }
        seen += 1;
    }
    Ok(seen)
}

// ----------------------------------------------------------------------------------------------
// app

/// Every handler awaits its blocking calls like other futures. If axum drops the handler because
/// the client disconnected, the job is cancelled.
fn app() -> Router {
    Router::new()
        .route("/", get(async || "pong"))
        .route("/users/{name}", post(sign_up))
        .route("/users/{name}/login", post(log_in))
        .route("/report", get(async || Ok::<_, Failure>(report().await?.to_string())))
        .route("/long-report", get(async || Ok::<_, Failure>(long_report().await?.to_string())))
}

async fn sign_up(Path(name): Path<String>, password: String) -> Result<String, Failure> {
    let hash = hash(password).await?;
    insert(name.clone(), hash).await?;
    Ok(format!("welcome, {name}"))
}

async fn log_in(Path(name): Path<String>, password: String) -> Result<Response, Failure> {
    let is_verified = match find(name.clone()).await? {
        Some(hash) => verify(password, hash).await?,
        None => false,
    };
    Ok(if is_verified {
        format!("hello, {name}").into_response()
    } else {
        StatusCode::UNAUTHORIZED.into_response()
    })
}

/// The errors of the handlers. An interrupted job is one of them.
#[derive(Debug)]
enum Failure {
    Interrupted(Interrupted),
    Internal(Error),
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self {
            // 503 for a full pool, 504 for a deadline, 500 for a panic.
            Self::Interrupted(interrupted) => interrupted.into_response(),
            Self::Internal(error) => {
                eprintln!("internal error: {error}");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

impl From<Interrupted> for Failure {
    fn from(interrupted: Interrupted) -> Self {
        Self::Interrupted(interrupted)
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Internal(error.into())
    }
}

impl From<password_hash::Error> for Failure {
    fn from(error: password_hash::Error) -> Self {
        Self::Internal(error.to_string().into())
    }
}

// One thread for the event loop: if a handler blocked it, every other request would wait.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    time_limit(Duration::from_secs(60));
    create_tables().await.map_err(|failure| format!("{failure:?}"))?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    println!("listening on http://{addr}\n");

    let serving = axum::serve(listener, app());
    let result = tokio::select! {
        result = run_clients(addr) => result,
        served = serving => served.map_err(Error::from),
    };
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{suffix}", FILE.display()));
    }
    result
}

// ----------------------------------------------------------------------------------------------
// clients

async fn run_clients(addr: SocketAddr) -> Result<(), Error> {
    println!("Twelve users sign up at once; two hashes run at a time, two wait, others are rejected:");
    let mut rejected = Vec::new();
    let mut signing_up = JoinSet::new();
    for n in 1..=12 {
        let name = format!("user{n:02}");
        signing_up.spawn(async move { (sign_up_over_http(addr, &name).await, name) });
    }
    let mut pings = Vec::new();
    let sign_ups = async {
        while let Some(joined) = signing_up.join_next().await {
            let (answer, name) = joined?;
            let answer = answer?;
            println!("    {name}: {answer}");
            if answer.status == 503 {
                rejected.push(name);
            }
        }
        Ok::<_, Error>(())
    };
    tokio::select! {
        done = sign_ups => done?,
        failed = ping(addr, &mut pings) => failed?,
    }
    pings.sort();
    if let (Some(median), Some(worst)) = (pings.get(pings.len() / 2), pings.last()) {
        let pings = pings.len();
        println!(
            "  Meanwhile the event loop answered {pings} pings: median {median:.1?}, worst {worst:.1?}.\n"
        );
    }

    println!("A rejected user signs up again:");
    let name = rejected.first().ok_or("no sign-up was rejected")?;
    println!("    {name}: {}", sign_up_over_http(addr, name).await?);
    println!("    {name} logs in: {}", http(addr, "POST", &format!("/users/{name}/login"), "secret").await?);
    println!(
        "    with a wrong password: {}\n",
        http(addr, "POST", &format!("/users/{name}/login"), "sercet").await?
    );

    println!("A report with a deadline of 200 ms:");
    let started = Instant::now();
    let answer = http(addr, "GET", "/report", "").await?;
    println!("    {answer}, after {:.0?}\n", started.elapsed());
    wait_until_database_is_idle().await;

    println!("A report without a deadline, whose client disconnects after 150 ms:");
    let mut client = TcpStream::connect(addr).await?;
    client.write_all(request("GET", "/long-report", "").as_bytes()).await?;
    tokio::time::sleep(Duration::from_millis(150)).await;
    drop(client);
    let disconnected = Instant::now();
    wait_until_database_is_idle().await;
    println!("    after {:.1?} the pool is idle", disconnected.elapsed());
    Ok(())
}

async fn wait_until_database_is_idle() {
    while DATABASE.stats().running > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn sign_up_over_http(addr: SocketAddr, name: &str) -> Result<Answer, Error> {
    http(addr, "POST", &format!("/users/{name}"), "secret").await
}

/// Sends requests one after the other, and records how long each took.
async fn ping(addr: SocketAddr, took: &mut Vec<Duration>) -> Result<(), Error> {
    loop {
        let started = Instant::now();
        http(addr, "GET", "/", "").await?;
        took.push(started.elapsed());
    }
}

struct Answer {
    status: u16,
    text: String,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, text } = self;
        if text.is_empty() { write!(f, "{status}") } else { write!(f, "{status}, {text}") }
    }
}

fn request(method: &str, path: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: example\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

/// A minimal HTTP client: one request per connection.
async fn http(addr: SocketAddr, method: &str, path: &str, body: &str) -> Result<Answer, Error> {
    let mut stream = TcpStream::connect(addr).await?;
    stream.write_all(request(method, path, body).as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, text) = answer.split_once("\r\n\r\n").ok_or("truncated response")?;
    let status = head.split(' ').nth(1).ok_or("no status code")?.parse()?;
    Ok(Answer { status, text: text.to_owned() })
}
