//! How long a session may be in a state. The time is paused, so these tests take none, and hold to
//! the millisecond.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep};

use super::machine::{Phase, Talker, ended, narrow, peer, piped, within};
use super::*;

/// Sessions are late by a tick at most: an eighth of the shortest limit, which is one second.
const TICK: Duration = Duration::from_millis(130);

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// That so much time has passed, and no more than a tick beyond.
#[track_caller]
fn took(began: Instant, time: Duration) {
    let took = began.elapsed();
    assert!(took >= time && took <= time + TICK, "{took:?} for {time:?}");
}

async fn closes(client: &mut Talker) {
    assert_eq!(client.next().await.expect("a proper end"), None);
}

async fn next(client: &mut Talker) -> String {
    client.next().await.expect("read").expect("not the end")
}

async fn ask(client: &mut Talker, request: &str) -> String {
    client.call(request.to_owned()).await.expect("an answer")
}

paused! {
    async fn s2_idle_ends_a_session_that_is_silent_and_leaves_its_state() {
        let (mut client, _, mut reports) = piped("one idle=2000", |server| server);
        let began = Instant::now();
        closes(&mut client).await;
        took(began, secs(2));
        assert_eq!(ended(&mut reports).await, (vec![], Some(Phase::read("one idle=2000")), Reason::Timeout(Limit::Idle)));
    }

    async fn s2_idle_restarts_with_each_whole_request_and_with_nothing_less() {
        let (mut client, _, mut reports) = piped("one idle=2000", |server| server);
        let peer = peer(&mut reports).await;
        for _ in 0..5 {
            sleep(Duration::from_millis(1500)).await;
            assert_eq!(ask(&mut client, "still here").await, "still here");
        }
        let began = Instant::now();
        // Malformed input, what is sent to the peer and what is posted are no requests.
        for _ in 0..3 {
            sleep(Duration::from_millis(500)).await;
            peer.try_send("sent".to_owned()).expect("a place");
            peer.try_post("tell posted".to_owned()).expect("a place");
            assert_eq!([next(&mut client).await, next(&mut client).await].concat().len(), "sentposted".len());
        }
        closes(&mut client).await;
        took(began, secs(2));
        assert_eq!(ended(&mut reports).await.2, Reason::Timeout(Limit::Idle));
    }

    async fn s2_within_runs_from_entry_and_a_state_that_is_its_own_next_does_not_restart_it() {
        let (mut client, _, mut reports) = piped("one within=5000", |server| server);
        let began = Instant::now();
        for _ in 0..4 {
            sleep(secs(1)).await;
            assert_eq!(ask(&mut client, "still here").await, "still here");
        }
        closes(&mut client).await;
        took(began, secs(5));
        assert_eq!(ended(&mut reports).await.1, Some(Phase::read("one within=5000")));
    }

    async fn s2_within_begins_anew_when_the_state_is_entered_from_another() {
        let (mut client, _, _told) = piped("one within=5000", |server| server);
        for _ in 0..3 {
            sleep(secs(4)).await;
            assert_eq!(ask(&mut client, "to two within=5000").await, "at two within=5000");
            sleep(secs(4)).await;
            assert_eq!(ask(&mut client, "to one within=5000").await, "at one within=5000");
        }
        let began = Instant::now();
        closes(&mut client).await;
        took(began, secs(5));
    }

    async fn s2_a_state_without_limits_has_none() {
        let (mut client, _, _told) = piped("one idle=1000 within=1000", |server| server);
        assert_eq!(ask(&mut client, "to fresh").await, "at fresh");
        sleep(secs(60 * 60)).await;
        assert_eq!(ask(&mut client, "still here").await, "still here");
    }

    async fn a_timeout_is_handled_and_the_states_time_begins_anew() {
        let (mut client, _, mut reports) = piped("one idle=1000 then tell tick", |server| server);
        for _ in 0..5 {
            let began = Instant::now();
            assert_eq!(next(&mut client).await, "tick");
            took(began, secs(1));
        }
        client.finish().await.expect("half-closed");
        closes(&mut client).await;
        let (handled, last, reason) = ended(&mut reports).await;
        assert_eq!((handled.len(), reason), (5, Reason::PeerClosed));
        assert_eq!(last, Some(Phase::read("one idle=1000 then tell tick")));
    }

    async fn a_timeout_leads_to_another_state_with_limits_of_its_own() {
        let (mut client, _, mut reports) = piped("one within=2000 then to two idle=3000 then to closed", |server| server);
        let began = Instant::now();
        assert!(next(&mut client).await.starts_with("at two"));
        took(began, secs(2));
        let began = Instant::now();
        assert_eq!(next(&mut client).await, "at closed");
        took(began, secs(3));
        closes(&mut client).await;
        assert_eq!(ended(&mut reports).await.1, Some(Phase::Closed));
    }

    async fn s1_an_error_or_a_panic_of_a_timeout_is_answered_and_the_data_is_gone() {
        for (then, answer, reason) in [
            ("fail late", "error: late", Reason::Failed("late".to_owned())),
            ("panic", "panic: as asked", Reason::Panicked("as asked".to_owned())),
        ] {
            let (mut client, _, mut reports) = piped(&format!("one idle=1000 then {then}"), |server| server);
            assert_eq!(next(&mut client).await, answer);
            closes(&mut client).await;
            let (_, last, ended) = ended(&mut reports).await;
            assert_eq!((last, ended), (None, within("one", reason)));
        }
    }

    async fn a_handler_is_not_cut_short_and_is_timed_out_as_soon_as_it_returns() {
        let (mut client, _, mut reports) = piped("one idle=1000 within=2000 then to closed", |server| server);
        let began = Instant::now();
        assert_eq!(ask(&mut client, "sleep 10000").await, "slept");
        took(began, secs(10));
        assert_eq!(next(&mut client).await, "at closed");
        took(began, secs(10));
        closes(&mut client).await;
        assert_eq!(ended(&mut reports).await.0, ["sleep 10000", "to closed"]);
    }

    async fn idle_does_not_count_while_a_handler_runs() {
        let (mut client, _, _told) = piped("one idle=1000", |server| server);
        assert_eq!(ask(&mut client, "sleep 10000").await, "slept");
        let began = Instant::now();
        closes(&mut client).await;
        took(began, secs(1));
    }

    async fn s2_a_peer_that_is_never_silent_does_not_stay_beyond_within() {
        let (mut client, _, mut reports) = piped("one within=2000", |server| server);
        for _ in 0..50 {
            client.send("sleep 500".to_owned()).await.expect("sent");
        }
        let (handled, _, reason) = ended(&mut reports).await;
        assert_eq!((handled.len() <= 5, reason), (true, Reason::Timeout(Limit::MaxDuration)), "{handled:?}");
        // What was handled is answered.
        for _ in 0..handled.len() {
            assert_eq!(next(&mut client).await, "slept");
        }
        closes(&mut client).await;
    }

    async fn a_timeout_is_handled_while_a_peer_does_not_read_what_was_sent_to_it() {
        for limit in ["idle", "within"] {
            let (mut client, _, mut reports) = narrow(16, &format!("one {limit}=2000 then to closed"), |server| server);
            let peer = peer(&mut reports).await;
            let began = Instant::now();
            peer.try_send("more than the pipe holds".to_owned()).expect("a place");
            let (handled, last, reason) = ended(&mut reports).await;
            took(began, secs(2));
            assert_eq!((handled, last, reason), (vec!["to closed".to_owned()], Some(Phase::Closed), Reason::Closed(By::Handler)));
            assert_eq!(next(&mut client).await, "more than the pipe holds");
            assert_eq!(next(&mut client).await, "at closed");
            closes(&mut client).await;
        }
    }

    async fn a_timeout_is_handled_while_a_peer_does_not_read_an_answer() {
        let (mut client, _, mut reports) = narrow(16, "one within=2000 then to closed", |server| server);
        let began = Instant::now();
        client.send("tell more than the pipe holds".to_owned()).await.expect("sent");
        let (_, last, reason) = ended(&mut reports).await;
        took(began, secs(2));
        assert_eq!((last, reason), (Some(Phase::Closed), Reason::Closed(By::Handler)));
        assert_eq!(next(&mut client).await, "more than the pipe holds");
        assert_eq!(next(&mut client).await, "at closed");
        closes(&mut client).await;
    }

    async fn s2_a_peer_that_does_not_read_has_its_time_and_no_more_however_often_a_state_is_timed_out() {
        let limited = |server: Server<_, _>| server.write_timeout(secs(5));
        let (mut client, _, mut reports) = narrow(16, "one within=1000 then quiet", limited);
        let began = Instant::now();
        client.send("tell more than the pipe holds".to_owned()).await.expect("sent");
        let (handled, _, reason) = ended(&mut reports).await;
        took(began, secs(5));
        // One a second; that of the last may be as late as a tick.
        assert_eq!((handled.iter().filter(|text| *text == "quiet").count(), reason), (4, Reason::Timeout(Limit::Write)));
    }

    async fn s2_idle_counts_while_a_peer_neither_reads_an_answer_nor_sends() {
        let (mut client, _, mut reports) = narrow(16, "one idle=1000 then to closed", |server| server);
        let began = Instant::now();
        client.send("tell more than the pipe holds".to_owned()).await.expect("sent");
        assert_eq!(ended(&mut reports).await.2, Reason::Closed(By::Handler));
        took(began, secs(1));
        assert_eq!(next(&mut client).await, "more than the pipe holds");
        assert_eq!(next(&mut client).await, "at closed");
    }

    async fn idle_begins_anew_when_the_peer_has_read_an_answer() {
        let (mut client, _, mut reports) = narrow(16, "one idle=2000 then to closed", |server| server);
        client.send("tell more than the pipe holds".to_owned()).await.expect("sent");
        sleep(Duration::from_millis(1500)).await;
        let began = Instant::now();
        assert_eq!(next(&mut client).await, "more than the pipe holds");
        assert_eq!(next(&mut client).await, "at closed");
        took(began, secs(2));
        assert_eq!(ended(&mut reports).await.2, Reason::Closed(By::Handler));
    }

    async fn requests_are_handled_and_restart_idle_while_a_peer_does_not_read() {
        let (mut client, _, mut reports) = narrow(16, "one idle=2000 then to closed", |server| server);
        client.send("tell more than the pipe holds".to_owned()).await.expect("sent");
        let began = Instant::now();
        for n in 0..5 {
            sleep(secs(1)).await;
            client.send(format!("tell {n}")).await.expect("sent");
        }
        let (handled, _, reason) = ended(&mut reports).await;
        took(began, secs(7));
        assert_eq!((handled.len(), reason), (7, Reason::Closed(By::Handler)), "{handled:?}");
    }

    async fn s2_requests_are_handled_up_to_a_bound_of_answers_that_are_not_read() {
        let (service, mut reports) = super::machine::machine("one");
        let (mut near, far) = tokio::io::duplex(1024);
        let server = Server::new(service).codec(Lines::new()).max_unwritten_bytes(128 * 1024);
        tokio::spawn(server.serve_stream(far));
        let request = format!("tell {}\n", "x".repeat(1023));
        // Each answer has a KiB. The pipe and the buffer that is read ahead hold ten at most.
        let mut sent = 0;
        while sent < 200 && timeout(secs(1), near.write_all(request.as_bytes())).await.is_ok() {
            sent += 1;
        }
        assert!((128..=140).contains(&sent), "{sent}");
        // The bound holds the session back, and does not end it.
        let mut answers = vec![0; 128 * 1024];
        near.read_exact(&mut answers).await.expect("the answers");
        drop(near);
        assert!(ended(&mut reports).await.0.len() >= 128);
    }

    async fn s2_idle_counts_while_a_peer_does_not_read_an_answer_that_is_over_the_bound() {
        for (pings, limit, time) in [(false, Limit::Idle, 2), (true, Limit::Write, 5)] {
            let (service, mut reports) = super::machine::machine("one idle=2000");
            let (mut near, far) = tokio::io::duplex(1024);
            let server = Server::new(service).codec(Lines::new().max_length(1 << 20)).write_timeout(secs(5));
            tokio::spawn(server.max_unwritten_bytes(0).serve_stream(far));
            let began = Instant::now();
            near.write_all(format!("tell {}\n", "x".repeat(200_000)).as_bytes()).await.expect("sent");
            sleep(secs(1)).await;
            if pings {
                // Is not handled before the peer reads, and shows that the peer is there.
                near.write_all(b"tell ping\n").await.expect("sent");
            }
            assert_eq!(ended(&mut reports).await.2, Reason::Timeout(limit));
            took(began, secs(time));
        }
    }

    async fn s2_the_idle_time_of_a_state_counts_in_place_of_the_servers() {
        let limited = |server: Server<_, _>| server.idle_timeout(secs(4));
        for (request, limit) in [("to one idle=2000", 2), ("to one idle=9000", 9), ("to fresh", 4)] {
            let (mut client, _, mut reports) = piped("fresh", limited);
            assert!(ask(&mut client, request).await.starts_with("at"));
            let began = Instant::now();
            closes(&mut client).await;
            took(began, secs(limit));
            let (_, last, reason) = ended(&mut reports).await;
            assert_eq!((last, reason), (Some(Phase::read(&request[3..])), Reason::Timeout(Limit::Idle)));
        }
    }

    async fn s2_an_event_that_leads_to_another_state_changes_whose_idle_time_counts() {
        let limited = |server: Server<_, _>| server.idle_timeout(secs(4));
        // From the server's to the state's own, and back; the server's counts from the last
        // request.
        for (request, event, limit) in [("to fresh", "go one idle=9000", 12), ("to one idle=9000", "go fresh", 4)] {
            let (mut client, _, mut reports) = piped("fresh", limited);
            let peer = peer(&mut reports).await;
            assert!(ask(&mut client, request).await.starts_with("at"));
            let began = Instant::now();
            sleep(secs(3)).await;
            peer.try_post(event.to_owned()).expect("a place");
            closes(&mut client).await;
            took(began, secs(limit));
        }
    }

    async fn s2_the_first_request_must_come_in_time_however_often_a_state_is_timed_out() {
        let limited = |server: Server<_, _>| server.first_request_timeout(secs(4));
        let (mut client, _, mut reports) = piped("one idle=1000 then tell tick", limited);
        let began = Instant::now();
        for _ in 0..3 {
            assert_eq!(next(&mut client).await, "tick");
        }
        while client.next().await.expect("read").is_some() {}
        took(began, secs(4));
        assert_eq!(ended(&mut reports).await.2, Reason::Timeout(Limit::FirstRequest));
    }

    async fn s5_a_session_that_stops_is_not_timed_out() {
        let (service, mut reports) = super::machine::machine("one idle=1000 then tell tick");
        let (near, far) = tokio::io::duplex(1 << 16);
        let server = Server::new(service).codec(Lines::new());
        let handle = server.handle();
        let serving = tokio::spawn(server.serve_stream(far));
        let mut client: Talker = Client::from_stream(near, Lines::new());
        assert_eq!(next(&mut client).await, "tick");
        handle.stop();
        closes(&mut client).await;
        assert!(serving.await.expect("no panic").expect("no error").is_clean());
        assert_eq!(ended(&mut reports).await.2, Reason::Stopped);
    }
}
