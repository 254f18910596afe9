//! [`Buffers`]: the input and output buffers of an active session. An idle session has none.
//!
//! They come in pairs, in a box, so that an idle session has no more than a pointer for them. Each
//! loop thread keeps a few; a pair may be given back on another thread than it came from.

use std::cell::RefCell;

use bytes::BytesMut;

use super::read_size::MAX_READ_SIZE;
use super::unfinished::{HeldMemory, Unfinished};

/// The size of a new buffer, and the most that is read ahead of a busy handler.
pub(super) const BUFFER_SIZE: usize = 8 * 1024;
/// A buffer that has grown beyond this is not kept.
const MAX_RETAINED: usize = MAX_READ_SIZE;
const MAX_POOLED: usize = 32;

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

impl Buffers {
    /// Moves a short input out of a large buffer. Returns the memory that was counted for it.
    pub(super) fn shrink_input(&mut self) -> Option<HeldMemory> {
        if self.unfinished.held_bytes() == 0 || self.input.len() > BUFFER_SIZE {
            return None;
        }
        // The capacity says nothing: it may be what is left of a large buffer.
        self.input = BytesMut::from(&self.input[..]);
        self.unfinished.take_held()
    }
}

thread_local! {
    // Boxed as they are lent: this is the free list that the boxes come from.
    #[expect(clippy::vec_box)]
    static FREE_LIST: RefCell<Vec<Box<Buffers>>> = const { RefCell::new(Vec::new()) };
}

pub(super) fn acquire() -> Box<Buffers> {
    let kept = FREE_LIST.try_with(|list| list.borrow_mut().pop());
    kept.ok().flatten().unwrap_or_default()
}

/// Empties both buffers and keeps their memory for the next [`acquire`].
pub(super) fn release(mut buffers: Box<Buffers>) {
    reset(&mut buffers.input);
    reset(&mut buffers.output);
    buffers.taken = 0;
    buffers.unfinished = Unfinished::default();
    let _ = FREE_LIST.try_with(|list| {
        let mut list = list.borrow_mut();
        if list.len() < MAX_POOLED {
            list.push(buffers);
        }
    });
}

/// Empties a buffer; its memory is only kept if it is of the usual size, or not much more.
fn reset(buffer: &mut BytesMut) {
    buffer.clear();
    // What `advance` took off the front counts again; a buffer whose memory someone shares stays
    // short.
    let is_kept = match buffer.capacity() {
        0 | BUFFER_SIZE => true,
        ..BUFFER_SIZE => buffer.try_reclaim(BUFFER_SIZE) && buffer.capacity() <= MAX_RETAINED,
        _ => !buffer.try_reclaim(MAX_RETAINED + 1),
    };
    if !is_kept {
        *buffer = BytesMut::new();
    }
}

/// Appends by `encode`, and removes what was appended if that fails or panics: a message is sent
/// whole or not at all.
pub(super) fn encode_or_rollback<E>(
    output: &mut BytesMut,
    encode: impl FnOnce(&mut BytesMut) -> Result<(), E>,
) -> Result<(), E> {
    struct Rollback<'a>(&'a mut BytesMut, usize);

    impl Drop for Rollback<'_> {
        fn drop(&mut self) {
            self.0.truncate(self.1);
        }
    }

    let end = output.len();
    let mut appended = Rollback(output, end);
    encode(appended.0)?;
    appended.1 = appended.0.len();
    Ok(())
}
