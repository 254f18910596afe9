//! Chat rooms: who may do what is what the session's state is.
//!
//! ```text
//! login(attempts) ──right password──▶ lobby(user) ──join──▶ room(seat) ──leave, kicked──▶ lobby(user)
//! ```
//!
//! What others do in a room comes to a session as an event, in order with its own requests. A
//! [`Seat`] is a state's data, so however the session ends, its place in the room ends with it.

use std::collections::HashMap;
use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{self, PasswordHasher, PasswordVerifier};
use portcullis::Interrupted;
use portcullis::prelude::*;
use serde::{Deserialize, Serialize};

use super::rooms::{Note, Rooms, Seat};

/// What a client says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    Login { name: String, password: String },
    Join { room: String },
    Say { text: String },
    Kick { name: String },
    Who,
    Leave,
}

/// What it is told.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Response {
    Welcome {
        name: String,
    },
    Refused {
        why: String,
    },
    Joined {
        room: String,
        present: Vec<String>,
    },
    Left {
        room: String,
    },
    Present {
        names: Vec<String>,
    },
    Done,
    /// Somebody said something, in the room.
    Said {
        from: String,
        text: String,
    },
    Came {
        name: String,
    },
    Went {
        name: String,
    },
    Kicked {
        by: String,
    },
    Bye {
        why: String,
    },
}

/// Somebody who has logged in.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) is_moderator: bool,
}

struct Account {
    hash: String,
    is_moderator: bool,
}

pub(crate) struct Chat {
    /// Hashing a password takes all of a core for a while, which is its purpose.
    cpu: Pool,
    accounts: HashMap<String, Account>,
    /// What the password of nobody is compared with, so that names can't be told from their timing.
    nobody: String,
    rooms: Rooms,
}

const ATTEMPTS: u8 = 3;

#[service(response = Response)]
impl Chat {
    #[on(start)]
    async fn start(&self, cleanup: &mut Cleanup) {
        cleanup.pool(self.cpu.clone());
    }

    /// Every session begins with its number of attempts.
    #[on(connect)]
    async fn connected(&self) -> ChatState {
        ChatState::Login(ATTEMPTS)
    }

    /// Until the right password. Half a minute for all attempts together.
    #[state(start, max_duration = "30s")]
    async fn login(&self, attempts: u8, request: Request) -> Result<(Response, ChatState), Interrupted> {
        let Request::Login { name, password } = request else {
            return Ok((refused("log in first"), ChatState::Login(attempts)));
        };
        match self.verify(name, password).await? {
            Some(user) => Ok((Response::Welcome { name: user.name.clone() }, ChatState::Lobby(user))),
            None if attempts > 1 => Ok((refused("wrong name or password"), ChatState::Login(attempts - 1))),
            None => Ok((Response::Bye { why: "too many attempts".into() }, ChatState::Closed)),
        }
    }

    /// Logged in, and in no room.
    #[state(idle = "5m")]
    async fn lobby(
        &self,
        peer: &Peer<Response, Note>,
        user: User,
        request: Request,
    ) -> (Response, ChatState) {
        match request {
            Request::Join { room } => match self.rooms.join(&room, &user, peer) {
                Some(seat) => (Response::Joined { room, present: seat.present() }, ChatState::Room(seat)),
                None => (refused("you are there already"), ChatState::Lobby(user)),
            },
            Request::Login { .. } => (refused("you have logged in"), ChatState::Lobby(user)),
            _ => (refused("join a room first"), ChatState::Lobby(user)),
        }
    }

    /// In a room. The idle time is short so that the example can show it.
    #[state(idle = "2s")]
    async fn room(&self, seat: Seat, request: Request) -> (Response, ChatState) {
        match request {
            Request::Say { text } => {
                seat.tell_all(&Note::Said { from: seat.user().name.clone(), text });
                (Response::Done, ChatState::Room(seat))
            }
            Request::Who => (Response::Present { names: seat.present() }, ChatState::Room(seat)),
            Request::Kick { .. } if !seat.user().is_moderator => {
                (refused("you are no moderator"), ChatState::Room(seat))
            }
            Request::Kick { name } => {
                let response =
                    if seat.kick(&name) { Response::Done } else { refused("nobody of that name is here") };
                (response, ChatState::Room(seat))
            }
            Request::Leave => {
                (Response::Left { room: seat.room().to_owned() }, ChatState::Lobby(seat.leave()))
            }
            _ => (refused("leave this room first"), ChatState::Room(seat)),
        }
    }

    /// What others do moves this session on, as its own requests do.
    #[event(room)]
    async fn noted(&self, seat: Seat, note: Note) -> (Response, ChatState) {
        match note {
            Note::Said { from, text } => (Response::Said { from, text }, ChatState::Room(seat)),
            Note::Came { name } => (Response::Came { name }, ChatState::Room(seat)),
            Note::Went { name } => (Response::Went { name }, ChatState::Room(seat)),
            Note::Kicked { by } => (Response::Kicked { by }, ChatState::Lobby(seat.leave())),
        }
    }

    /// Whoever says nothing in a room makes place.
    #[on(timeout = room)]
    async fn asleep(&self, _seat: Seat) -> (Response, ChatState) {
        (Response::Bye { why: "you fell asleep".into() }, ChatState::Closed)
    }

    /// Too busy for a password, or no JSON: answered, and the session goes on where it can.
    #[on(error)]
    async fn failed(&self, error: SessionError<Interrupted>) -> ControlFlow<Reason, Response> {
        ControlFlow::Continue(refused(&error.to_string()))
    }

    /// On a thread of `self.cpu`: given up after five seconds, or when the client goes away.
    #[blocking(pool = self.cpu, deadline = "5s", nested)]
    fn verify(&self, name: String, password: String) -> Option<User> {
        let account = self.accounts.get(&name);
        let hash = PasswordHash::new(account.map_or(&self.nobody, |account| &account.hash)).ok()?;
        let verified = Argon2::default().verify_password(password.as_bytes(), &hash).is_ok();
        account.filter(|_| verified).map(|account| User { name, is_moderator: account.is_moderator })
    }
}

impl Chat {
    /// Knows `accounts`: a name, a password, and whether it may kick.
    pub(crate) fn open(
        accounts: &[(&str, &str, bool)],
    ) -> Result<Arc<Self>, Box<dyn std::error::Error + Send + Sync>> {
        let hashed = accounts
            .iter()
            .map(|(name, password, is_moderator)| {
                let account = Account { hash: hash(password)?, is_moderator: *is_moderator };
                Ok(((*name).to_owned(), account))
            })
            .collect::<Result<_, password_hash::Error>>();
        Ok(Arc::new(Self {
            cpu: Pool::builder("cpu").threads(2).queue_capacity(16).build()?,
            accounts: hashed.map_err(|error| error.to_string())?,
            nobody: hash("nobody's").map_err(|error| error.to_string())?,
            rooms: Rooms::default(),
        }))
    }
}

fn hash(password: &str) -> Result<String, password_hash::Error> {
    Ok(Argon2::default().hash_password(password.as_bytes())?.to_string())
}

fn refused(why: &str) -> Response {
    Response::Refused { why: why.to_owned() }
}
