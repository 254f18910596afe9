//! What the connections share: sessions, subscriptions, messages that are retained or on their way.
//!
//! A session of MQTT is not a connection: it outlives its connection unless it is a clean one. The
//! messages for a client are therefore kept the messages for a client in its session, and posts the
//! event [`Ready`] to the connection, which takes them. At most one such event waits for a
//! connection.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use portcullis::Peer;

use super::topics;
use super::wire::{Message, Packet, Qos};

/// The event that messages for this client are ready.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready;

pub(crate) type Client = Peer<Packet, Ready>;

/// The maximum number of sessions, with and without a connection.
const MAX_SESSIONS: usize = 10_000;
/// The maximum number of filters of a client.
const MAX_SUBSCRIPTIONS: usize = 100;
/// The maximum number of messages that wait for a client. Further ones are dropped.
const MAX_QUEUED: usize = 1000;
/// The maximum number of messages that a client has not acknowledged. Further ones wait.
const MAX_UNACKNOWLEDGED: usize = 20;
/// The maximum number of topics with a retained message.
const MAX_RETAINED: usize = 1000;
/// After this many bytes of messages for a client, its own packets are handled.
const MAX_BURST: usize = 64 * 1024;

#[derive(Default)]
pub(crate) struct Sessions(Mutex<Shared>);

#[derive(Default)]
struct Shared {
    /// By the identifier of the client.
    sessions: HashMap<String, Session>,
    /// The last message of each topic that was sent to be retained.
    retained: BTreeMap<Arc<str>, Message>,
}

impl Sessions {
    /// Begins or continues a session with a connection, and ends its previous connection. Returns
    /// whether the session is continued, or `None` if there are too many sessions.
    pub(crate) fn connect(&self, id: &str, client: &Client, is_clean: bool) -> Option<bool> {
        let mut shared = self.lock();
        let previous = shared.sessions.remove(id);
        if shared.sessions.len() >= MAX_SESSIONS {
            return None;
        }
        if let Some(connection) = previous.as_ref().and_then(|session| session.connection.as_ref()) {
            connection.abort();
        }
        let continued = previous.filter(|session| !is_clean && !session.is_clean);
        let is_continued = continued.is_some();
        let session = Session {
            connection: Some(client.clone()),
            is_clean,
            is_notified: false,
            ..continued.unwrap_or_default()
        };
        shared.sessions.insert(id.to_owned(), session);
        Some(is_continued)
    }

    /// Ends a connection, and the session with it if it is a clean one.
    pub(crate) fn disconnect(&self, id: &str, client: &Client) {
        let sessions = &mut self.lock().sessions;
        let Some(session) = session(sessions, id, client) else { return };
        session.connection = None;
        if session.is_clean {
            sessions.remove(id);
        }
    }

    /// Calls `f` with the session, unless another connection has taken it.
    pub(crate) fn with_session<T>(
        &self,
        id: &str,
        client: &Client,
        f: impl FnOnce(&mut Session) -> T,
    ) -> Option<T> {
        session(&mut self.lock().sessions, id, client).map(f)
    }

    /// Subscribes to filters. The retained messages that match are queued. Returns the quality that
    /// is granted for each filter, if it is.
    pub(crate) fn subscribe(
        &self,
        id: &str,
        client: &Client,
        filters: Vec<(String, Qos)>,
    ) -> Option<Vec<Option<Qos>>> {
        let Shared { sessions, retained } = &mut *self.lock();
        let session = session(sessions, id, client)?;
        let subscribe = |(filter, qos): (String, Qos)| {
            let is_new = !session.subscriptions.contains_key(&filter);
            if is_new && session.subscriptions.len() >= MAX_SUBSCRIPTIONS {
                return None;
            }
            for message in retained.values().filter(|message| topics::matches(&filter, &message.topic)) {
                session.push(Message { qos: message.qos.min(qos), ..message.clone() });
            }
            session.subscriptions.insert(filter, qos);
            Some(qos)
        };
        Some(filters.into_iter().map(subscribe).collect())
    }

    /// Queues the message for each session that has subscribed to its topic.
    pub(crate) fn publish(&self, message: Message) {
        let Shared { sessions, retained } = &mut *self.lock();
        if message.retain {
            if message.payload.is_empty() {
                retained.remove(&message.topic);
            } else if retained.len() < MAX_RETAINED || retained.contains_key(&message.topic) {
                retained.insert(Arc::clone(&message.topic), message.clone());
            }
        }
        for session in sessions.values_mut() {
            // A client whose filters overlap gets the message once.
            let matching =
                session.subscriptions.iter().filter(|(filter, _)| topics::matches(filter, &message.topic));
            if let Some(granted) = matching.map(|(_, granted)| *granted).max() {
                session.push(Message { qos: message.qos.min(granted), retain: false, ..message.clone() });
            }
        }
    }

    /// The lock is held for a few lookups, and never across an await.
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The session, unless another connection has taken it.
fn session<'a>(
    sessions: &'a mut HashMap<String, Session>,
    id: &str,
    client: &Client,
) -> Option<&'a mut Session> {
    sessions.get_mut(id).filter(|session| session.connection.as_ref() == Some(client))
}

/// The session of a client.
#[derive(Default)]
pub(crate) struct Session {
    /// The connection, if the client is connected.
    connection: Option<Client>,
    is_clean: bool,
    subscriptions: BTreeMap<String, Qos>,
    /// Messages that were not sent yet.
    queue: VecDeque<Message>,
    /// Whether [`Ready`] is posted and not handled yet.
    is_notified: bool,
    /// Packets that the client has to acknowledge, in the order in which they were sent.
    unacknowledged: VecDeque<(u16, Packet)>,
    last_id: u16,
    /// Messages of [`Qos::ExactlyOnce`] that the client has sent and not released.
    received: HashSet<u16>,
}

impl Session {
    pub(crate) fn unsubscribe(&mut self, filters: &[String]) {
        for filter in filters {
            self.subscriptions.remove(filter);
        }
    }

    /// Whether the client has not sent this message before.
    pub(crate) fn receive(&mut self, id: u16) -> bool {
        self.received.insert(id)
    }

    pub(crate) fn release(&mut self, id: u16) {
        self.received.remove(&id);
    }

    /// The client has a message of [`Qos::ExactlyOnce`]. Now the packet that releases it has to be
    /// acknowledged.
    pub(crate) fn received_by_client(&mut self, id: u16) {
        if let Some((_, packet)) = self.unacknowledged.iter_mut().find(|(other, _)| *other == id) {
            *packet = Packet::PubRel(id);
        }
    }

    /// Forgets a packet. Returns the messages that waited for that.
    pub(crate) fn acknowledged(&mut self, id: u16) -> Vec<Packet> {
        self.unacknowledged.retain(|(other, _)| *other != id);
        self.take()
    }

    /// What a client gets first when it continues its session: the packets that it has not
    /// acknowledged, once more, and the messages that were queued.
    pub(crate) fn resume(&mut self) -> Vec<Packet> {
        let again = self.unacknowledged.iter().map(|(_, packet)| match packet.clone() {
            Packet::Publish { message, id, .. } => Packet::Publish { message, id, is_duplicate: true },
            other => other,
        });
        let mut packets: Vec<_> = again.collect();
        packets.append(&mut self.take());
        packets
    }

    /// Takes messages from the queue.
    pub(crate) fn take(&mut self) -> Vec<Packet> {
        self.is_notified = false;
        let (mut packets, mut bytes) = (Vec::new(), 0);
        while let Some(message) = self.queue.front() {
            if message.qos != Qos::AtMostOnce && self.unacknowledged.len() >= MAX_UNACKNOWLEDGED {
                break; // until the client acknowledges one
            }
            if bytes >= MAX_BURST {
                self.notify();
                break;
            }
            let Some(message) = self.queue.pop_front() else { break };
            bytes += message.payload.len();
            let id = (message.qos != Qos::AtMostOnce).then(|| self.next_id());
            let packet = Packet::Publish { message, id, is_duplicate: false };
            if let Some(id) = id {
                self.unacknowledged.push_back((id, packet.clone()));
            }
            packets.push(packet);
        }
        packets
    }

    fn push(&mut self, message: Message) {
        let is_kept = self.connection.is_some() || message.qos != Qos::AtMostOnce;
        if is_kept && self.queue.len() < MAX_QUEUED {
            self.queue.push_back(message);
            self.notify();
        }
    }

    fn notify(&mut self) {
        if let Some(connection) = &self.connection
            && !mem::replace(&mut self.is_notified, true)
        {
            // The queue of events is never full, because it holds at most this event.
            let _ = connection.try_post(Ready);
        }
    }

    /// An identifier that is not in use; 0 is none.
    fn next_id(&mut self) -> u16 {
        loop {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            if self.unacknowledged.iter().all(|(id, _)| *id != self.last_id) {
                return self.last_id;
            }
        }
    }
}
