//! Handlers that respond with none, one or several responses.

use super::*;

/// Responds with as many lines as the request says.
struct Several;

#[service(response = String)]
impl Several {
    #[request]
    async fn list(&self, peer: &Peer<String>, request: String) -> Result<Vec<String>, String> {
        match &*request {
            // A line can't contain the end of a line.
            "garble" => Ok(vec!["before".into(), "a\nb".into(), "after".into()]),
            "side" => {
                peer.try_send("sent before".into()).map_err(|error| error.to_string())?;
                Ok(vec!["first".into(), "second".into()])
            }
            "later" => {
                tokio::task::yield_now().await;
                Ok(vec!["third".into(), "fourth".into()])
            }
            number => match number.parse::<u32>() {
                Ok(count) => Ok((0..count).map(|n| format!("{n} of {count}")).collect()),
                Err(_) => Err(request),
            },
        }
    }

    #[on(error)]
    async fn failed(&self, error: SessionError<String>) -> ControlFlow<Reason, String> {
        match error {
            SessionError::Encode(_) => ControlFlow::Continue("not a line".into()),
            error => ControlFlow::Continue(error.to_string()),
        }
    }
}

/// Responds with the words of a line.
struct Words;

#[service(response = String)]
impl Words {
    #[request]
    async fn split(&self, line: String) -> Result<portcullis::Responses<String>, std::num::ParseIntError> {
        Ok(line.split_whitespace().map(str::to_owned).collect())
    }
}

/// Each state responds in its own way.
#[derive(Default)]
struct Ways {
    peers: Mutex<Vec<Peer<String, u32>>>,
}

type Alias = ([String; 2], WaysState);

#[service(state(derive(Clone)))]
impl Ways {
    #[on(connect)]
    async fn connected(&self, peer: &Peer<String, u32>) {
        self.peers.lock().unwrap().push(peer.clone());
    }

    /// The response type is `String`, because `connected` says so.
    #[state(start)]
    async fn optional(&self, line: String) -> (Option<String>, WaysState) {
        match &*line {
            "none" => (None, WaysState::Optional),
            "several" => (Some("several".into()), WaysState::Several(0)),
            _ => (Some(line), WaysState::Optional),
        }
    }

    #[state]
    async fn several(&self, mut count: usize, line: String) -> Result<(Vec<String>, WaysState), String> {
        count += 1;
        match &*line {
            "pair" => Ok((Vec::new(), WaysState::Pair)),
            "fail" => Err(line),
            _ => Ok((vec![line; count], WaysState::Several(count))),
        }
    }

    #[state]
    async fn pair(&self, line: String) -> Alias {
        ([line.clone(), line], WaysState::One)
    }

    #[state(max_duration = "50ms")]
    async fn one(&self, line: String) -> (String, WaysState) {
        (line, WaysState::One)
    }

    #[on(timeout = one)]
    async fn late(&self) -> ([String; 3], WaysState) {
        (["x".into(), "y".into(), "z".into()], WaysState::Optional)
    }

    #[event(optional)]
    async fn posted(&self, count: u32) -> (Vec<String>, WaysState) {
        ((0..count).map(|n| format!("event {n}")).collect(), WaysState::Optional)
    }
}

on_streams! {
    async fn s16_none_one_and_several_responses_keep_the_order_of_the_requests(kind) {
        let server = serve(kind, Server::new(Several).codec(Lines::new())).await;
        let mut conn = server.connect().await;
        conn.write_all(b"0\n2\nlater\n0\n1\nside\nunknown\n0\n1\n").await.unwrap();
        for line in [
            "0 of 2", "1 of 2", "third", "fourth", "0 of 1", "sent before", "first", "second", "unknown", "0 of 1",
        ] {
            assert_eq!(conn.line().await, line);
        }
        server.stop().await;
    }

    async fn s16_responses_are_made_of_any_iterator(kind) {
        let server = serve(kind, Server::new(Words).codec(Lines::new())).await;
        let mut conn = server.connect().await;
        conn.write_all(b"one\n  \nthree two one\nlast\n").await.unwrap();
        for line in ["one", "three", "two", "one", "last"] {
            assert_eq!(conn.line().await, line);
        }
        server.stop().await;
    }

    async fn s16_a_response_that_cannot_be_encoded_ends_the_list(kind) {
        let server = serve(kind, Server::new(Several).codec(Lines::new())).await;
        let mut conn = server.connect().await;
        conn.write_all(b"2\ngarble\n1\n").await.unwrap();
        for line in ["0 of 2", "1 of 2", "before", "not a line", "0 of 1"] {
            assert_eq!(conn.line().await, line);
        }
        server.stop().await;
    }

    async fn s16_a_list_longer_than_a_batch_is_sent_whole(kind) {
        let server = serve(kind, Server::new(Several).codec(Lines::new())).await;
        let mut conn = server.connect().await;
        conn.write_all(b"20000\n1\n").await.unwrap();
        for n in 0..20_000 {
            assert_eq!(conn.line().await, format!("{n} of 20000"));
        }
        assert_eq!(conn.line().await, "0 of 1");
        server.stop().await;
    }

    async fn s16_states_events_and_timeouts_respond_with_any_number(kind) {
        let ways = Arc::new(Ways::default());
        let server = serve(kind, Server::new(ways.clone()).codec(Lines::new())).await;
        let mut conn = server.connect().await;
        conn.write_all(b"none\none\n").await.unwrap();
        assert_eq!(conn.line().await, "one");
        ways.peers.lock().unwrap()[0].try_post(2).unwrap();
        assert_eq!(conn.line().await, "event 0");
        assert_eq!(conn.line().await, "event 1");
        conn.write_all(b"several\na\nb\npair\nc\nd\n").await.unwrap();
        for line in ["several", "a", "b", "b", "c", "c", "d", "x", "y", "z"] {
            assert_eq!(conn.line().await, line);
        }
        assert_eq!(conn.call("back").await, "back");
        server.stop().await;
    }
}
