//! Limits how much stack the code that reads or writes one message may take.
//!
//! A limit of nesting levels is not enough, because one level of a type with large fields can take
//! tens of kilobytes. This module measures bytes, as the distance between two variables on the
//! stack. The measurement costs almost nothing and works on any thread.

use std::hint::black_box;
use std::ptr;

/// The most stack that one message may take, in bytes: half of the default stack of the threads of
/// tokio and of our pools. The main thread of a Windows process has a stack of only one megabyte.
const MAX_STACK: usize = if cfg!(windows) { 512 * 1024 } else { 1024 * 1024 };

/// An address on the stack.
#[derive(Clone, Copy)]
pub(super) struct StackPosition(usize);

impl StackPosition {
    /// Returns the position of the caller.
    #[inline]
    pub(super) fn current() -> Self {
        let variable = 0u8;
        Self(ptr::from_ref(black_box(&variable)).addr())
    }

    /// Returns whether the caller is more than the limit away from this position, so it must not
    /// recurse further.
    #[inline]
    pub(super) fn is_too_far(self) -> bool {
        self.0.abs_diff(Self::current().0) > MAX_STACK
    }
}

/// The error text of a message that takes too much stack.
pub(super) const STACK_EXCEEDED: &str = "the message nests so deep that it takes too much stack";
