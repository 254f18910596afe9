//! Calls as JSON-RPC 2.0 over TCP, TLS, Unix sockets and in memory, in both framings. What the
//! specification says of each message is tested in `rpc/tests/json_rpc`.

#![forbid(unsafe_code)]
#![cfg(unix)]

mod hostile;
mod notifications;
mod service;

use std::time::Duration;

use portcullis::rpc::{CallError, Failure, JsonRpc};
use portcullis_tests::served::stopped;
use portcullis_tests::streams::Kind;
use portcullis_tests::{LIMIT, on_loops, wait};
use serde_json::{Value, json};
use tokio::time::timeout;

use self::service::{Fixture, ToolsClient};

/// Defines each test on every kind of stream and on both tokio flavours.
macro_rules! on_streams {
    ($( async fn $name:ident($kind:ident) $body:block )*) => {$(
        mod $name {
            use super::*;
            async fn over($kind: Option<Kind>) $body
            on_loops! {
                async fn tcp() { over(Some(Kind::Tcp)).await }
                async fn tls() { over(Some(Kind::Tls)).await }
                async fn unix() { over(Some(Kind::Unix)).await }
                async fn unix_tls() { over(Some(Kind::UnixTls)).await }
                async fn in_memory() { over(None).await }
            }
        }
    )*};
}
use on_streams;

on_streams! {
    async fn c20_calls_notifications_and_batches(kind) {
        for has_headers in [false, true] {
            let codec = if has_headers { JsonRpc::content_length() } else { JsonRpc::lines() };
            let mut fixture = Fixture::new(kind, codec).await;
            let mut client = if has_headers { fixture.headers().await } else { fixture.lines().await };
            let answer = client.call(1, "subtract", json!([42, 23])).await;
            assert_eq!(answer, json!({"jsonrpc": "2.0", "id": 1, "result": 19}));
            let answer = client.call("two", "subtract", json!({"subtrahend": 23, "minuend": 42})).await;
            assert_eq!(answer, json!({"jsonrpc": "2.0", "id": "two", "result": 19}));
            for number in 0..20 {
                client.notify("note", json!([number])).await;
            }
            client.still_answers().await;
            assert_eq!(*fixture.shared.noted.lock().unwrap(), (0..20).collect::<Vec<_>>());
            client
                .send(&json!([
                    {"jsonrpc": "2.0", "id": 1, "method": "subtract", "params": [5, 3]},
                    {"jsonrpc": "2.0", "method": "note", "params": [20]},
                    {"jsonrpc": "2.0", "id": 2, "method": "missing"},
                    7,
                ]))
                .await;
            let answers = client.next().await;
            assert_eq!(answers[0], json!({"jsonrpc": "2.0", "id": 1, "result": 2}));
            assert_eq!(answers[1]["error"]["code"], -32601);
            assert_eq!((&answers[2]["error"]["code"], &answers[2]["id"]), (&json!(-32600), &Value::Null));
            client.still_answers().await;
        }
    }

    async fn c20_long_messages_in_both_directions(kind) {
        let mut fixture = Fixture::new(kind, JsonRpc::content_length()).await;
        let mut client = fixture.headers().await;
        let length = 3 << 20;
        let answer = client.call("x".repeat(200), "text", json!([length])).await;
        assert_eq!(answer["result"].as_str().map(str::len), Some(length));
        let padding = "y".repeat(length);
        let params = json!({"minuend": 3, "subtrahend": 2, "padding": padding});
        assert_eq!(client.call(2, "subtract", params).await["result"], 1);
    }

    async fn c21_a_cancel_drops_the_handler_and_stops_the_job(kind) {
        let mut fixture = Fixture::new(kind, JsonRpc::lines()).await;
        let mut client = fixture.lines().await;
        client.request(1, "hang", Value::Null).await;
        client.request("job", "spin", Value::Null).await;
        fixture.shared.until_running(2).await;
        client.still_answers().await;
        client.cancel("job").await;
        let answer = client.next().await;
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!("job"), &json!(-32800)));
        fixture.shared.until_running(1).await;
        client.cancel(1).await;
        assert_eq!(client.next().await["error"]["code"], -32800);
        fixture.shared.until_running(0).await;
        client.still_answers().await;
    }

    async fn c7_a_lost_connection_cancels_its_calls(kind) {
        let mut fixture = Fixture::new(kind, JsonRpc::lines()).await;
        let mut client = fixture.lines().await;
        client.request(1, "hang", Value::Null).await;
        client.request(2, "spin", Value::Null).await;
        fixture.shared.until_running(2).await;
        fixture.abort_connections();
        fixture.shared.until_running(0).await;
    }

    async fn c24_the_calls_of_a_client_that_only_writes_are_answered(kind) {
        let mut fixture = Fixture::new(kind, JsonRpc::lines()).await;
        let mut client = fixture.lines().await;
        // As `printf '..' | nc`: more calls than run at a time, and then the end of the input.
        for id in 0..70 {
            client.request(id, "hold", Value::Null).await;
        }
        client.finish().await;
        fixture.shared.until_running(64).await;
        fixture.shared.release.add_permits(70);
        let answers = client.remaining().await;
        assert_eq!(answers.lines().count(), 70, "{answers}");
        assert!(answers.lines().all(|line| line.contains(r#""result":7"#)), "{answers}");
    }

    async fn c7_a_stop_answers_the_calls_in_flight(kind) {
        let mut fixture = Fixture::new(kind, JsonRpc::lines()).await;
        let mut client = fixture.lines().await;
        client.request(1, "hold", Value::Null).await;
        fixture.shared.until_running(1).await;
        fixture.handle.stop();
        fixture.shared.release.add_permits(1);
        assert_eq!(client.next().await["result"], 7);
        assert_eq!(client.remaining().await, "");
        assert!(stopped(fixture.serving).await.is_clean());
    }

    async fn c8_items_are_notifications_before_the_answer(kind) {
        let mut fixture = Fixture::new(kind, JsonRpc::lines()).await;
        let mut client = fixture.lines().await;
        client.request("c", "count", json!([200])).await;
        for number in 0..200 {
            let item = client.next().await;
            assert_eq!(item["params"], json!({"id": "c", "item": number}));
        }
        assert_eq!(client.next().await, json!({"jsonrpc": "2.0", "id": "c", "result": 200}));
    }

    async fn the_generated_client_calls_in_both_framings(kind) {
        for codec in [JsonRpc::lines(), JsonRpc::content_length()] {
            let mut fixture = Fixture::new(kind, codec.clone()).await;
            let client = ToolsClient::from_stream(fixture.connect().await, codec);
            assert_eq!(client.subtract(5, 3).await, Ok(2));
            let late = client.hang().deadline(Duration::from_millis(20)).await;
            assert_eq!(late, Err(CallError::Failure(Failure::Deadline)));
            let dropped = tokio::spawn({
                let client = client.clone();
                async move { client.spin().await }
            });
            fixture.shared.until_running(1).await;
            dropped.abort();
            fixture.shared.until_running(0).await;
            let mut numbers = client.count(10);
            for number in 0..10 {
                assert_eq!(timeout(LIMIT, numbers.next()).await.expect("in time"), Ok(Some(number)));
            }
            assert_eq!(timeout(LIMIT, numbers.finish()).await.expect("in time"), Ok(10));
            // A client that is dropped cancels its calls, although JSON-RPC answers after a
            // half-close.
            let hanging = tokio::spawn(async move { client.hang().await });
            fixture.shared.until_running(1).await;
            hanging.abort();
            wait(|| fixture.handle.peers().is_empty()).await;
            fixture.shared.until_running(0).await;
        }
    }
}
