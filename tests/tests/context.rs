//! Context values (`context!`, O6), ordered `map` (O7), thread state (O12), and the channel of
//! streaming jobs.

#![forbid(unsafe_code)]

use std::cell::Cell;
use std::sync::{Arc, Mutex};

use portcullis::{ChannelError, Interrupted, Pool, Wait, channel};
use portcullis_tests::{Gate, eventually, on_loops};

fn pool(threads: usize) -> Pool {
    Pool::builder("test").threads(threads).queue_capacity(8).build().expect("threads")
}

portcullis::context! {
    /// The tenant that the job runs for.
    static TENANT: &'static str;
    /// A second key, independent of the first.
    static REQUEST: u32;
}

on_loops! {
    anywhere async fn o6_context_values_follow_the_job_and_do_not_flow_back() {
        let pool = pool(1);
        assert_eq!(TENANT.get(), None);
        TENANT.scope("acme", REQUEST.scope(7, async {
            let inner = pool.clone();
            let seen = pool.run(move |worker| {
                let here = (TENANT.get(), REQUEST.get());
                let set = TENANT.sync_scope("other", || TENANT.get());
                let back = async move {
                    let nested = inner.run(|_| REQUEST.get()).await.unwrap();
                    (TENANT.get(), nested)
                }.wait(worker).unwrap();
                (here, set, back, TENANT.get())
            }).await.unwrap();
            assert_eq!(seen, ((Some("acme"), Some(7)), Some("other"), (Some("acme"), Some(7)), Some("acme")));
            assert_eq!(TENANT.scope("inner", async { TENANT.get() }).await, Some("inner"));
            assert_eq!(TENANT.get(), Some("acme"));
        })).await;
        // The thread keeps no value.
        assert_eq!(pool.run(|_| TENANT.get()).await.unwrap(), None);
    }

    anywhere async fn o7_map_gives_results_in_order_with_a_bounded_number_in_flight() {
        let pool = Pool::builder("map").threads(3).queue_capacity(4).build().unwrap();
        let taken = Arc::new(Mutex::new(0));
        let counted = { let taken = taken.clone(); (0..100).inspect(move |_| *taken.lock().unwrap() += 1) };
        let mut results = pool.map(counted, |worker, n| if n == 13 { panic!("thirteen") } else { async move { n * 2 }.wait(worker).unwrap() });
        for n in 0..100 {
            match results.next().await.unwrap() {
                Ok(doubled) => assert_eq!(doubled, n * 2),
                Err(error) => assert!(n == 13 && matches!(error, Interrupted::Panicked(_)), "{error}"),
            }
            assert!(*taken.lock().unwrap() <= n + 4 + 1);
        }
        assert!(results.next().await.is_none());
    }

    anywhere async fn o12_each_thread_has_its_own_value_and_drops_it_when_it_ends() {
        struct Connection(Cell<u32>, Arc<Mutex<Vec<u32>>>);
        impl Drop for Connection { fn drop(&mut self) { self.1.lock().unwrap().push(self.0.get()) } }
        let closed = Arc::new(Mutex::new(Vec::new()));
        let closing = closed.clone();
        let pool = Pool::builder("db").threads(2).thread_state(move || Connection(Cell::new(0), closing.clone())).build().unwrap();
        for _ in 0..20 {
            pool.run(|worker| { let db = worker.local::<Connection>(); db.0.set(db.0.get() + 1); }).await.unwrap();
        }
        let undeclared = pool.run(|worker| *worker.local::<u64>()).await;
        assert!(matches!(undeclared, Err(Interrupted::Panicked(panic)) if panic.message().contains("thread_state")));
        drop(pool);
        eventually(|| closed.lock().unwrap().iter().sum::<u32>() == 20);
    }

    anywhere async fn a_full_channel_blocks_its_sender_and_keeps_order() {
        let (sender, mut receiver) = channel(2);
        let in_flight = Arc::new(Mutex::new((0_i32, 0_i32)));
        let sending = in_flight.clone();
        let job = pool(1).run(move |worker| for n in 0..200 {
            sender.send(worker, n).unwrap();
            let mut in_flight = sending.lock().unwrap();
            in_flight.0 += 1;
            in_flight.1 = in_flight.1.max(in_flight.0);
        });
        for n in 0..200 {
            assert_eq!(receiver.recv().await, Some(n));
            in_flight.lock().unwrap().0 -= 1;
        }
        assert_eq!(receiver.recv().await, None);
        job.await.unwrap();
        assert!(in_flight.lock().unwrap().1 <= 3, "two in the channel, one in hand");
    }

    anywhere async fn a_channel_without_a_receiver_stops_its_sender() {
        let (sender, mut receiver) = channel(1);
        let job = pool(1).run(move |worker| (0..).find_map(|n| sender.send(worker, n).err()));
        assert_eq!(receiver.recv().await, Some(0));
        drop(receiver);
        assert!(matches!(job.await.unwrap(), Some(ChannelError::Closed(_))));
    }

    anywhere async fn a_blocked_sender_returns_when_the_job_is_cancelled() {
        let (sender, receiver) = channel(1);
        let (full, stopped) = (Arc::new(Gate::default()), Arc::new(Gate::default()));
        let (full2, stopped2) = (full.clone(), stopped.clone());
        let job = pool(1).run(move |worker| {
            sender.send(worker, 1).unwrap();
            full2.open();
            if matches!(sender.send(worker, 2), Err(ChannelError::Interrupted(2, Interrupted::Cancelled { .. }))) { stopped2.open() }
        });
        assert!(full.pass());
        drop(job);
        assert!(stopped.pass());
        drop(receiver);
    }
}
