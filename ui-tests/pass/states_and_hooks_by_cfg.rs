//! A state that is configured out leaves no variant, no match arm and no limit.
#![deny(warnings)]
use portcullis::prelude::*;

struct Chat;

#[service]
impl Chat {
    #[cfg(any())]
    #[state(start)]
    async fn gate(&self, missing: Missing, request: u64) -> Missing {
        missing
    }

    #[cfg(not(any()))]
    #[state(start)]
    async fn login(&self, request: u64) -> (u64, ChatState) {
        (request, ChatState::Room(request))
    }

    #[state(idle = "1m")]
    async fn room(&self, seat: u64, request: u64) -> (u64, ChatState) {
        (request, ChatState::Room(seat))
    }

    #[cfg(any())]
    #[state(idle = "1ms", max_duration = MISSING, half_close = cancel)]
    async fn room(&self, missing: Missing, request: u64) -> ChatState {
        ChatState::Missing(missing)
    }

    #[cfg(any())]
    #[event(room)]
    async fn noted(&self, seat: u64, event: Missing) -> ChatState {
        missing(event)
    }

    #[cfg(not(any()))]
    #[event(room)]
    async fn noted(&self, seat: u64, event: String) -> (u64, ChatState) {
        (event.len() as u64, ChatState::Room(seat))
    }

    #[cfg(any())]
    #[on(timeout = room)]
    async fn asleep(&self, seat: Missing) -> ChatState {
        ChatState::Missing
    }

    #[cfg(any())]
    #[before]
    async fn ahead(&self, request: Missing) -> ControlFlow<Missing, Missing> {
        missing(request)
    }

    #[cfg(any())]
    #[after]
    async fn behind(&self, response: &Missing) {}

    #[cfg(not(any()))]
    #[after]
    async fn behind(&self, response: &u64) {
        let _ = response;
    }
}

/// Only the states have no `cfg`.
struct Bare;

#[service]
impl Bare {
    #[cfg(any())]
    #[on(connect)]
    async fn connected(&self) -> BareState {
        BareState::Missing
    }

    #[state(start, idle = "1m")]
    async fn only(&self, request: u64) -> (u64, BareState) {
        (request, BareState::Only)
    }

    #[cfg(any())]
    #[event(only)]
    async fn noted(&self, event: Missing) -> BareState {
        BareState::Missing
    }

    #[cfg(any())]
    #[on(timeout = only)]
    async fn asleep(&self) -> Result<BareState, String> {
        Err(missing())
    }

    #[cfg(any())]
    #[after]
    async fn behind(&self, _peer: &Peer<u64, Missing>, _response: &u64) {}
}

/// Interceptors of a request.
struct Echo;

#[service]
impl Echo {
    #[cfg(any())]
    #[before]
    async fn ahead(&self, request: Missing) -> ControlFlow<Missing, Missing> {
        missing(request)
    }

    #[cfg(not(any()))]
    #[before]
    async fn ahead(&self, request: u64) -> ControlFlow<u64, u64> {
        ControlFlow::Continue(request)
    }

    #[request]
    async fn echo(&self, request: u64) -> u64 {
        request
    }

    #[cfg(any())]
    #[after]
    async fn behind(&self, _peer: &Peer<u64>, _response: &Missing) {}
}

fn main() {
    let _ = Server::new(Bare).codec(portcullis::JsonLines::new());
    let _ = Server::new(Echo).codec(portcullis::JsonLines::new());
    let _ = Server::new(Chat).codec(portcullis::JsonLines::new());
    let states = [ChatState::Login, ChatState::Room(1), ChatState::Closed];
    for state in states {
        match state {
            ChatState::Login | ChatState::Closed => {}
            ChatState::Room(seat) => assert_eq!(seat, 1),
        }
    }
}
