//! Tests of clients over in-memory pipes, and of what needs no stream.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_core::Stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::{Backoff, Client, ClientError, ReconnectingClient};
use crate::codec::Lines;

type TestClient = Client<String, String, Lines, DuplexStream>;
type TestReconnecting = ReconnectingClient<String, String, Lines, DuplexStream>;

/// Returns a client whose connections are in-memory pipes, and the far ends of them.
fn reconnecting() -> (TestReconnecting, Arc<Mutex<Vec<DuplexStream>>>) {
    let ends = Arc::new(Mutex::new(Vec::new()));
    let ends2 = Arc::clone(&ends);
    let client = ReconnectingClient::new(move || {
        let (near, far) = duplex(64);
        ends2.lock().unwrap().push(far);
        async { Ok::<_, ClientError>(Client::from_stream(near, Lines::new())) }
    });
    (client.backoff(Backoff::new().initial_delay(Duration::from_millis(1))), ends)
}

fn last(ends: &Mutex<Vec<DuplexStream>>) -> DuplexStream {
    ends.lock().unwrap().pop().expect("a connection")
}

async fn line(far: &mut DuplexStream, expected: &str) {
    let mut bytes = vec![0; expected.len()];
    far.read_exact(&mut bytes).await.unwrap();
    assert_eq!(bytes, expected.as_bytes());
}

#[test]
fn delays_grow_up_to_the_maximum_and_are_random() {
    let backoff = Backoff::new().initial_delay(Duration::from_millis(100)).max_delay(Duration::from_secs(1));
    for (failures, bound) in [(0, 100), (1, 200), (2, 400), (3, 800), (4, 1000), (40, 1000), (u32::MAX, 1000)]
    {
        let bound = Duration::from_millis(bound);
        let nanos = u64::try_from(bound.as_nanos()).unwrap();
        assert_eq!(backoff.delay(failures, 0), Duration::ZERO);
        assert_eq!(backoff.delay(failures, nanos), bound);
        assert_eq!(backoff.delay(failures, nanos + 1), Duration::ZERO);
        assert!(backoff.delay(failures, u64::MAX) <= bound);
    }
    assert_eq!(Backoff::new().max_delay(Duration::ZERO).delay(3, 77), Duration::ZERO);
    let endless = Backoff::new().initial_delay(Duration::MAX).max_delay(Duration::MAX);
    assert!(endless.delay(u32::MAX, u64::MAX - 1) > Duration::from_secs(1 << 33));
}

#[tokio::test]
async fn a_connection_closed_with_no_request_in_flight_is_replaced_silently() {
    let (mut client, ends) = reconnecting();
    for question in ["one\n", "two\n", "three\n"] {
        let server = async {
            let mut far = loop {
                let far = ends.lock().unwrap().pop();
                match far {
                    Some(far) => break far,
                    None => tokio::task::yield_now().await,
                }
            };
            line(&mut far, question).await;
            far.write_all(b"yes\n").await.unwrap();
        };
        let (answer, ()) = tokio::join!(client.call(question.trim().into()), server);
        assert_eq!(answer.unwrap(), "yes");
    }
}

#[tokio::test]
async fn requests_in_flight_are_reported_lost_once_and_the_next_one_is_not_sent() {
    let (mut client, ends) = reconnecting();
    client.send("one".into()).await.unwrap();
    client.send("two".into()).await.unwrap();
    let mut far = last(&ends);
    line(&mut far, "one\ntwo\n").await;
    far.write_all(b"1\n").await.unwrap();
    assert_eq!(client.next().await.unwrap(), "1");
    drop(far);
    assert!(matches!(client.send("three".into()).await, Err(ClientError::ConnectionLost(_))));
    client.send("four".into()).await.unwrap();
    line(&mut last(&ends), "four\n").await;
}

#[tokio::test]
async fn the_answer_to_a_dropped_call_is_not_that_of_the_next() {
    let (mut client, ends) = reconnecting();
    assert!(tokio::time::timeout(Duration::from_millis(10), client.call("one".into())).await.is_err());
    let mut far = last(&ends);
    line(&mut far, "one\n").await;
    assert!(far.write_all(b"1\n").await.is_err(), "it is closed");
    client.send("two".into()).await.unwrap();
    line(&mut last(&ends), "two\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_timeout_of_a_call_closes_the_connection_and_a_timeout_of_next_does_not() {
    let ends = Arc::new(Mutex::new(Vec::new()));
    let ends2 = Arc::clone(&ends);
    let mut client = ReconnectingClient::new(move || {
        let (near, far) = duplex(64);
        ends2.lock().unwrap().push(far);
        async {
            Ok::<_, ClientError>(TestClient::from_stream(near, Lines::new()).timeout(Duration::from_secs(1)))
        }
    });
    assert!(
        matches!(client.next().await, Err(ClientError::Io(error)) if error.kind() == std::io::ErrorKind::TimedOut)
    );
    assert!(client.is_connected());
    assert!(
        matches!(client.call("x".into()).await, Err(ClientError::ConnectionLost(error)) if error.kind() == std::io::ErrorKind::TimedOut)
    );
    assert!(!client.is_connected());
    assert_eq!(ends.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn it_stops_after_max_attempts_or_after_a_permanent_error() {
    for (kind, expected) in [(std::io::ErrorKind::ConnectionRefused, 5), (std::io::ErrorKind::InvalidData, 1)]
    {
        let attempts = Arc::new(Mutex::new(0));
        let attempts2 = Arc::clone(&attempts);
        let mut client = ReconnectingClient::new(move || {
            *attempts2.lock().unwrap() += 1;
            async move { Err::<TestClient, _>(std::io::Error::from(kind)) }
        })
        .backoff(Backoff::new().max_attempts(5));
        let error = client.call("x".into()).await.unwrap_err();
        assert!(matches!(&error, ClientError::Io(error) if error.kind() == kind), "{error}");
        assert_eq!(*attempts.lock().unwrap(), expected);
    }
    // An attempt that never ends counts as well.
    let mut client = ReconnectingClient::new(std::future::pending::<Result<TestClient, ClientError>>)
        .backoff(Backoff::new().max_attempts(2).connect_timeout(Duration::from_secs(3)));
    let began = tokio::time::Instant::now();
    let error = client.next().await.unwrap_err();
    assert!(
        matches!(&error, ClientError::Io(error) if error.kind() == std::io::ErrorKind::TimedOut),
        "{error}"
    );
    assert!(began.elapsed() >= Duration::from_secs(6));
}

#[tokio::test]
async fn a_stream_continues_after_a_bad_message_and_ends_after_a_truncated_one() {
    let (near, mut far) = duplex(64);
    let mut client = TestClient::from_stream(near, Lines::new());
    far.write_all(b"one\n\xff\ntwo\n").await.unwrap();
    drop(far);
    let mut next = async || poll_fn(|cx| Pin::new(&mut client).poll_next(cx)).await;
    assert_eq!(next().await.unwrap().unwrap(), "one");
    assert!(matches!(next().await, Some(Err(ClientError::Decode(error))) if error.is_recoverable()));
    assert_eq!(next().await.unwrap().unwrap(), "two");
    assert!(next().await.is_none());
    assert!(next().await.is_none());
}
