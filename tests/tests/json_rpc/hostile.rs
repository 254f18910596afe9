//! What a client can do to harm a server of JSON-RPC, on each transport.

use std::fmt::Write;

use super::*;

on_streams! {
    async fn c22_a_flood_of_calls_in_flight_is_bounded(kind) {
        let mut fixture = Fixture::new(kind, JsonRpc::lines()).await;
        let mut client = fixture.lines().await;
        for id in 0..64 {
            client.request(id, "hold", Value::Null).await;
        }
        fixture.shared.until_running(64).await;
        // These are not read before one of the others ends.
        for id in 64..100 {
            client.request(id, "hold", Value::Null).await;
        }
        for id in 0..100 {
            fixture.shared.release.add_permits(1);
            let answer = client.next().await;
            assert_eq!(answer["result"], 7, "{id}: {answer}");
        }
        fixture.shared.until_running(0).await;
        client.still_answers().await;
    }

    async fn c22_garbage_is_answered_and_the_connection_goes_on(kind) {
        let mut fixture = Fixture::new(kind, JsonRpc::lines()).await;
        let mut client = fixture.lines().await;
        for garbage in [
            &b"{"[..], b"\xff\xfe", b"null", b"7", b"\"text\"", b"{}", b"[[[]]]", b"{\"jsonrpc\":\"2.0\"}",
            b"{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"note\"}", b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":[]}",
        ] {
            client.write([garbage, b"\n"].concat()).await;
            let answer = client.next().await;
            let error = if answer.is_array() { &answer[0]["error"] } else { &answer["error"] };
            assert!([-32700, -32600].contains(&error["code"].as_i64().expect("a code")), "{answer}");
            client.still_answers().await;
        }
    }

    async fn c22_a_batch_of_a_hundred_thousand_calls(kind) {
        let batch = |calls: usize| {
            let mut text = String::from("[");
            for id in 0..calls {
                let comma = if id == 0 { "" } else { "," };
                write!(text, r#"{comma}{{"jsonrpc":"2.0","id":{id},"method":"subtract","params":[{id},1]}}"#)
                    .expect("a string");
            }
            text + "]\n"
        };
        let mut fixture = Fixture::new(kind, JsonRpc::lines()).await;
        let mut client = fixture.lines().await;
        client.write(batch(100_000)).await;
        assert_eq!(client.next().await["error"]["code"], -32600);
        client.write(batch(1000)).await;
        let answers = client.next().await;
        assert_eq!(answers.as_array().expect("an array").len(), 1000);
        client.still_answers().await;
    }

    async fn c22_a_client_that_never_reads_holds_a_bounded_number_of_answers(kind) {
        let mut fixture = Fixture::with(kind, JsonRpc::lines(), |server| server.max_queued_responses(8)).await;
        let client = fixture.lines().await;
        let (read, mut write) = tokio::io::split(client.stream);
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "text", "params": [1 << 20]}).to_string() + "\n";
        let mut sent = 0;
        // Each line is answered with a mebibyte, until the server does not read any more.
        let flood = async {
            loop {
                tokio::io::AsyncWriteExt::write_all(&mut write, call.repeat(1000).as_bytes()).await?;
                sent += 1000;
                if sent > 1_000_000 {
                    return Ok::<_, std::io::Error>(());
                }
            }
        };
        assert!(timeout(Duration::from_millis(500), flood).await.is_err(), "everything was read");
        assert!(sent < 1_000_000, "{sent}");
        drop((read, write));
        wait(|| fixture.handle.peers().is_empty()).await;
    }
}

on_loops! {
    async fn an_item_over_the_limit_ends_its_call_alone() {
        let mut fixture = Fixture::new(Some(Kind::Tcp), JsonRpc::lines().max_frame(1000)).await;
        let mut client = fixture.lines().await;
        client.request(1, "hold", Value::Null).await;
        fixture.shared.until_running(1).await;
        let answer = client.call(2, "texts", json!([2000])).await;
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(2), &json!(-32603)), "{answer}");
        client.still_answers().await;
        fixture.shared.release.add_permits(1);
        assert_eq!(client.next().await["id"], 1);
    }
}
