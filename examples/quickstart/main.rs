//! A thumbnail service: it receives pictures over TCP, shrinks them on a bounded pool, and counts
//! them on the event loop.
//!
//! ```text
//! cargo run --example quickstart                      # the pictures beside this file
//! cargo run --example quickstart -- ~/Pictures/*.jpg  # or your own
//! ```
//!
//! The first half is the whole service. The second half is its clients: three connections that keep
//! both threads of the pool busy, and a fourth that measures meanwhile how fast the loop responds.

#![forbid(unsafe_code)]

use std::convert::Infallible;
use std::io::Cursor;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use image::ImageFormat;
use image::imageops::FilterType;
use portcullis::Client;
use portcullis::codec::{LengthPrefixed, Postcard};
use portcullis::prelude::*;
use portcullis_examples::{Error, time_limit};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

// ----------------------------------------------------------------------------------------------
// service

/// The largest width and height of a thumbnail.
const MAX_SIDE: u32 = 1024;

struct Thumbnails {
    cpu: Pool,
    made: AtomicU64,
}

#[derive(Serialize, Deserialize)]
enum Request {
    Shrink {
        // `serde_bytes` decodes all bytes at once; serde decodes a plain `Vec<u8>` byte by byte,
        // and decoding runs on the loop.
        #[serde(with = "serde_bytes")]
        picture: Vec<u8>,
        width: u32,
        height: u32,
    },
    Ping,
}

#[derive(Serialize, Deserialize)]
enum Response {
    Thumbnail(Thumbnail),
    Pong,
    Failed(String),
}

#[derive(Serialize, Deserialize)]
struct Thumbnail {
    serial: u64,
    original: (u32, u32),
    size: (u32, u32),
    #[serde(with = "serde_bytes")]
    png: Vec<u8>,
    thread: String,
    took: Duration,
}

impl Thumbnails {
    fn open() -> Result<Self, Error> {
        // Two threads, and a queue of 16 jobs. Further callers wait until the queue has capacity.
        Ok(Self { cpu: Pool::builder("cpu").threads(2).queue_capacity(16).build()?, made: AtomicU64::new(0) })
    }
}

#[service]
impl Thumbnails {
    /// The pool belongs to this service, so the server drains it at its stop.
    #[on(start)]
    async fn start(&self, cleanup: &mut Cleanup) {
        cleanup.pool(self.cpu.clone());
    }

    /// Handles one request and returns its response. Runs on the event loop, so nothing here may
    /// block.
    #[request]
    async fn answer(&self, request: Request) -> Result<Response, Error> {
        match request {
            Request::Ping => Ok(Response::Pong),
            Request::Shrink { picture, width, height } => {
                Ok(Response::Thumbnail(self.shrink(picture, width, height).await?))
            }
        }
    }

    /// Runs on a thread of `self.cpu`. It is cancelled five seconds after the call.
    #[blocking(pool = self.cpu, deadline = "5s")]
    fn shrink(&self, worker: &Worker, picture: Vec<u8>, width: u32, height: u32) -> Result<Thumbnail, Error> {
        let started = Instant::now();
        let picture = image::load_from_memory(&picture)?;
        worker.check()?; // client disconnected? deadline passed? server stopping?
        let thumbnail = picture.resize(width.min(MAX_SIDE), height.min(MAX_SIDE), FilterType::Lanczos3);
        let mut png = Vec::new();
        thumbnail.write_to(&mut Cursor::new(&mut png), ImageFormat::Png)?;

        let serial = self.count(1).wait(worker)?; // an async method, called from the thread
        Ok(Thumbnail {
            serial,
            original: (picture.width(), picture.height()),
            size: (thumbnail.width(), thumbnail.height()),
            png,
            thread: thread::current().name().unwrap_or("?").to_owned(),
            took: started.elapsed(),
        })
    }

    async fn count(&self, n: u64) -> u64 {
        self.made.fetch_add(n, Relaxed) + n
    }

    /// A corrupt picture, a missed deadline and a malformed request are answered, and the session
    /// continues.
    #[on(error)]
    async fn failed(&self, error: SessionError<Error>) -> ControlFlow<Reason, Response> {
        ControlFlow::Continue(Response::Failed(error.to_string()))
    }
}

fn main() -> Result<(), Error> {
    time_limit(Duration::from_secs(30));

    // Port 0: the system chooses a free port.
    let server =
        Server::new(Thumbnails::open()?).codec(LengthPrefixed::<Postcard>::new()).bind("127.0.0.1:0")?;
    println!("serving thumbnails on {}\n", server.local_addr());

    // The clients would usually be other programs. Here they run in a thread, which stops the
    // server at the end.
    let (addr, handle) = (server.local_addr(), server.handle());
    let clients = thread::spawn(move || {
        let result = run_clients(addr);
        handle.stop();
        result
    });

    let report = server.run_until_signal()?; // blocks until Ctrl-C, or until `handle.stop()`
    clients.join().map_err(|_| "a client panicked")??;
    println!("The server {report}.");
    Ok(())
}

// ----------------------------------------------------------------------------------------------
// clients

type Connection = Client<Request, Response, LengthPrefixed<Postcard>>;

/// One more than the pool has threads, so that a job is always waiting in the queue.
const CONNECTIONS: usize = 3;

/// The result of one picture, as its client saw it.
struct Row {
    file: PathBuf,
    bytes: usize,
    connection: usize,
    outcome: Result<Thumbnail, String>,
}

fn run_clients(addr: SocketAddr) -> Result<(), Error> {
    let mut shares: Vec<Vec<(PathBuf, Vec<u8>)>> = vec![Vec::new(); CONNECTIONS];
    for (n, file) in pictures()?.into_iter().enumerate() {
        let bytes = fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        shares[n % CONNECTIONS].push((file, bytes));
    }

    let started = Instant::now();
    let (mut rows, pings) = tokio::runtime::Runtime::new()?.block_on(send_all(addr, shares))?;
    let took = started.elapsed();

    rows.sort_by(|a, b| a.file.cmp(&b.file));
    print_table(&rows);
    print_pings(pings, took, &rows);
    save(&rows)
}

/// Sends all pictures over several connections at once, and pings over another until they are done.
async fn send_all(
    addr: SocketAddr,
    shares: Vec<Vec<(PathBuf, Vec<u8>)>>,
) -> Result<(Vec<Row>, Vec<Duration>), Error> {
    let mut albums = JoinSet::new();
    for (n, share) in shares.into_iter().enumerate() {
        albums.spawn(album(addr, n + 1, share));
    }
    let all = async {
        let mut rows = Vec::new();
        while let Some(album) = albums.join_next().await {
            rows.extend(album??);
        }
        Ok::<_, Error>(rows)
    };
    let mut pings = Vec::new();
    let rows = tokio::select! {
        rows = all => rows?,
        Err(error) = ping(addr, &mut pings) => return Err(error),
    };
    Ok((rows, pings))
}

/// Sends pictures one after the other over one connection. A corrupt picture does not end the
/// connection.
async fn album(
    addr: SocketAddr,
    connection: usize,
    share: Vec<(PathBuf, Vec<u8>)>,
) -> Result<Vec<Row>, Error> {
    let mut client = Connection::connect(addr, LengthPrefixed::new()).await?;
    let mut rows = Vec::new();
    for (file, picture) in share {
        let bytes = picture.len();
        let outcome = match client.call(Request::Shrink { picture, width: 160, height: 120 }).await? {
            Response::Thumbnail(thumbnail) => Ok(thumbnail),
            Response::Failed(why) => Err(why),
            Response::Pong => return Err("unexpected response".into()),
        };
        rows.push(Row { file, bytes, connection, outcome });
    }
    Ok(rows)
}

/// Sends requests one after the other, and records how long each took.
async fn ping(addr: SocketAddr, took: &mut Vec<Duration>) -> Result<Infallible, Error> {
    let mut client = Connection::connect(addr, LengthPrefixed::new()).await?;
    loop {
        let started = Instant::now();
        client.call(Request::Ping).await?;
        took.push(started.elapsed());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// The files given on the command line, or those in the folder `images` beside this file.
fn pictures() -> Result<Vec<PathBuf>, Error> {
    let named: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    if !named.is_empty() {
        return Ok(named);
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("images");
    let mut pictures = Vec::new();
    for entry in fs::read_dir(folder)? {
        let file = entry?.path();
        if file.extension().is_some_and(|extension| extension == "png" || extension == "jpg") {
            pictures.push(file);
        }
    }
    pictures.sort();
    Ok(pictures)
}

fn print_table(rows: &[Row]) {
    println!(
        "{:16} {:>9}  {:>9} -> {:9} {:>4}  {:6} {:>8}  connection",
        "file", "bytes", "size", "thumbnail", "no.", "thread", "took"
    );
    for Row { file, bytes, connection, outcome } in rows {
        let file = name(file);
        match outcome {
            Ok(Thumbnail { serial, original, size, png: _, thread, took }) => println!(
                "{file:16} {bytes:>9}  {:>9} -> {:9} {serial:>4}  {thread:6} {:>8}  {connection}",
                format!("{}x{}", original.0, original.1),
                format!("{}x{}", size.0, size.1),
                format!("{:.1} ms", millis(*took)),
            ),
            Err(why) => println!("{file:16} {bytes:>9}  failed on connection {connection}: {why}"),
        }
    }
}

fn print_pings(mut pings: Vec<Duration>, took: Duration, rows: &[Row]) {
    pings.sort();
    let shrinking =
        || rows.iter().filter_map(|row| row.outcome.as_ref().ok()).map(|thumbnail| thumbnail.took);
    let (Some(worst), Some(median)) = (pings.last(), pings.get(pings.len() / 2)) else { return };
    println!(
        "\nAll pictures took {:.0} ms, during which the two pool threads worked for {:.0} ms in total.\n\
         Meanwhile the event loop answered {} pings: median {:.2} ms, worst {:.2} ms.\n\
         (If the event loop shrank the pictures itself, a ping would wait {:.0} ms or more.)\n",
        millis(took),
        millis(shrinking().sum()),
        pings.len(),
        millis(*median),
        millis(*worst),
        millis(shrinking().max().unwrap_or_default()),
    );
}

/// Writes the thumbnails to a folder in the system's temporary directory.
fn save(rows: &[Row]) -> Result<(), Error> {
    let folder = env::temp_dir().join("portcullis-thumbnails");
    fs::create_dir_all(&folder)?;
    let mut saved = 0;
    for row in rows {
        if let Ok(thumbnail) = &row.outcome {
            fs::write(folder.join(name(&row.file)).with_extension("png"), &thumbnail.png)?;
            saved += 1;
        }
    }
    println!("Saved {saved} thumbnails in {}.\n", folder.display());
    Ok(())
}

fn name(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
