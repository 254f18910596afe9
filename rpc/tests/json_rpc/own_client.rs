//! [`RpcClient`] over JSON-RPC: with a server of this crate, and with others.

use std::time::Duration;

use portcullis_rpc::{CallError, Failure, JsonRpc, RpcClient};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream};
use tokio::time::timeout;

use crate::service::{Call, Fixture, LIMIT};

type Client = RpcClient<Call>;

async fn call(client: &Client, call: Call) -> Result<Value, CallError<Value>> {
    timeout(LIMIT, client.call(call, |reply| Some(reply.value))).await.expect("in time")
}

#[tokio::test]
async fn it_calls_a_server_of_this_crate_in_both_framings() {
    for codec in [JsonRpc::lines(), JsonRpc::content_length()] {
        let fixture = Fixture::new(codec.clone()).await;
        let client = Client::connect(fixture.server.local_addr(), codec).await.unwrap();
        assert_eq!(call(&client, Call::Subtract(5, 3)).await, Ok(json!(2)));
        assert_eq!(call(&client, Call::GetData).await, Ok(json!(["hello", 5])));
        let whole = json!({"a": [1], "b": {}});
        assert_eq!(call(&client, Call::Whole(whole.clone())).await, Ok(whole));
        for error in [json!("text"), json!({"code": 5, "message": "own"}), json!({"row": 7}), json!([1])] {
            assert_eq!(call(&client, Call::Fail(error.clone())).await, Err(CallError::Method(error)));
        }
        for (name, failure) in [
            ("overloaded", Failure::Overloaded { retry_after: Duration::from_millis(2) }),
            ("deadline", Failure::Deadline),
            ("cancelled", Failure::Cancelled),
            ("closed", Failure::Closed),
            ("panic", Failure::Internal),
        ] {
            let outcome = call(&client, Call::FailAs(name.to_owned())).await;
            assert_eq!(outcome, Err(CallError::Failure(failure)));
        }
    }
}

#[tokio::test]
async fn many_calls_run_at_the_same_time_and_a_dropped_one_is_cancelled() {
    let fixture = Fixture::new(JsonRpc::lines()).await;
    let client = Client::connect(fixture.server.local_addr(), JsonRpc::lines()).await.unwrap();
    let calls = (0..20).map(|_| {
        let client = client.clone();
        tokio::spawn(async move { call(&client, Call::Hang).await })
    });
    let calls: Vec<_> = calls.collect();
    fixture.shared.until_running(20).await;
    assert_eq!(call(&client, Call::Subtract(5, 3)).await, Ok(json!(2)));
    for call in calls {
        call.abort();
    }
    fixture.shared.until_running(0).await;
    assert_eq!(call(&client, Call::Subtract(5, 3)).await, Ok(json!(2)));
}

/// A server of another kind, which a test plays.
struct OtherServer(BufReader<DuplexStream>);

impl OtherServer {
    fn connected(codec: JsonRpc) -> (Client, Self) {
        let (ours, theirs) = tokio::io::duplex(4096);
        (Client::from_stream(ours, codec), Self(BufReader::new(theirs)))
    }

    async fn receive(&mut self) -> Value {
        let mut line = String::new();
        timeout(LIMIT, self.0.read_line(&mut line)).await.expect("in time").unwrap();
        serde_json::from_str(&line).unwrap()
    }

    async fn send(&mut self, message: &Value) {
        self.0.write_all(format!("{message}\n").as_bytes()).await.unwrap();
    }
}

#[tokio::test]
async fn what_it_sends_is_what_the_specification_says() {
    let (client, mut server) = OtherServer::connected(JsonRpc::lines());
    let make = |call| client.call(call, |reply| Some(reply.value)).deadline(LIMIT);
    let cancelled = tokio::spawn(make(Call::Subtract(5, 3)));
    let request = server.receive().await;
    let id = request["id"].clone();
    assert!(id.is_u64());
    assert_eq!(request, json!({"jsonrpc": "2.0", "method": "subtract", "params": [5, 3], "id": id}));
    cancelled.abort();
    let cancel = server.receive().await;
    assert_eq!(cancel, json!({"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": id}}));
    // The answer of a call that was cancelled comes all the same.
    server
        .send(&json!({"jsonrpc": "2.0", "error": {"code": -32800, "message": "cancelled"}, "id": id}))
        .await;

    let whole = tokio::spawn(make(Call::Whole(json!({"uri": "file:///a"}))));
    let request = server.receive().await;
    assert_eq!(request["params"], json!({"uri": "file:///a"}));
    server.send(&json!({"jsonrpc": "2.0", "result": null, "id": request["id"]})).await;
    assert_eq!(whole.await.unwrap(), Ok(Value::Null));

    let none = tokio::spawn(make(Call::GetData));
    let request = server.receive().await;
    assert_eq!(request.get("params"), None);
    // What the server sends on its own is ignored.
    server.send(&json!({"jsonrpc": "2.0", "method": "window/logMessage", "params": {}})).await;
    server.send(&json!({"jsonrpc": "2.0", "method": "workspace/configuration", "id": 1})).await;
    server.send(&json!({"jsonrpc": "2.0", "result": 1, "id": "of another"})).await;
    server.send(&json!({"jsonrpc": "2.0", "result": 7, "id": request["id"]})).await;
    assert_eq!(none.await.unwrap(), Ok(json!(7)));
}

#[tokio::test]
async fn deadlines_are_sent_if_asked_for() {
    let (client, mut server) = OtherServer::connected(JsonRpc::lines().send_deadlines());
    let call = client.call(Call::GetData, |reply| Some(reply.value)).deadline(LIMIT);
    let call = tokio::spawn(call);
    let left = server.receive().await["time_left_ms"].as_u64().unwrap();
    assert!((1..=LIMIT.as_millis() as u64).contains(&left), "{left}");
    call.abort();
}

#[tokio::test]
async fn errors_of_other_servers_are_the_methods_or_failures() {
    let (client, mut server) = OtherServer::connected(JsonRpc::lines());
    for (method, error, expected) in [
        (
            Call::Fail(Value::Null),
            json!({"code": 5, "message": "no"}),
            CallError::Method(json!({"code": 5, "message": "no"})),
        ),
        (
            Call::Fail(Value::Null),
            json!({"code": -32000, "message": "no", "data": 7}),
            CallError::Method(json!(7)),
        ),
        (
            Call::Fail(Value::Null),
            json!({"code": -32602, "message": "bad"}),
            CallError::Failure(Failure::InvalidParams("bad".into())),
        ),
        // The method has no error type.
        (
            Call::GetData,
            json!({"code": 5, "message": "no"}),
            CallError::Failure(Failure::InvalidReply("error 5: no".into())),
        ),
        (
            Call::GetData,
            json!("no error object"),
            CallError::Failure(Failure::InvalidReply("the error is not an error object".into())),
        ),
        (Call::GetData, json!({"code": -32601, "message": ""}), CallError::Failure(Failure::UnknownMethod)),
    ] {
        let call = tokio::spawn(client.call(method, |reply| Some(reply.value)));
        let id = server.receive().await["id"].clone();
        server.send(&json!({"jsonrpc": "2.0", "error": error, "id": id})).await;
        assert_eq!(timeout(LIMIT, call).await.unwrap().unwrap(), Err(expected), "{error}");
    }
}

#[tokio::test]
async fn a_result_of_another_type_fails_its_call_alone() {
    let (client, mut server) = OtherServer::connected(JsonRpc::lines());
    let bad = tokio::spawn(client.call(Call::Subtract(1, 1), |reply| Some(reply.value)));
    let id = server.receive().await["id"].clone();
    server.send(&json!({"jsonrpc": "2.0", "result": "text", "id": id})).await;
    let outcome = bad.await.unwrap();
    assert!(matches!(outcome, Err(CallError::Failure(Failure::InvalidReply(_)))), "{outcome:?}");
    let good = tokio::spawn(client.call(Call::Subtract(1, 1), |reply| Some(reply.value)));
    let id = server.receive().await["id"].clone();
    server.send(&json!({"jsonrpc": "2.0", "result": 0, "id": id})).await;
    assert_eq!(good.await.unwrap(), Ok(json!(0)));
}

#[tokio::test]
async fn a_server_that_cannot_read_a_message_ends_the_connection() {
    let (client, mut server) = OtherServer::connected(JsonRpc::lines());
    let call = tokio::spawn(client.call(Call::GetData, |reply| Some(reply.value)));
    server.receive().await;
    server.send(&json!({"jsonrpc": "2.0", "error": {"code": -32700, "message": "?"}, "id": null})).await;
    let outcome: Result<Value, CallError<Value>> = timeout(LIMIT, call).await.unwrap().unwrap();
    assert_eq!(outcome, Err(CallError::Failure(Failure::Lost)));
}

#[tokio::test]
async fn it_receives_the_items_of_a_call() {
    let fixture = Fixture::new(JsonRpc::lines()).await;
    let client = Client::connect(fixture.server.local_addr(), JsonRpc::lines()).await.unwrap();
    let number = |reply: crate::service::Reply| reply.value.ok();
    let mut count = client.call_stream(Call::Count(20), number, |reply| Some(reply.value));
    for expected in 0..20 {
        let item = timeout(LIMIT, count.next()).await.expect("in time");
        assert_eq!(item, Ok(Some(json!(expected))));
    }
    assert_eq!(timeout(LIMIT, count.finish()).await.expect("in time"), Ok(json!(20)));
}
