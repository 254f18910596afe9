//! How long a session reads after its last response. The clock is paused, so these tests take no
//! time.
//!
//! What this is for shows over real sockets only: `close_reaches_a_peer_that_is_still_sending`, and
//! the clients in `hostile`.

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::Instant;

use super::*;

const A_SECOND: Duration = Duration::from_secs(1);
/// Without limits a server looks at its sessions twice a second.
const TICK: Duration = Duration::from_millis(500);

/// A server of one session over a pipe, which ends when that does.
fn served() -> (DuplexStream, ServerHandle, JoinHandle<io::Result<StopReport>>) {
    let (near, far) = duplex(1 << 10);
    let server = Server::new(scripted().0).codec(Lines::new()).write_timeout(Duration::MAX);
    let server = server.first_request_timeout(Duration::MAX);
    let handle = server.handle();
    (near, handle, tokio::spawn(server.serve_stream(far)))
}

/// Has the session close, and reads its last words.
async fn closed(near: &mut DuplexStream) {
    near.write_all(b"close\n").await.expect("it listens");
    let mut words = Vec::new();
    near.read_to_end(&mut words).await.expect("a proper end");
    assert_eq!(words, b"closing\n");
}

paused! {
    async fn a_peer_that_goes_too_is_waited_for_no_longer() {
        let (mut near, _, serving) = served();
        closed(&mut near).await;
        let began = Instant::now();
        drop(near);
        assert!(serving.await.expect("no panic").expect("no error").is_clean());
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    async fn a_peer_that_stays_is_given_a_second() {
        let (mut near, _, serving) = served();
        let began = Instant::now();
        closed(&mut near).await;
        serving.await.expect("no panic").expect("no error");
        let took = began.elapsed();
        assert!(took >= A_SECOND && took <= A_SECOND + 2 * TICK, "{took:?}");
        assert!(near.write_all(b"after the end").await.is_err());
    }

    async fn a_peer_that_sends_on_is_given_two_and_no_more() {
        let (mut near, _, serving) = served();
        let began = Instant::now();
        closed(&mut near).await;
        let mut sent = 0;
        while near.write_all(&[0; 100]).await.is_ok() {
            sent += 100;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let took = began.elapsed();
        assert!(took >= 2 * A_SECOND && took <= 2 * A_SECOND + TICK, "{took:?}");
        assert!(sent >= 15_000, "{sent}: it was listened to all the while");
        serving.await.expect("no panic").expect("no error");
    }

    async fn a_peer_that_sends_without_a_pause_is_slowed_down() {
        let (mut near, _, serving) = served();
        let began = Instant::now();
        closed(&mut near).await;
        let mut sent = 0_usize;
        while near.write_all(&[0; 1024]).await.is_ok() {
            sent += 1024;
        }
        assert_eq!(began.elapsed().as_secs(), 2);
        // A mebibyte in ten milliseconds; what the pipe holds besides is seen or not.
        assert!((195 << 20..=202 << 20).contains(&sent), "{sent}");
        serving.await.expect("no panic").expect("no error");
    }

    async fn without_a_time_to_linger_a_peer_is_given_none() {
        let (mut near, far) = duplex(1 << 10);
        let server = Server::new(scripted().0).codec(Lines::new()).linger(Duration::ZERO);
        let serving = tokio::spawn(server.serve_stream(far));
        let began = Instant::now();
        closed(&mut near).await;
        serving.await.expect("no panic").expect("no error");
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    async fn s5_a_stop_waits_a_moment_for_a_peer_that_was_just_written_to() {
        let (mut near, handle, serving) = served();
        near.write_all(b"count\n").await.expect("it listens");
        near.read_exact(&mut [0; 2]).await.expect("an answer");
        let began = Instant::now();
        handle.stop();
        assert!(serving.await.expect("no panic").expect("no error").is_clean());
        assert_eq!(began.elapsed(), Duration::from_millis(200));
        drop(near);
    }

    async fn s5_a_stop_waits_a_moment_for_an_idle_peer_that_is_told_something_at_its_end() {
        let (mut near, handle, serving) = served();
        near.write_all(b"count\n").await.expect("it listens");
        near.read_exact(&mut [0; 2]).await.expect("an answer");
        tokio::time::sleep(3 * A_SECOND).await;
        let began = Instant::now();
        handle.stop();
        assert!(serving.await.expect("no panic").expect("no error").is_clean());
        // `on(disconnect)` has said something just now.
        assert_eq!(began.elapsed(), Duration::from_millis(200));
        drop(near);
    }

    async fn one_that_ran_out_of_time_is_given_a_second_too() {
        let (mut near, far) = duplex(1 << 10);
        let server = Server::new(scripted().0).codec(Lines::new()).idle_timeout(4 * A_SECOND);
        let serving = tokio::spawn(server.serve_stream(far));
        near.write_all(b"count\n").await.expect("it listens");
        let began = Instant::now();
        let mut words = Vec::new();
        near.read_to_end(&mut words).await.expect("a proper end");
        serving.await.expect("no panic").expect("no error");
        let took = began.elapsed();
        assert!(took >= 5 * A_SECOND && took <= 5 * A_SECOND + TICK, "{took:?}");
    }
}
