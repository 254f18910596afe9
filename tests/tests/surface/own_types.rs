//! User types with the names of the library's types.
use portcullis::Worker as Thread;
use portcullis::prelude::*;
use portcullis::{Interrupted, blocking};

mod hr {
    #[derive(Clone, Debug, PartialEq)]
    pub(crate) struct Worker(pub(crate) u64);
    #[derive(Clone, Debug, PartialEq)]
    pub(crate) struct Peer(pub(crate) u64);
    #[derive(Clone, Debug, PartialEq)]
    pub(crate) struct Reason(pub(crate) u64);
    #[derive(Clone, Debug, PartialEq)]
    pub(crate) struct Session(pub(crate) u64);
    #[derive(Clone, Debug, PartialEq)]
    pub(crate) struct Result(pub(crate) u64);
}

macro_rules! echoes {
    ($($service:ident($name:ident))*) => { $(
        struct $service;

        #[service]
        impl $service {
            #[on(connect)]
            async fn connected(&self) -> hr::$name {
                hr::$name(1)
            }

            #[request]
            async fn echo(&self, held: &mut hr::$name, given: hr::$name) -> hr::$name {
                hr::$name(held.0 + self.on_a_thread(given).await.map_or(0, |given| given.0))
            }

            #[blocking]
            fn on_a_thread(&self, given: hr::$name) -> std::result::Result<hr::$name, Interrupted> {
                Ok(given)
            }

            #[on(disconnect)]
            async fn disconnected(&self, held: hr::$name) {
                drop(held);
            }
        }
    )* };
}
echoes! { Workers(Worker) Peers(Peer) Reasons(Reason) Sessions(Session) Results(Result) }

/// Named like the library's type, and imported.
mod imported {
    use super::hr::Reason;
    use portcullis::prelude::*;

    pub(crate) struct Imported;

    #[service]
    impl Imported {
        #[on(connect)]
        async fn connected(&self) -> Reason {
            Reason(1)
        }

        #[request]
        async fn echo(&self, held: &mut Reason, n: u64) -> u64 {
            held.0 + n
        }

        #[on(disconnect)]
        async fn disconnected(&self, held: Reason) {
            drop(held);
        }
    }
}

struct Kept;

#[service]
impl Kept {
    #[on(connect)]
    async fn connected(&self) -> (hr::Reason, KeptState) {
        (hr::Reason(1), KeptState::Held(hr::Worker(1), hr::Result(2)))
    }

    #[state(start)]
    async fn held(
        &self,
        worker: hr::Worker,
        result: hr::Result,
        request: hr::Session,
    ) -> (hr::Result, KeptState) {
        (hr::Result(worker.0 + result.0 + request.0), KeptState::Held(worker, result))
    }

    #[event(held)]
    async fn posted(&self, worker: hr::Worker, result: hr::Result, _reason: hr::Reason) -> KeptState {
        KeptState::Held(worker, result)
    }

    #[on(disconnect)]
    async fn disconnected(&self, reason: hr::Reason, last: Option<KeptState>) {
        let _ = (reason, last);
    }
}

#[blocking]
fn by_value(worker: hr::Worker) -> u64 {
    worker.0
}

#[blocking]
fn renamed(thread: &Thread, n: u64) -> Result<u64, Interrupted> {
    thread.check()?;
    Ok(n)
}

#[blocking]
fn both(_: &Thread, worker: hr::Worker) -> u64 {
    worker.0
}

#[tokio::test]
async fn user_types_with_library_names_are_not_mistaken() {
    macro_rules! echo {
        ($($service:ident($name:ident))*) => { $(
            let mut client = portcullis::test::connect($service).await.unwrap();
            assert_eq!(client.call(hr::$name(2)).await.unwrap(), hr::$name(3));
        )* };
    }
    echo! { Workers(Worker) Peers(Peer) Reasons(Reason) Sessions(Session) Results(Result) }
    let mut client = portcullis::test::connect(imported::Imported).await.unwrap();
    assert_eq!(client.call(2).await.unwrap(), 3);
    let mut client = portcullis::test::connect(Kept).await.unwrap();
    assert_eq!(client.call(hr::Session(4)).await.unwrap(), hr::Result(7));
    assert_eq!(by_value(hr::Worker(3)).await.ok(), Some(3));
    assert_eq!(renamed(5).await.ok(), Some(5));
    assert_eq!(both(hr::Worker(3)).await.ok(), Some(3));
}
