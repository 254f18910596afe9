//! The end of a connection: what has been written is given the time to reach the peer.
//!
//! If a socket is closed while it holds bytes that nobody has read, or if bytes arrive after it was closed, the kernel
//! resets the connection and drops everything that the peer has not taken yet. Therefore every close goes through
//! [`finish`]:
//!
//! | step | ends when | at the latest |
//! |---|---|---|
//! | write what is queued | the kernel (TLS: the stream) has it all | `write_within`, or the grace is over |
//! | close the writing side (TLS: `close_notify` first) | that is written | as above |
//! | linger: read and discard | the peer closes its side, or is silent for [`SILENCE`] | [`Server::linger`](crate::Server::linger), half of it during a stop, or the grace is over |
//! | close the socket | | |

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::task::coop::{consume_budget, unconstrained};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{debug, warn};

use super::ends::unless;
use super::io::{End, SessionIo};
use super::registry::SessionRegistry;
use crate::codec::Codec;
use crate::service::Service;
use crate::service::server_shared::ShutdownPhase;
use crate::transport::Transport;

/// A peer that sends nothing for this long after our last words is not in the midst of sending.
const SILENCE: Duration = Duration::from_secs(1);
/// The same while the server stops, for a peer that was written to shortly before.
const SILENCE_AT_STOP: Duration = Duration::from_millis(200);
/// A lingering connection discards this many bytes, then pauses: a peer that sends without end is slowed down to about
/// 100 MB/s, and costs no loop thread its time.
const STRETCH: usize = 1024 * 1024;
const PAUSE: Duration = Duration::from_millis(10);

/// Writes what is left to write, as far as limits and the stop allow, closes the writing side, and lingers.
pub(super) async fn finish<S, IO, C>(registry: &SessionRegistry<S>, link: &mut SessionIo<S, IO, C>)
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    let shared = Arc::clone(link.shared());
    link.drop_limits();
    shared.close();
    let written =
        unless(|| shared.abort_reason(ShutdownPhase::Cancelling), pin!(Some(write(registry, link)))).await;
    if written.is_ok() && link.end().is_none() && link.io().lingers() {
        let _ = unless(|| shared.stop_reason(ShutdownPhase::Cancelling), pin!(Some(linger(link)))).await;
    }
    shared.end();
}

async fn write<S, IO, C>(registry: &SessionRegistry<S>, link: &mut SessionIo<S, IO, C>)
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    loop {
        if let Err(error) = link.collect() {
            warn!(%error, "a response could not be encoded");
        }
        if !link.has_output() {
            break;
        }
        link.flush().await;
    }
    // The place in `max_connections` is for sessions, and this one has ended. It goes before the peer can see the end, so that
    // a report never counts a session as cut short whose peer has read all of it.
    if link.end().is_none() && link.io().lingers() {
        registry.leave_place(link.shared());
    }
    if link.end() != Some(End::Broken) {
        poll_fn(|cx| link.poll_shutdown(cx)).await;
    }
}

/// Reads and discards until the peer has closed its side, is silent, or has had its time.
///
/// During a stop a silent peer is waited for only if something was written to it lately: an idle session does not hold
/// the stop up.
async fn linger<S, IO, C>(link: &mut SessionIo<S, IO, C>)
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    let shared = Arc::clone(link.shared());
    let began = Instant::now();
    let limit = shared.server().limits().linger;
    let until = || began + if shared.stopping() { limit / 2 } else { limit };
    let (mut heard, mut heard_at, mut stretch) = (false, began, 0);
    let mut timer = pin!(sleep_until(until().min(began + SILENCE)));
    while link.end().is_none() {
        // Unconstrained: what is there must be seen, also at the end of a long turn.
        let filled = unconstrained(poll_fn(|cx| {
            if link.poll_fill(cx).is_ready() {
                return Poll::Ready(true);
            }
            let patience = match shared.stopping() {
                false => SILENCE,
                true if heard || link.has_written_lately() => SILENCE_AT_STOP,
                true => return Poll::Ready(false),
            };
            let silent_until = until().min(heard_at + patience);
            if timer.deadline() != silent_until {
                timer.as_mut().reset(silent_until);
            }
            timer.as_mut().poll(cx).map(|()| false)
        }));
        if !filled.await {
            return;
        }
        (heard, heard_at) = (true, Instant::now());
        if heard_at >= until() {
            debug!("the peer goes on sending; its connection is closed all the same");
            return;
        }
        stretch += link.discard();
        if stretch >= STRETCH {
            stretch = 0;
            sleep(PAUSE).await;
        }
        consume_budget().await;
    }
}
