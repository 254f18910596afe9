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

/// Types decide how many responses a handler returns. A response that is itself a `Vec` or an
/// `Option` is one.
mod several_or_one {
    use portcullis::prelude::*;

    type Bytes = Vec<u8>;

    pub(crate) struct Whole;
    #[service]
    impl Whole {
        #[request]
        async fn bytes(&self, count: u8) -> Vec<u8> {
            vec![count; count.into()]
        }
    }

    pub(crate) struct Named;
    #[service(response = Bytes)]
    impl Named {
        #[request]
        async fn bytes(&self, count: u8) -> Vec<u8> {
            vec![count; count.into()]
        }
    }

    pub(crate) struct Lists;
    #[service(response = Vec<u8>)]
    impl Lists {
        #[request]
        async fn bytes(&self, count: u8) -> Vec<Bytes> {
            vec![vec![count]; count.into()]
        }
    }

    pub(crate) struct Maybe;
    #[service(response = Option<u8>)]
    impl Maybe {
        #[request]
        async fn maybe(&self, count: u8) -> Option<u8> {
            count.checked_sub(1)
        }
    }

    pub(crate) struct Nested;
    #[service(response = Option<u8>)]
    impl Nested {
        #[request]
        async fn maybe(&self, count: u8) -> Option<Option<u8>> {
            (count > 0).then(|| count.checked_sub(2))
        }
    }

    /// The peer names the response.
    pub(crate) struct ByPeer;
    #[service]
    impl ByPeer {
        #[request]
        async fn bytes(&self, _peer: &Peer<u8>, count: u8) -> Result<Vec<u8>, String> {
            Ok(vec![count; count.into()])
        }
    }

    /// An alias of a `Result`, and interceptors that see each response.
    type Several = Result<[u8; 2], String>;

    pub(crate) struct Intercepted;
    #[service(response = u8)]
    impl Intercepted {
        #[on(connect)]
        async fn connected(&self) -> u8 {
            0
        }

        #[before]
        async fn check(&self, count: u8) -> ControlFlow<u8, u8> {
            if count == 0 { ControlFlow::Break(100) } else { ControlFlow::Continue(count) }
        }

        #[request]
        async fn twice(&self, seen: &mut u8, count: u8) -> Several {
            Ok([count, *seen])
        }

        #[after]
        async fn count(&self, seen: &mut u8, _response: &u8) {
            *seen += 1;
        }
    }

    /// In a block with parameters, where no constant can be evaluated.
    pub(crate) struct Generic<T>(pub(crate) T);
    #[service(response = T)]
    impl<T: Clone + Send + Sync + 'static> Generic<T> {
        #[request]
        async fn times(&self, count: u8) -> Vec<T> {
            vec![self.0.clone(); count.into()]
        }
    }
}

#[tokio::test]
async fn a_response_may_be_a_vec_or_an_option() {
    use several_or_one::*;
    let mut client = portcullis::test::connect(Whole).await.unwrap();
    assert_eq!(client.call(2).await.unwrap(), [2, 2]);
    let mut client = portcullis::test::connect(Named).await.unwrap();
    assert_eq!(client.call(2).await.unwrap(), [2, 2]);
    let mut client = portcullis::test::connect(Lists).await.unwrap();
    client.send(0);
    assert_eq!(client.call(2).await.unwrap(), [2]);
    assert_eq!(client.next().await.unwrap(), [2]);
    let mut client = portcullis::test::connect(Maybe).await.unwrap();
    assert_eq!(client.call(0).await.unwrap(), None);
    assert_eq!(client.call(1).await.unwrap(), Some(0));
    let mut client = portcullis::test::connect(Nested).await.unwrap();
    client.send(0);
    assert_eq!(client.call(1).await.unwrap(), None);
    assert_eq!(client.call(2).await.unwrap(), Some(0));
    let mut client = portcullis::test::connect(ByPeer).await.unwrap();
    client.send(0);
    assert_eq!(client.call(1).await.unwrap(), 1);
    let mut client = portcullis::test::connect(Intercepted).await.unwrap();
    assert_eq!(client.call(7).await.unwrap(), 7);
    assert_eq!(client.next().await.unwrap(), 0);
    assert_eq!(client.call(0).await.unwrap(), 100);
    assert_eq!(client.call(7).await.unwrap(), 7);
    assert_eq!(client.next().await.unwrap(), 3);
    let mut client = portcullis::test::connect(Generic("x")).await.unwrap();
    client.send(0);
    assert_eq!(client.call(1).await.unwrap(), "x");
}
