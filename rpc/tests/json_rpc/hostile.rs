//! What a peer can send to harm the server, and the limits against it.

use portcullis_rpc::JsonRpc;
use serde_json::{Value, json};

use crate::service::lines;

const HANG: &str = r#"{"jsonrpc":"2.0","method":"hang","id":1}"#;

#[tokio::test]
async fn two_calls_with_the_same_id_are_both_answered() {
    let (fixture, mut client) = lines(JsonRpc::lines()).await;
    client.send_line(r#"{"jsonrpc":"2.0","method":"wait","id":1}"#).await;
    fixture.shared.until_running(1).await;
    let second = client.call(r#"{"jsonrpc":"2.0","method":"sum","params":[1,2,3],"id":1}"#).await;
    assert_eq!(second, json!({"jsonrpc": "2.0", "result": 6, "id": 1}));
    fixture.shared.release.notify_one();
    assert_eq!(client.receive().await, json!({"jsonrpc": "2.0", "result": null, "id": 1}));
    // A cancel means the older of two.
    client.send_line(HANG).await;
    fixture.shared.until_running(1).await;
    client.send_line(r#"{"jsonrpc":"2.0","method":"wait","id":1}"#).await;
    fixture.shared.until_running(2).await;
    client.send_line(r#"{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":1}}"#).await;
    assert_eq!(client.receive().await["error"]["code"], -32800);
    fixture.shared.release.notify_one();
    assert_eq!(client.receive().await["result"], Value::Null);
}

#[tokio::test]
async fn c22_a_frame_over_the_limit_is_answered_and_skipped() {
    let (_fixture, mut client) = lines(JsonRpc::lines().max_frame(100)).await;
    let long =
        format!(r#"{{"jsonrpc":"2.0","method":"notify_hello","params":["{}"],"id":1}}"#, "x".repeat(500));
    let answer = client.call(&long).await;
    assert_eq!(answer["error"]["code"], -32600, "{answer}");
    assert!(answer["error"]["data"].as_str().unwrap().contains("100 bytes"), "{answer}");
    client.assert_silent().await;
}

#[tokio::test]
async fn a_result_over_the_limit_is_answered_with_an_error() {
    let (_fixture, mut client) = lines(JsonRpc::lines().max_frame(300)).await;
    let answer = client.call(r#"{"jsonrpc":"2.0","method":"text","params":[1000],"id":1}"#).await;
    assert_eq!(answer["error"]["code"], -32603, "{answer}");
    assert_eq!(answer["id"], 1);
    let answer = client.call(r#"{"jsonrpc":"2.0","method":"text","params":[100],"id":2}"#).await;
    assert_eq!(answer["result"], "x".repeat(100));
}

#[tokio::test]
async fn c22_the_answers_of_batches_are_limited_together() {
    let (fixture, mut client) = lines(JsonRpc::lines().max_frame(1000)).await;
    // Two batches wait for a call, with a text of 300 bytes each.
    let batch = |id: u32| {
        format!(
            r#"[{{"jsonrpc":"2.0","method":"wait","id":{id}}},{{"jsonrpc":"2.0","method":"text","params":[300],"id":"{id}"}}]"#
        )
    };
    for id in 1..=4 {
        client.send_line(&batch(id)).await;
        fixture.shared.until_running(id as usize).await;
    }
    fixture.shared.release.notify_waiters();
    let mut texts = 0;
    for _ in 1..=4 {
        let answers = client.receive().await;
        let answers = answers.as_array().unwrap();
        assert_eq!(answers.len(), 2);
        for answer in answers {
            texts += usize::from(answer["result"].is_string());
            assert!(answer.get("result").is_some() || answer["error"]["code"] == -32603, "{answer}");
        }
    }
    assert_eq!(texts, 2, "more than 1000 bytes were kept");
    // What was kept is free again.
    client.send_line(&batch(9)).await;
    fixture.shared.until_running(1).await;
    fixture.shared.release.notify_waiters();
    assert_eq!(client.receive().await[0]["result"], "x".repeat(300));
}

#[tokio::test]
async fn c22_a_batch_over_the_limit_is_one_error() {
    let (_fixture, mut client) = lines(JsonRpc::lines().max_batch(3)).await;
    let answer = client.call("[1,2,3,4]").await;
    assert_eq!(answer["error"]["code"], -32600, "{answer}");
    assert_eq!(client.call("[1,2,3]").await.as_array().unwrap().len(), 3);
    assert_eq!(client.call("[1,2,3,4,]").await["error"]["code"], -32700);
    // Four million elements.
    let huge = format!("[{}1]", "1,".repeat(4_000_000 - 1));
    assert_eq!(client.call(&huge).await["error"]["code"], -32600);
}

#[tokio::test]
async fn c22_an_id_over_the_limit_is_refused() {
    let (_fixture, mut client) = lines(JsonRpc::lines()).await;
    let call = |id: String| format!(r#"{{"jsonrpc":"2.0","method":"sum","params":[1,2,3],"id":{id}}}"#);
    for id in [format!("\"{}\"", "x".repeat(255)), "9".repeat(257)] {
        let answer = client.call(&call(id)).await;
        assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(-32600), &Value::Null));
    }
    let id = format!("\"{}\"", "x".repeat(254));
    assert_eq!(client.call(&call(id)).await["result"], 6);
}

#[tokio::test]
async fn c22_nesting_is_limited_and_overflows_no_stack() {
    let (_fixture, mut client) = lines(JsonRpc::lines()).await;
    let deep = |levels: usize| {
        let value = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        format!(r#"{{"jsonrpc":"2.0","method":"notify_hello","params":[{value}],"id":1}}"#)
    };
    assert_eq!(client.call(&deep(100)).await["result"], Value::Null);
    for levels in [200, 1_000_000] {
        let answer = client.call(&deep(levels)).await;
        assert_eq!(answer["error"]["code"], -32602, "{answer}");
    }
    // Where nothing looks at the value.
    let depth = 1_000_000;
    let ignored = format!("{}{}", r#"{"a":"#.repeat(depth) + "1", "}".repeat(depth));
    let call = format!(r#"{{"x":{ignored},"jsonrpc":"2.0","method":"sum","params":[1,2,3],"id":1}}"#);
    assert_eq!(client.call(&call).await["result"], 6);
    // An array in an array is no request, however deep.
    let answer = client.call(&format!("{}{}", "[".repeat(depth), "]".repeat(depth))).await;
    assert_eq!(answer[0]["error"]["code"], -32600);
    let answer = client.call(&"[".repeat(depth)).await;
    assert_eq!(answer["error"]["code"], -32700);
}

#[tokio::test]
async fn bytes_that_are_not_utf8_are_a_parse_error() {
    let (_fixture, mut client) = lines(JsonRpc::lines()).await;
    for bytes in
        [&b"\xff\xfe\n"[..], b"{\"jsonrpc\":\"2.0\",\"method\":\"get_data\",\"id\":\"\xff\"}\n", b"\x00\n"]
    {
        client.send(bytes).await;
        assert_eq!(client.receive().await["error"]["code"], -32700);
    }
    // A key or a string with half a surrogate pair.
    let answer = client.call(r#"{"jsonrpc":"2.0","method":"\ud800","id":1}"#).await;
    assert_eq!(answer["error"]["code"], -32600);
    let answer = client.call(r#"[{"\ud800":1}]"#).await;
    assert_eq!(answer[0]["error"]["code"], -32600);
}

#[tokio::test]
async fn blank_lines_and_crlf_are_allowed_and_the_last_line_needs_no_end() {
    let (_fixture, mut client) = lines(JsonRpc::lines()).await;
    let call = r#"{"jsonrpc":"2.0","method":"sum","params":[1,2,3],"id":1}"#;
    client.send(format!("\r\n \n{call}\r\n\n{call}")).await;
    let answer = r#"{"jsonrpc":"2.0","result":6,"id":1}"#;
    assert_eq!(client.line().await, answer);
    assert_eq!(client.finish().await, format!("{answer}\n"));
}

#[tokio::test]
async fn the_calls_in_flight_are_answered_after_the_end_of_the_input() {
    let (fixture, mut client) = lines(JsonRpc::lines()).await;
    client.send_line(r#"{"jsonrpc":"2.0","method":"wait","id":1}"#).await;
    fixture.shared.until_running(1).await;
    let rest = tokio::spawn(client.finish());
    fixture.shared.release.notify_one();
    assert_eq!(rest.await.unwrap(), "{\"jsonrpc\":\"2.0\",\"result\":null,\"id\":1}\n");
}

#[tokio::test]
async fn each_connection_has_its_own_ids() {
    let (fixture, mut one) = lines(JsonRpc::lines()).await;
    let mut other = fixture.connect().await;
    one.send_line(HANG).await;
    fixture.shared.until_running(1).await;
    other.send_line(r#"{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":1}}"#).await;
    other.assert_silent().await;
    fixture.shared.until_running(1).await;
    one.send_line(r#"{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":1}}"#).await;
    assert_eq!(one.receive().await["error"]["code"], -32800);
}

#[tokio::test]
async fn time_that_is_left_is_a_deadline() {
    let (_fixture, mut client) = lines(JsonRpc::lines()).await;
    let answer = client.call(r#"{"jsonrpc":"2.0","method":"hang","time_left_ms":30,"id":1}"#).await;
    assert_eq!(answer["error"]["code"], -32011, "{answer}");
}

#[tokio::test]
async fn the_text_of_an_error_does_not_quote_a_long_message() {
    let (_fixture, mut client) = lines(JsonRpc::lines()).await;
    let long = "y".repeat(1_000_000);
    let answer = client
        .call(&format!(r#"{{"jsonrpc":"2.0","method":"subtract","params":["{long}",1],"id":1}}"#))
        .await;
    assert_eq!(answer["error"]["code"], -32602);
    assert!(answer.to_string().len() < 500, "{}", answer.to_string().len());
}
