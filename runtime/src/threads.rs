//! Starts threads, with names that the operating system can show.
//!
//! Rust keeps a thread's name in full (`std::thread::current().name()`, logs). Linux keeps 15 bytes
//! of it, which is what `top -H`, `ps`, `perf` and `gdb` show. A longer name is shortened there in
//! front of its number, so that the threads of one pool stay distinct: `thumbnails-of-cpu-3` shows
//! as `thumbnails-of-3`.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread::{self, JoinHandle};

/// A name in two parts: the second is shown in full.
#[derive(Debug, Clone)]
pub struct ThreadName {
    head: String,
    tail: String,
}

impl ThreadName {
    /// `{head}{tail}`, where `tail` distinguishes this thread from its siblings.
    pub fn new(head: impl Into<String>, tail: impl Into<String>) -> Self {
        Self { head: head.into(), tail: tail.into() }
    }

    /// `portcullis-{what}-{n}`, with an `n` that no other thread of the process has.
    pub fn internal(what: &str) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        Self::new(format!("portcullis-{what}"), format!("-{}", NEXT.fetch_add(1, Relaxed)))
    }

    /// Both parts.
    pub fn full(&self) -> String {
        format!("{}{}", self.head, self.tail)
    }

    /// Shows the name of the calling thread, which ends in a number, for threads that another
    /// library starts.
    pub fn show_numbered() {
        let thread = thread::current();
        if let Some((head, number)) = thread.name().and_then(|name| name.rsplit_once('-')) {
            Self::new(head, format!("-{number}")).show();
        }
    }

    /// Shows this name as that of the calling thread, which has it in full already.
    pub fn show(&self) {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let Some(short) = self.shortened(15).and_then(|name| std::ffi::CString::new(name).ok()) {
            // It is for human eyes: a system that forbids it leaves the name cut at its end.
            let _ = rustix::thread::set_name(&short);
        }
    }

    /// As much of the head as fits into `limit` bytes with the tail; `None` if all of it does.
    #[cfg_attr(not(any(target_os = "linux", target_os = "android")), allow(dead_code))]
    fn shortened(&self, limit: usize) -> Option<String> {
        if self.head.len() + self.tail.len() <= limit {
            return None;
        }
        let room = limit.saturating_sub(self.tail.len());
        let cut = (0..=room.min(self.head.len())).rev().find(|at| self.head.is_char_boundary(*at))?;
        Some(format!("{}{}", &self.head[..cut], self.tail))
    }
}

/// Starts a thread.
///
/// # Errors
/// The error of the operating system, if it gives no thread.
pub fn start<T: Send + 'static>(
    name: ThreadName,
    stack_size: Option<usize>,
    f: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    #[cfg(test)]
    refuse::look()?;
    let builder = thread::Builder::new().name(name.full());
    let builder = match stack_size {
        Some(bytes) => builder.stack_size(bytes),
        None => builder,
    };
    builder.spawn(move || {
        name.show();
        f()
    })
}

/// A system that gives no threads, for tests.
#[cfg(test)]
pub(crate) mod refuse {
    use std::cell::Cell;
    use std::io;

    std::thread_local! {
        static LEFT: Cell<usize> = const { Cell::new(usize::MAX) };
    }

    pub(super) fn look() -> io::Result<()> {
        let left = LEFT.get();
        if left == 0 {
            return Err(io::Error::new(io::ErrorKind::WouldBlock, "no thread, says the test"));
        }
        LEFT.set(if left == usize::MAX { left } else { left - 1 });
        Ok(())
    }

    /// Lets this thread start `threads` more threads while `f` runs, and no others.
    pub(crate) fn beyond<R>(threads: usize, f: impl FnOnce() -> R) -> R {
        LEFT.set(threads);
        let result = f();
        LEFT.set(usize::MAX);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(head: &str, tail: &str) -> String {
        let name = ThreadName::new(head, tail);
        name.shortened(15).unwrap_or_else(|| name.full())
    }

    #[test]
    fn a_name_is_shortened_in_front_of_its_number_between_characters() {
        assert_eq!(shown("cpu", "-12"), "cpu-12");
        assert_eq!(shown("thumbnail-cpu", "-3"), "thumbnail-cpu-3");
        assert_eq!(shown("thumbnails-of-cpu", "-3"), "thumbnails-of-3");
        assert_eq!(shown("thumbnails-of-cpu", "-1234"), "thumbnails-1234");
        assert_eq!(shown("thumbnails-of-cpu", "-rayon-3"), "thumbna-rayon-3");
        assert_eq!(shown("прекрасный-пул", "-0"), "прекра-0");
        assert_eq!(shown("🦀🦀🦀🦀🦀", "-10"), "🦀🦀🦀-10");
        assert_eq!(shown("", "-65535-and-so-on"), "-65535-and-so-on"); // Linux cuts it
    }
}
