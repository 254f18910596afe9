//! A broker of MQTT 3.1.1: an own codec for both ends, connections as a state machine, messages
//! announced by events, wills by `#[on(disconnect)]`, and a time limit that each client chooses.
//!
//! ```text
//! cargo run --example mqtt                      # runs its own clients
//! cargo run --example mqtt -- 127.0.0.1:1883    # for your clients: mosquitto_sub -t '#', mosquitto_pub -t a/b -m hello
//! ```
//!
//! All three levels of quality, retained messages, wildcards, wills, and sessions that outlive
//! their connection. Missing: authentication, bridges, and sessions that outlive the
//! process.
//!
//! `wire.rs` is the codec, `topics.rs` compares topics with filters, `sessions.rs` has the data
//! that connections share, `service.rs` the states, and this file the clients.

#![forbid(unsafe_code)]

mod service;
mod sessions;
mod topics;
mod wire;

use std::net::SocketAddr;
use std::time::Duration;
use std::{env, fmt};

use portcullis::{Client, Server};
use portcullis_examples::{Error, time_limit};

use self::service::Broker;
use self::wire::{Connect, Message, Mqtt, Packet, Qos};

fn main() -> Result<(), Error> {
    let server = Server::new(Broker::default()).codec(Mqtt);
    if let Some(addr) = env::args().nth(1) {
        let server = server.bind(addr)?;
        println!("mqtt at {}, until ctrl-c", server.local_addr());
        println!("{}", server.run_until_signal()?);
        return Ok(());
    }
    time_limit(Duration::from_secs(60));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let server = server.bind("127.0.0.1:0")?.spawn().await?;
        run_clients(server.local_addr()).await?;
        println!("\n{}", server.stop().await?);
        Ok(())
    })
}

async fn run_clients(addr: SocketAddr) -> Result<(), Error> {
    println!("-- a subscription with a wildcard");
    let lasting = || Connect { clean_session: false, ..connect("hall") };
    let mut hall = MqttClient::connect(lasting(), addr).await?;
    hall.call(subscribe("light/+", Qos::ExactlyOnce)).await?;
    let mut ann = MqttClient::connect(connect("ann"), addr).await?;
    ann.send(publish("door/hall", "open", Qos::AtMostOnce)).await?;
    ann.send(publish("light/hall", "on", Qos::AtMostOnce)).await?;
    hall.receive().await?;

    println!("\n-- a message that arrives exactly once takes four packets for each client");
    ann.call(publish("light/hall", "off", Qos::ExactlyOnce)).await?;
    ann.call(Packet::PubRel(1)).await?;
    hall.receive().await?;
    hall.call(Packet::PubRec(1)).await?;
    hall.send(Packet::PubComp(1)).await?;

    println!("\n-- messages wait for a client whose session outlives its connection");
    hall.disconnect().await?;
    ann.call(publish("light/hall", "dimmed", Qos::AtLeastOnce)).await?;
    let mut hall = MqttClient::connect(lasting(), addr).await?;
    hall.receive().await?;
    hall.send(Packet::PubAck(2)).await?;

    println!("\n-- the last message of a topic is retained for later subscribers");
    let retained = Message { retain: true, ..message("weather", "sunny", Qos::AtMostOnce) };
    ann.send(Packet::Publish { message: retained, id: None, is_duplicate: false }).await?;
    ann.call(Packet::PingReq).await?;
    hall.call(subscribe("weather", Qos::AtMostOnce)).await?;
    hall.receive().await?;

    println!("\n-- the broker publishes the will of a client that does not disconnect properly");
    hall.call(subscribe("alarm/#", Qos::AtMostOnce)).await?;
    let will = Some(message("alarm/bob", "lost", Qos::AtMostOnce));
    drop(MqttClient::connect(Connect { will, ..connect("bob") }, addr).await?);
    hall.receive().await?;

    println!("\n-- and of a client that is silent for longer than it has announced");
    let will = Some(message("alarm/carol", "silent", Qos::AtMostOnce));
    let _carol = MqttClient::connect(Connect { will, keep_alive: 1, ..connect("carol") }, addr).await?;
    hall.receive().await?;
    hall.disconnect().await?;
    ann.disconnect().await
}

fn connect(client_id: &str) -> Connect {
    Connect {
        client_id: client_id.to_owned(),
        clean_session: true,
        keep_alive: 60,
        will: None,
        username: None,
        password: None,
    }
}

fn message(topic: &str, payload: &'static str, qos: Qos) -> Message {
    Message { topic: topic.into(), payload: payload.into(), qos, retain: false }
}

fn publish(topic: &str, payload: &'static str, qos: Qos) -> Packet {
    let id = (qos != Qos::AtMostOnce).then_some(1);
    Packet::Publish { message: message(topic, payload, qos), id, is_duplicate: false }
}

fn subscribe(filter: &str, qos: Qos) -> Packet {
    Packet::Subscribe { id: 1, filters: vec![(filter.to_owned(), qos)] }
}

/// A client that prints its packets.
struct MqttClient {
    name: String,
    client: Client<Packet, Packet, Mqtt>,
}

impl MqttClient {
    async fn connect(connect: Connect, addr: SocketAddr) -> Result<Self, Error> {
        let mut client = Self { name: connect.client_id.clone(), client: Client::connect(addr, Mqtt).await? };
        client.call(Packet::Connect(connect)).await?;
        Ok(client)
    }

    async fn send(&mut self, packet: Packet) -> Result<(), Error> {
        println!("{:>5} > {packet}", self.name);
        Ok(self.client.send(packet).await?)
    }

    async fn receive(&mut self) -> Result<(), Error> {
        let packet = self.client.next().await?.ok_or("the broker closed the connection")?;
        println!("{:>5} < {packet}", self.name);
        Ok(())
    }

    async fn call(&mut self, packet: Packet) -> Result<(), Error> {
        self.send(packet).await?;
        self.receive().await
    }

    async fn disconnect(mut self) -> Result<(), Error> {
        self.send(Packet::Disconnect).await?;
        match self.client.next().await? {
            None => Ok(()),
            Some(packet) => Err(format!("{} did not expect {packet}", self.name).into()),
        }
    }
}

/// In the words of the standard.
impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(Connect { will: None, .. }) => f.write_str("CONNECT"),
            Self::Connect(Connect { will: Some(will), .. }) => {
                write!(f, "CONNECT, with a will for {}", will.topic)
            }
            Self::ConnAck { session_present: true, code } => {
                write!(f, "CONNACK {code:?}, the session continues")
            }
            Self::ConnAck { session_present: false, code } => write!(f, "CONNACK {code:?}"),
            Self::Publish { message: Message { topic, payload, qos, retain }, .. } => {
                let payload = String::from_utf8_lossy(payload);
                let retained = if *retain { ", retained" } else { "" };
                write!(f, "PUBLISH {topic}: {payload:?} {qos:?}{retained}")
            }
            Self::Subscribe { filters, .. } => {
                let filters: Vec<_> =
                    filters.iter().map(|(filter, qos)| format!("{filter} {qos:?}")).collect();
                write!(f, "SUBSCRIBE {}", filters.join(", "))
            }
            Self::PubAck(id) => write!(f, "PUBACK {id}"),
            Self::PubRec(id) => write!(f, "PUBREC {id}"),
            Self::PubRel(id) => write!(f, "PUBREL {id}"),
            Self::PubComp(id) => write!(f, "PUBCOMP {id}"),
            Self::SubAck { .. } => f.write_str("SUBACK"),
            Self::PingReq => f.write_str("PINGREQ"),
            Self::PingResp => f.write_str("PINGRESP"),
            Self::Disconnect => f.write_str("DISCONNECT"),
            other => write!(f, "{other:?}"),
        }
    }
}
