//! A thumbnail service on three nodes, over NATS: calls are spread over the nodes, and jobs survive
//! the death of one.
//!
//! ```text
//! cargo run -p cluster
//! ```
//!
//! Needs the program `nats-server` (Debian and Ubuntu: `apt install nats-server`; macOS:
//! `brew install nats-server`). The example starts it on a port of its own, starts three nodes as
//! processes, shrinks pictures over all of them, kills one in the midst of its jobs, and prints
//! which node did what.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, fs};

use image::imageops::FilterType;
use portcullis::nats::{CallClient, Calls, Delivery, JobQueue, Topic, async_nats};
use portcullis::prelude::*;
use portcullis::{Datagrams, Interrupted, Portal};
use portcullis_examples::{Error, time_limit};
use serde::{Deserialize, Serialize};

// ----------------------------------------------------------------------------------------------
// A node: the service, and its work on durable jobs.

/// Shrinks the picture in a file.
#[derive(Serialize, Deserialize)]
struct Shrink {
    path: PathBuf,
    side: u32,
}

/// What was made of it, and by which node.
#[derive(Serialize, Deserialize)]
struct Thumbnail {
    node: String,
    width: u32,
    height: u32,
}

/// Published when a durable job is done.
#[derive(Serialize, Deserialize)]
struct Done {
    node: String,
    picture: String,
    attempt: u64,
}

type Format = Datagrams<Json>;

struct Thumbnails {
    name: String,
    cpu: Pool,
    jobs: JobQueue<Shrink, Format>,
    done: Topic<Done, Format>,
}

#[service]
impl Thumbnails {
    /// A call: whichever node has it answers it.
    #[request]
    async fn shrink_now(&self, request: Shrink) -> Result<Thumbnail, Error> {
        let (width, height) = self.shrink(request).await?;
        Ok(Thumbnail { node: self.name.clone(), width, height })
    }

    /// Runs on a thread of the pool. The caller's deadline has come along over NATS.
    #[blocking(pool = self.cpu)]
    fn shrink(&self, worker: &Worker, request: Shrink) -> Result<(u32, u32), Error> {
        shrink(worker, &request)
    }

    /// Works on durable jobs until the server stops. A job on this node is finished or given back.
    #[on(start)]
    async fn work(&self, cleanup: &mut Cleanup) -> Result<(), Interrupted> {
        let (name, done) = (self.name.clone(), self.done.clone());
        let work = move |worker: &Worker, delivery: Delivery<Shrink>| -> Result<(), Error> {
            shrink(worker, &delivery.job)?;
            let picture = delivery.job.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let event = Done { node: name.clone(), picture, attempt: delivery.attempt };
            done.publish(event).wait(worker)?
        };
        let working = self.jobs.workers(2).run_on(self.cpu.clone(), cleanup.stopping(), work);
        let working = async move {
            let _report = working.await;
        };
        Portal::current()?.spawn(working).detach();
        Ok(())
    }
}

fn shrink(worker: &Worker, Shrink { path, side }: &Shrink) -> Result<(u32, u32), Error> {
    let picture = image::open(path)?;
    worker.check()?; // returns an error if the caller gave up or the node stops
    let small = picture.resize(*side, *side, FilterType::Lanczos3);
    Ok((small.width(), small.height()))
}

async fn queue(client: async_nats::Client) -> Result<JobQueue<Shrink, Format>, Error> {
    // A short time, so that the example does not wait for long after it has killed a node.
    JobQueue::builder(client, "thumbnails", Format::new()).ack_wait(Duration::from_secs(2)).open().await
}

async fn run_node(name: String, url: String) -> Result<(), Error> {
    let client = async_nats::connect(url).await?;
    let service = Thumbnails {
        cpu: Pool::builder("cpu").threads(2).build()?,
        jobs: queue(client.clone()).await?,
        done: Topic::new(client.clone(), "thumbnails.done", Format::new()),
        name,
    };
    let calls = Calls::builder(client, "thumbnails", Format::new()).pool(&service.cpu).max_in_flight(16);
    Server::new(service).listen(calls.subscribe().await?)?.serve_until_signal().await?;
    Ok(())
}

// ----------------------------------------------------------------------------------------------
// The example: a NATS server, three nodes, and what uses them.

/// A process that is killed when it is dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start_node(name: &str, url: &str) -> Result<Process, Error> {
    let node = Command::new(env::current_exe()?).args(["node", name, url]).stdin(Stdio::null()).spawn()?;
    Ok(Process(node))
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let mut args = env::args().skip(1);
    if let (Some("node"), Some(name), Some(url)) = (args.next().as_deref(), args.next(), args.next()) {
        return run_node(name, url).await;
    }
    time_limit(Duration::from_secs(100));

    let folder = env::temp_dir().join(format!("portcullis-cluster-{}", std::process::id()));
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut command = Command::new("nats-server");
    command.args(["-a", "127.0.0.1", "-p", &port.to_string(), "-js", "-sd"]).arg(&folder);
    let _nats = match command.stdout(Stdio::null()).stderr(Stdio::null()).spawn() {
        Ok(server) => Process(server),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            println!("This example needs the program `nats-server`, which is not installed.");
            println!("Debian and Ubuntu: apt install nats-server. macOS: brew install nats-server.");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let url = format!("nats://127.0.0.1:{port}");
    let client = loop {
        match async_nats::connect(&url).await {
            Ok(client) => break client,
            // It has begun a moment ago. The time limit ends the example if it does not come up.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    };
    println!("A NATS server runs at {url}.");
    let mut nodes = BTreeMap::new();
    for name in ["anna", "bert", "carl"] {
        nodes.insert(name, start_node(name, &url)?);
    }

    let calls = CallClient::<Shrink, Thumbnail, _>::new(client.clone(), "thumbnails", Format::new());
    let ping = nodes.len();
    wait_for_nodes(&client, ping).await?;
    println!("Three nodes serve `thumbnails`: {}.", join(nodes.keys()));

    println!("\n1. Calls. NATS gives each call to one of the nodes.");
    let mut tasks = tokio::task::JoinSet::new();
    for round in 0..3 {
        for path in pictures()? {
            let calls = calls.clone();
            tasks.spawn(async move {
                let request = Shrink { path, side: 32 * (round + 1) };
                calls.call(request).timeout(Duration::from_secs(20)).await
            });
        }
    }
    let mut by_node = BTreeMap::<String, u32>::new();
    while let Some(answer) = tasks.join_next().await {
        let Thumbnail { node, .. } = answer??;
        *by_node.entry(node).or_default() += 1;
    }
    print_counts("thumbnails", &by_node);

    println!(
        "\n2. Durable jobs. They are stored before they are done; `bert` is killed in the midst of them."
    );
    let done = Topic::<Done, _>::new(client.clone(), "thumbnails.done", Format::new());
    let mut events = done.subscribe().await?;
    let jobs = queue(client).await?;
    let mut pushed = 0;
    for round in 0..8 {
        for path in pictures()? {
            jobs.push(Shrink { path, side: 64 + round }).await?;
            pushed += 1;
        }
    }
    println!("   {pushed} jobs are stored.");
    let (mut by_node, mut again, mut finished) = (BTreeMap::<String, u32>::new(), 0, 0);
    while finished < pushed {
        let Some(received) = events.next().await else { break };
        let Done { node, picture, attempt } = received.event;
        finished += 1;
        if attempt > 1 {
            again += 1;
            println!("   {node} does {picture} in attempt {attempt}: its first node died with it");
        }
        *by_node.entry(node).or_default() += 1;
        if finished == pushed / 4 {
            nodes.remove("bert");
            println!("   bert is killed");
        }
    }
    while !jobs.is_empty().await? {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    print_counts("jobs", &by_node);
    println!("   All {pushed} are done, {again} of them by a second node.");
    let _ = fs::remove_dir_all(&folder);
    Ok(())
}

/// Waits until as many nodes answer the service protocol: a request to all of them.
async fn wait_for_nodes(client: &async_nats::Client, count: usize) -> Result<(), Error> {
    use portcullis::nats::async_nats::Request;
    loop {
        // All nodes answer, and a request takes the first answer: enough answers name all nodes.
        let mut ids = std::collections::BTreeSet::new();
        for _ in 0..8 * count {
            let request = Request::new().timeout(Some(Duration::from_millis(500)));
            if let Ok(answer) = client.send_request("$SRV.PING.thumbnails", request).await {
                ids.insert(answer.payload);
            }
        }
        if ids.len() >= count {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The pictures of the quickstart.
fn pictures() -> Result<Vec<PathBuf>, Error> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../quickstart/images");
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_whole = path.file_stem().is_some_and(|name| name != "corrupt");
        if is_whole && path.extension().is_some_and(|extension| extension == "png" || extension == "jpg") {
            found.push(path);
        }
    }
    Ok(found)
}

fn print_counts(what: &str, by_node: &BTreeMap<String, u32>) {
    for (node, count) in by_node {
        println!("   {node}: {count} {what}");
    }
}

fn join<'a>(names: impl Iterator<Item = &'a &'a str>) -> String {
    names.copied().collect::<Vec<_>>().join(", ")
}
