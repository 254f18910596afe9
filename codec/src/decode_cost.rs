//! Counts how much decoding this thread has done.
//!
//! A session handles many small requests before it yields to other tasks. A small frame can take
//! much work if it is compressed, so the session also limits the work between two yields. The unit
//! is a byte: of a frame, of decompressed data, or of an element.

use std::cell::Cell;

thread_local! {
    static COST: Cell<usize> = const { Cell::new(0) };
}

/// Adds `bytes` to the count.
#[cfg(any(
    feature = "cbor",
    feature = "json",
    feature = "msgpack",
    feature = "postcard",
    feature = "zlib",
    feature = "zstd"
))]
#[inline]
pub fn add(bytes: usize) {
    COST.set(COST.get().saturating_add(bytes));
}

/// Returns the bytes that were counted since the last call, and resets the count.
#[inline]
pub fn take() -> usize {
    COST.take()
}
