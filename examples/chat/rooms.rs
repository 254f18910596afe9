//! The rooms and their members.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use portcullis::Peer;

use super::service::{Response, User};

/// The events that sessions post to each other.
#[derive(Clone, Debug)]
pub(crate) enum Note {
    Said { from: String, text: String },
    Joined { name: String },
    Left { name: String },
    Kicked { by: String },
}

type Member = Peer<Response, Note>;

/// All rooms. A room exists while it has members.
#[derive(Clone, Default)]
pub(crate) struct Rooms(Arc<Mutex<HashMap<String, BTreeMap<String, Member>>>>);

/// The membership of a user in a room. Dropping it removes the user and informs the other members.
pub(crate) struct Membership {
    rooms: Rooms,
    room: String,
    user: User,
}

impl Rooms {
    /// Adds `user` to the room and informs the other members. Returns `None` if the user is already
    /// a member.
    pub(crate) fn join(&self, room: &str, user: &User, peer: &Member) -> Option<Membership> {
        let mut rooms = self.lock();
        let members = rooms.entry(room.to_owned()).or_default();
        if members.contains_key(&user.name) {
            return None;
        }
        post(members, &Note::Joined { name: user.name.clone() });
        members.insert(user.name.clone(), peer.clone());
        drop(rooms);
        Some(Membership { rooms: self.clone(), room: room.to_owned(), user: user.clone() })
    }

    /// The lock is held for a few lookups, and never across an await.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, BTreeMap<String, Member>>> {
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
        if let Some(members) = self.rooms.lock().get(&self.room) {
            post(members, note);
        }
    }

    /// Posts a kick to the member `name`. Returns whether there is such a member.
    pub(crate) fn kick(&self, name: &str) -> bool {
        let note = Note::Kicked { by: self.user.name.clone() };
        let member = self.rooms.lock().get(&self.room).and_then(|members| members.get(name).cloned());
        member.is_some_and(|member| member.try_post(note).is_ok())
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

/// Never waits. A member whose event queue is full is disconnected, so that a slow client does not
/// delay the others.
fn post(members: &BTreeMap<String, Member>, note: &Note) {
    for member in members.values() {
        if member.try_post(note.clone()).is_err() {
            member.close();
        }
    }
}
