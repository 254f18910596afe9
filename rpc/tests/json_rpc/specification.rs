//! The examples of section 7 of the JSON-RPC 2.0 specification, in its order, and the sentences
//! before them that have no example.

use portcullis_rpc::JsonRpc;
use serde_json::{Value, json};

use crate::service::{Call, lines};

/// Without the texts that the specification leaves to the server.
fn without_data(mut answer: Value) -> Value {
    let answers = match &mut answer {
        Value::Array(answers) => answers.as_mut_slice(),
        answer => std::slice::from_mut(answer),
    };
    for answer in answers {
        if let Some(error) = answer.get_mut("error").and_then(Value::as_object_mut) {
            error.remove("data");
        }
    }
    answer
}

#[tokio::test]
async fn c20_positional_parameters() {
    let (_fixture, mut client) = lines(JsonRpc::lines()).await;
    client.send_line(r#"{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}"#).await;
    assert_eq!(client.line().await, r#"{"jsonrpc":"2.0","result":19,"id":1}"#);
    client.send_line(r#"{"jsonrpc": "2.0", "method": "subtract", "params": [23, 42], "id": 2}"#).await;
    assert_eq!(client.line().await, r#"{"jsonrpc":"2.0","result":-19,"id":2}"#);
}

#[tokio::test]
async fn c20_named_parameters() {
    let (_fixture, mut client) = lines(JsonRpc::lines()).await;
    let call =
        r#"{"jsonrpc": "2.0", "method": "subtract", "params": {"subtrahend": 23, "minuend": 42}, "id": 3}"#;
    assert_eq!(client.call(call).await, json!({"jsonrpc": "2.0", "result": 19, "id": 3}));
    let call =
        r#"{"jsonrpc": "2.0", "method": "subtract", "params": {"minuend": 42, "subtrahend": 23}, "id": 4}"#;
    assert_eq!(client.call(call).await, json!({"jsonrpc": "2.0", "result": 19, "id": 4}));
}

#[tokio::test]
async fn c20_a_notification() {
    let (fixture, mut client) = lines(JsonRpc::lines()).await;
    client.send_line(r#"{"jsonrpc": "2.0", "method": "update", "params": [1,2]}"#).await;
    client.send_line(r#"{"jsonrpc": "2.0", "method": "foobar"}"#).await;
    client.assert_silent().await;
    assert_eq!(*fixture.shared.calls.lock().unwrap(), [Call::Update(1, Some(2)), Call::GetData]);
}

#[tokio::test]
async fn a_method_that_does_not_exist() {
    let (_fixture, mut client) = lines(JsonRpc::lines()).await;
    client.send_line(r#"{"jsonrpc": "2.0", "method": "foobar", "id": "1"}"#).await;
    assert_eq!(
        client.line().await,
        r#"{"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not found"},"id":"1"}"#
    );
}

#[tokio::test]
async fn c20_invalid_json() {
    let (_fixture, mut client) = lines(JsonRpc::lines()).await;
    let answer = client.call(r#"{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]"#).await;
    let expected = json!({"jsonrpc": "2.0", "error": {"code": -32700, "message": "Parse error"}, "id": null});
    assert_eq!(without_data(answer), expected);
}

#[tokio::test]
async fn an_invalid_request_object() {
    let (_fixture, mut client) = lines(JsonRpc::lines()).await;
    let answer = client.call(r#"{"jsonrpc": "2.0", "method": 1, "params": "bar"}"#).await;
    let expected =
        json!({"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null});
    assert_eq!(without_data(answer), expected);
}

#[tokio::test]
async fn a_batch_of_invalid_json() {
    let (_fixture, mut client) = lines(JsonRpc::lines()).await;
    let batch = r#"[ {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"}, {"jsonrpc": "2.0", "method" ]"#;
    let expected = json!({"jsonrpc": "2.0", "error": {"code": -32700, "message": "Parse error"}, "id": null});
    assert_eq!(without_data(client.call(batch).await), expected);
}

#[tokio::test]
async fn an_empty_array() {
    let (_fixture, mut client) = lines(JsonRpc::lines()).await;
    let expected =
        json!({"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null});
    assert_eq!(without_data(client.call("[]").await), expected);
}

#[tokio::test]
async fn an_invalid_batch_that_is_not_empty() {
    let (_fixture, mut client) = lines(JsonRpc::lines()).await;
    let one = json!({"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null});
    assert_eq!(without_data(client.call("[1]").await), json!([one]));
    assert_eq!(without_data(client.call("[1,2,3]").await), json!([one, one, one]));
}

#[tokio::test]
async fn c20_a_batch() {
    let (fixture, mut client) = lines(JsonRpc::lines()).await;
    let batch = r#"[
        {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},
        {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]},
        {"jsonrpc": "2.0", "method": "subtract", "params": [42,23], "id": "2"},
        {"foo": "boo"},
        {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},
        {"jsonrpc": "2.0", "method": "get_data", "id": "9"}
    ]"#;
    let answer = client.call(&batch.replace('\n', " ")).await;
    let expected = json!([
        {"jsonrpc": "2.0", "result": 7, "id": "1"},
        {"jsonrpc": "2.0", "result": 19, "id": "2"},
        {"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null},
        {"jsonrpc": "2.0", "error": {"code": -32601, "message": "Method not found"}, "id": "5"},
        {"jsonrpc": "2.0", "result": ["hello", 5], "id": "9"}
    ]);
    assert_eq!(without_data(answer), expected);
    assert_eq!(fixture.shared.calls.lock().unwrap()[1], Call::NotifyHello(json!(7)));
}

#[tokio::test]
async fn c20_a_batch_of_notifications() {
    let (fixture, mut client) = lines(JsonRpc::lines()).await;
    let batch = r#"[
        {"jsonrpc": "2.0", "method": "notify_sum", "params": [1,2,4]},
        {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]}
    ]"#;
    client.send_line(&batch.replace('\n', " ")).await;
    client.assert_silent().await;
    assert_eq!(fixture.shared.calls.lock().unwrap()[0], Call::NotifyHello(json!(7)));
}

#[tokio::test]
async fn parameters_that_are_not_those_of_the_method() {
    let (_fixture, mut client) = lines(JsonRpc::lines()).await;
    for (params, text) in [
        (r#"[1]"#, "missing field `subtrahend`"),
        (r#"{"minuend":1}"#, "missing field `subtrahend`"),
        (r#"[1,"two"]"#, "invalid type: string"),
        (r#"[1,2,3]"#, "more elements than expected"),
        (r#"{"minuend":1,"minuend":1,"subtrahend":2}"#, "duplicate field `minuend`"),
    ] {
        let call = format!(r#"{{"jsonrpc":"2.0","method":"subtract","params":{params},"id":1}}"#);
        let answer = client.call(&call).await;
        assert_eq!(answer["error"]["code"], -32602, "{answer}");
        assert_eq!(answer["error"]["message"], "Invalid params");
        assert!(answer["error"]["data"].as_str().unwrap().contains(text), "{answer}");
    }
}

#[tokio::test]
async fn parameters_may_be_left_out() {
    let (_fixture, mut client) = lines(JsonRpc::lines()).await;
    for params in ["", r#","params":[]"#, r#","params":{}"#, r#","params":null"#] {
        let call = format!(r#"{{"jsonrpc":"2.0","method":"get_data","id":1{params}}}"#);
        assert_eq!(client.call(&call).await["result"], json!(["hello", 5]), "{params}");
    }
    // An `Option` that is not there is `None`.
    for params in ["[1]", r#"{"a":1}"#, r#"{"a":1,"b":null,"c":2}"#] {
        let call = format!(r#"{{"jsonrpc":"2.0","method":"update","params":{params},"id":1}}"#);
        assert_eq!(client.call(&call).await["result"], Value::Null, "{params}");
    }
}

#[tokio::test]
async fn c20_an_id_comes_back_as_it_was_sent() {
    let (_fixture, mut client) = lines(JsonRpc::lines()).await;
    for id in [
        "0",
        "-7",
        "9007199254740993",
        "18446744073709551615",
        "123456789012345678901234567890",
        "1.5",
        "1.0",
        "null",
        "\"\"",
        "\"a\\\"b\"",
        "\"1\"",
    ] {
        client.send_line(&format!(r#"{{"jsonrpc":"2.0","method":"sum","params":[1,2,3],"id":{id}}}"#)).await;
        assert_eq!(client.line().await, format!(r#"{{"jsonrpc":"2.0","result":6,"id":{id}}}"#));
    }
}

#[tokio::test]
async fn what_is_no_request_is_answered_with_its_id_if_there_is_one() {
    let (_fixture, mut client) = lines(JsonRpc::lines()).await;
    for (request, id) in [
        (r#"{"jsonrpc":"1.0","method":"get_data","id":5}"#, json!(5)),
        (r#"{"method":"get_data","id":5}"#, json!(5)),
        (r#"{"jsonrpc":2.0,"method":"get_data","id":"five"}"#, json!("five")),
        (r#"{"jsonrpc":"2.0","method":null,"id":5}"#, json!(5)),
        (r#"{"jsonrpc":"2.0","id":5}"#, json!(5)),
        (r#"{"jsonrpc":"2.0","method":"get_data","params":7,"id":5}"#, json!(5)),
        (r#"{"jsonrpc":"2.0","method":"get_data","params":"7","id":5}"#, json!(5)),
        (r#"{"jsonrpc":"2.0","method":"get_data","method":"sum","id":5}"#, json!(null)),
        (r#"{"jsonrpc":"2.0","method":"get_data","id":5,"id":6}"#, json!(null)),
        (r#"{"jsonrpc":"2.0","method":"get_data","id":true}"#, json!(null)),
        (r#"{"jsonrpc":"2.0","method":"get_data","id":[1]}"#, json!(null)),
        (r#"{"jsonrpc":"2.0","method":"get_data","id":{}}"#, json!(null)),
        (r#"{"jsonrpc":"2.0","method":"get_data","id":5,"time_left_ms":"soon"}"#, json!(5)),
        ("{}", json!(null)),
        ("7", json!(null)),
        ("-0.5", json!(null)),
        ("null", json!(null)),
        ("true", json!(null)),
        ("\"text\"", json!(null)),
    ] {
        let answer = client.call(request).await;
        assert_eq!(answer["error"]["code"], -32600, "{request}: {answer}");
        assert_eq!(answer["id"], id, "{request}: {answer}");
    }
}

#[tokio::test]
async fn members_that_mean_nothing_are_ignored() {
    let (_fixture, mut client) = lines(JsonRpc::lines()).await;
    let call = r#"{"auth":{"deep":[[[]]]},"id":1,"method":"sum","params":[1,2,3],"result":1,"jsonrpc":"2.0","x":1,"x":2}"#;
    assert_eq!(client.call(call).await["result"], 6);
}

#[tokio::test]
async fn a_response_to_the_server_is_ignored() {
    let (_fixture, mut client) = lines(JsonRpc::lines()).await;
    client.send_line(r#"{"jsonrpc":"2.0","result":7,"id":1}"#).await;
    client.send_line(r#"{"jsonrpc":"2.0","error":{"code":1,"message":"no"},"id":null}"#).await;
    client.send_line(r#"[{"jsonrpc":"2.0","result":7,"id":1}]"#).await;
    client.assert_silent().await;
}

#[tokio::test]
async fn failures_have_codes() {
    let (_fixture, mut client) = lines(JsonRpc::lines()).await;
    for (failure, error) in [
        ("overloaded", json!({"code": -32010, "message": "Overloaded", "data": {"retry_after_ms": 2}})),
        ("deadline", json!({"code": -32011, "message": "Deadline exceeded"})),
        ("closed", json!({"code": -32012, "message": "Closed"})),
        ("lost", json!({"code": -32013, "message": "Connection lost"})),
        ("cancelled", json!({"code": -32800, "message": "Request cancelled"})),
        ("panic", json!({"code": -32603, "message": "Internal error"})),
    ] {
        let call = format!(r#"{{"jsonrpc":"2.0","method":"failAs","params":["{failure}"],"id":1}}"#);
        assert_eq!(client.call(&call).await["error"], error);
    }
}

#[tokio::test]
async fn the_error_of_a_method_is_the_error_object_or_its_data() {
    let (_fixture, mut client) = lines(JsonRpc::lines()).await;
    for (error, expected) in [
        (json!("no such row"), json!({"code": -32000, "message": "no such row", "data": "no such row"})),
        (
            json!({"message": "no such row", "row": 7}),
            json!({"code": -32000, "message": "no such row", "data": {"message": "no such row", "row": 7}}),
        ),
        (json!({"code": 7, "message": "mine"}), json!({"code": 7, "message": "mine"})),
        (
            json!({"code": 7, "message": "mine", "data": [1]}),
            json!({"code": 7, "message": "mine", "data": [1]}),
        ),
        (
            json!({"code": "7", "message": "mine"}),
            json!({"code": -32000, "message": "mine", "data": {"code": "7", "message": "mine"}}),
        ),
        (
            json!([7, "mine"]),
            json!({"code": -32000, "message": "the method has returned an error", "data": [7, "mine"]}),
        ),
    ] {
        let call = json!({"jsonrpc": "2.0", "method": "fail", "params": [error], "id": 1});
        assert_eq!(client.call(&call.to_string()).await["error"], expected);
    }
}
