//! The service: what a command means depends on the state of the session.
//!
//! ```text
//! ready ──MULTI──▶ queueing(commands) ──EXEC, DISCARD──▶ ready
//! ready ──SUBSCRIBE──▶ subscribed(subscriptions) ──UNSUBSCRIBE from the last──▶ ready
//! ```

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::str;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use portcullis::prelude::*;
use portcullis::{Codec, TrySendError};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::channels::{Channels, Client, Message, Subscriptions};
use super::store::Store;
use super::wire::{Command, Reply, Resp};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// The maximum number of commands between `MULTI` and `EXEC`.
const MAX_QUEUED: usize = 1024;
/// How long a publisher waits for a subscriber whose queue is full.
const PATIENCE: Duration = Duration::from_secs(1);

pub(crate) struct Redis {
    store: Mutex<Store>,
    /// Wakes the handlers that wait in `BLPOP`.
    pushed: Notify,
    channels: Channels,
    /// Where the data are saved.
    file: PathBuf,
    /// Reads and writes the file, because that blocks.
    disk: Pool,
}

#[service]
impl Redis {
    /// Loads the data, and removes expired keys once a second until the server stops.
    #[on(start)]
    async fn start(&self, cleanup: &mut Cleanup) -> Result<(), Error> {
        cleanup.pool(self.disk.clone());
        self.load().await?;
        let redis = Arc::clone(self);
        cleanup.spawn(async move {
            loop {
                sleep(Duration::from_secs(1)).await;
                redis.store().remove_expired();
            }
        });
        Ok(())
    }

    #[state(start)]
    async fn ready(&self, client: &Client, command: Command) -> (Option<Reply>, RedisState) {
        let reply = match command.parts() {
            ("MULTI", []) => return (Some(Reply::Status("OK")), RedisState::Queueing(Some(Vec::new()))),
            ("EXEC" | "DISCARD", []) => Reply::error(format!("ERR {} without MULTI", command.parts().0)),
            ("SUBSCRIBE", channels @ [_, ..]) => {
                let mut subscriptions = Subscriptions::new(&self.channels, client);
                // A `Vec` of responses would be an allocation for each command of this state.
                for channel in channels {
                    let _ = client.send(subscriptions.add(channel)).await;
                }
                return (None, RedisState::Subscribed(subscriptions));
            }
            ("PUBLISH", [channel, payload]) => self.publish(channel, payload).await,
            ("BLPOP", [keys @ .., seconds]) if !keys.is_empty() => {
                self.pop_or_wait(client, keys, seconds).await
            }
            ("SAVE", []) => match self.save().await {
                Ok(()) => Reply::Status("OK"),
                Err(error) => Reply::error(format!("ERR {error}")),
            },
            ("BGSAVE", _) => {
                self.save().detach();
                Reply::Status("Background saving started")
            }
            ("CLIENT", [what]) if what.eq_ignore_ascii_case(b"ID") => Reply::Integer(client.id() as i64),
            ("CLIENT", [_, ..]) => Reply::Status("OK"),
            ("CONFIG", [_, name]) => Reply::Array(vec![Reply::Bulk(name.clone()), Reply::text("")]),
            ("HELLO", [_, ..]) => Reply::error("NOPROTO this server speaks RESP 2"),
            ("QUIT", []) => return (Some(Reply::Status("OK")), RedisState::Closed),
            (name, _) if Store::knows(name) => self.apply(&command),
            (name, _) => Reply::error(format!("ERR unknown command '{name}', or wrong arguments")),
        };
        (Some(reply), RedisState::Ready)
    }

    /// After `MULTI`: collects commands until `EXEC`. There is no list if a command was refused.
    #[state]
    async fn queueing(&self, commands: Option<Vec<Command>>, command: Command) -> (Reply, RedisState) {
        match (command.parts(), commands) {
            (("EXEC", []), Some(commands)) => {
                // One lock, so that no other command runs in between.
                let mut store = self.store();
                let replies = commands.iter().map(|command| store.apply(command)).collect();
                self.pushed.notify_waiters();
                (Reply::Array(replies), RedisState::Ready)
            }
            (("EXEC", []), None) => {
                let error = "EXECABORT Transaction discarded because of previous errors.";
                (Reply::error(error), RedisState::Ready)
            }
            (("DISCARD", []), _) => (Reply::Status("OK"), RedisState::Ready),
            ((name, _), Some(mut commands)) if Store::knows(name) && commands.len() < MAX_QUEUED => {
                commands.push(command);
                (Reply::Status("QUEUED"), RedisState::Queueing(Some(commands)))
            }
            ((name, _), _) => {
                let error = format!("ERR '{name}' cannot be part of this transaction");
                (Reply::error(error), RedisState::Queueing(None))
            }
        }
    }

    /// Subscribed to a channel at least. One command has a reply for each channel.
    #[state]
    async fn subscribed(
        &self,
        mut subscriptions: Subscriptions,
        command: Command,
    ) -> (Vec<Reply>, RedisState) {
        let replies = match command.parts() {
            ("SUBSCRIBE", channels @ [_, ..]) => {
                channels.iter().map(|channel| subscriptions.add(channel)).collect()
            }
            ("UNSUBSCRIBE", []) => subscriptions.remove_all(),
            ("UNSUBSCRIBE", channels) => {
                channels.iter().map(|channel| subscriptions.remove(channel)).collect()
            }
            ("PING", []) => vec![Reply::Array(vec![Reply::text("pong"), Reply::text("")])],
            ("QUIT", []) => return (vec![Reply::Status("OK")], RedisState::Closed),
            (name, _) => vec![Reply::error(format!(
                "ERR Can't execute '{name}': only SUBSCRIBE, UNSUBSCRIBE, PING and QUIT are allowed in this context"
            ))],
        };
        let next =
            if subscriptions.is_empty() { RedisState::Ready } else { RedisState::Subscribed(subscriptions) };
        (replies, next)
    }

    /// A message to one of the channels.
    #[event(subscribed)]
    async fn published(&self, subscriptions: Subscriptions, message: Message) -> (Reply, RedisState) {
        (message.0, RedisState::Subscribed(subscriptions))
    }

    /// Malformed input is answered, and ends the session, because the next command cannot be found.
    #[on(error)]
    async fn failed(&self, error: SessionError) -> ControlFlow<Reason, Reply> {
        let text = match error {
            SessionError::Decode(error) => error.to_string(),
            error => error.to_string(),
        };
        ControlFlow::Continue(Reply::error(format!("ERR {text}")))
    }

    /// Writes the commands that make the data again to a new file, and renames it when it is
    /// complete.
    #[blocking(pool = self.disk)]
    fn save(&self, worker: &Worker) -> Result<(), Error> {
        // The lock is held while the table is copied, not while it is written.
        let data = self.store().clone();
        let unfinished = self.file.with_extension("part");
        let mut file = BufWriter::new(File::create(&unfinished)?);
        let mut bytes = BytesMut::new();
        for command in data.to_commands() {
            worker.check()?;
            Codec::<Reply, Command>::encode(&mut Resp, command, &mut bytes)?;
            file.write_all(&bytes.split())?;
        }
        file.into_inner()?.sync_all()?;
        Ok(fs::rename(unfinished, &self.file)?)
    }

    /// Applies the commands in the file.
    #[blocking(pool = self.disk)]
    fn load(&self, worker: &Worker) -> Result<(), Error> {
        let mut bytes = match fs::read(&self.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            read => BytesMut::from(&*read?),
        };
        while let Some(command) = Codec::<Command, Reply>::decode(&mut Resp, &mut bytes)? {
            worker.check()?;
            self.store().apply(&command);
        }
        if bytes.is_empty() { Ok(()) } else { Err("the file is truncated".into()) }
    }
}

impl Redis {
    /// A service that keeps its data in `file`.
    pub(crate) fn open(file: PathBuf) -> io::Result<Self> {
        Ok(Self {
            store: Mutex::default(),
            pushed: Notify::new(),
            channels: Channels::default(),
            file,
            disk: Pool::builder("disk").threads(1).queue_capacity(4).build()?,
        })
    }

    /// The lock is held for one command or one transaction, and never across an await.
    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn apply(&self, command: &Command) -> Reply {
        let reply = self.store().apply(command);
        if let ("LPUSH" | "RPUSH", _) = command.parts() {
            self.pushed.notify_waiters();
        }
        reply
    }

    /// `BLPOP`: waits for an element of one of the lists, for the time, or until the server stops.
    ///
    /// The session handles no other command meanwhile. If its client disconnects, this is dropped
    /// at an await, where no element has been taken yet.
    async fn pop_or_wait(&self, client: &Client, keys: &[Bytes], seconds: &[u8]) -> Reply {
        let seconds = str::from_utf8(seconds).ok().and_then(|text| text.parse().ok());
        let limit = match seconds {
            Some(0.0) => Duration::MAX,
            Some(seconds) => match Duration::try_from_secs_f64(seconds) {
                Ok(limit) => limit,
                Err(_) => return Reply::error("ERR timeout is negative or out of range"),
            },
            None => return Reply::error("ERR timeout is not a float or out of range"),
        };
        let popped = async {
            loop {
                // Created before the look, so that no push between the two is missed.
                let pushed = self.pushed.notified();
                let popped = self.store().pop_first(keys);
                match popped {
                    Some(reply) => return reply,
                    None => pushed.await,
                }
            }
        };
        tokio::select! {
            biased;
            reply = popped => reply,
            () = sleep(limit) => Reply::NullArray,
            () = client.stopping() => Reply::error("UNBLOCKED the server is stopping"),
        }
    }

    /// Posts a message to the subscribers of a channel, and returns their number.
    async fn publish(&self, channel: &Bytes, payload: &Bytes) -> Reply {
        let parts = [Bytes::from_static(b"message"), channel.clone(), payload.clone()];
        let message = Message(Reply::Array(parts.map(Reply::Bulk).into()).encoded());
        let (count, full) = self.channels.post(channel, &message);
        for client in full {
            // A full queue alone does not mean that a client is slow, so it gets some time. A
            // client that does not read is disconnected, because it must not delay the others.
            if let Err(TrySendError::Full(_)) = client.post_timeout(message.clone(), PATIENCE).await {
                client.abort();
            }
        }
        Reply::Integer(count as i64)
    }
}
