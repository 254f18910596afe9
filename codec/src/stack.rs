//! How much stack a message may use while it is read or written.
//!
//! A limit of levels says little: a level of a type with large fields can take tens of kilobytes. So bytes are counted, as
//! the distance between two variables on the stack, which costs nothing and needs no knowledge of the thread.

use std::hint::black_box;
use std::ptr;

/// What one message may use: half of what threads of tokio and of pools have unless they are told otherwise. The main thread of
/// Windows has no more than a megabyte.
const MOST: usize = if cfg!(windows) { 512 * 1024 } else { 1024 * 1024 };

/// A place on the stack.
#[derive(Clone, Copy)]
pub(super) struct Place(usize);

impl Place {
    /// The place where the caller is.
    #[inline]
    pub(super) fn here() -> Self {
        let variable = 0u8;
        Self(ptr::from_ref(black_box(&variable)).addr())
    }

    /// Whether the caller is so far from this place that it must not go deeper.
    #[inline]
    pub(super) fn is_far(self) -> bool {
        self.0.abs_diff(Self::here().0) > MOST
    }
}

/// What is wrong with a message that went too far.
pub(super) const TOO_FAR: &str = "the message nests so deep that it takes too much stack";
