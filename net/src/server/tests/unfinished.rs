//! How long a frame may take that has begun. The time is paused.

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::{Instant, sleep};

use super::*;

/// An eighth of the shortest limit, which is one second or more; and a moment.
const TICK: Duration = Duration::from_millis(510);

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[track_caller]
fn took(began: Instant, time: Duration) {
    let took = began.elapsed();
    assert!(took >= time && took <= time + TICK, "{took:?} for {time:?}");
}

/// A session of a service with request handlers, or of one that asks for its requests, over a pipe.
fn talk(
    linear: bool,
    limited: impl FnOnce(Server<Asking, Lines>) -> Server<Asking, Lines>,
    stepped: impl FnOnce(Server<Scripted, Lines>) -> Server<Scripted, Lines>,
) -> (DuplexStream, mpsc::UnboundedReceiver<Event>) {
    let (scripted, reports) = scripted();
    let (near, far) = tokio::io::duplex(1 << 16);
    if linear {
        let server = limited(Server::new(Asking { scripted, rounds: usize::MAX }).codec(Lines::new()));
        tokio::spawn(server.serve_stream(far));
    } else {
        let server = stepped(Server::new(scripted).codec(Lines::new()));
        tokio::spawn(server.serve_stream(far));
    }
    (near, reports)
}

/// The same for both kinds.
macro_rules! talks {
    ($linear:expr, $($limits:tt)*) => {
        talk($linear, |server| server $($limits)*, |server| server $($limits)*)
    };
}

async fn echo(stream: &mut DuplexStream, line: &str) {
    stream.write_all(format!("{line}\n").as_bytes()).await.expect("taken");
    let mut back = vec![0; line.len() + 1];
    stream.read_exact(&mut back).await.expect("an answer");
    assert_eq!(back, format!("{line}\n").as_bytes());
}

async fn rest(stream: &mut DuplexStream) -> String {
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.expect("an orderly end");
    rest
}

paused! {
    async fn s2_a_frame_that_has_begun_is_complete_in_half_a_minute_or_the_session_ends() {
        for linear in [false, true] {
            let (mut stream, mut reports) = talks!(linear, .first_request_timeout(Duration::MAX));
            echo(&mut stream, "one").await;
            // Silence between two frames has no limit.
            sleep(secs(1000)).await;
            echo(&mut stream, "two").await;
            let began = Instant::now();
            stream.write_all(b"half a li").await.expect("taken");
            sleep(secs(29)).await;
            // What drips gains nothing.
            stream.write_all(b"n").await.expect("taken");
            assert_eq!(rest(&mut stream).await, "bye\n");
            took(began, secs(30));
            assert_eq!(until_end(&mut reports).await, Reason::Timeout(Limit::Frame));
        }
    }

    async fn s2_each_frame_has_its_own_time() {
        for linear in [false, true] {
            let (mut stream, _told) = talks!(linear, .frame_timeout(secs(2)));
            for _ in 0..10 {
                stream.write_all(b"in two").await.expect("taken");
                sleep(Duration::from_millis(1500)).await;
                // The end of one and the beginning of the next.
                stream.write_all(b" parts\nand").await.expect("taken");
                let mut back = [0; 13];
                stream.read_exact(&mut back).await.expect("an answer");
                sleep(Duration::from_millis(1500)).await;
                stream.write_all(b"\n").await.expect("taken");
                stream.read_exact(&mut back[..4]).await.expect("an answer");
            }
        }
    }

    async fn s2_a_large_frame_may_come_slowly_if_it_goes_on() {
        for linear in [false, true] {
            let limited = talks!(linear, .frame_timeout(secs(2)).frame_rate(1000).first_request_timeout(Duration::MAX));
            let (mut stream, mut reports) = limited;
            let part = [b'x'; 1000];
            for _ in 0..60 {
                stream.write_all(&part).await.expect("taken");
                sleep(secs(1)).await;
            }
            stream.write_all(b"\n").await.expect("taken");
            let mut back = vec![0; 60_001];
            stream.read_exact(&mut back).await.expect("an answer");
            // At half the speed it is over when what it had is used up.
            let began = Instant::now();
            let mut parts = 0;
            while stream.write_all(&part[..500]).await.is_ok() {
                parts += 1;
                sleep(secs(1)).await;
            }
            assert!((4..=6).contains(&parts), "{parts}");
            took(began, secs(parts));
            assert_eq!(until_end(&mut reports).await, Reason::Timeout(Limit::Frame));
        }
    }

    async fn s2_the_time_of_a_frame_stands_while_a_handler_is_at_work() {
        let (service, mut reports) = scripted();
        let service = Arc::new(service);
        let (mut stream, far) = tokio::io::duplex(1 << 16);
        let server = Server::new(Arc::clone(&service)).codec(Lines::new()).frame_timeout(secs(2));
        tokio::spawn(server.serve_stream(far));
        stream.write_all(b"hold\nand ano").await.expect("taken");
        while reports.recv().await != Some(Event::Holding) {}
        sleep(secs(100)).await;
        service.release.add_permits(1);
        let mut back = [0; 5];
        stream.read_exact(&mut back).await.expect("an answer");
        sleep(secs(1)).await;
        stream.write_all(b"ther\n").await.expect("taken");
        let mut back = [0; 12];
        stream.read_exact(&mut back).await.expect("an answer");
        assert_eq!(&back, b"and another\n");
    }

    async fn s2_without_a_limit_a_frame_takes_what_time_it_takes() {
        let (mut stream, _told) = talks!(false, .frame_timeout(Duration::MAX).first_request_timeout(Duration::MAX));
        stream.write_all(b"half ").await.expect("taken");
        sleep(secs(10_000)).await;
        stream.write_all(b"a line\n").await.expect("taken");
        let mut back = [0; 12];
        stream.read_exact(&mut back).await.expect("an answer");
        assert_eq!(&back, b"half a line\n");
    }
}
