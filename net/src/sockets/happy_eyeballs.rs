//! [`race`]: connects to several addresses concurrently, with staggered starts, and keeps the first
//! connection (RFC 8305, "Happy Eyeballs").

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::timeout as with_timeout;

use super::addrs::{Failures, interleave_families};

/// The time between the starts of two attempts. RFC 8305 recommends this value ("Connection Attempt
/// Delay").
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Calls `attempt` for one address after another, and returns the first success. The other attempts
/// are dropped.
///
/// The next attempt starts when the previous one has failed or when the delay has passed; attempts
/// that have started continue. `timeout` is the time limit that the caller applies to the whole
/// call: the delays together take at most half of it.
///
/// # Errors
/// The error of an address; see [`Failures`].
pub(crate) async fn race<T, F>(
    addrs: Vec<SocketAddr>,
    timeout: Option<Duration>,
    mut attempt: impl FnMut(SocketAddr) -> F,
) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    let attempt_delay = attempt_delay(timeout, addrs.len());
    let mut untried = interleave_families(addrs).into_iter();
    let mut attempts = Vec::new();
    let mut failures = Failures::default();
    loop {
        attempts.extend(untried.next().map(|addr| Box::pin(attempt(addr))));
        if attempts.is_empty() {
            return Err(failures.into_error());
        }
        let ended = poll_fn(|cx| poll_any(&mut attempts, cx));
        let ended = if untried.len() == 0 {
            ended.await
        } else {
            let Ok(ended) = with_timeout(attempt_delay, ended).await else { continue };
            ended
        };
        match ended {
            Ok(connected) => return Ok(connected),
            Err(error) => failures.push(error),
        }
    }
}

fn attempt_delay(timeout: Option<Duration>, count: usize) -> Duration {
    let share = timeout.map(|timeout| timeout / u32::try_from(count.max(1)).unwrap_or(u32::MAX) / 2);
    share.map_or(ATTEMPT_DELAY, |share| share.min(ATTEMPT_DELAY))
}

/// Returns the result of an attempt that has completed, and removes it.
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

    /// Returns the result of a race, and how many milliseconds of paused time it took.
    async fn timed(
        count: u16,
        timeout: Option<Duration>,
        attempt: impl AsyncFn(u16) -> io::Result<u16>,
    ) -> (io::Result<u16>, u128) {
        let began = Instant::now();
        let result = race(addrs(count), timeout, |addr| attempt(addr.port())).await;
        (result, began.elapsed().as_millis())
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_address_costs_one_delay_and_a_failing_address_none() {
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
    async fn a_slow_attempt_continues_while_the_next_one_runs() {
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
    async fn a_short_timeout_reaches_all_addresses_in_its_first_half() {
        let timeout = Some(Duration::from_millis(80));
        let (won, ms) =
            timed(4, timeout, async |port| if port == 4 { Ok(port) } else { pending().await }).await;
        assert_eq!(won.unwrap(), 4);
        assert!(ms <= 40, "{ms} ms");
    }

    #[tokio::test(start_paused = true)]
    async fn the_error_is_the_last_one_unless_a_peer_answered() {
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
