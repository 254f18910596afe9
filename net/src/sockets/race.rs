//! [`race`]: connects to the first of several addresses that answers, as RFC 8305 ("happy eyeballs") describes.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::timeout;

use super::addrs::{Failures, alternating};

/// How long an attempt is left alone before the next one starts beside it: the value that RFC 8305
/// recommends.
const HEAD_START: Duration = Duration::from_millis(250);

/// Calls `attempt` for one address after another, and returns what the first successful attempt
/// gives.
///
/// The next attempt starts when the one before has failed, or has had its head start; attempts that
/// have begun go on. All of them are to be over within `limit`, so the head starts together take at
/// most half of it. The caller applies the limit.
///
/// # Errors
/// That of the attempt which failed last; an attempt that reached somebody (`InvalidData`) is
/// preferred.
pub(crate) async fn race<T, F>(
    addrs: Vec<SocketAddr>,
    limit: Option<Duration>,
    mut attempt: impl FnMut(SocketAddr) -> F,
) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    let head_start = head_start(limit, addrs.len());
    let mut waiting = alternating(addrs).into_iter();
    let mut attempts = Vec::new();
    let mut failures = Failures::default();
    loop {
        attempts.extend(waiting.next().map(|addr| Box::pin(attempt(addr))));
        if attempts.is_empty() {
            return Err(failures.into_error());
        }
        let ended = poll_fn(|cx| poll_any(&mut attempts, cx));
        let ended = if waiting.len() == 0 {
            ended.await
        } else {
            let Ok(ended) = timeout(head_start, ended).await else { continue };
            ended
        };
        match ended {
            Ok(connected) => return Ok(connected),
            Err(error) => failures.push(error),
        }
    }
}

fn head_start(limit: Option<Duration>, count: usize) -> Duration {
    let share = limit.map(|limit| limit / u32::try_from(count.max(1)).unwrap_or(u32::MAX) / 2);
    share.map_or(HEAD_START, |share| share.min(HEAD_START))
}

/// The result of an attempt that has ended, which is removed.
fn poll_any<T, F>(attempts: &mut Vec<Pin<Box<F>>>, cx: &mut Context<'_>) -> Poll<io::Result<T>>
where
    F: Future<Output = io::Result<T>>,
{
    for index in 0..attempts.len() {
        if let Poll::Ready(ended) = attempts[index].as_mut().poll(cx) {
            drop(attempts.remove(index));
            return Poll::Ready(ended);
        }
    }
    Poll::Pending
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::{Instant, sleep};

    use super::*;

    fn addrs(count: u16) -> Vec<SocketAddr> {
        (1..=count).map(|port| ([127, 0, 0, 1], port).into()).collect()
    }

    /// What a race returns, and after how many milliseconds of a clock that stands still otherwise.
    async fn timed(
        count: u16,
        limit: Option<Duration>,
        attempt: impl AsyncFn(u16) -> io::Result<u16>,
    ) -> (io::Result<u16>, u128) {
        let began = Instant::now();
        let result = race(addrs(count), limit, |addr| attempt(addr.port())).await;
        (result, began.elapsed().as_millis())
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_is_silent_costs_a_head_start_and_one_that_fails_nothing() {
        let (won, ms) = timed(3, None, async |port| if port == 3 { Ok(port) } else { pending().await }).await;
        assert_eq!((won.unwrap(), ms), (3, 500));

        let (won, ms) = timed(3, None, async |port| match port {
            1 => Err(io::ErrorKind::ConnectionRefused.into()),
            port => Ok(port),
        })
        .await;
        assert_eq!((won.unwrap(), ms), (2, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_attempt_goes_on_beside_the_next() {
        let (won, ms) = timed(2, None, async |port| {
            if port == 1 {
                sleep(Duration::from_millis(300)).await
            } else {
                pending().await
            }
            Ok(port)
        })
        .await;
        assert_eq!((won.unwrap(), ms), (1, 300));
    }

    #[tokio::test(start_paused = true)]
    async fn a_short_limit_reaches_all_addresses_in_its_first_half() {
        let limit = Some(Duration::from_millis(80));
        let (won, ms) =
            timed(4, limit, async |port| if port == 4 { Ok(port) } else { pending().await }).await;
        assert_eq!(won.unwrap(), 4);
        assert!(ms <= 40, "{ms} ms");
    }

    #[tokio::test(start_paused = true)]
    async fn the_error_is_the_last_one_and_that_of_whoever_answered_first_of_all() {
        let refused = async |_| Err(io::ErrorKind::ConnectionRefused.into());
        assert_eq!(timed(2, None, refused).await.0.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        let (lost, _) = timed(2, None, async |port| match port {
            1 => Err(io::ErrorKind::InvalidData.into()),
            _ => Err(io::ErrorKind::ConnectionRefused.into()),
        })
        .await;
        assert_eq!(lost.unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(timed(0, None, refused).await.0.unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
