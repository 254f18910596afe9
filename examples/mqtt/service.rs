//! The connection of a client as a state machine.
//!
//! ```text
//! connecting ──CONNECT──▶ online(online) ──DISCONNECT──▶ closed
//! ```

use std::time::Duration;

use portcullis::prelude::*;

use super::sessions::{Client, Ready, Session, Sessions};
use super::wire::{Connect, ConnectCode, Message, Packet, Qos};

#[derive(Default)]
pub(crate) struct Broker {
    sessions: Sessions,
}

/// What must not be lost if the connection ends while a handler has the data of the state.
#[derive(Default)]
pub(crate) struct Connection {
    /// Set when the client has connected.
    id: Option<String>,
    /// The message that is published if the client does not disconnect properly.
    will: Option<Message>,
}

/// The data of a client that has connected.
pub(crate) struct Online {
    id: String,
    /// The longest time between two packets of the client, if it has announced one.
    patience: Option<Duration>,
}

#[service(request = Packet, response = Packet)]
impl Broker {
    #[on(connect)]
    async fn opened(&self) -> Connection {
        Connection::default()
    }

    /// The first packet must be `CONNECT`.
    #[state(start, max_duration = "10s")]
    async fn connecting(
        &self,
        client: &Client,
        connection: &mut Connection,
        packet: Packet,
    ) -> (Vec<Packet>, BrokerState) {
        let refuse = |code| (vec![Packet::ConnAck { session_present: false, code }], BrokerState::Closed);
        let connect = match packet {
            Packet::Connect(connect) => connect,
            Packet::ConnectOfAnotherVersion => return refuse(ConnectCode::UnacceptableVersion),
            _ => return (Vec::new(), BrokerState::Closed),
        };
        let Connect { client_id, clean_session, keep_alive, will, .. } = connect;
        let id = match client_id.as_str() {
            "" if !clean_session => return refuse(ConnectCode::IdentifierRejected),
            "" => format!("connection {}", client.id()),
            _ => client_id,
        };
        let Some(session_present) = self.sessions.connect(&id, client, clean_session) else {
            return refuse(ConnectCode::Unavailable);
        };
        *connection = Connection { id: Some(id.clone()), will };
        let mut packets = vec![Packet::ConnAck { session_present, code: ConnectCode::Accepted }];
        packets.extend(self.sessions.with_session(&id, client, Session::resume).unwrap_or_default());
        // One and a half times what the client has announced.
        let patience = (keep_alive > 0).then(|| Duration::from_secs(keep_alive.into()) * 3 / 2);
        (packets, BrokerState::Online(Online { id, patience }))
    }

    /// The client has connected. A client that is silent for too long is disconnected.
    #[state(idle = online.patience)]
    async fn online(
        &self,
        client: &Client,
        connection: &mut Connection,
        online: Online,
        packet: Packet,
    ) -> (Vec<Packet>, BrokerState) {
        let id = &online.id;
        let session = |f: &dyn Fn(&mut Session) -> Vec<Packet>| self.sessions.with_session(id, client, f);
        let packets = match packet {
            Packet::Publish { message, id: None, .. } => {
                self.sessions.publish(message);
                Some(vec![])
            }
            Packet::Publish { message, id: Some(packet), .. } if message.qos == Qos::AtLeastOnce => {
                self.sessions.publish(message);
                Some(vec![Packet::PubAck(packet)])
            }
            Packet::Publish { message, id: Some(packet), .. } => {
                let is_new = self.sessions.with_session(id, client, |session| session.receive(packet));
                if is_new == Some(true) {
                    self.sessions.publish(message);
                }
                Some(vec![Packet::PubRec(packet)])
            }
            Packet::PubRel(packet) => session(&|session| {
                session.release(packet);
                vec![Packet::PubComp(packet)]
            }),
            Packet::PubAck(packet) | Packet::PubComp(packet) => {
                session(&|session| session.acknowledged(packet))
            }
            Packet::PubRec(packet) => session(&|session| {
                session.received_by_client(packet);
                vec![Packet::PubRel(packet)]
            }),
            Packet::Subscribe { id: packet, filters } => {
                let granted = self.sessions.subscribe(id, client, filters);
                granted.map(|granted| vec![Packet::SubAck { id: packet, granted }])
            }
            Packet::Unsubscribe { id: packet, filters } => session(&|session| {
                session.unsubscribe(&filters);
                vec![Packet::UnsubAck(packet)]
            }),
            Packet::PingReq => Some(vec![Packet::PingResp]),
            Packet::Disconnect => {
                connection.will = None;
                None
            }
            // Packets of servers, and a second `CONNECT`.
            _ => None,
        };
        match packets {
            Some(packets) => (packets, BrokerState::Online(online)),
            None => (Vec::new(), BrokerState::Closed),
        }
    }

    /// There are messages for the client.
    #[event(online)]
    async fn ready(&self, client: &Client, online: Online, _ready: Ready) -> (Vec<Packet>, BrokerState) {
        let packets = self.sessions.with_session(&online.id, client, Session::take).unwrap_or_default();
        (packets, BrokerState::Online(online))
    }

    /// Runs however the connection ends: by `DISCONNECT`, a reset, a time limit, malformed input.
    #[on(disconnect)]
    async fn closed(&self, client: &Client, connection: Connection) {
        if let Some(id) = connection.id {
            self.sessions.disconnect(&id, client);
        }
        if let Some(will) = connection.will {
            self.sessions.publish(will);
        }
    }
}
