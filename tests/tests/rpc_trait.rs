//! Services that implement a trait of calls of another crate (`portcullis_tests::rpc_api`), its
//! client, and mocks of the client.

#![forbid(unsafe_code)]

use std::marker::PhantomData;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::{Stream, StreamExt, stream};
use portcullis::describe::{Kind, Role};
use portcullis::prelude::*;
use portcullis::rpc::{CallError, Failure, Protocol, method_number};
use portcullis::{Describe, Interrupted, RunningServer, Sender};
use portcullis_tests::rpc_api::{
    self, ImageError, ImagesApi, ImagesCall, ImagesClient, ImagesPeer, ImagesReply, Row,
};
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(20);

/// The value of a connection.
struct User {
    calls: AtomicU64,
}

/// The parameter of the type makes sure that a generic service can implement a trait.
struct Gallery<S> {
    cpu: Pool,
    touched: Arc<Mutex<Vec<String>>>,
    store: PhantomData<fn() -> S>,
}

#[service(rpc = rpc_api::Images, max_in_flight = 8)]
impl<S> Gallery<S> {
    // The methods are in another order than in the trait, and name their parameters otherwise.
    #[rpc]
    async fn touch(&self, kind: String) {
        self.touched.lock().unwrap().push(kind);
    }

    #[rpc]
    #[blocking(pool = self.cpu)]
    fn search(&self, worker: &Worker, rows: &Sender<Row>, text: String) -> Result<u32, ImageError> {
        if text.is_empty() {
            return Err(ImageError::Empty);
        }
        for id in 0..100 {
            if rows.send(worker, Row { id }).is_err() {
                return Ok(id);
            }
        }
        Ok(100)
    }

    #[rpc]
    async fn count(&self, _peer: &ImagesPeer, user: &User) -> u64 {
        user.calls.load(SeqCst)
    }

    /// Written with the alias in the trait, and in full here.
    #[rpc]
    #[blocking(pool = self.cpu)]
    fn shrink(&self, picture: Vec<u8>, _: u32) -> Result<Vec<u8>, ImageError> {
        if picture.is_empty() { Err(ImageError::Empty) } else { Ok(picture[..1].to_vec()) }
    }

    #[rpc]
    #[blocking(pool = self.cpu)]
    fn spin(&self, worker: &Worker) -> Result<u32, Interrupted> {
        loop {
            worker.sleep(Duration::from_millis(1))?;
        }
    }

    #[on(connect)]
    async fn connected(&self, _peer: &ImagesPeer) -> User {
        User { calls: AtomicU64::new(0) }
    }

    #[before]
    async fn allow(&self, user: &User, call: ImagesCall) -> ControlFlow<ImagesReply, ImagesCall> {
        user.calls.fetch_add(1, SeqCst);
        match call {
            ImagesCall::Touch { r#type } if r#type == "never" => ControlFlow::Break(ImagesReply::Touch(())),
            call => ControlFlow::Continue(call),
        }
    }

    #[after]
    async fn log(&self, reply: &ImagesReply) {
        if let ImagesReply::Touch(()) = reply {
            self.touched.lock().unwrap().push("after".to_owned());
        }
    }
}

/// A second service of the same trait, which is imported.
mod empty {
    use super::{ImageError, Row, rpc_api};
    use portcullis::Sender;
    use portcullis::prelude::*;
    use portcullis_tests::rpc_api::Images;

    pub(super) struct Nothing;

    #[service(rpc = Images)]
    impl Nothing {
        #[rpc]
        async fn shrink(&self, _picture: Vec<u8>, _width: u32) -> rpc_api::Result<Vec<u8>> {
            Err(ImageError::Empty)
        }

        #[rpc]
        async fn count(&self) -> u64 {
            0
        }

        #[rpc]
        async fn search(&self, rows: &Sender<Row>, text: String) -> Result<u32, ImageError> {
            let _ = (rows, text);
            Ok(0)
        }

        #[rpc]
        async fn touch(&self, _kind: String) {}

        #[rpc]
        async fn spin(&self) -> u32 {
            1
        }
    }
}

fn gallery() -> Gallery<Mutex<u8>> {
    let cpu = Pool::builder("cpu").threads(2).build().unwrap();
    Gallery { cpu, touched: Arc::default(), store: PhantomData }
}

async fn start() -> (RunningServer, ImagesClient) {
    let codec = LengthPrefixed::<Postcard>::new();
    let server = Server::new(gallery()).codec(codec.clone());
    let server = server.bind("127.0.0.1:0").unwrap().spawn().await.unwrap();
    let client = ImagesClient::connect(server.local_addr(), codec).await.unwrap();
    (server, client)
}

async fn in_time<F: Future>(test: F) -> F::Output {
    timeout(LIMIT, test).await.expect("in time")
}

#[tokio::test]
async fn c18_a_service_answers_the_calls_of_a_trait_of_another_crate() {
    let (server, images) = start().await;
    in_time(async {
        assert_eq!(images.shrink(vec![1, 2, 3], 1).await, Ok(vec![1]));
        assert_eq!(images.shrink(vec![], 1).await, Err(CallError::Method(ImageError::Empty)));
        assert_eq!(images.count().await, Ok(3));
        assert_eq!(images.touch("picture".into()).await, Ok(()));
        assert_eq!(images.touch("never".into()).await, Ok(()));
        let late = images.spin().deadline(Duration::from_millis(20)).await;
        assert_eq!(late, Err(CallError::Failure(Failure::Deadline)));
        let mut rows = images.search("a".into());
        let mut ids = Vec::new();
        while let Some(row) = rows.next().await.unwrap() {
            ids.push(row.id);
        }
        assert_eq!(ids, (0..100).collect::<Vec<_>>());
        assert_eq!(rows.finish().await, Ok(100));
        let refused = images.search(String::new()).finish().await;
        assert_eq!(refused, Err(CallError::Method(ImageError::Empty)));
        server.stop().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn hooks_see_the_calls_and_replies_of_the_trait() {
    let gallery = gallery();
    let touched = Arc::clone(&gallery.touched);
    let images = portcullis::test::connect(gallery).await.unwrap();
    in_time(async {
        images.client().touch("picture".into()).await.unwrap();
        images.client().touch("never".into()).await.unwrap();
        assert_eq!(*touched.lock().unwrap(), ["picture", "after", "after"]);
    })
    .await;
}

#[test]
fn the_trait_has_the_names_and_numbers_on_the_wire() {
    let methods: Vec<_> = ImagesCall::METHODS.iter().map(|method| (method.name, method.number)).collect();
    let hashed = |name: &'static str| (name, method_number(name));
    let expected = [("images/shrink", 7), hashed("count"), hashed("search"), hashed("touch"), hashed("spin")];
    assert_eq!(methods, expected);
    assert_eq!(ImagesCall::METHODS[3].params, ["type"], "the names of the parameters are the trait's too");
    let call = ImagesCall::Shrink { picture: vec![1], width: 2 };
    assert_eq!(call.clone(), call, "derived");
}

#[test]
fn a_service_of_a_trait_describes_its_calls() {
    let gallery = Gallery::<u8>::describe();
    assert_eq!(gallery.kind(), Kind::PerCall);
    let shrink = gallery.method("shrink").unwrap();
    assert_eq!((shrink.wire_name, shrink.wire_number), (Some("images/shrink"), Some(7)));
    assert_eq!((shrink.role, shrink.params), (Role::RunsOnPool, &["picture: Vec<u8>", "_: u32"][..]));
    let touch = gallery.method("touch").unwrap();
    assert_eq!((touch.wire_name, touch.wire_number), (Some("touch"), Some(method_number("touch"))));
    let names: Vec<_> = gallery.rpc_methods().map(|method| method.name).collect();
    assert_eq!(names, ["touch", "search", "count", "shrink", "spin"]);
    let text = gallery.to_string();
    let line = "shrink     blocking rpc (name images/shrink, number 7, picture: Vec<u8>, _: u32, on self.cpu): \
                Written with";
    assert!(text.contains(line), "{text}");
    let json: serde_json::Value = serde_json::from_str(&gallery.json()).unwrap();
    assert_eq!(json["methods"][3]["wire_number"], 7);
}

#[tokio::test]
async fn two_services_implement_one_trait() {
    let images = portcullis::test::connect(empty::Nothing).await.unwrap();
    in_time(async {
        assert_eq!(images.client().count().await, Ok(0));
        assert_eq!(images.client().search("a".into()).finish().await, Ok(0));
        assert_eq!(images.client().touch("a".into()).await, Ok(()));
        assert_eq!(images.client().spin().await, Ok(1));
        let refused = images.client().shrink(vec![1], 1).await;
        assert_eq!(refused, Err(CallError::Method(ImageError::Empty)));
    })
    .await;
}

/// The code under test: it makes calls, and does not know what answers them.
struct Shop<I> {
    images: I,
}

impl<I: ImagesApi> Shop<I> {
    async fn describe(&self) -> Result<String, CallError> {
        Ok(format!("{} pictures", self.images.count().await?))
    }

    async fn find(&self, text: &str) -> Result<Vec<u32>, CallError<ImageError>> {
        let mut rows = pin!(self.images.search(text.to_owned()));
        let mut found = Vec::new();
        while let Some(row) = rows.next().await {
            found.push(row?.id);
        }
        Ok(found)
    }
}

/// A mock, written by hand.
#[derive(Default)]
struct Mock {
    asked: Mutex<Vec<String>>,
}

impl ImagesApi for Mock {
    async fn shrink(&self, picture: Vec<u8>, _width: u32) -> Result<Vec<u8>, CallError<ImageError>> {
        Ok(picture)
    }

    async fn count(&self) -> Result<u64, CallError> {
        Err(Failure::Lost.into())
    }

    fn search(&self, text: String) -> impl Stream<Item = Result<Row, CallError<ImageError>>> + Send {
        self.asked.lock().unwrap().push(text);
        stream::iter([Ok(Row { id: 3 }), Err(CallError::Method(ImageError::Empty))])
    }

    async fn touch(&self, _kind: String) -> Result<(), CallError> {
        Ok(())
    }

    async fn spin(&self) -> Result<u32, CallError> {
        Ok(1)
    }
}

#[tokio::test]
async fn a_mock_takes_the_place_of_the_client() {
    let shop = Shop { images: Mock::default() };
    // The futures of generic code can be spawned.
    let spawned = tokio::spawn(async move {
        let failed = shop.describe().await;
        assert_eq!(failed, Err(CallError::Failure(Failure::Lost)));
        assert_eq!(shop.find("a").await, Err(CallError::Method(ImageError::Empty)));
        assert_eq!(*shop.images.asked.lock().unwrap(), ["a"]);
    });
    in_time(spawned).await.unwrap();
}

#[tokio::test]
async fn the_client_is_what_mocks_stand_for() {
    let (_server, images) = start().await;
    let shop = Shop { images };
    let spawned = tokio::spawn(async move {
        assert_eq!(shop.describe().await.as_deref(), Ok("1 pictures"));
        assert_eq!(shop.find("a").await, Ok((0..100).collect()));
        assert_eq!(shop.find("").await, Err(CallError::Method(ImageError::Empty)));
    });
    in_time(spawned).await.unwrap();
}
