//! The channels and their subscribers.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use portcullis::{Peer, TrySendError};

use super::wire::Reply;

/// A message to a channel, as the event that is posted to each subscriber. It is encoded already.
#[derive(Clone, Debug)]
pub(crate) struct Message(pub(crate) Reply);

pub(crate) type Client = Peer<Reply, Message>;

/// The subscribers of each channel that has one.
#[derive(Clone, Default)]
pub(crate) struct Channels(Arc<Mutex<HashMap<Bytes, HashSet<Client>>>>);

impl Channels {
    /// Posts a message to all subscribers without waiting. Returns the number of subscribers, and
    /// those whose queue is full.
    pub(crate) fn post(&self, channel: &Bytes, message: &Message) -> (usize, Vec<Client>) {
        let channels = self.lock();
        let Some(subscribers) = channels.get(channel) else { return (0, Vec::new()) };
        let is_full =
            |client: &&Client| matches!(client.try_post(message.clone()), Err(TrySendError::Full(_)));
        (subscribers.len(), subscribers.iter().filter(is_full).cloned().collect())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Bytes, HashSet<Client>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The channels of one client, which end when it is dropped: with the state that holds it.
pub(crate) struct Subscriptions {
    channels: Channels,
    client: Client,
    names: BTreeSet<Bytes>,
}

impl Subscriptions {
    pub(crate) fn new(channels: &Channels, client: &Client) -> Self {
        Self { channels: channels.clone(), client: client.clone(), names: BTreeSet::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Subscribes to a channel, and returns the reply.
    pub(crate) fn add(&mut self, channel: &Bytes) -> Reply {
        self.channels.lock().entry(channel.clone()).or_default().insert(self.client.clone());
        self.names.insert(channel.clone());
        self.reply(b"subscribe", channel)
    }

    /// Ends a subscription, and returns the reply.
    pub(crate) fn remove(&mut self, channel: &Bytes) -> Reply {
        self.names.remove(channel);
        self.leave(channel);
        self.reply(b"unsubscribe", channel)
    }

    pub(crate) fn remove_all(&mut self) -> Vec<Reply> {
        let names: Vec<_> = self.names.iter().cloned().collect();
        names.iter().map(|channel| self.remove(channel)).collect()
    }

    fn reply(&self, kind: &'static [u8], channel: &Bytes) -> Reply {
        let count = Reply::Integer(self.names.len() as i64);
        Reply::Array(vec![Reply::Bulk(Bytes::from_static(kind)), Reply::Bulk(channel.clone()), count])
    }

    fn leave(&self, channel: &Bytes) {
        let mut channels = self.channels.lock();
        if let Some(subscribers) = channels.get_mut(channel) {
            subscribers.remove(&self.client);
            if subscribers.is_empty() {
                channels.remove(channel);
            }
        }
    }
}

impl Drop for Subscriptions {
    fn drop(&mut self) {
        for channel in &self.names {
            self.leave(channel);
        }
    }
}
