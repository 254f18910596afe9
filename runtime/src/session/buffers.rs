//! Buffers that are lent for a burst: an idle session has none.
//!
//! Each loop thread keeps a few; a buffer may be given back on another thread than it came from.

use std::cell::RefCell;

use bytes::BytesMut;

/// The size of a buffer that is lent, and the most that is read ahead of a busy handler.
pub(super) const LEASE: usize = 8 * 1024;
/// A buffer that has grown beyond this is not kept.
const LARGEST: usize = 4 * LEASE;
const KEPT: usize = 64;

thread_local! {
    static SHELF: RefCell<Vec<BytesMut>> = const { RefCell::new(Vec::new()) };
}

pub(super) fn lease() -> BytesMut {
    let kept = SHELF.try_with(|shelf| shelf.borrow_mut().pop());
    kept.ok().flatten().unwrap_or_else(|| BytesMut::with_capacity(LEASE))
}

/// Empties `buffer` and keeps its memory for the next lease.
pub(super) fn give_back(buffer: &mut BytesMut) {
    if buffer.capacity() == 0 {
        return;
    }
    let mut buffer = std::mem::take(buffer);
    buffer.clear();
    // What `advance` took off the front counts again; a buffer whose memory someone shares stays short.
    let is_kept = match buffer.capacity() {
        LEASE => true,
        ..LEASE => buffer.try_reclaim(LEASE) && buffer.capacity() <= LARGEST,
        _ => !buffer.try_reclaim(LARGEST + 1),
    };
    if !is_kept {
        return;
    }
    let _ = SHELF.try_with(|shelf| {
        let mut shelf = shelf.borrow_mut();
        if shelf.len() < KEPT {
            shelf.push(buffer);
        }
    });
}

/// Appends by `encode`, and takes it back if that fails or panics: of a message, all is sent or nothing.
pub(super) fn whole<E>(
    output: &mut BytesMut,
    encode: impl FnOnce(&mut BytesMut) -> Result<(), E>,
) -> Result<(), E> {
    struct Whole<'a>(&'a mut BytesMut, usize);

    impl Drop for Whole<'_> {
        fn drop(&mut self) {
            self.0.truncate(self.1);
        }
    }

    let end = output.len();
    let mut appended = Whole(output, end);
    encode(appended.0)?;
    appended.1 = appended.0.len();
    Ok(())
}
