//! One service over UDP and TCP at once: sensors report by datagram, and a display queries over a
//! connection.
//!
//! ```text
//! cargo run --example datagrams
//! ```
//!
//! Each sensor's address has its own session with a connection value. The session ends when the
//! sensor has been silent for 300 milliseconds.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Mutex;
use std::time::Duration;

use portcullis::prelude::*;
use portcullis::{BlockingEndpoint, Client, Datagrams, Endpoint, Udp};
use serde::{Deserialize, Serialize};

/// The requests of sensors and displays.
#[derive(Debug, Serialize, Deserialize)]
enum Request {
    /// A sensor's name and what it has measured.
    Measured(String, f64),
    Sensors,
}

#[derive(Debug, Serialize, Deserialize)]
enum Response {
    /// The number of reports that have arrived from this sensor, which can detect lost datagrams
    /// with it.
    Recorded(u64),
    Sensors(BTreeMap<String, f64>),
    Malformed(String),
}

#[derive(Default)]
struct Station {
    sensors: Mutex<BTreeMap<String, f64>>,
}

/// The connection value: what is known about one peer.
#[derive(Default)]
struct Reports {
    name: Option<String>,
    count: u64,
}

#[service]
impl Station {
    #[on(connect)]
    async fn new_peer(&self) -> Reports {
        Reports::default()
    }

    #[request]
    async fn handle(&self, reports: &mut Reports, request: Request) -> Response {
        let mut sensors = self.sensors.lock().expect("no handler panics");
        match request {
            Request::Measured(name, value) => {
                sensors.insert(name.clone(), value);
                reports.name = Some(name);
                reports.count += 1;
                Response::Recorded(reports.count)
            }
            Request::Sensors => Response::Sensors(sensors.clone()),
        }
    }

    /// A malformed datagram is answered, and the session continues.
    #[on(error)]
    async fn malformed(
        &self,
        error: SessionError<std::convert::Infallible>,
    ) -> ControlFlow<Reason, Response> {
        ControlFlow::Continue(Response::Malformed(error.to_string()))
    }

    /// Removes a sensor that has been silent for too long.
    #[on(disconnect)]
    async fn disconnected(&self, reports: Reports, reason: Reason) {
        if let Some(name) = reports.name {
            println!("station: {name} is removed ({reason}) after {} reports", reports.count);
            self.sensors.lock().expect("no handler panics").remove(&name);
        }
    }
}

/// 1200 bytes pass every network in one piece.
fn datagrams() -> Datagrams<Json> {
    Datagrams::new().max_size(1200)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = Server::new(Station::default())
        .codec(JsonLines::new())
        .bind("127.0.0.1:0")?
        .listen(Udp::new("127.0.0.1:0", datagrams()))?
        .idle_timeout(Duration::from_millis(300));
    let stats = server.datagram_stats();
    let server = server.spawn().await?;
    let &[tcp, udp] = server.local_addrs() else { unreachable!("the server has two addresses") };
    println!("station: streams on {tcp}, datagrams on {udp}");

    // An async sensor. It retransmits a report that is not answered, because a duplicate does no
    // harm.
    let mut roof = Endpoint::<Request, Response, _>::connect(Udp::new(udp, datagrams()))
        .await?
        .timeout(Duration::from_secs(5))
        .retransmit_interval(Duration::from_millis(500));
    for value in [18.5, 18.9] {
        println!("roof: {:?}", roof.call(Request::Measured("roof".into(), value)).await?);
    }

    // A sensor without an event loop.
    let cellar = tokio::task::spawn_blocking(move || {
        let mut cellar = BlockingEndpoint::<Request, Response, _>::connect(Udp::new(udp, datagrams()))?
            .timeout(Duration::from_secs(5));
        cellar.call(Request::Measured("cellar".into(), 9.0))
    });
    println!("cellar: {:?}", cellar.await??);

    // A client that sends something else than requests.
    let mut stranger = Endpoint::<&str, Response, _>::connect(Udp::new(udp, datagrams()))
        .await?
        .timeout(Duration::from_secs(5));
    println!("stranger: {:?}", stranger.call("hello").await?);

    let mut display = Client::<Request, Response, _>::connect(tcp, JsonLines::new()).await?;
    println!("display: {:?}", display.call(Request::Sensors).await?);

    // Both sensors are silent now, so their sessions end.
    tokio::time::sleep(Duration::from_millis(900)).await;
    let mut display = Client::<Request, Response, _>::connect(tcp, JsonLines::new()).await?;
    println!("display: {:?}", display.call(Request::Sensors).await?);

    println!("{}", server.stop().await?);
    println!("{:?}", stats.counts());
    Ok(())
}
