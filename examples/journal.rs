//! A journal on disk: a `#[session]` handler that writes what its client has pipelined in one
//! transaction, and a stream out of a thread that waits for a slow reader.
//!
//! ```text
//! cargo run --example journal                      # runs its own client
//! cargo run --example journal -- 127.0.0.1:7788    # for your client: nc -N 127.0.0.1 7788, then {"Append":{"text":"hello"}} and {"Read":{"from":0}}
//! ```
//!
//! An entry is acknowledged when it is on disk, which takes milliseconds. A client that waits for
//! each acknowledgement waits for the disk each time. A client that sends many entries first shares
//! one wait among all those that the server has received.

#![forbid(unsafe_code)]

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{env, process};

use portcullis::prelude::*;
use portcullis::{Client, JsonLines, Sender, channel};
use portcullis_examples::{Error, time_limit};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
enum Request {
    Append {
        text: String,
    },
    /// All entries from this number on.
    Read {
        from: u64,
    },
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Response {
    Appended { number: u64 },
    Entry { number: u64, text: String },
    End,
    Failed { why: String },
}

/// The maximum number of entries that are written at once.
const MAX_BATCH: usize = 1024;

struct Journal {
    path: PathBuf,
    file: Mutex<Entries>,
    /// One thread, since there is one file to write.
    writing: Pool,
    reading: Pool,
    /// How often entries were written to the disk.
    syncs: AtomicU64,
}

struct Entries {
    file: File,
    count: u64,
    length: u64,
}

#[service]
impl Journal {
    #[on(start)]
    async fn start(&self, cleanup: &mut Cleanup) {
        cleanup.pool(self.writing.clone());
        cleanup.pool(self.reading.clone());
    }

    /// Called again for the next request when it returns.
    #[session(half_close = answer)]
    async fn serve(&self, session: &mut Session<Request, Response>) -> Result<(), Error> {
        let mut texts = Vec::new();
        let mut request = session.next().await?;
        // Takes the entries that the client has sent already, up to a request of another kind.
        let read = loop {
            match request {
                Request::Append { text } => texts.push(text),
                Request::Read { from } => break Some(from),
            }
            if texts.len() == MAX_BATCH {
                break None;
            }
            request = match session.next_timeout(Duration::ZERO).await {
                Ok(request) => request,
                Err(SessionError::Timeout | SessionError::Ended(_)) => break None,
                Err(error) => return Err(error.into()),
            };
        };
        if !texts.is_empty() {
            for number in self.append(texts).await? {
                session.send(Response::Appended { number }).await?;
            }
        }
        if let Some(from) = read {
            let (sender, entries) = channel(16);
            // Both at once: the thread waits while the channel is full.
            let (read, sent) = tokio::join!(self.read(from, sender), session.forward(entries));
            sent?;
            read?;
            session.send(Response::End).await?;
        }
        Ok(())
    }

    /// Malformed requests and errors of the disk are answered.
    #[on(error)]
    async fn failed(&self, error: SessionError<Error>) -> ControlFlow<Reason, Response> {
        ControlFlow::Continue(Response::Failed { why: error.to_string() })
    }

    /// Writes a batch, waits for the disk, and returns the numbers of the entries.
    #[blocking(pool = self.writing)]
    fn append(&self, texts: Vec<String>) -> Result<std::ops::Range<u64>, Error> {
        let mut bytes = Vec::new();
        for text in &texts {
            serde_json::to_writer(&mut bytes, text)?;
            bytes.push(b'\n');
        }
        let mut entries = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = entries.file.write_all(&bytes).and_then(|()| entries.file.sync_data()) {
            entries.file.set_len(entries.length)?; // a part of the batch may be written
            return Err(error.into());
        }
        self.syncs.fetch_add(1, Relaxed);
        let first = entries.count;
        entries.count += texts.len() as u64;
        entries.length += bytes.len() as u64;
        Ok(first..entries.count)
    }

    /// Sends each entry to the event loop, as fast as the client reads.
    #[blocking(pool = self.reading)]
    fn read(&self, worker: &Worker, from: u64, entries: Sender<Response>) -> Result<(), Error> {
        for (number, line) in (0..).zip(BufReader::new(File::open(&self.path)?).lines()) {
            let line = line?;
            if number < from {
                continue;
            }
            let text = serde_json::from_str(&line)?;
            if entries.send(worker, Response::Entry { number, text }).is_err() {
                break; // the client has disconnected, or the server stops
            }
        }
        Ok(())
    }
}

impl Journal {
    fn open(path: PathBuf) -> io::Result<Arc<Self>> {
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        let bytes = fs::read(&path)?;
        // An entry without a line ending was being written when the process ended.
        let length = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        file.set_len(length as u64)?;
        let count = bytes[..length].iter().filter(|byte| **byte == b'\n').count();
        Ok(Arc::new(Self {
            path,
            file: Mutex::new(Entries { file, count: count as u64, length: length as u64 }),
            writing: Pool::builder("writing").threads(1).queue_capacity(64).build()?,
            reading: Pool::builder("reading").threads(2).queue_capacity(64).build()?,
            syncs: AtomicU64::new(0),
        }))
    }
}

fn main() -> Result<(), Error> {
    let codec = JsonLines::new().max_frame(64 * 1024);
    if let Some(addr) = env::args().nth(1) {
        let server = Server::new(Journal::open("journal.jsonl".into())?).codec(codec).bind(addr)?;
        println!("journal.jsonl at {}, one JSON value per line, until ctrl-c", server.local_addr());
        println!("{}", server.run_until_signal()?);
        return Ok(());
    }
    time_limit(Duration::from_secs(60));
    let path = env::temp_dir().join(format!("portcullis-journal-{}", process::id()));
    let journal = Journal::open(path.clone())?;
    let server = Server::new(Arc::clone(&journal)).codec(codec).bind("127.0.0.1:0")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        let server = server.spawn().await?;
        run_client(&journal, server.local_addr()).await?;
        println!("\n{}", server.stop().await?);
        Ok(())
    });
    fs::remove_file(path)?;
    result
}

const COUNT: u64 = 500;

async fn run_client(journal: &Journal, addr: SocketAddr) -> Result<(), Error> {
    let mut client = Client::<Request, Response, _>::connect(addr, JsonLines::new()).await?;
    let entry = |number| Request::Append { text: format!("entry {number}") };
    let appended = |number| Response::Appended { number };

    let began = Instant::now();
    for number in 0..COUNT {
        expect(client.call(entry(number)).await?, &appended(number))?;
    }
    report("waits for each acknowledgement", journal, began);

    let began = Instant::now();
    client.send_all((COUNT..2 * COUNT).map(entry)).await?;
    for number in COUNT..2 * COUNT {
        expect(next(&mut client).await?, &appended(number))?;
    }
    report("sends all entries first", journal, began);

    client.send(Request::Read { from: COUNT - 1 }).await?;
    for number in COUNT - 1..2 * COUNT {
        expect(next(&mut client).await?, &Response::Entry { number, text: format!("entry {number}") })?;
    }
    expect(next(&mut client).await?, &Response::End)?;
    println!("{} entries were read back", COUNT + 1);
    Ok(())
}

fn report(what: &str, journal: &Journal, began: Instant) {
    let syncs = journal.syncs.swap(0, Relaxed);
    println!("a client that {what}: {COUNT} entries, {syncs} writes to the disk, {:.0?}", began.elapsed());
}

async fn next(client: &mut Client<Request, Response, JsonLines>) -> Result<Response, Error> {
    Ok(client.next().await?.ok_or("the server closed the connection")?)
}

fn expect(response: Response, expected: &Response) -> Result<(), Error> {
    if response == *expected { Ok(()) } else { Err(format!("{response:?} instead of {expected:?}").into()) }
}
