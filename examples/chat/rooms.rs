//! The rooms and their members.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use portcullis::{Peer, TrySendError};

use super::service::{Response, User};

/// The events that sessions post to each other.
#[derive(Clone, Debug)]
pub(crate) enum Note {
    Said {
        from: String,
        text: String,
    },
    Joined {
        name: String,
    },
    Left {
        name: String,
    },
    Kicked {
        by: String,
    },
    /// The member was too slow for this number of notes, which were dropped.
    Missed {
        count: usize,
    },
}

/// A member whose queue of events is full for this long is disconnected.
const MAX_LAG: Duration = Duration::from_secs(5);

/// The members of a room by their names.
type Members = BTreeMap<String, Member>;

/// All rooms. A room exists while it has members.
#[derive(Clone, Default)]
pub(crate) struct Rooms(Arc<Mutex<HashMap<String, Members>>>);

/// The session of a member, and how far it lags behind the room.
struct Member {
    peer: Peer<Response, Note>,
    missed: usize,
    full_since: Option<Instant>,
}

/// The membership of a user in a room. Dropping it removes the user and informs the other members.
pub(crate) struct Membership {
    rooms: Rooms,
    room: String,
    user: User,
}

impl Rooms {
    /// Adds `user` to the room and informs the other members. Returns `None` if the user is already
    /// a member.
    pub(crate) fn join(&self, room: &str, user: &User, peer: &Peer<Response, Note>) -> Option<Membership> {
        let mut rooms = self.lock();
        let members = rooms.entry(room.to_owned()).or_default();
        if members.contains_key(&user.name) {
            return None;
        }
        post(members, &Note::Joined { name: user.name.clone() });
        members.insert(user.name.clone(), Member::new(peer.clone()));
        drop(rooms);
        Some(Membership { rooms: self.clone(), room: room.to_owned(), user: user.clone() })
    }

    /// The lock is held for a few lookups, and never across an await.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Members>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Membership {
    pub(crate) fn user(&self) -> &User {
        &self.user
    }

    pub(crate) fn room(&self) -> &str {
        &self.room
    }

    /// The names of all members.
    pub(crate) fn members(&self) -> Vec<String> {
        self.rooms.lock().get(&self.room).map_or(Vec::new(), |members| members.keys().cloned().collect())
    }

    /// Posts to every member, including this one.
    pub(crate) fn post_to_all(&self, note: &Note) {
        if let Some(members) = self.rooms.lock().get_mut(&self.room) {
            post(members, note);
        }
    }

    /// Posts a kick to the member `name`. Returns whether there is such a member.
    pub(crate) fn kick(&self, name: &str) -> bool {
        let note = Note::Kicked { by: self.user.name.clone() };
        let mut rooms = self.rooms.lock();
        let member = rooms.get_mut(&self.room).and_then(|members| members.get_mut(name));
        member.is_some_and(|member| member.peer.try_post(note).is_ok())
    }

    pub(crate) fn leave(self) -> User {
        self.user.clone()
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let mut rooms = self.rooms.lock();
        let Some(members) = rooms.get_mut(&self.room) else { return };
        members.remove(&self.user.name);
        if members.is_empty() {
            rooms.remove(&self.room);
        } else {
            post(members, &Note::Left { name: self.user.name.clone() });
        }
    }
}

impl Member {
    fn new(peer: Peer<Response, Note>) -> Self {
        Self { peer, missed: 0, full_since: None }
    }

    /// Never waits, so that a slow member does not delay the others. A full queue may be the result
    /// of a burst, so the member misses the note and stays. It is disconnected if its queue is full
    /// for [`MAX_LAG`].
    fn post(&mut self, note: Note) {
        if self.missed > 0 && self.peer.try_post(Note::Missed { count: self.missed }).is_ok() {
            self.missed = 0;
            self.full_since = None;
        }
        if let Err(TrySendError::Full(_)) = self.peer.try_post(note) {
            self.missed += 1;
            if self.full_since.get_or_insert_with(Instant::now).elapsed() >= MAX_LAG {
                // Not `close`, which waits for the member to read.
                self.peer.abort();
            }
        }
    }
}

fn post(members: &mut Members, note: &Note) {
    for member in members.values_mut() {
        member.post(note.clone());
    }
}
