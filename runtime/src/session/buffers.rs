//! Buffers that are lent for a burst: an idle session has none.
//!
//! They come in pairs, in a box, so that an idle session has no more than a pointer for them. Each loop thread keeps a few; a
//! pair may be given back on another thread than it came from.

use std::cell::RefCell;

use bytes::BytesMut;

use super::unfinished::Unfinished;

/// The size of a buffer that is lent, and the most that is read ahead of a busy handler.
pub(super) const LEASE: usize = 8 * 1024;
/// A buffer that has grown beyond this is not kept.
const LARGEST: usize = 4 * LEASE;
const KEPT: usize = 32;

/// What is on its way in, and out.
#[derive(Default)]
pub(super) struct Buffers {
    pub(super) input: BytesMut,
    pub(super) output: BytesMut,
    /// How much the peer has taken since its time to do so began.
    pub(super) taken: usize,
    /// What the frame has whose first bytes are in `input`.
    pub(super) unfinished: Unfinished,
}

thread_local! {
    // Boxed as they are lent: this is the shelf that the boxes come from.
    #[expect(clippy::vec_box)]
    static SHELF: RefCell<Vec<Box<Buffers>>> = const { RefCell::new(Vec::new()) };
}

pub(super) fn lease() -> Box<Buffers> {
    let kept = SHELF.try_with(|shelf| shelf.borrow_mut().pop());
    kept.ok().flatten().unwrap_or_default()
}

/// Empties both buffers and keeps their memory for the next lease.
pub(super) fn give_back(mut buffers: Box<Buffers>) {
    empty(&mut buffers.input);
    empty(&mut buffers.output);
    buffers.taken = 0;
    buffers.unfinished = Unfinished::default();
    let _ = SHELF.try_with(|shelf| {
        let mut shelf = shelf.borrow_mut();
        if shelf.len() < KEPT {
            shelf.push(buffers);
        }
    });
}

/// Empties a buffer; its memory is only kept if it is of the usual size, or not much more.
fn empty(buffer: &mut BytesMut) {
    buffer.clear();
    // What `advance` took off the front counts again; a buffer whose memory someone shares stays short.
    let is_kept = match buffer.capacity() {
        0 | LEASE => true,
        ..LEASE => buffer.try_reclaim(LEASE) && buffer.capacity() <= LARGEST,
        _ => !buffer.try_reclaim(LARGEST + 1),
    };
    if !is_kept {
        *buffer = BytesMut::new();
    }
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
