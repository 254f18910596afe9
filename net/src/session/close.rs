//! The end of a connection: what has been written is given the time to reach the peer.
//!
//! If a socket is closed while it holds unread bytes, or if bytes arrive after it was
//! closed, the kernel resets the connection and drops everything that the peer has not taken yet.
//! Therefore every close goes through
//! [`close_gracefully`]:
//!
//! | step | ends when | at the latest |
//! |---|---|---|
//! | write what is queued | the kernel (TLS: the stream) has it all | `write_timeout`, or the grace is over |
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

use super::io::{ReadEnd, SessionIo};
use super::lifecycle::run_until_aborted;
use super::registry::SessionRegistry;
use crate::codec::Codec;
use crate::service::Service;
use crate::service::internal::ShutdownPhase;
use crate::transport::Transport;

/// A peer that sends nothing for this long after our last words is not in the midst of sending.
const SILENCE: Duration = Duration::from_secs(1);
/// The same while the server stops, for a peer that was written to shortly before.
const SILENCE_AT_STOP: Duration = Duration::from_millis(200);
/// A lingering connection discards this many bytes, then pauses: a peer that sends without end is
/// slowed down to about 100 MB/s, and costs no loop thread its time.
const STRETCH: usize = 1024 * 1024;
const PAUSE: Duration = Duration::from_millis(10);

/// Writes what is left to write, as far as limits and the stop allow, closes the writing side, and
/// lingers.
pub(super) async fn close_gracefully<S, IO, C>(registry: &SessionRegistry<S>, io: &mut SessionIo<S, IO, C>)
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    let shared = Arc::clone(io.shared());
    io.clear_deadlines();
    if shared.is_aborted() {
        io.mark_failed();
    }
    shared.close();
    let written = run_until_aborted(
        || shared.abort_reason(ShutdownPhase::Cancelling),
        pin!(Some(flush_before_close(registry, io))),
    )
    .await;
    if written.is_ok() && io.end().is_none() && io.transport().lingers() {
        let _ = run_until_aborted(|| shared.cancel_reason(ShutdownPhase::Cancelling), pin!(Some(linger(io))))
            .await;
    }
    shared.end();
}

async fn flush_before_close<S, IO, C>(registry: &SessionRegistry<S>, io: &mut SessionIo<S, IO, C>)
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    loop {
        if let Err(error) = io.encode_queued() {
            warn!(%error, "a response could not be encoded");
        }
        if !io.has_output() {
            break;
        }
        io.flush().await;
    }
    // The place in `max_connections` is for sessions, and this one has ended. It goes before the
    // peer can see the end, so that a report never counts a session as cut short whose peer has
    // read all of it.
    if io.end().is_none() && io.transport().lingers() {
        registry.release_capacity(io.shared());
    }
    if io.end() != Some(ReadEnd::Failed) {
        poll_fn(|cx| io.poll_shutdown(cx)).await;
    }
}

/// Reads and discards until the peer has closed its side, is silent, or has had its time.
///
/// During a stop a silent peer is waited for only if something was written to it lately: an idle
/// session does not hold the stop up.
async fn linger<S, IO, C>(io: &mut SessionIo<S, IO, C>)
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    let shared = Arc::clone(io.shared());
    let began = Instant::now();
    let limit = shared.server().limits().linger;
    let until = || began + if shared.stopping() { limit / 2 } else { limit };
    let (mut heard, mut heard_at, mut stretch) = (false, began, 0);
    let mut timer = pin!(sleep_until(until().min(began + SILENCE)));
    while io.end().is_none() {
        // Unconstrained: what is there must be seen, also at the end of a long turn.
        let filled = unconstrained(poll_fn(|cx| {
            if io.poll_read(cx).is_ready() {
                return Poll::Ready(true);
            }
            let patience = match shared.stopping() {
                false => SILENCE,
                true if heard || io.has_written_recently() => SILENCE_AT_STOP,
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
        stretch += io.discard();
        if stretch >= STRETCH {
            stretch = 0;
            sleep(PAUSE).await;
        }
        consume_budget().await;
    }
}
