//! From state to state: data that moves, the state that closes, errors, half-close.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::machine::{Phase, Report, ended, machine, peer, within};
use super::*;

/// All that comes back for `text`, up to the session's end.
async fn all(served: &Served, text: &[u8]) -> String {
    let mut stream = tokio::net::TcpStream::connect(served.addr).await.expect("it listens");
    stream.write_all(text).await.expect("written");
    let mut back = String::new();
    stream.read_to_string(&mut back).await.expect("a proper end");
    back
}

on_both_flavours! {
    async fn data_moves_from_one_handler_to_the_next() {
        let (service, mut reports) = machine("fresh");
        let server = serve(bound(service)).await;
        let mut client = server.connect().await;
        assert_eq!(call(&mut client, "where").await, "fresh");
        assert_eq!(call(&mut client, "name Ada").await, "hello Ada");
        // One that answers nothing.
        client.send("add  Lovelace".to_owned()).await.expect("sent");
        assert_eq!(call(&mut client, "who").await, "Ada Lovelace");
        assert_eq!(call(&mut client, "where").await, "greeted");
        client.finish().await.expect("half-closed");
        let last = Phase::Greeted("Ada Lovelace".to_owned());
        let handled = ["where", "name Ada", "add  Lovelace", "who", "where"].map(str::to_owned).to_vec();
        assert_eq!(ended(&mut reports).await, (handled, Some(last), Reason::PeerClosed));
        server.stop().await;
    }

    async fn closed_ends_the_session_once_its_answers_are_written() {
        let (service, mut reports) = machine("fresh");
        let server = serve(bound(service)).await;
        let long = "x".repeat(4000);
        let text = [format!("tell {long}\n").repeat(100), "to closed\nnot handled\n".to_owned()].concat();
        let back = all(&server, text.as_bytes()).await;
        assert_eq!(back, [format!("{long}\n").repeat(100), "at closed\n".to_owned()].concat());
        let (handled, last, reason) = ended(&mut reports).await;
        assert_eq!((handled.len(), last, reason), (101, Some(Phase::Closed), Reason::Closed(By::Handler)));
        assert_eq!(all(&server, b"go closed\n").await, "");
        assert_eq!(ended(&mut reports).await.2, Reason::Closed(By::Handler));
        // What was sent beside the answers goes out, too.
        assert_eq!(all(&server, b"push last words\ngo closed\n").await, "last words\n");
        server.stop().await;
    }

    async fn closed_may_be_the_first_state() {
        let (service, mut reports) = machine("closed");
        let server = serve(bound(service)).await;
        assert_eq!(all(&server, b"let me in\n").await, "not now\n");
        assert_eq!(ended(&mut reports).await, (vec![], Some(Phase::Closed), Reason::Closed(By::Handler)));
        server.stop().await;
    }

    async fn s1_after_an_error_a_state_without_data_goes_on() {
        let (service, _told) = machine("fresh");
        let server = serve(bound(service)).await;
        let mut client = server.connect().await;
        for name in ["fresh", "deaf", "fickle"] {
            assert_eq!(call(&mut client, &format!("to {name}")).await, format!("at {name}"));
            assert_eq!(call(&mut client, "fail it").await, "error: it");
            assert_eq!(call(&mut client, "where").await, name);
        }
        server.stop().await;
    }

    async fn s1_after_an_error_a_state_with_data_ends_once_it_is_answered() {
        let (service, mut reports) = machine("fresh");
        let server = serve(bound(service)).await;
        assert_eq!(all(&server, b"name Ada\nfail it\nwhere\n").await, "hello Ada\nerror: it\n");
        let (_, last, reason) = ended(&mut reports).await;
        assert_eq!((last, &reason), (None, &within("greeted", Reason::Failed("it".to_owned()))));
        assert_eq!(reason.cause(), &Reason::Failed("it".to_owned()));
        assert_eq!(reason.to_string(), "in state `greeted`: failed: it");
        // Nor does an error that is not answered.
        assert_eq!(all(&server, b"fail silently\n").await, "");
        let failed = within("fresh", Reason::Failed("silently".to_owned()));
        assert_eq!(ended(&mut reports).await, (vec!["fail silently".to_owned()], None, failed));
        server.stop().await;
    }

    async fn s3_malformed_input_takes_no_data_away() {
        let (service, _told) = machine("fresh");
        let server = serve(bound(service)).await;
        assert_eq!(all(&server, b"name Ada\n\xff\nwho\ngo closed\n").await, "hello Ada\nwhat?\nAda\n");
        server.stop().await;
    }

    async fn s1_an_answer_that_cannot_be_written_leaves_the_state_that_was_chosen() {
        let (service, _told) = machine("fresh");
        let server = serve(bound(service)).await;
        assert_eq!(all(&server, b"garble Ada\nwho\ngo closed\n").await, "can't say\nAda\n");
        server.stop().await;
    }

    async fn s1_a_panic_ends_its_session_in_whichever_state() {
        let (service, mut reports) = machine("fresh");
        let server = serve(bound(service)).await;
        for (before, state) in [("", "fresh"), ("name Ada\n", "greeted")] {
            let back = all(&server, format!("{before}panic\nwhere\n").as_bytes()).await;
            assert!(back.ends_with("panic: as asked\n"), "{back}");
            let (_, last, reason) = ended(&mut reports).await;
            assert_eq!((last, reason), (None, within(state, Reason::Panicked("as asked".to_owned()))));
        }
        server.stop().await;
    }

    async fn s8_half_close_is_answered_or_cancels_as_the_state_says() {
        let (service, mut reports) = machine("fresh");
        let server = serve(bound(Arc::clone(&service))).await;
        for (state, answered) in [("fresh", true), ("fickle", false)] {
            let mut client = server.connect().await;
            assert_eq!(call(&mut client, &format!("to {state}")).await, format!("at {state}"));
            client.send("hold".to_owned()).await.expect("sent");
            while reports.recv().await != Some(Report::Holding) {}
            client.finish().await.expect("half-closed");
            if answered {
                service.release.add_permits(1);
                assert_eq!(rest(&mut client).await, ["held"]);
                assert_eq!(ended(&mut reports).await.2, Reason::PeerClosed);
            } else {
                assert_eq!(reports.recv().await, Some(Report::Dropped));
                assert_eq!(ended(&mut reports).await.2, within("fickle", Reason::PeerClosed));
            }
        }
        server.stop().await;
    }

    async fn s8_a_reset_drops_a_busy_handler_and_its_data() {
        let (service, mut reports) = machine("fresh");
        let server = serve(bound(service)).await;
        let mut client = server.connect().await;
        assert_eq!(call(&mut client, "name Ada").await, "hello Ada");
        client.send("hold".to_owned()).await.expect("sent");
        while reports.recv().await != Some(Report::Holding) {}
        client.get_ref().set_zero_linger().expect("set");
        drop(client);
        assert_eq!(reports.recv().await, Some(Report::Dropped));
        let (_, last, reason) = ended(&mut reports).await;
        assert_eq!((last, reason), (None, within("greeted", Reason::Reset)));
        server.stop().await;
    }

    async fn s5_a_stop_leaves_the_state_of_an_idle_session_and_names_that_of_a_busy_one() {
        let (service, mut reports) = machine("fresh");
        let server = serve(bound(service)).await;
        let mut idle = server.connect().await;
        assert_eq!(call(&mut idle, "name Ada").await, "hello Ada");
        let mut busy = server.connect().await;
        busy.send("hold".to_owned()).await.expect("sent");
        while reports.recv().await != Some(Report::Holding) {}
        server.handle.stop_within(Duration::from_millis(50));
        let report = server.stop().await;
        assert_eq!((report.sessions_finished, report.sessions_cancelled), (1, 1), "{report}");
        let (_, last, reason) = ended(&mut reports).await;
        assert_eq!((last, reason), (Some(Phase::Greeted("Ada".to_owned())), Reason::Stopped));
        assert_eq!(ended(&mut reports).await, (vec!["hold".to_owned()], None, within("fresh", Reason::Stopped)));
    }

    async fn peers_of_one_connection_are_equal_in_every_state() {
        let (service, mut reports) = machine("fresh");
        let server = serve(bound(service)).await;
        let (_one, _two) = (server.connect().await, server.connect().await);
        let (one, two) = (peer(&mut reports).await, peer(&mut reports).await);
        assert!(one == one.clone() && one != two);
        server.stop().await;
    }
}
