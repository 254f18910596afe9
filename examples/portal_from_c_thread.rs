//! A thread that no pool owns talks to the loop: the callback of a C library, through a [`Portal`].
//!
//! The library starts a thread of its own and calls us from it, one reading of its thermometer at a
//! time. (Here it is written in Rust, for no example needs `unsafe`. What matters is the same: the
//! thread is the library's.)
//!
//! - `call_soon` says something to the loop and does not wait: the everyday callback.
//! - `enter_thread` lends the thread a `Worker` for as long as a closure runs. With it, it may
//!   wait: `.wait(worker)`, `call`.
//! - `spawn` starts a task on the loop, which outlives the callback.
//! - When the server has stopped, each of them answers `Closed`, and so the library learns that
//!   nobody listens any more.

#![forbid(unsafe_code)]

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use portcullis::prelude::*;
use portcullis::{Client, Interrupted, Portal, codec::JsonLines};
use portcullis_examples::{Error, time_limit};
use serde::{Deserialize, Serialize};

// ----------------------------------------------------------------------------------------------
// the library

mod libthermo {
    use std::thread::{self, JoinHandle};
    use std::time::Duration;

    /// What C would write as `int (*callback)(double celsius, void *user_data)`: anything but 0
    /// ends the thread.
    pub(crate) type Callback = Box<dyn FnMut(f64) -> i32 + Send>;

    pub(crate) const GO_ON: i32 = 0;
    pub(crate) const ENOUGH: i32 = 1;

    /// Calls back, from a thread of the library's, ten times a second and more.
    pub(crate) fn thermo_start(mut callback: Callback) -> std::io::Result<JoinHandle<()>> {
        thread::Builder::new().name("libthermo".to_owned()).spawn(move || {
            let mut readings = (0..).map(|n| 20.0 + f64::from(n) * 0.5);
            while callback(readings.next().unwrap_or_default()) == GO_ON {
                thread::sleep(Duration::from_millis(80));
            }
        })
    }
}

// ----------------------------------------------------------------------------------------------
// the service

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
    said_by: String,
}

#[service]
impl Weather {
    #[on(start)]
    async fn start(&self) -> Result<(), Error> {
        // Made in a hook of the server, it is a portal to this server.
        let (weather, portal) = (Arc::clone(self), Portal::current()?);
        let callback = move |celsius| match weather.on_reading(&portal, celsius) {
            Ok(()) => libthermo::GO_ON,
            Err(why) => {
                println!("{:>9}: told that {why}; no more readings", this_thread());
                libthermo::ENOUGH
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

    /// Who wants to know? On the loop, as all of a service's async methods are, whoever asks.
    async fn interested(&self, celsius: f64) -> Vec<Peer<Reading>> {
        let mut listeners = lock(&self.listeners);
        listeners.retain(|listener| !listener.peer.is_closed());
        let interested = listeners.iter().filter(|listener| celsius > listener.above);
        interested.map(|listener| listener.peer.clone()).collect()
    }

    async fn publish(&self, peers: Vec<Peer<Reading>>, celsius: f64) {
        for peer in peers {
            // Waits for a listener that is slow to read. The library's thread does not.
            let _ = peer.send(Reading { celsius, said_by: this_thread() }).await;
        }
    }
}

impl Weather {
    /// The callback: on the library's thread.
    fn on_reading(self: &Arc<Self>, portal: &Portal, celsius: f64) -> Result<(), Interrupted> {
        // To be said, and forgotten.
        let weather = Arc::clone(self);
        portal.call_soon(move || *lock(&weather.latest) = Some(celsius))?;

        // To be answered: this thread waits for the loop, and shows by the worker that it may.
        let (interested, latest, on) = portal.enter_thread(|worker| {
            let interested = self.interested(celsius).wait(worker)?;
            let weather = Arc::clone(self);
            let (latest, on) = portal.call(worker, move || (*lock(&weather.latest), this_thread()))?;
            Ok::<_, Interrupted>((interested, latest, on))
        })??;
        println!(
            "{:>9}: {celsius:.1} °C, of interest to {}; {on} has {:.1} °C as the latest",
            this_thread(),
            interested.len(),
            latest.unwrap_or(f64::NAN),
        );

        // To be done, however long it takes.
        portal.spawn(self.publish(interested, celsius)).detach();
        Ok(())
    }
}

/// No panic happens under these locks.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn this_thread() -> String {
    thread::current().name().unwrap_or("?").to_owned()
}

// ----------------------------------------------------------------------------------------------
// its client

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
        let Some(Reading { celsius, said_by }) = client.next().await? else {
            return Err("the server has gone".into());
        };
        println!("{:>9}: {celsius:.1} °C, says {said_by}", "a client");
    }

    println!("   server: {}", server.stop().await?);

    // Nobody has told the library to stop: its next callback finds the server closed.
    let thermometer = lock(&weather.thermometer).take().ok_or("no thermometer")?;
    thermometer.join().map_err(|_| "the library's thread panicked")?;
    println!("{:>9}: has ended", "libthermo");
    Ok(())
}
