//! Rooms, and who sits in them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use portcullis::Peer;

use super::service::{Response, User};

/// What sessions post to each other.
#[derive(Clone, Debug)]
pub(crate) enum Note {
    Said { from: String, text: String },
    Came { name: String },
    Went { name: String },
    Kicked { by: String },
}

type Member = Peer<Response, Note>;

/// All rooms. One is there while somebody is in it.
#[derive(Clone, Default)]
pub(crate) struct Rooms(Arc<Mutex<HashMap<String, BTreeMap<String, Member>>>>);

/// A user's place in a room: dropped, the user is gone, and the others know.
pub(crate) struct Seat {
    rooms: Rooms,
    room: String,
    user: User,
}

impl Rooms {
    /// A place for `user`; none if there is one already. The others are told.
    pub(crate) fn join(&self, room: &str, user: &User, peer: &Member) -> Option<Seat> {
        let mut rooms = self.lock();
        let members = rooms.entry(room.to_owned()).or_default();
        if members.contains_key(&user.name) {
            return None;
        }
        tell(members, &Note::Came { name: user.name.clone() });
        members.insert(user.name.clone(), peer.clone());
        drop(rooms);
        Some(Seat { rooms: self.clone(), room: room.to_owned(), user: user.clone() })
    }

    /// Held for a few lookups and never across an await.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, BTreeMap<String, Member>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    pub(crate) fn user(&self) -> &User {
        &self.user
    }

    pub(crate) fn room(&self) -> &str {
        &self.room
    }

    /// The names of all who are there.
    pub(crate) fn present(&self) -> Vec<String> {
        self.rooms.lock().get(&self.room).map_or(Vec::new(), |members| members.keys().cloned().collect())
    }

    /// Posts to everyone in the room, this one too.
    pub(crate) fn tell_all(&self, note: &Note) {
        if let Some(members) = self.rooms.lock().get(&self.room) {
            tell(members, note);
        }
    }

    /// Whether there was anybody of that name to kick.
    pub(crate) fn kick(&self, name: &str) -> bool {
        let note = Note::Kicked { by: self.user.name.clone() };
        let member = self.rooms.lock().get(&self.room).and_then(|members| members.get(name).cloned());
        member.is_some_and(|member| member.try_post(note).is_ok())
    }

    pub(crate) fn leave(self) -> User {
        self.user.clone()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut rooms = self.rooms.lock();
        let Some(members) = rooms.get_mut(&self.room) else { return };
        members.remove(&self.user.name);
        if members.is_empty() {
            rooms.remove(&self.room);
        } else {
            tell(members, &Note::Went { name: self.user.name.clone() });
        }
    }
}

/// Never waits: who is so far behind that nothing more may be posted is sent away, and holds up
/// nobody.
fn tell(members: &BTreeMap<String, Member>, note: &Note) {
    for member in members.values() {
        if member.try_post(note.clone()).is_err() {
            member.close();
        }
    }
}
