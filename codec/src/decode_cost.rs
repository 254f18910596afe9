//! How much decoding this thread has done since it was last asked.
//!
//! A session handles many small requests in one turn of its task. A small frame can mean much work, if it is compressed, so
//! a turn is limited by the work too. Counted are bytes: of frames, of what came out of compressed ones, and of elements.

use std::cell::Cell;

thread_local! {
    static COST: Cell<usize> = const { Cell::new(0) };
}

/// Counts so many bytes.
#[cfg(any(
    feature = "cbor",
    feature = "json",
    feature = "msgpack",
    feature = "postcard",
    feature = "zlib",
    feature = "zstd"
))]
pub(super) fn add(bytes: usize) {
    COST.set(COST.get().saturating_add(bytes));
}

/// How many bytes were counted since the last call.
pub fn take() -> usize {
    COST.take()
}
