//! One service over UDP and TCP at once: sensors report by datagram, a screen asks over a
//! connection.
//!
//! Each sensor's address has a session with a value of its own, which ends when the sensor has been
//! silent for a while. Run it with `cargo run --example datagrams`; it plays all parts itself.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Mutex;
use std::time::Duration;

use portcullis::prelude::*;
use portcullis::{BlockingEndpoint, Client, Datagrams, Endpoint, Udp};
use serde::{Deserialize, Serialize};

/// What sensors and screens say.
#[derive(Debug, Serialize, Deserialize)]
enum Request {
    /// A sensor's name and what it has measured.
    Measured(String, f64),
    Sensors,
}

#[derive(Debug, Serialize, Deserialize)]
enum Response {
    /// How many of this sensor's reports have arrived. Datagrams get lost: it may tell by the
    /// count.
    Noted(u64),
    Sensors(BTreeMap<String, f64>),
    Misunderstood(String),
}

#[derive(Default)]
struct Station {
    sensors: Mutex<BTreeMap<String, f64>>,
}

/// One peer's own value.
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
                Response::Noted(reports.count)
            }
            Request::Sensors => Response::Sensors(sensors.clone()),
        }
    }

    /// A datagram that is no message is its sender's mistake, and no reason to forget the sender.
    #[on(error)]
    async fn misunderstood(
        &self,
        error: SessionError<std::convert::Infallible>,
    ) -> ControlFlow<Reason, Response> {
        ControlFlow::Continue(Response::Misunderstood(error.to_string()))
    }

    /// A sensor that is silent for too long is off the list.
    #[on(disconnect)]
    async fn silent(&self, reports: Reports, reason: Reason) {
        if let Some(name) = reports.name {
            println!("station: {name} is gone ({reason}) after {} reports", reports.count);
            self.sensors.lock().expect("no handler panics").remove(&name);
        }
    }
}

/// What surely passes any network in one piece.
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
    let &[tcp, udp] = server.local_addrs() else { unreachable!("it was bound twice") };
    println!("station: streams on {tcp}, datagrams on {udp}");

    // A sensor on a loop. An answer that does not come is asked for again, since a report may
    // arrive twice.
    let mut roof = Endpoint::<Request, Response, _>::connect(Udp::new(udp, datagrams()))
        .await?
        .timeout(Duration::from_secs(5))
        .retransmit_interval(Duration::from_millis(500));
    for value in [18.5, 18.9] {
        println!("roof: {:?}", roof.call(Request::Measured("roof".into(), value)).await?);
    }

    // A sensor without a loop.
    let cellar = tokio::task::spawn_blocking(move || {
        let mut cellar = BlockingEndpoint::<Request, Response, _>::connect(Udp::new(udp, datagrams()))?
            .timeout(Duration::from_secs(5));
        cellar.call(Request::Measured("cellar".into(), 9.0))
    });
    println!("cellar: {:?}", cellar.await??);

    // One that speaks another language.
    let mut stranger = Endpoint::<&str, Response, _>::connect(Udp::new(udp, datagrams()))
        .await?
        .timeout(Duration::from_secs(5));
    println!("stranger: {:?}", stranger.call("hello?").await?);

    let mut screen = Client::<Request, Response, _>::connect(tcp, JsonLines::new()).await?;
    println!("screen: {:?}", screen.call(Request::Sensors).await?);

    // Both sensors are silent now, and their sessions end.
    tokio::time::sleep(Duration::from_millis(900)).await;
    let mut screen = Client::<Request, Response, _>::connect(tcp, JsonLines::new()).await?;
    println!("screen: {:?}", screen.call(Request::Sensors).await?);

    println!("{}", server.stop().await?);
    println!("{:?}", stats.counts());
    Ok(())
}
