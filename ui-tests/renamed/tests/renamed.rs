//! Runs a service that depends on portcullis under another name.

#![forbid(unsafe_code)]

use gate::{Client, JsonLines, Server};
use ui_tests_renamed::calls::{Counter, Halver};
use ui_tests_renamed::{Echo, double};

#[tokio::test]
async fn a_renamed_dependency_serves() {
    let server = Server::new(Echo::default()).codec(JsonLines::new()).bind("127.0.0.1:0").unwrap();
    let (address, handle) = (server.local_addr(), server.handle());
    let serving = tokio::spawn(server.serve());
    let mut client = Client::<String, String, _>::connect(address, JsonLines::new()).await.unwrap();
    assert_eq!(client.call("hello".to_owned()).await.unwrap(), "0 HELLO");
    assert_eq!(client.call("again".to_owned()).await.unwrap(), "1 AGAIN");
    assert_eq!(double(21).await.unwrap(), 42);
    handle.stop();
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_renamed_dependency_makes_calls() {
    let counter = gate::test::connect(Counter).await.unwrap();
    assert_eq!(counter.client().double(21).await, Ok(42));
    assert_eq!(counter.client().count(40).finish().await, Ok(40));
    let halver = gate::test::connect(Halver).await.unwrap();
    assert_eq!(halver.client().halve(42).await, Ok(21));
}
