//! Large frames are decoded on a pool, if the server [has one for them](crate::Server::decode_on).
//!
//! The codec takes the frame off the input; the session is busy until the message is there, as with
//! a handler that is pending, so requests stay in order and a stop waits for it. Dropping the job
//! cancels it.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use super::io::SessionIo;
use super::run_with_io::{EofPolicy, NoDemand, run_with_io};
use super::unfinished::HeldMemory;
use crate::codec::{Codec, DecodeError};
use crate::error::Interrupted;
use crate::pool::{Offload, Pool};
use crate::service::{Reason, Service};
use crate::transport::Transport;

/// The next request, or the job that decodes it.
pub(super) enum Found<Req> {
    Request(Req),
    Later(Later<Req>),
}

/// The message of a frame that is being decoded on a pool.
pub(super) struct Later<Req> {
    job: Offload<Result<Req, DecodeError>>,
    /// The frame's memory is counted until it is decoded.
    _held: Option<HeldMemory>,
}

impl<Req: Send + 'static> Later<Req> {
    pub(super) fn new(
        pool: &Pool,
        held: Option<HeldMemory>,
        decode: impl FnOnce() -> Result<Req, DecodeError> + Send + 'static,
    ) -> Self {
        Self { job: pool.job("decode").run(move |_| decode()), _held: held }
    }
}

impl<Req> Unpin for Later<Req> {}

impl<Req> Future for Later<Req> {
    type Output = Result<Req, DecodeError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.job).poll(cx).map(|decoded| match decoded {
            Ok(decoded) => decoded,
            // As if the codec had panicked here.
            Err(Interrupted::Panicked(panic)) => panic.resume(),
            // Only this frame is lost.
            Err(refused) => {
                Err(DecodeError::new(format!("a large frame was not decoded: {refused}")).recoverable())
            }
        })
    }
}

/// Waits for the message, and reads and writes meanwhile. `Err` is the reason why the session ends
/// without it.
///
/// Also after the peer's end: a frame that was complete before is decoded, on the loop or not.
pub(super) async fn decoded<S, IO, C>(
    io: &mut SessionIo<S, IO, C>,
    later: Later<S::Request>,
) -> Result<Result<S::Request, DecodeError>, Reason>
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    run_with_io(io, EofPolicy::Answer, &mut NoDemand, pin!(later)).await
}
