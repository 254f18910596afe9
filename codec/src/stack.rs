//! Limits how much stack a message may take while it is read or written.
//!
//! A limit of levels is not enough, because one level of a type with large fields can take tens of
//! kilobytes. This module measures bytes instead, as the distance between two variables on the
//! stack. That costs almost nothing, and works without knowledge of the thread.

use std::hint::black_box;
use std::ptr;

/// The most stack that one message may take, in bytes: half of the default stack of tokio's and our
/// pools' threads. The main thread of a Windows process has only one megabyte.
const MAX_STACK: usize = if cfg!(windows) { 512 * 1024 } else { 1024 * 1024 };

/// A position on the stack.
#[derive(Clone, Copy)]
pub(super) struct Place(usize);

impl Place {
    /// Returns the position of the caller.
    #[inline]
    pub(super) fn here() -> Self {
        let variable = 0u8;
        Self(ptr::from_ref(black_box(&variable)).addr())
    }

    /// Returns whether the caller is so far from this position that it must not recurse further.
    #[inline]
    pub(super) fn is_far(self) -> bool {
        self.0.abs_diff(Self::here().0) > MAX_STACK
    }
}

/// The text of the error of a message that takes too much stack.
pub(super) const TOO_FAR: &str = "the message nests so deep that it takes too much stack";
