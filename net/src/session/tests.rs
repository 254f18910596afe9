//! Buffers and slots that are used again, and what a session costs.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::*;

#[test]
fn buffers_that_have_grown_are_not_kept() {
    use bytes::{Buf, BytesMut};
    let with_input = |size: usize| {
        let mut input = BytesMut::with_capacity(size);
        input.extend_from_slice(&vec![0; size]);
        input.advance(size - 10);
        Box::new(buffers::Buffers { input, ..buffers::Buffers::default() })
    };
    buffers::release(with_input(1024 * 1024));
    assert_eq!(buffers::acquire().input.capacity(), 0);
    buffers::release(with_input(buffers::BUFFER_SIZE));
    assert_eq!(buffers::acquire().input.capacity(), buffers::BUFFER_SIZE, "one of the usual size is, whole");
}

#[test]
fn futures_are_pinned_anew_in_a_slot_that_is_used_again() {
    let pool = future_pool::FuturePool::new();
    let make = |n: u32| async move { n };
    let slot = pool.acquire_with(|| make(1));
    let at = std::ptr::from_ref(&*slot);
    pool.release(slot);
    let mut slot = pool.acquire_with(|| make(2));
    assert_eq!(std::ptr::from_ref(&*slot), at);
    let future = slot.as_mut().as_pin_mut().expect("a filled slot");
    assert_eq!(pin!(future).poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(2));
}
