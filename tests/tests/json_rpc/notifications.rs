//! Notifications from a service to its client.

use std::sync::atomic::Ordering::SeqCst;

use portcullis::codec::{Codec, Json, LengthPrefixed, MessagePack, Postcard};
use portcullis::rpc::{ClientMessage, Missed, Protocol, RpcService, ServerMessage};
use portcullis_tests::served::start;
use serde::Deserialize;

use super::service::{Tools, ToolsCall};
use super::*;

#[derive(Debug, PartialEq, Deserialize)]
struct Progress {
    number: u32,
}

on_streams! {
    async fn c25_notifications_arrive_in_order_and_before_the_reply(kind) {
        let mut fixture = Fixture::new(kind, JsonRpc::lines()).await;
        let mut client = fixture.lines().await;
        // More than the session's queue holds.
        client.request(1, "announce", json!([200])).await;
        for number in 0..200 {
            let expected = json!({"jsonrpc": "2.0", "method": "progress", "params": {"number": number}});
            assert_eq!(client.next().await, expected);
        }
        assert_eq!(client.next().await["result"], 200);
    }

    async fn c25_a_client_that_does_not_read_stops_the_sender_alone(kind) {
        let mut fixture = Fixture::with(kind, JsonRpc::lines(), |server| server.max_queued_responses(8)).await;
        let mut client = fixture.lines().await;
        let sent = || fixture.shared.notified.load(SeqCst);
        client.request(1, "hold", Value::Null).await;
        fixture.shared.until_running(1).await;
        client.request(2, "announce", json!([1_000_000])).await;
        wait(|| sent() > 8).await;
        fixture.shared.release.add_permits(1);
        fixture.shared.until_running(0).await;
        fixture.abort_connections();
        wait(|| fixture.handle.peers().is_empty()).await;
        assert!(sent() < 1_000_000);
    }

    async fn c25_a_client_of_the_crate_receives_them(kind) {
        for codec in [JsonRpc::lines(), JsonRpc::content_length()] {
            let mut fixture = Fixture::new(kind, codec.clone()).await;
            let client = ToolsClient::from_stream(fixture.connect().await, codec);
            let mut notifications = client.as_ref().notifications();
            assert_eq!(client.announce(10).await, Ok(10));
            for number in 0..10 {
                let next = timeout(LIMIT, notifications.next()).await.expect("in time").expect("not missed");
                let notification = next.expect("open");
                assert_eq!(notification.method(), "progress");
                assert_eq!(notification.params::<Progress>().expect("progress"), Progress { number });
                assert!(notification.params::<Vec<u8>>().is_err());
            }
            // One that does not take them misses the oldest.
            assert_eq!(client.announce(100).await, Ok(100));
            assert_eq!(notifications.next().await, Err(Missed(36)));
            let oldest = notifications.next().await.expect("not missed").expect("open");
            assert_eq!(oldest.params::<Progress>().expect("progress"), Progress { number: 36 });
            fixture.handle.stop();
            timeout(LIMIT, client.as_ref().closed()).await.expect("in time");
            let mut last = 0;
            while let Some(notification) = notifications.next().await.expect("not missed") {
                last = notification.params::<Progress>().expect("progress").number;
            }
            assert_eq!(last, 99);
            assert!(client.as_ref().notifications().next().await.expect("not missed").is_none());
        }
    }
}

on_loops! {
    async fn c25_parameters_are_what_json_rpc_allows() {
        let mut fixture = Fixture::new(Some(Kind::Tcp), JsonRpc::lines()).await;
        let mut client = fixture.lines().await;
        for (params, written) in [
            (json!({"a": [1]}), json!({"jsonrpc": "2.0", "method": "m", "params": {"a": [1]}})),
            (json!([1, "two\n"]), json!({"jsonrpc": "2.0", "method": "m", "params": [1, "two\n"]})),
            (Value::Null, json!({"jsonrpc": "2.0", "method": "m"})),
        ] {
            client.request(1, "announce/one", json!(["m", params])).await;
            assert_eq!(client.next().await, written);
            assert_eq!(client.next().await["result"], Value::Null);
        }
        for params in [json!(1), json!("text"), json!(true), json!(-0.5)] {
            let answer = client.call(2, "announce/one", json!(["m", params])).await;
            let message = answer["error"]["message"].as_str().expect("a text").to_owned();
            assert!(message.contains("an object, an array or null"), "{answer}");
        }
        // The name needs escapes.
        client.request(3, "announce/one", json!(["a\"b\\", [1]])).await;
        assert_eq!(client.next().await["method"], "a\"b\\");
        assert_eq!(client.next().await["id"], 3);
    }

    async fn c25_a_full_queue_is_an_error_of_try_notify() {
        let limit = |server: portcullis::Server<_, _, _>| server.max_queued_responses(16);
        let mut fixture = Fixture::with(Some(Kind::Tcp), JsonRpc::lines(), limit).await;
        let mut client = fixture.lines().await;
        client.request(1, "flood", Value::Null).await;
        let mut received = 0;
        let answer = loop {
            let message = client.next().await;
            if message.get("method").is_none() {
                break message;
            }
            assert_eq!(message["params"], json!([received]));
            received += 1;
        };
        assert_eq!(answer["result"], received);
        assert!(received >= 8, "{received}");
    }

    async fn c25_a_notification_over_the_limit_is_left_out() {
        let mut fixture = Fixture::new(Some(Kind::Tcp), JsonRpc::content_length().max_frame(300)).await;
        let mut client = fixture.headers().await;
        client.request(1, "announce/text", json!([5])).await;
        assert_eq!(client.next().await["params"], json!(["xxxxx"]));
        assert_eq!(client.next().await["id"], 1);
        let answer = client.call(2, "announce/text", json!([1000])).await;
        assert_eq!(answer, json!({"jsonrpc": "2.0", "id": 2, "result": true}));
        client.still_answers().await;
    }

    async fn c25_other_codecs_carry_them_too() {
        over_codec(LengthPrefixed::<Postcard>::new()).await;
        over_codec(LengthPrefixed::<MessagePack>::new()).await;
        over_codec(portcullis::NewlineDelimited::<Json>::new()).await;
    }
}

async fn over_codec<C>(codec: C)
where
    C: Codec<ClientMessage<ToolsCall>, ServerMessage<ToolsCall>>
        + Codec<ServerMessage<ToolsCall>, ClientMessage<ToolsCall>>,
    Tools: RpcService<Protocol = ToolsCall>,
    ToolsCall: Protocol,
{
    let service = Tools {
        cpu: portcullis::Pool::builder("cpu").threads(1).build().expect("a pool"),
        shared: service::Shared::new(),
    };
    let server = portcullis::Server::new(service).codec(codec.clone()).bind("127.0.0.1:0").expect("a port");
    let addr = server.local_addr();
    let (_handle, _serving) = start(server).await;
    let client = ToolsClient::connect(addr, codec).await.expect("it listens");
    let mut notifications = client.as_ref().notifications();
    assert_eq!(client.announce(3).await, Ok(3));
    for number in 0..3 {
        let next = timeout(LIMIT, notifications.next()).await.expect("in time").expect("not missed");
        assert_eq!(next.expect("open").params::<Progress>().expect("progress"), Progress { number });
    }
}
