//! `Content-Length` framing and `$/cancelRequest`, which language servers use.

use portcullis_rpc::JsonRpc;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt};
use tokio::time::timeout;

use crate::service::{Call, Fixture, LIMIT, TextClient, lines};

impl TextClient {
    async fn send_framed(&mut self, text: &str) {
        self.send(format!("Content-Length: {}\r\n\r\n{text}", text.len())).await;
    }

    async fn receive_framed(&mut self) -> Value {
        let read = async {
            let (mut header, mut empty) = (String::new(), String::new());
            self.stream.read_line(&mut header).await.unwrap();
            self.stream.read_line(&mut empty).await.unwrap();
            assert_eq!(empty, "\r\n");
            let length = header.strip_prefix("Content-Length: ").unwrap().trim().parse().unwrap();
            let mut body = vec![0; length];
            self.stream.read_exact(&mut body).await.unwrap();
            serde_json::from_slice(&body).unwrap()
        };
        timeout(LIMIT, read).await.expect("in time")
    }
}

#[tokio::test]
async fn content_length_frames_every_message() {
    let fixture = Fixture::new(JsonRpc::content_length()).await;
    let mut client = fixture.connect().await;
    client.send_framed(r#"{"jsonrpc":"2.0","method":"subtract","params":[42,23],"id":1}"#).await;
    assert_eq!(client.receive_framed().await, json!({"jsonrpc": "2.0", "result": 19, "id": 1}));
    client.send_framed("{\n  \"jsonrpc\": \"2.0\",\n  \"method\": \"get_data\",\n  \"id\": 2\n}\n").await;
    assert_eq!(client.receive_framed().await["result"], json!(["hello", 5]));
    client.send_framed("{{").await;
    assert_eq!(client.receive_framed().await["error"]["code"], -32700);
    client.send_framed("").await;
    assert_eq!(client.receive_framed().await["error"]["code"], -32700);
    client.send_framed(r#"[{"jsonrpc":"2.0","method":"update","params":[1]}]"#).await;
    client.send_framed(r#"[{"jsonrpc":"2.0","method":"sum","params":[1,2,3],"id":3}]"#).await;
    assert_eq!(client.receive_framed().await, json!([{"jsonrpc": "2.0", "result": 6, "id": 3}]));
}

#[tokio::test]
async fn c21_a_cancelled_call_is_dropped_and_answered() {
    for id in ["7", "\"seven\"", "1.5", "null"] {
        let (fixture, mut client) = lines(JsonRpc::lines()).await;
        client.send_line(&format!(r#"{{"jsonrpc":"2.0","method":"hang","id":{id}}}"#)).await;
        fixture.shared.until_running(1).await;
        let cancel = format!(r#"{{"jsonrpc":"2.0","method":"$/cancelRequest","params":{{"id":{id}}}}}"#);
        client.send_line(&cancel).await;
        let error = r#"{"code":-32800,"message":"Request cancelled"}"#;
        assert_eq!(client.line().await, format!(r#"{{"jsonrpc":"2.0","error":{error},"id":{id}}}"#));
        fixture.shared.until_running(0).await;
        // A second cancel finds nothing.
        client.send_line(&cancel).await;
        client.assert_silent().await;
    }
}

#[tokio::test]
async fn a_cancel_of_another_id_or_without_a_valid_id_does_nothing() {
    let (fixture, mut client) = lines(JsonRpc::lines()).await;
    client.send_line(r#"{"jsonrpc":"2.0","method":"hang","id":1}"#).await;
    fixture.shared.until_running(1).await;
    for params in
        [r#","params":{"id":"1"}"#, r#","params":{"id":[1]}"#, r#","params":{}"#, r#","params":[]"#, ""]
    {
        client.send_line(&format!(r#"{{"jsonrpc":"2.0","method":"$/cancelRequest"{params}}}"#)).await;
        client.assert_silent().await;
    }
    fixture.shared.until_running(1).await;
}

#[tokio::test]
async fn c21_a_cancelled_call_of_a_batch_is_answered_in_its_array() {
    let (fixture, mut client) = lines(JsonRpc::lines()).await;
    client
        .send_line(
            r#"[{"jsonrpc":"2.0","method":"hang","id":1},{"jsonrpc":"2.0","method":"sum","params":[1,2,3],"id":2}]"#,
        )
        .await;
    fixture.shared.until_running(1).await;
    client.assert_silent().await;
    client.send_line(r#"{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":1}}"#).await;
    let answer = client.receive().await;
    assert_eq!(answer[0], json!({"jsonrpc": "2.0", "result": 6, "id": 2}));
    assert_eq!(answer[1]["error"]["code"], -32800);
    assert_eq!(answer[1]["id"], 1);
}

#[tokio::test]
async fn a_batch_may_cancel_its_own_call() {
    let (fixture, mut client) = lines(JsonRpc::lines()).await;
    let answer = client
        .call(
            r#"[{"jsonrpc":"2.0","method":"hang","id":1},{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":1}}]"#,
        )
        .await;
    assert_eq!(answer[0]["error"]["code"], -32800, "{answer}");
    fixture.shared.until_running(0).await;
}

#[tokio::test]
async fn a_method_with_one_parameter_named_params_gets_the_whole_object() {
    let (_fixture, mut client) = lines(JsonRpc::lines()).await;
    let params = json!({"textDocument": {"uri": "file:///a"}, "position": {"line": 1, "character": 2}});
    let call = json!({"jsonrpc": "2.0", "method": "text/whole", "params": params, "id": 1});
    assert_eq!(client.call(&call.to_string()).await["result"], params);
    let call = json!({"jsonrpc": "2.0", "method": "text/whole", "params": [params], "id": 1});
    assert_eq!(client.call(&call.to_string()).await["result"], params);
    let call = json!({"jsonrpc": "2.0", "method": "text/whole", "params": {}, "id": 1});
    assert_eq!(client.call(&call.to_string()).await["result"], json!({}));
}

#[tokio::test]
async fn notifications_begin_in_order() {
    let (fixture, mut client) = lines(JsonRpc::lines()).await;
    let notification = |n: i64| format!(r#"{{"jsonrpc":"2.0","method":"update","params":[{n}]}}"#);
    let text: Vec<_> = (0..50).map(notification).collect();
    client.send_line(&text.join("\n")).await;
    client.assert_silent().await;
    let calls = fixture.shared.calls.lock().unwrap();
    assert_eq!(calls[..50], (0..50).map(|n| Call::Update(n, None)).collect::<Vec<_>>());
}

#[tokio::test]
async fn items_are_notifications_before_the_answer() {
    let (_fixture, mut client) = lines(JsonRpc::lines()).await;
    // More than the credit that clients of other codecs begin with.
    client.send_line(r#"{"jsonrpc":"2.0","method":"count","params":[100],"id":"c"}"#).await;
    for number in 0..100 {
        let item = json!({"jsonrpc": "2.0", "method": "$/item", "params": {"id": "c", "item": number}});
        assert_eq!(client.receive().await, item);
    }
    assert_eq!(client.receive().await, json!({"jsonrpc": "2.0", "result": 100, "id": "c"}));
}
