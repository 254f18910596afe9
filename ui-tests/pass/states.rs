//! A machine with data, limits, events and time limits, in a public service with all lints.
#![deny(missing_docs, warnings, unreachable_pub, clippy::pedantic)]
#![forbid(unsafe_code)]

use portcullis::prelude::*;

/// The public part.
pub mod inner {
    use super::*;

    /// A turnstile.
    pub struct Turnstile {
        /// How often it turned.
        pub turns: std::sync::atomic::AtomicU64,
    }

    /// Commands of the operator.
    #[derive(Debug)]
    pub enum Order {
        /// Let one pass.
        Open,
    }

    #[service]
    impl Turnstile {
        #[state(start)]
        async fn locked(&self, request: String) -> (String, TurnstileState) {
            match request.parse() {
                Ok(coins) => ("push".to_owned(), TurnstileState::Unlocked(coins, Coins(1))),
                Err(_) => ("pay".to_owned(), TurnstileState::Locked),
            }
        }

        /// Documented, unlike the other state.
        #[state(idle = "30s", max_duration = "2m", half_close = cancel)]
        async fn unlocked(&self, coins: u32, more: Coins, request: String) -> TurnstileState {
            match request.as_str() {
                "push" => TurnstileState::Locked,
                "break" => TurnstileState::Closed,
                _ => TurnstileState::Unlocked(coins, more),
            }
        }

        #[event(locked)]
        async fn ordered(&self, order: Order) -> TurnstileState {
            match order {
                Order::Open => TurnstileState::Unlocked(0, Coins(0)),
            }
        }

        #[on(timeout = unlocked)]
        async fn waited(&self, _coins: u32, Coins(_more): Coins) -> TurnstileState {
            TurnstileState::Locked
        }
    }

    // A private type can be the data of a state.
    struct Coins(u32);
}

fn main() {
    let _ = inner::Turnstile { turns: 0.into() };
    let _ = inner::Order::Open;
}
