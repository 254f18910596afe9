//! The rules of EasyNetwork, from which this design is derived: E (executor), T (threads portal), H
//! (both together at shutdown). Where we differ on purpose, the test asserts our behaviour and its
//! comment explains EasyNetwork's.
//!
//! Rules without a counterpart here:
//! - E1 (not an executor), T7's error (an `async def` given to `run_sync`): these do not compile,
//!   or are no mistake.
//! - E4 (`StopIteration`): Rust has none. A job that panics is O5.
//! - E6 (`handle_contexts=False`): for process pools, which do not exist here.
//! - E11 (which of two cancellations wins): a dropped future has no caller that could see it.
//! - E20, T17's fork: the cost of EasyNetwork's portal, and the effect of a fork on its lock.

#![forbid(unsafe_code)]

mod executor;
mod portal;
mod shutdown;

use std::future::{pending, poll_fn};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use futures::future::{abortable, join, join_all};
use portcullis::prelude::*;
use portcullis::{
    BoxTask, ClientError, Interrupted, Lines, Overflow, Portal, PortalTask, ServerHandle, Spawn,
};
use portcullis_tests::{Gate, LIMIT, OpenOnDrop, eventually, occupy_thread, on_loops, poll_once, wait};
use tokio::sync::Notify;
use tokio::task::spawn_blocking;

portcullis::context! {
    /// The caller of the job.
    static WHO: &'static str;
}

fn pool(threads: usize, queue: usize) -> Pool {
    Pool::builder("test").threads(threads).queue_capacity(queue).build().expect("threads")
}

async fn yield_once() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
