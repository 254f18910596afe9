//! The chat service. The state of a session decides which requests are allowed.
//!
//! ```text
//! login(attempts) ──right password──▶ lobby(user) ──join──▶ room(membership) ──leave, kicked──▶ lobby(user)
//! ```
//!
//! Actions of other members arrive as events, in order with the session's own requests. A
//! [`Membership`] is the data of a state, so it is dropped when the session ends in any way.

use std::collections::HashMap;
use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{self, PasswordHasher, PasswordVerifier};
use portcullis::Interrupted;
use portcullis::prelude::*;
use serde::{Deserialize, Serialize};

use super::rooms::{Membership, Note, Rooms};

/// The requests of a client.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    Login { name: String, password: String },
    Join { room: String },
    Say { text: String },
    Kick { name: String },
    Who,
    Leave,
}

/// The responses and notifications to a client.
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
    /// A message to the room.
    Said {
        from: String,
        text: String,
    },
    UserJoined {
        name: String,
    },
    UserLeft {
        name: String,
    },
    Kicked {
        by: String,
    },
    /// The client read too slowly, so it was not sent this number of notifications.
    Missed {
        count: usize,
    },
    Bye {
        why: String,
    },
}

/// A user who has logged in.
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
    /// Hashing a password is slow on purpose and uses a whole core.
    cpu: Pool,
    accounts: HashMap<String, Account>,
    /// The hash that passwords of unknown users are compared with, so that the response time does
    /// not reveal which names exist.
    unknown: String,
    rooms: Rooms,
}

const MAX_ATTEMPTS: u8 = 3;

#[service(response = Response)]
impl Chat {
    #[on(start)]
    async fn start(&self, cleanup: &mut Cleanup) {
        cleanup.pool(self.cpu.clone());
    }

    /// Every session starts with its number of attempts.
    #[on(connect)]
    async fn connected(&self) -> ChatState {
        ChatState::Login(MAX_ATTEMPTS)
    }

    /// Waits for the right password, for at most 30 seconds in total.
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

    /// Logged in, but in no room.
    #[state(idle = "5m")]
    async fn lobby(
        &self,
        peer: &Peer<Response, Note>,
        user: User,
        request: Request,
    ) -> (Response, ChatState) {
        match request {
            Request::Join { room } => match self.rooms.join(&room, &user, peer) {
                Some(membership) => {
                    (Response::Joined { room, present: membership.members() }, ChatState::Room(membership))
                }
                None => (refused("you are already in this room"), ChatState::Lobby(user)),
            },
            Request::Login { .. } => (refused("you are logged in already"), ChatState::Lobby(user)),
            _ => (refused("join a room first"), ChatState::Lobby(user)),
        }
    }

    /// In a room. The idle timeout is short so that the example can show it.
    #[state(idle = "2s")]
    async fn room(&self, membership: Membership, request: Request) -> (Response, ChatState) {
        match request {
            Request::Say { text } => {
                membership.post_to_all(&Note::Said { from: membership.user().name.clone(), text });
                (Response::Done, ChatState::Room(membership))
            }
            Request::Who => (Response::Present { names: membership.members() }, ChatState::Room(membership)),
            Request::Kick { .. } if !membership.user().is_moderator => {
                (refused("only moderators may kick"), ChatState::Room(membership))
            }
            Request::Kick { name } => {
                let response = if membership.kick(&name) {
                    Response::Done
                } else {
                    refused("no such user in this room")
                };
                (response, ChatState::Room(membership))
            }
            Request::Leave => {
                (Response::Left { room: membership.room().to_owned() }, ChatState::Lobby(membership.leave()))
            }
            _ => (refused("leave this room first"), ChatState::Room(membership)),
        }
    }

    /// Actions of other members.
    #[event(room)]
    async fn notified(&self, membership: Membership, note: Note) -> (Response, ChatState) {
        match note {
            Note::Said { from, text } => (Response::Said { from, text }, ChatState::Room(membership)),
            Note::Joined { name } => (Response::UserJoined { name }, ChatState::Room(membership)),
            Note::Left { name } => (Response::UserLeft { name }, ChatState::Room(membership)),
            Note::Missed { count } => (Response::Missed { count }, ChatState::Room(membership)),
            Note::Kicked { by } => (Response::Kicked { by }, ChatState::Lobby(membership.leave())),
        }
    }

    /// Disconnects a user who is idle in a room.
    #[on(timeout = room)]
    async fn idle(&self, _seat: Membership) -> (Response, ChatState) {
        (Response::Bye { why: "idle for too long".into() }, ChatState::Closed)
    }

    /// Answers a full pool, a missed deadline and malformed JSON; the session continues if it can.
    #[on(error)]
    async fn failed(&self, error: SessionError<Interrupted>) -> ControlFlow<Reason, Response> {
        ControlFlow::Continue(refused(&error.to_string()))
    }

    /// Runs on a thread of `self.cpu`. It is cancelled after five seconds, or when the client
    /// disconnects.
    #[blocking(pool = self.cpu, deadline = "5s", nested)]
    fn verify(&self, name: String, password: String) -> Option<User> {
        let account = self.accounts.get(&name);
        let hash = PasswordHash::new(account.map_or(&self.unknown, |account| &account.hash)).ok()?;
        let verified = Argon2::default().verify_password(password.as_bytes(), &hash).is_ok();
        account.filter(|_| verified).map(|account| User { name, is_moderator: account.is_moderator })
    }
}

impl Chat {
    /// Creates the service with `accounts`: a name, a password, and whether the user may kick.
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
            unknown: hash("unknown").map_err(|error| error.to_string())?,
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
