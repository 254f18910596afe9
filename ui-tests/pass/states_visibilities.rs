//! The enum of a private, a public and a restricted service, with its name and derives.
#![deny(warnings, missing_docs, unreachable_pub, private_interfaces, private_bounds)]

/// A public service with its public enum.
pub mod public {
    use portcullis::prelude::*;

    /// Counts.
    #[derive(Debug)]
    pub struct Counter;

    #[service(state(vis = pub, derive(Clone, Copy, Debug, PartialEq, Eq, Hash)))]
    impl Counter {
        /// How far it is.
        #[state(start)]
        pub async fn at_zero(&self, request: u64) -> (u64, CounterState) {
            (request, CounterState::Above(request))
        }

        #[state]
        async fn above(&self, count: u64, request: u64) -> (u64, CounterState) {
            (count + request, CounterState::Above(count + request))
        }
    }
}

mod private {
    use portcullis::prelude::*;

    /// Private to this module.
    struct Secret;

    struct Vault;

    pub(super) fn open() {
        let _ = Server::new(Vault).codec(JsonLines::new());
    }

    #[service(state(vis = pub(self), name = Door))]
    impl Vault {
        #[state(start)]
        async fn shut(&self, request: u64) -> (u64, Door) {
            (request, Door::Open(Secret))
        }

        #[state]
        async fn open(&self, secret: Secret, _request: u64) -> Door {
            let Secret = secret;
            Door::Shut
        }
    }
}

mod unsaid {
    use portcullis::prelude::*;

    struct Secret;

    pub(crate) struct Vault;

    #[service]
    impl Vault {
        #[state(start)]
        async fn shut(&self, request: u64) -> (u64, VaultState) {
            (request, VaultState::Open(Secret))
        }

        #[state]
        async fn open(&self, secret: Secret, _request: u64) -> VaultState {
            let Secret = secret;
            VaultState::Shut
        }
    }
}

fn main() {
    use portcullis::{JsonLines, Server};
    let _ = Server::new(public::Counter).codec(JsonLines::new());
    private::open();
    let _ = Server::new(unsaid::Vault).codec(JsonLines::new());
    assert_eq!(public::CounterState::Above(1), { public::CounterState::Above(1) });
}
