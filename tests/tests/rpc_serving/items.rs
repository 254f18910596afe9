//! Streams of items, with credit.

use super::*;

const INITIAL_CREDIT: usize = 32;
/// What a producer sends without any credit: the channel, and an item that waits for credit.
const AHEAD: usize = 17;

on_streams! {
    async fn c8_items_precede_the_reply_in_order(kind) {
        let Fixture { mut client, .. } = Fixture::new(kind).await;
        client.call(1, TestCall::Rows { count: 10 }).await;
        for row in 0..10 {
            assert_eq!(client.next().await, format!("1: RowsItem({row})"));
        }
        assert_eq!(client.next().await, "1: Rows(10)");
        client.call(2, TestCall::Ticks { count: 0 }).await;
        assert_eq!(client.next().await, "2: Ticks(())");
    }

    async fn c8_a_producer_waits_for_credit_and_delays_no_other_call(kind) {
        let Fixture { service, mut client, .. } = Fixture::new(kind).await;
        for (id, call) in [(1, TestCall::Rows { count: 200 }), (2, TestCall::Ticks { count: 200 })] {
            let before = service.items.load(SeqCst);
            let items = || service.items.load(SeqCst) - before;
            client.call(id, call).await;
            for _ in 0..INITIAL_CREDIT {
                assert!(client.next().await.contains("Item("));
            }
            wait(|| items() == INITIAL_CREDIT + AHEAD).await;
            client.call(3, echo("quick")).await;
            assert_eq!(client.next().await, r#"3: Echo("quick")"#);
            client.send(ClientMessage::Credit { id, items: 5 }).await;
            for _ in 0..5 {
                assert!(client.next().await.contains("Item("));
            }
            client.still_echoes().await;
            assert!(items() <= INITIAL_CREDIT + AHEAD + 5, "{}", items());
            client.send(ClientMessage::Credit { id, items: u32::MAX }).await;
            client.send(ClientMessage::Credit { id, items: u32::MAX }).await;
            for _ in INITIAL_CREDIT + 5..200 {
                assert!(client.next().await.contains("Item("));
            }
            assert!(client.next().await.starts_with(&format!("{id}: ")));
            assert_eq!(items(), 200);
        }
    }

    async fn c8_a_cancelled_call_ends_its_producer(kind) {
        let Fixture { service, mut client, .. } = Fixture::new(kind).await;
        client.call(1, TestCall::Rows { count: u32::MAX }).await;
        for _ in 0..INITIAL_CREDIT {
            client.next().await;
        }
        client.cancel(1).await;
        assert_eq!(client.next().await, "1: Cancelled");
        wait(|| service.interrupted.load(SeqCst) == 1).await;
        // The thread is free again.
        client.call(2, TestCall::Rows { count: 1 }).await;
        assert_eq!(client.next_sorted(2).await, ["2: Rows(1)", "2: RowsItem(0)"]);
    }

    async fn c8_a_lost_connection_ends_the_producer(kind) {
        let Fixture { service, mut client, handle, .. } = Fixture::new(kind).await;
        client.call(1, TestCall::Rows { count: u32::MAX }).await;
        client.next().await;
        handle.peers().iter().for_each(portcullis::AnyPeer::abort);
        wait(|| service.interrupted.load(SeqCst) == 1).await;
    }

    async fn c16_credit_is_read_while_max_in_flight_calls_are_in_flight(kind) {
        let Fixture { service, mut client, .. } = Fixture::new(kind).await;
        let (streams, items) = (service.max_in_flight(), 2 * INITIAL_CREDIT);
        for id in 1..=streams as u64 {
            client.call(id, TestCall::Ticks { count: items as u32 }).await;
        }
        client.call(5, echo("waits")).await;
        let mut all = Vec::new();
        for _ in 0..streams * INITIAL_CREDIT {
            all.push(client.next().await);
        }
        for id in 1..=streams as u64 {
            client.send(ClientMessage::Credit { id, items: INITIAL_CREDIT as u32 }).await;
        }
        all.extend(client.next_sorted(streams * INITIAL_CREDIT + streams + 1).await);
        let count = |text: &str| all.iter().filter(|message| message.contains(text)).count();
        assert_eq!([count("TicksItem"), count(": Ticks(())"), count("5: Echo")], [streams * items, streams, 1]);
    }

    async fn c8_credit_for_an_unknown_call_does_nothing(kind) {
        let Fixture { mut client, .. } = Fixture::new(kind).await;
        client.send(ClientMessage::Credit { id: 9, items: 1 }).await;
        client.still_echoes().await;
    }
}
