//! `#[blocking]` without a server of ours: an axum app that hashes passwords and asks a database.
//!
//! ```text
//! cargo run --example offload_anywhere
//! ```
//!
//! The first half is the app. Its handlers are axum's own; what blocks in them runs on two bounded
//! pools. The second half sends it real requests, and shows what they meet: a pool that is full
//! (503), a deadline (504), a job that stops because its client has hung up, and a loop, of one
//! thread, that answers all the while.
//!
//! Such a program needs portcullis with `default-features = false, features = ["axum"]`, and no
//! more.

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
// the pools

/// Hashing is made to be slow. Two hashes at once, two more in the queue; whoever comes then is
/// told to come back later.
static HASHING: LazyLock<Pool> = LazyLock::new(|| {
    Pool::builder("hash")
        .threads(2)
        .queue_capacity(2)
        .overflow(Overflow::Reject)
        .build()
        .expect("two threads")
});

/// Each of its threads has a connection of its own: SQLite's is not to be shared, and here it need
/// not be.
static DATABASE: LazyLock<Pool> = LazyLock::new(|| {
    let connect = || Connection::open(&*FILE).expect("a database");
    Pool::builder("db").threads(2).queue_capacity(64).thread_state(connect).build().expect("two threads")
});

static FILE: LazyLock<PathBuf> =
    LazyLock::new(|| env::temp_dir().join(format!("portcullis-users-{}.sqlite", process::id())));

// ----------------------------------------------------------------------------------------------
// what blocks

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

/// Far too long a query. It has two hundred milliseconds.
#[blocking(pool = DATABASE, deadline = "200ms")]
fn report(worker: &Worker) -> Result<u64, Failure> {
    count_rows(worker)
}

/// The same for those who have the time.
#[blocking(pool = DATABASE)]
fn long_report(worker: &Worker) -> Result<u64, Failure> {
    count_rows(worker)
}

/// Counts rows, with which a real report would do something. There is no end of them.
fn count_rows(worker: &Worker) -> Result<u64, Failure> {
    let database = worker.local::<Connection>();
    let mut query = database.prepare(
        "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers) SELECT n FROM numbers",
    )?;
    let mut rows = query.query([])?;
    let mut seen = 0;
    while rows.next()?.is_some() {
        // Deadline passed? Client gone?
        if let Err(why) = worker.check() {
            println!("    ({} stops after {seen} rows: {why})", thread::current().name().unwrap_or("?"));
            return Err(why.into());
        }
        seen += 1;
    }
    Ok(seen)
}

// ----------------------------------------------------------------------------------------------
// the app

/// Every handler awaits what blocks like anything else. If axum drops it (the client hung up), its
/// job is told.
fn app() -> Router {
    Router::new()
        .route("/", get(async || "still here"))
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
    let welcome = match find(name.clone()).await? {
        Some(hash) => verify(password, hash).await?,
        None => false,
    };
    Ok(if welcome {
        format!("hello, {name}").into_response()
    } else {
        StatusCode::UNAUTHORIZED.into_response()
    })
}

/// What goes wrong. That a job was interrupted is a case like any other.
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

// One thread for the loop: if a handler held it, every other request would wait.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    time_limit(Duration::from_secs(60));
    create_tables().await.map_err(|failure| format!("{failure:?}"))?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    println!("listening on http://{addr}\n");

    let serving = axum::serve(listener, app());
    let seen = tokio::select! {
        seen = be_the_clients(addr) => seen,
        served = serving => served.map_err(Error::from),
    };
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{suffix}", FILE.display()));
    }
    seen
}

// ----------------------------------------------------------------------------------------------
// its clients

async fn be_the_clients(addr: SocketAddr) -> Result<(), Error> {
    println!("Twelve people sign up at once; two hashes run at a time, two wait, more are refused:");
    let mut refused = Vec::new();
    let mut signing_up = JoinSet::new();
    for n in 1..=12 {
        let name = format!("user{n:02}");
        signing_up.spawn(async move { (sign_up_over_http(addr, &name).await, name) });
    }
    let mut pings = Vec::new();
    let crowd = async {
        while let Some(joined) = signing_up.join_next().await {
            let (answer, name) = joined?;
            let answer = answer?;
            println!("    {name}: {answer}");
            if answer.status == 503 {
                refused.push(name);
            }
        }
        Ok::<_, Error>(())
    };
    tokio::select! {
        done = crowd => done?,
        failed = ping(addr, &mut pings) => failed?,
    }
    pings.sort();
    if let (Some(median), Some(worst)) = (pings.get(pings.len() / 2), pings.last()) {
        let pings = pings.len();
        println!("  Meanwhile the loop answered {pings} pings: median {median:.1?}, worst {worst:.1?}.\n");
    }

    println!("Later:");
    let name = refused.first().ok_or("nobody was refused, so this shows nothing")?;
    println!("    {name}: {}", sign_up_over_http(addr, name).await?);
    println!("    {name} logs in: {}", http(addr, "POST", &format!("/users/{name}/login"), "secret").await?);
    println!("    with a typo: {}\n", http(addr, "POST", &format!("/users/{name}/login"), "sercet").await?);

    println!("A report that takes too long, with a deadline of 200 ms:");
    let asked = Instant::now();
    let answer = http(addr, "GET", "/report", "").await?;
    println!("    {answer}, after {:.0?}\n", asked.elapsed());
    the_database_is_idle().await;

    println!("A report without a deadline, whose client hangs up after 150 ms:");
    let mut client = TcpStream::connect(addr).await?;
    client.write_all(request("GET", "/long-report", "").as_bytes()).await?;
    tokio::time::sleep(Duration::from_millis(150)).await;
    drop(client);
    let hung_up = Instant::now();
    the_database_is_idle().await;
    println!("    {:.1?} later the pool is idle, and its threads are free for others", hung_up.elapsed());
    Ok(())
}

async fn the_database_is_idle() {
    while DATABASE.stats().running > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn sign_up_over_http(addr: SocketAddr, name: &str) -> Result<Answer, Error> {
    http(addr, "POST", &format!("/users/{name}"), "secret").await
}

/// Asks for nothing but an answer, again and again, and notes how long each took.
async fn ping(addr: SocketAddr, took: &mut Vec<Duration>) -> Result<(), Error> {
    loop {
        let asked = Instant::now();
        http(addr, "GET", "/", "").await?;
        took.push(asked.elapsed());
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

/// As little of a client as will do: one request a connection.
async fn http(addr: SocketAddr, method: &str, path: &str, body: &str) -> Result<Answer, Error> {
    let mut stream = TcpStream::connect(addr).await?;
    stream.write_all(request(method, path, body).as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, text) = answer.split_once("\r\n\r\n").ok_or("half an answer")?;
    let status = head.split(' ').nth(1).ok_or("no status")?.parse()?;
    Ok(Answer { status, text: text.to_owned() })
}
