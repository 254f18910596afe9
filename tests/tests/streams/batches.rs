//! Handlers that take together what a client has pipelined.

use super::*;

/// Responds to each request with the size of its batch.
#[derive(Default)]
struct Journal {
    batches: Mutex<Vec<usize>>,
}

const LARGEST: usize = 8;

#[service]
impl Journal {
    #[session(half_close = answer)]
    async fn append(&self, session: &mut Session<String, String>) -> Result<(), SessionError> {
        let mut batch = vec![session.next().await?];
        while batch.len() < LARGEST {
            match session.next_timeout(Duration::ZERO).await {
                Ok(entry) => batch.push(entry),
                Err(SessionError::Timeout | SessionError::Ended(_)) => break,
                Err(error) => return Err(error),
            }
        }
        self.batches.lock().unwrap().push(batch.len());
        for entry in batch {
            session.send(entry).await?;
        }
        Ok(())
    }
}

/// Drops a `next_timeout(ZERO)` at the moment at which it has run out of time, then waits for a
/// request.
struct Distracted;

#[service]
impl Distracted {
    #[session]
    async fn listen(&self, session: &mut Session<String, String>) -> Result<(), SessionError> {
        tokio::select! {
            biased;
            // Ready when it is polled for the second time, which is before `next_timeout` is.
            () = tokio::task::yield_now() => {}
            request = session.next_timeout(Duration::ZERO) => {
                return session.send(format!("not dropped: {request:?}")).await;
            }
        }
        let request = session.next().await;
        session.send(format!("{request:?}")).await
    }
}

on_streams! {
    async fn s21_a_limit_of_zero_takes_what_was_received_and_does_not_wait(kind) {
        let journal = Arc::new(Journal::default());
        let server = serve(kind, Server::new(journal.clone()).codec(Lines::new())).await;
        let mut conn = server.connect().await;
        // In one write, which arrives at once. The last line is not complete.
        conn.write_all("a\n".repeat(20).as_bytes()).await.unwrap();
        conn.write_all(b"in").await.unwrap();
        for _ in 0..20 {
            assert_eq!(conn.line().await, "a");
        }
        let batches = std::mem::take(&mut *journal.batches.lock().unwrap());
        assert_eq!(batches.iter().sum::<usize>(), 20);
        assert_eq!(batches[0], LARGEST, "{batches:?}");
        conn.write_all(b" pieces\n").await.unwrap();
        assert_eq!(conn.line().await, "in pieces");
        assert_eq!(conn.call("alone").await, "alone");
        assert_eq!(*journal.batches.lock().unwrap(), [1, 1]);
        server.stop().await;
    }

    async fn s21_a_batch_ends_with_the_input(kind) {
        let journal = Arc::new(Journal::default());
        let server = serve(kind, Server::new(journal.clone()).codec(Lines::new())).await;
        let mut conn = server.connect().await;
        conn.write_all(b"a\nb\n").await.unwrap();
        conn.shutdown().await.unwrap();
        assert_eq!(conn.line().await, "a");
        assert_eq!(conn.line().await, "b");
        assert!(conn.read_remaining().await.is_empty());
        server.stop().await;
    }

    async fn s21_a_timeout_that_was_dropped_is_not_returned_by_the_next_call(kind) {
        let server = serve(kind, Server::new(Distracted).codec(Lines::new())).await;
        let mut conn = server.connect().await;
        assert_eq!(conn.call("hello").await, "Ok(\"hello\")");
        server.stop().await;
    }
}
