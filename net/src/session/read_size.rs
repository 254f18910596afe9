//! [`ReadSize`]: how many bytes a session reads at once.

use super::buffers::BUFFER_SIZE;

/// A read that offers fewer bytes than this is not worth its system call.
pub(super) const MIN_READ: usize = 1024;
const MAX_DOUBLINGS: u8 = 4;
/// The most that a session reads at once, unless a frame has begun that is longer.
pub(super) const MAX_READ_SIZE: usize = BUFFER_SIZE << MAX_DOUBLINGS;

/// The size of the next read. It begins with [`BUFFER_SIZE`], doubles after a read that filled the
/// buffer, and halves after one that brought less than a quarter.
///
/// One byte, because an idle session keeps it: three bits are the number of doublings, and the
/// highest bit says whether the last read filled the buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ReadSize(u8);

const FULL: u8 = 0x80;

impl ReadSize {
    fn bytes(self) -> usize {
        BUFFER_SIZE << (self.0 & !FULL)
    }

    /// How many bytes the buffer should have free, if it holds `unread` bytes. Falls back to a
    /// small buffer if `has_memory` returns false.
    #[inline]
    pub(super) fn additional(&mut self, unread: usize, has_memory: impl FnOnce() -> bool) -> usize {
        if self.0 & !FULL != 0 && !has_memory() {
            *self = Self::default();
        }
        let size = self.bytes();
        if unread + MIN_READ <= size { size - unread } else { size }
    }

    /// Adapts the size after a read that could have brought `offered` bytes.
    #[inline]
    pub(super) fn adapt(&mut self, read: usize, offered: usize) {
        let (doublings, size) = (self.0 & !FULL, self.bytes());
        *self = if read == offered {
            // A small piece of a buffer says little about what follows.
            let more = u8::from(read >= size / 4);
            Self(FULL | (doublings + more).min(MAX_DOUBLINGS))
        } else if read < size / 4 {
            Self(doublings.saturating_sub(1))
        } else {
            Self(doublings)
        };
    }

    /// Whether the last read filled the buffer.
    #[inline]
    pub(super) fn last_read_was_full(self) -> bool {
        self.0 & FULL != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_grow_while_they_fill_the_buffer_and_shrink_again() {
        let mut size = ReadSize::default();
        for expected in [8, 16, 32, 64, 128, 128] {
            let bytes = size.additional(0, || true);
            assert_eq!(bytes, expected * 1024);
            size.adapt(bytes, bytes);
            assert!(size.last_read_was_full());
        }
        assert_eq!(size.additional(2000, || true), MAX_READ_SIZE - 2000, "a partial frame stays before it");
        for expected in [128, 64, 32, 16, 8, 8] {
            assert_eq!(size.additional(0, || true), expected * 1024);
            size.adapt(100, MAX_READ_SIZE);
            assert!(!size.last_read_was_full());
        }
    }

    #[test]
    fn without_memory_reads_are_small() {
        let mut size = ReadSize::default();
        size.adapt(BUFFER_SIZE, BUFFER_SIZE);
        assert_eq!(size.additional(0, || false), BUFFER_SIZE);
        assert_eq!(size, ReadSize::default());
    }
}
