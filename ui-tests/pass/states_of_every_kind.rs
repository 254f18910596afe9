//! A machine with data, events, time limits and a connection value; all return types, with aliases.
#![deny(warnings)]
use portcullis::prelude::*;
use std::time::Duration;

struct Chat {
    name: String,
}

struct Seat(u32);

#[allow(dead_code)]
enum Note {
    Said(String),
    Kicked,
}

type Answer = (String, ChatState);
type Next = ChatState;

const PATIENCE: Duration = Duration::from_secs(5);

#[service(response = String)]
impl Chat {
    #[on(connect)]
    async fn connected(&self, peer: &Peer<String, Note>) -> Result<(u64, ChatState), std::num::ParseIntError> {
        let _ = peer.try_send(format!("this is {}", self.name));
        Ok((0, ChatState::Login(3, [0; 2])))
    }

    /// Patterns, `mut` and underscores, as in any function.
    #[state(start, max_duration = "1m30s")]
    async fn login(&self, count: &mut u64, mut attempts: u8, _key: [u8; 2], line: String) -> Result<Answer, std::num::ParseIntError> {
        *count += 1;
        attempts -= 1;
        match line.parse::<u32>()? {
            0 if attempts == 0 => Ok(("bye".to_owned(), ChatState::Closed)),
            0 => Ok(("again".to_owned(), ChatState::Login(attempts, [1; 2]))),
            seat => Ok((line, ChatState::Room(Seat(seat)))),
        }
    }

    #[state(idle = PATIENCE, half_close = answer)]
    async fn room(&self, peer: &Peer<String, Note>, count: &mut u64, seat: Seat, line: String) -> Next {
        *count += u64::from(seat.0);
        let _ = peer.send(line).await;
        if *count > 9 { ChatState::EndOfData } else { ChatState::Room(seat) }
    }

    #[state(idle = "1s", max_duration = Duration::from_secs(60))]
    async fn end_of_data(&self, line: String) -> (String, ChatState) {
        (line, ChatState::Closed)
    }

    #[state(events_only, idle = "2s", half_close = answer)]
    async fn muted(&self, seat: Seat, note: Note) -> ChatState {
        let _ = note;
        ChatState::Room(seat)
    }

    #[event(room)]
    async fn noted(&self, seat: Seat, note: Note) -> Result<(String, ChatState), std::num::ParseIntError> {
        Ok(match note {
            Note::Said(text) => (text, ChatState::Room(seat)),
            Note::Kicked if seat.0 == 0 => (String::new(), ChatState::Muted(seat)),
            Note::Kicked => (String::new(), ChatState::Closed),
        })
    }

    #[event(end_of_data)]
    async fn passed(&self, _note: Note) -> ChatState {
        ChatState::EndOfData
    }

    #[on(timeout = room)]
    async fn asleep(&self, _seat: Seat) -> Next {
        ChatState::EndOfData
    }

    #[on(timeout = end_of_data)]
    async fn tired(&self) -> (String, Next) {
        (self.name.clone(), ChatState::Closed)
    }

    #[on(disconnect)]
    async fn left(&self, _count: u64, last: Option<ChatState>, reason: Reason) {
        match last {
            Some(ChatState::Login(..) | ChatState::EndOfData | ChatState::Closed) | None => {}
            Some(ChatState::Room(Seat(number)) | ChatState::Muted(Seat(number))) => println!("{number}: {reason}"),
        }
    }
}

fn main() {
    let chat = Chat { name: "chat".to_owned() };
    let _ = Server::new(chat).codec(Lines::new()).max_queued_events(16);
}
