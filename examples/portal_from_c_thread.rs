//! A thread of a C library calls the event loop through a [`Portal`].
//!
//! The library starts its own thread and calls a callback on it for each reading of a thermometer.
//! (The library is written in Rust here, because no example needs `unsafe`; its thread is an
//! external thread all the same.)
//!
//! ```text
//! cargo run --example portal_from_c_thread
//! ```
//!
//! - `call_soon` runs a function on the loop and does not wait for it.
//! - `enter_thread` gives the thread a `Worker` while a closure runs. With it, the thread can wait:
//!   `.wait(worker)`, `call`.
//! - `spawn` starts a task on the loop, which outlives the callback.
//! - After the server has stopped, each of them returns `Closed`, so the callback ends the
//!   library's thread.

#![forbid(unsafe_code)]

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use portcullis::prelude::*;
use portcullis::{Client, Interrupted, Portal, codec::JsonLines};
use portcullis_examples::{Error, time_limit};
use serde::{Deserialize, Serialize};

// ----------------------------------------------------------------------------------------------
// library

mod libthermo {
    use std::thread::{self, JoinHandle};
    use std::time::Duration;

    /// What C would write as `int (*callback)(double celsius, void *user_data)`: anything but 0
    /// ends the thread.
    pub(crate) type Callback = Box<dyn FnMut(f64) -> i32 + Send>;

    pub(crate) const CONTINUE: i32 = 0;
    pub(crate) const STOP: i32 = 1;

    /// Calls the callback on a thread of the library, every 80 milliseconds.
    pub(crate) fn thermo_start(mut callback: Callback) -> std::io::Result<JoinHandle<()>> {
        thread::Builder::new().name("libthermo".to_owned()).spawn(move || {
            let mut readings = (0..).map(|n| 20.0 + f64::from(n) * 0.5);
            while callback(readings.next().unwrap_or_default()) == CONTINUE {
                thread::sleep(Duration::from_millis(80));
            }
        })
    }
}

// ----------------------------------------------------------------------------------------------
// service

#[derive(Default)]
struct Weather {
    latest: Mutex<Option<f64>>,
    listeners: Mutex<Vec<Listener>>,
    thermometer: Mutex<Option<thread::JoinHandle<()>>>,
}

struct Listener {
    above: f64,
    peer: Peer<Reading>,
}

#[derive(Serialize, Deserialize)]
struct Listen {
    above: f64,
}

#[derive(Serialize, Deserialize, Clone)]
struct Reading {
    celsius: f64,
    sent_on: String,
}

#[service]
impl Weather {
    #[on(start)]
    async fn start(&self) -> Result<(), Error> {
        // Created in a hook of the server, this is a portal to this server.
        let (weather, portal) = (Arc::clone(self), Portal::current()?);
        let callback = move |celsius| match weather.on_reading(&portal, celsius) {
            Ok(()) => libthermo::CONTINUE,
            Err(why) => {
                println!("{:>9}: {why}; stops the library", this_thread());
                libthermo::STOP
            }
        };
        *lock(&self.thermometer) = Some(libthermo::thermo_start(Box::new(callback))?);
        Ok(())
    }

    #[session]
    async fn listen(&self, session: &mut Session<Listen, Reading>) -> Result<(), SessionError> {
        loop {
            let Listen { above } = session.next().await?;
            lock(&self.listeners).push(Listener { above, peer: session.peer().clone() });
        }
    }

    /// The peers that want this reading. Async methods always run on the loop.
    async fn interested(&self, celsius: f64) -> Vec<Peer<Reading>> {
        let mut listeners = lock(&self.listeners);
        listeners.retain(|listener| !listener.peer.is_closed());
        let interested = listeners.iter().filter(|listener| celsius > listener.above);
        interested.map(|listener| listener.peer.clone()).collect()
    }

    async fn publish(&self, peers: Vec<Peer<Reading>>, celsius: f64) {
        for peer in peers {
            // Waits for a listener that reads slowly. The library's thread does not wait for this
            // task.
            let _ = peer.send(Reading { celsius, sent_on: this_thread() }).await;
        }
    }
}

impl Weather {
    /// The callback, which runs on the library's thread.
    fn on_reading(self: &Arc<Self>, portal: &Portal, celsius: f64) -> Result<(), Interrupted> {
        // Without waiting.
        let weather = Arc::clone(self);
        portal.call_soon(move || *lock(&weather.latest) = Some(celsius))?;

        // With waiting: the worker shows that this thread may block.
        let (interested, latest, on) = portal.enter_thread(|worker| {
            let interested = self.interested(celsius).wait(worker)?;
            let weather = Arc::clone(self);
            let (latest, on) = portal.call(worker, move || (*lock(&weather.latest), this_thread()))?;
            Ok::<_, Interrupted>((interested, latest, on))
        })??;
        println!(
            "{:>9}: {celsius:.1} °C, listeners: {}; the latest on {on} is {:.1} °C",
            this_thread(),
            interested.len(),
            latest.unwrap_or(f64::NAN),
        );

        // As a task, which may take as long as it needs.
        portal.spawn(self.publish(interested, celsius)).detach();
        Ok(())
    }
}

/// Ignores poisoning, because no code panics while it holds these locks.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn this_thread() -> String {
    thread::current().name().unwrap_or("?").to_owned()
}

// ----------------------------------------------------------------------------------------------
// client

// One thread, `main`, is the loop.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    time_limit(Duration::from_secs(30));
    let weather = Arc::new(Weather::default());
    let server =
        Server::new(Arc::clone(&weather)).codec(JsonLines::new()).bind("127.0.0.1:0")?.spawn().await?;

    let mut client = Client::<Listen, Reading, _>::connect(server.local_addr(), JsonLines::new()).await?;
    client.send(Listen { above: 20.9 }).await?;
    for _ in 0..4 {
        let Some(Reading { celsius, sent_on }) = client.next().await? else {
            return Err("the server closed the connection".into());
        };
        println!("{:>9}: {celsius:.1} °C, sent on {sent_on}", "a client");
    }

    println!("   server: {}", server.stop().await?);

    // The library has not been stopped: its next callback gets `Closed`.
    let thermometer = lock(&weather.thermometer).take().ok_or("no thermometer")?;
    thermometer.join().map_err(|_| "the library's thread panicked")?;
    println!("{:>9}: thread has ended", "libthermo");
    Ok(())
}
