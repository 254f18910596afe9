//! The guarantees of services of calls (C1 to C8), on the server's side: single messages over TCP,
//! TLS, Unix sockets and in memory.

#![forbid(unsafe_code)]
#![cfg(unix)]

mod items;
mod service;

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use portcullis::rpc::{ClientMessage, RpcService};
use portcullis::{NewlineDelimited, Server};
use portcullis_tests::served::{TestServer, call, stopped};
use portcullis_tests::streams::Kind;
use portcullis_tests::{LIMIT, on_loops, wait};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use self::service::{Calls, Fixture, TestCall, echo, encode};

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
                async fn in_memory() { over(None).await }
            }
        }
    )*};
}
use on_streams;

on_streams! {
    async fn c1_a_slow_call_does_not_delay_another(kind) {
        let Fixture { service, mut client, .. } = Fixture::new(kind).await;
        client.call(1, TestCall::Hold {}).await;
        service.until_running(1).await;
        client.call(2, echo("quick")).await;
        assert_eq!(client.next().await, r#"2: Echo("quick")"#);
        service.release.add_permits(1);
        assert_eq!(client.next().await, "1: Hold(())");
    }

    async fn c1_calls_that_come_together_are_all_answered(kind) {
        let Fixture { mut client, .. } = Fixture::new(kind).await;
        for id in 0..500 {
            client.call(id, echo("x")).await;
        }
        for id in 0..500 {
            assert_eq!(client.next().await, format!(r#"{id}: Echo("x")"#));
        }
    }

    async fn c2_a_cancelled_call_drops_its_handler_and_is_answered(kind) {
        let Fixture { service, mut client, .. } = Fixture::new(kind).await;
        client.call(1, TestCall::Hold {}).await;
        service.until_running(1).await;
        client.cancel(1).await;
        assert_eq!(client.next().await, "1: Cancelled");
        assert_eq!(service.running.load(SeqCst), 0);
        client.still_echoes().await;
    }

    async fn c2_a_call_and_its_cancel_may_come_together(kind) {
        let Fixture { service, mut client, .. } = Fixture::new(kind).await;
        for id in 0..100 {
            client.call(id, TestCall::Hold {}).await;
            client.cancel(id).await;
        }
        for id in 0..100 {
            assert_eq!(client.next().await, format!("{id}: Cancelled"));
        }
        assert_eq!(service.running.load(SeqCst), 0);
    }

    async fn c2_a_cancel_of_a_call_that_is_not_in_flight_does_nothing(kind) {
        let Fixture { mut client, .. } = Fixture::new(kind).await;
        client.cancel(7).await;
        client.call(1, echo("answered")).await;
        client.cancel(1).await;
        assert_eq!(client.next().await, r#"1: Echo("answered")"#);
        client.still_echoes().await;
    }

    async fn c2_each_call_of_a_number_that_is_used_twice_is_answered(kind) {
        let Fixture { service, mut client, .. } = Fixture::new(kind).await;
        client.call(1, TestCall::Hold {}).await;
        client.call(1, TestCall::Hold {}).await;
        client.call(1, echo("quick")).await;
        assert_eq!(client.next().await, r#"1: Echo("quick")"#);
        service.until_running(2).await;
        client.cancel(1).await;
        assert_eq!(client.next_sorted(2).await, ["1: Cancelled", "1: Cancelled"]);
        client.call(1, echo("again")).await;
        assert_eq!(client.next().await, r#"1: Echo("again")"#);
    }

    async fn c2_a_cancelled_job_that_runs_sees_it(kind) {
        let Fixture { service, mut client, .. } = Fixture::new(kind).await;
        client.call(1, TestCall::Job {}).await;
        service.until_running(1).await;
        client.cancel(1).await;
        assert_eq!(client.next().await, "1: Cancelled");
        service.until_running(0).await;
    }

    async fn c3_a_call_ends_at_its_deadline(kind) {
        let Fixture { service, mut client, .. } = Fixture::new(kind).await;
        client.call_within(1, TestCall::Hold {}, Duration::from_millis(30)).await;
        assert_eq!(client.next().await, "1: Deadline");
        assert_eq!(service.running.load(SeqCst), 0);
        client.call_within(2, TestCall::Hold {}, Duration::MAX).await;
        service.until_running(1).await;
        client.still_echoes().await;
    }

    async fn c3_a_job_inherits_the_deadline_of_its_call(kind) {
        let Fixture { service, mut client, .. } = Fixture::new(kind).await;
        service.release.add_permits(1);
        client.call_within(1, TestCall::Job {}, LIMIT).await;
        let reply = client.next().await;
        let left: u128 = reply["1: Job(".len()..reply.len() - 1].parse().expect("a number");
        assert!((1..=LIMIT.as_millis()).contains(&left), "{reply}");
    }

    async fn c3_a_job_that_is_queued_at_the_deadline_never_runs(kind) {
        let Fixture { service, mut client, .. } = Fixture::new(kind).await;
        client.call(1, TestCall::Job {}).await;
        service.until_running(1).await;
        client.call_within(2, TestCall::Job {}, Duration::from_millis(30)).await;
        assert_eq!(client.next().await, "2: Deadline");
        service.release.add_permits(1);
        assert_eq!(client.next().await, format!("1: Job({})", u64::MAX));
        assert_eq!(service.pool.stats().completed, 1);
    }

    async fn c4_no_more_calls_run_than_max_in_flight(kind) {
        let Fixture { service, mut client, .. } = Fixture::new(kind).await;
        for id in 0..10 {
            client.call(id, TestCall::Hold {}).await;
        }
        service.until_running(service.max_in_flight()).await;
        for _ in 0..10 {
            service.release.add_permits(1);
            assert!(client.next().await.ends_with(": Hold(())"));
            assert!(service.running.load(SeqCst) <= service.max_in_flight());
        }
        assert_eq!(service.begun.load(SeqCst), 10);
    }

    async fn c4_a_client_that_does_not_read_is_not_read_and_its_calls_go_on(kind) {
        let fixture = Fixture::with(kind, Calls::new(), |server| server.max_queued_responses(2)).await;
        let Fixture { service, mut client, .. } = fixture;
        client.call(0, TestCall::Hold {}).await;
        service.until_running(1).await;
        // More than the kernel takes.
        let (text, calls) = ("x".repeat(1 << 20), 64);
        let mut sent = 0;
        while client.try_call(sent + 1, echo(&text)).await {
            sent += 1;
            assert!(sent < calls, "everything was read");
        }
        let begun = service.begun.load(SeqCst);
        assert!(begun < 40, "{begun} calls were read");
        service.release.add_permits(1);
        // The handler goes on although its reply cannot be written.
        service.until_running(0).await;
    }

    async fn c4_as_many_calls_are_read_again_and_no_more(kind) {
        let Fixture { service, mut client, .. } = Fixture::new(kind).await;
        for id in 1..=8 {
            client.call(id, TestCall::Hold {}).await;
        }
        service.until_running(service.max_in_flight()).await;
        // It is read when one of the others has ended.
        client.cancel(2).await;
        service.release.add_permits(1);
        assert_eq!(client.next().await, "1: Hold(())");
        assert_eq!(client.next().await, "2: Cancelled");
        service.release.add_permits(6);
        assert_eq!(client.next_sorted(6).await.len(), 6);
    }

    async fn c16_a_cancel_is_read_while_max_in_flight_calls_are_in_flight(kind) {
        let Fixture { service, mut client, .. } = Fixture::new(kind).await;
        for id in 1..=4 {
            client.call(id, TestCall::Hold {}).await;
        }
        client.call(5, echo("waits")).await;
        service.until_running(service.max_in_flight()).await;
        client.cancel(3).await;
        assert_eq!(client.next().await, "3: Cancelled");
        assert_eq!(client.next().await, r#"5: Echo("waits")"#);
        service.until_running(3).await;
    }

    async fn c16_a_call_that_is_cancelled_while_it_waits_never_begins(kind) {
        let Fixture { service, mut client, .. } = Fixture::new(kind).await;
        for id in 1..=6 {
            client.call(id, TestCall::Hold {}).await;
        }
        client.cancel(5).await;
        assert_eq!(client.next().await, "5: Cancelled");
        client.cancel(1).await;
        assert_eq!(client.next().await, "1: Cancelled");
        // In the slot of the first.
        service.release.add_permits(4);
        assert_eq!(client.next_sorted(4).await, ["2: Hold(())", "3: Hold(())", "4: Hold(())", "6: Hold(())"]);
        assert_eq!(service.begun.load(SeqCst), 5);
    }

    async fn c16_a_call_whose_deadline_passes_while_it_waits_never_begins(kind) {
        let Fixture { service, mut client, .. } = Fixture::new(kind).await;
        for id in 1..=4 {
            client.call(id, TestCall::Hold {}).await;
        }
        client.call_within(5, TestCall::Hold {}, Duration::from_millis(20)).await;
        client.call_within(6, echo("in time"), LIMIT).await;
        assert_eq!(client.next().await, "5: Deadline");
        service.release.add_permits(4);
        assert_eq!(client.next_sorted(5).await.pop().as_deref(), Some(r#"6: Echo("in time")"#));
        assert_eq!(service.begun.load(SeqCst), 5);
    }

    async fn c16_calls_that_wait_at_a_stop_are_answered_with_closed(kind) {
        let Fixture { service, mut client, handle, serving, .. } = Fixture::new(kind).await;
        for id in 1..=6 {
            client.call(id, TestCall::Hold {}).await;
        }
        client.cancel(1).await;
        // So all of them were read, and the fifth has begun.
        assert_eq!(client.next().await, "1: Cancelled");
        handle.stop();
        assert_eq!(client.next().await, "6: Closed");
        assert_eq!(client.next().await, "closing after 6");
        service.release.add_permits(4);
        assert_eq!(client.next_sorted(4).await, ["2: Hold(())", "3: Hold(())", "4: Hold(())", "5: Hold(())"]);
        assert_eq!(client.next().await, "end");
        assert!(stopped(serving).await.is_clean());
    }

    async fn c5_a_panic_is_answered_and_ends_only_its_call(kind) {
        let Fixture { service, mut client, .. } = Fixture::new(kind).await;
        client.call(1, TestCall::Hold {}).await;
        for (id, when) in [(2, "made"), (3, "polled")] {
            client.call(id, TestCall::Panic { when: when.to_owned() }).await;
            assert_eq!(client.next().await, format!("{id}: Internal"));
        }
        service.release.add_permits(1);
        assert_eq!(client.next().await, "1: Hold(())");
    }

    async fn c5_a_panic_in_the_drop_of_a_call_ends_only_that_call(kind) {
        let Fixture { service, mut client, .. } = Fixture::new(kind).await;
        client.call(1, TestCall::Hold {}).await;
        client.call(2, TestCall::Panic { when: "dropped".to_owned() }).await;
        service.until_running(2).await;
        client.cancel(2).await;
        assert_eq!(client.next().await, "2: Cancelled");
        service.until_running(1).await;
        let late = TestCall::Panic { when: "dropped".to_owned() };
        client.call_within(3, late, Duration::from_millis(20)).await;
        assert_eq!(client.next().await, "3: Deadline");
        service.release.add_permits(1);
        assert_eq!(client.next().await, "1: Hold(())");
    }

    async fn c5_panics_in_drops_do_not_keep_other_calls_of_a_lost_connection(kind) {
        let Fixture { service, mut client, handle, .. } = Fixture::new(kind).await;
        for id in 0..2 {
            client.call(id, TestCall::Panic { when: "dropped".to_owned() }).await;
        }
        client.call(2, TestCall::Hold {}).await;
        service.until_running(3).await;
        handle.peers().iter().for_each(portcullis::AnyPeer::abort);
        service.until_running(0).await;
        assert_eq!(client.next().await, "end");
    }

    async fn c6_a_pool_without_capacity_is_overloaded(kind) {
        let Fixture { service, mut client, .. } = Fixture::new(kind).await;
        client.call(1, TestCall::Job {}).await;
        service.until_running(1).await;
        client.call(2, TestCall::Job {}).await;
        client.call(3, TestCall::Job {}).await;
        assert_eq!(client.next().await, "3: Overloaded { retry_after: 0ns }");
        service.release.add_permits(2);
        assert_eq!(client.next_sorted(2).await.len(), 2);
        client.still_echoes().await;
    }

    async fn c7_calls_in_flight_are_answered_after_a_half_close(kind) {
        let Fixture { service, mut client, .. } = Fixture::new(kind).await;
        client.call(1, TestCall::Hold {}).await;
        client.call(2, echo("read before")).await;
        client.finish().await;
        assert_eq!(client.next().await, r#"2: Echo("read before")"#);
        service.until_running(1).await;
        service.release.add_permits(1);
        assert_eq!(client.next().await, "1: Hold(())");
        assert_eq!(client.next().await, "end");
    }

    async fn c7_a_stop_answers_the_calls_in_flight_and_names_the_last(kind) {
        let Fixture { service, mut client, handle, serving, .. } = Fixture::new(kind).await;
        client.call(1, TestCall::Hold {}).await;
        client.call(2, echo("before")).await;
        assert_eq!(client.next().await, r#"2: Echo("before")"#);
        handle.stop();
        assert_eq!(client.next().await, "closing after 2");
        // It is not read.
        client.call(3, echo("after")).await;
        service.release.add_permits(1);
        assert_eq!(client.next().await, "1: Hold(())");
        assert_eq!(client.next().await, "end");
        assert_eq!(service.begun.load(SeqCst), 2);
        assert!(stopped(serving).await.is_clean());
    }

    async fn c7_calls_are_dropped_after_the_grace(kind) {
        let grace = Duration::from_millis(50);
        let Fixture { service, mut client, handle, .. } =
            Fixture::with(kind, Calls::new(), |server| server.grace(grace)).await;
        client.call(1, TestCall::Hold {}).await;
        service.until_running(1).await;
        handle.stop();
        assert_eq!(client.next().await, "closing after 1");
        service.until_running(0).await;
        assert_eq!(client.next().await, "end");
    }

    async fn c7_an_idle_connection_ends_at_a_stop(kind) {
        let mut fixture = Fixture::new(kind).await;
        fixture.client.still_echoes().await;
        let Fixture { mut client, handle, serving, .. } = fixture;
        handle.stop();
        // Calls that the client has sent meanwhile have not begun.
        assert_eq!(client.next().await, "closing after 0");
        assert_eq!(client.next().await, "end");
        assert!(stopped(serving).await.is_clean());
    }

    async fn c7_the_idle_time_does_not_count_while_a_call_is_in_flight(kind) {
        let idle = Duration::from_millis(50);
        let Fixture { service, mut client, .. } =
            Fixture::with(kind, Calls::new(), |server| server.idle_timeout(idle)).await;
        client.call(1, TestCall::Hold {}).await;
        service.until_running(1).await;
        tokio::time::sleep(4 * idle).await;
        service.release.add_permits(1);
        assert_eq!(client.next().await, "1: Hold(())");
        assert_eq!(client.next().await, "end");
    }
}

on_loops! {
    async fn c7_a_reset_drops_the_calls_in_flight() {
        for kind in [Kind::Tcp, Kind::Tls] {
            let Fixture { service, addr, .. } = Fixture::new(Some(kind)).await;
            let mut conn = addr.as_ref().expect("an address").connect().await;
            conn.send(encode(ClientMessage::Call { id: 1, time_left: None, call: TestCall::Hold {} })).await;
            service.until_running(1).await;
            conn.reset();
            service.until_running(0).await;
        }
    }

    async fn c6_a_call_that_cannot_be_read_is_answered_and_garbage_ends_the_connection() {
        let server = Server::new(Calls::new()).codec(NewlineDelimited::<portcullis::Json>::new());
        let server = TestServer::new(server.bind("127.0.0.1:0").unwrap()).await;
        let mut stream = server.connect().await;
        assert_eq!(call(&mut stream, r#"[0,1,["ecco",0,["x"]]]"#).await, r#"[2,1,[5,0,""]]"#);
        let invalid = call(&mut stream, r#"[0,2,["echo",0,[1]]]"#).await;
        assert!(invalid.starts_with(r#"[2,2,[6,0,"invalid type: integer `1`"#), "{invalid}");
        let long = format!(r#"[0,3,["rows",0,["{}"]]]"#, "é".repeat(4000));
        let invalid = call(&mut stream, &long).await;
        assert!(invalid.starts_with(r#"[2,3,[6,0,"invalid type: string"#) && invalid.len() < 400, "{invalid}");
        assert_eq!(call(&mut stream, r#"[0,4,["echo",0,{"text":"x"}]]"#).await, r#"[0,4,["echo","x"]]"#);
        for garbage in ["nonsense", r#"[7,1,[]]"#, r#"[0,"one",["echo",0,["x"]]]"#, "[0]"] {
            let mut stream = server.connect().await;
            stream.write_all(format!("{garbage}\n").as_bytes()).await.unwrap();
            let mut rest = Vec::new();
            let _ = timeout(LIMIT, stream.read_to_end(&mut rest)).await.expect("in time");
            assert_eq!(String::from_utf8(rest).unwrap(), "", "{garbage}");
        }
        server.stop().await;
    }
}
