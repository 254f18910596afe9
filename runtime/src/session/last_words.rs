//! The end of a connection: what is left to say is written, and gets the chance to be read.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::task::coop::{consume_budget, unconstrained};
use tracing::warn;

use super::ends::unless;
use super::link::{End, Link};
use super::reason::Reason;
use super::watch::Phase;
use crate::codec::Codec;
use crate::service::Service;
use crate::transport::Transport;

/// For so long, and for so many bytes (more than kernels keep), the peer may go on sending after our last words.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 16 * 1024 * 1024;

/// Writes what is left to write, as far as limits and the stop allow, and closes the writing side.
pub(super) async fn finish<S, IO, C>(link: &mut Link<S, IO, C>, reason: &Reason)
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    let post = Arc::clone(link.post());
    let stop = || post.interrupted(Phase::Cancelling);
    link.drop_limits();
    post.close();
    let written = unless(stop, pin!(Some(write(link)))).await;
    // After the peer's own end there is nothing to linger for, and one that ran out of time gets no more of it.
    if written.is_ok() && !matches!(reason, Reason::Timeout | Reason::PeerClosed) {
        let _ = unless(stop, pin!(Some(linger(link)))).await;
    }
    post.end();
}

async fn write<S, IO, C>(link: &mut Link<S, IO, C>)
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
    if link.end() != Some(End::Broken) {
        poll_fn(|cx| link.poll_shutdown(cx)).await;
    }
}

/// Reads and throws away. A socket that is closed over unread bytes resets the connection, and the kernel throws away
/// what the peer has not taken yet: our last words, those of a busy session at a stop too.
///
/// When the server stops, only a peer that is in the midst of sending is waited for.
async fn linger<S, IO, C>(link: &mut Link<S, IO, C>)
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    let post = Arc::clone(link.post());
    post.set_deadline(post.watch().after(LINGER));
    let mut read = 0;
    while link.end().is_none() && read < LINGER_BYTES {
        // What is there must be seen, also at the end of a long turn.
        let filled = unconstrained(poll_fn(|cx| match link.poll_fill(cx) {
            Poll::Pending if read == 0 && post.stopping() => Poll::Ready(false),
            filled => filled.map(|()| true),
        }));
        if !filled.await {
            return;
        }
        read += link.discard();
        consume_budget().await;
    }
}
