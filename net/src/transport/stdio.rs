//! [`StdioStream`]: standard input and output as one byte stream.
//!
//! Reading and writing block, and neither can be made non-blocking: the process shares its standard
//! files with others, such as the shell that has started it, and `O_NONBLOCK` would apply to them
//! too. So one thread reads and another one writes.
//!
//! | thread | waits for | ends |
//! |---|---|---|
//! | input | bytes, or space in the channel to the stream | at the end of the input; with the next bytes after the stream was dropped |
//! | output | bytes from the stream, or for the reader of the output | when all is written after a shutdown or a drop; at an error |
//!
//! A read cannot be cancelled, so nothing waits for the thread of the input. It is not a thread of
//! tokio's pool, which a runtime would wait for when it is dropped: a process ends while this
//! thread reads.

use std::fmt;
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;

use super::Transport;
use crate::sync::{Condvar, Mutex};
use crate::threads::{self, ThreadName};

/// The most bytes of one read, and of output that the thread has not begun to write.
const BUFFER_SIZE: usize = 64 * 1024;

/// Standard input and output.
pub(crate) struct StdioStream {
    input: mpsc::Receiver<io::Result<Bytes>>,
    /// What is left of the bytes that were received last.
    chunk: Bytes,
    output: Arc<Output>,
    #[cfg(unix)]
    reset: Option<tokio::net::unix::pipe::Sender>,
    /// Called when the stream is dropped.
    on_drop: Option<Box<dyn FnOnce() + Send + Sync>>,
}

impl StdioStream {
    /// Opens the standard input and output of the process, and starts the threads. `on_drop` is
    /// called when the stream is dropped.
    ///
    /// # Errors
    /// The system has no descriptors or threads left.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub(crate) fn open(on_drop: impl FnOnce() + Send + Sync + 'static) -> io::Result<Self> {
        let (input, output) = standard::open()?;
        #[cfg(unix)]
        let reset = standard::watch(&output);
        let mut stream = Self::new(input, output)?;
        #[cfg(unix)]
        {
            stream.reset = reset;
        }
        stream.on_drop = Some(Box::new(on_drop));
        Ok(stream)
    }

    fn new(input: impl BlockingRead, output: impl BlockingWrite) -> io::Result<Self> {
        let (chunks, received) = mpsc::channel(1);
        let shared = Arc::new(Output::default());
        let thread = Arc::clone(&shared);
        threads::start(ThreadName::internal("stdin"), None, move || read_all(input, &chunks))?;
        threads::start(ThreadName::internal("stdout"), None, move || thread.write_all(output))?;
        Ok(Self {
            input: received,
            chunk: Bytes::new(),
            output: shared,
            #[cfg(unix)]
            reset: None,
            on_drop: None,
        })
    }
}

impl Drop for StdioStream {
    fn drop(&mut self) {
        self.output.close();
        if let Some(on_drop) = self.on_drop.take() {
            on_drop();
        }
    }
}

impl fmt::Debug for StdioStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StdioStream").finish_non_exhaustive()
    }
}

impl AsyncRead for StdioStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.chunk.is_empty() {
            match ready!(self.input.poll_recv(cx)) {
                Some(Ok(chunk)) => self.chunk = chunk,
                Some(Err(error)) => return Poll::Ready(Err(error)),
                None => return Poll::Ready(Ok(())),
            }
        }
        let count = buf.remaining().min(self.chunk.len());
        buf.put_slice(&self.chunk[..count]);
        self.chunk.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for StdioStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.output.state.lock();
        state.check()?;
        let count = bytes.len().min(BUFFER_SIZE.saturating_sub(state.buffer.len()));
        if count == 0 && !bytes.is_empty() {
            return state.wait(cx);
        }
        state.buffer.extend_from_slice(&bytes[..count]);
        drop(state);
        self.output.changed.notify_one();
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.output.state.lock();
        state.check()?;
        if state.buffer.is_empty() && !state.is_writing { Poll::Ready(Ok(())) } else { state.wait(cx) }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.output.close();
        let mut state = self.output.state.lock();
        state.check()?;
        if state.has_ended { Poll::Ready(Ok(())) } else { state.wait(cx) }
    }
}

impl Transport for StdioStream {
    /// Completes when nothing reads the output any more, as far as the system reports it: Linux
    /// does. Elsewhere a write notices it.
    async fn wait_for_reset(&self) {
        #[cfg(unix)]
        if let Some(reset) = &self.reset {
            if reset.ready(tokio::io::Interest::ERROR).await.is_ok() {
                return;
            }
        }
        std::future::pending().await
    }

    /// A pipe keeps what was written when it is closed.
    fn lingers(&self) -> bool {
        false
    }

    /// The end of the input says that no request follows, as in `echo .. | program`.
    fn half_closes(&self) -> bool {
        false
    }
}

/// The bytes between the stream and the thread that writes them.
#[derive(Default)]
struct Output {
    state: Mutex<OutputState>,
    /// There are bytes, or no more will come.
    changed: Condvar,
}

#[derive(Default)]
struct OutputState {
    buffer: Vec<u8>,
    is_writing: bool,
    is_closed: bool,
    /// The thread writes no more.
    has_ended: bool,
    error: Option<io::ErrorKind>,
    /// The session's task.
    waker: Option<Waker>,
}

impl OutputState {
    fn check(&self) -> io::Result<()> {
        self.error.map_or(Ok(()), |kind| Err(kind.into()))
    }

    fn wait<T>(&mut self, cx: &Context<'_>) -> Poll<T> {
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Output {
    /// Has the thread end when it has written everything.
    fn close(&self) {
        self.state.lock().is_closed = true;
        self.changed.notify_one();
    }

    /// The thread that writes.
    fn write_all(&self, mut to: impl BlockingWrite) {
        let mut bytes = Vec::new();
        loop {
            let mut state = self.state.lock();
            while state.buffer.is_empty() && !state.is_closed {
                state = self.changed.wait(state);
            }
            std::mem::swap(&mut state.buffer, &mut bytes);
            state.is_writing = !bytes.is_empty();
            state.has_ended = bytes.is_empty();
            let waker = state.waker.take();
            let has_ended = state.has_ended;
            drop(state);
            waker.into_iter().for_each(Waker::wake);
            if has_ended {
                return;
            }
            let written = write_bytes(&mut to, &bytes);
            bytes.clear();
            let mut state = self.state.lock();
            state.is_writing = false;
            if let Err(error) = written {
                state.error = Some(error.kind());
                state.has_ended = true;
            }
            let waker = state.waker.take();
            let has_ended = state.has_ended;
            drop(state);
            waker.into_iter().for_each(Waker::wake);
            if has_ended {
                return;
            }
        }
    }
}

fn write_bytes(to: &mut impl BlockingWrite, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => to.wait_until_writable()?,
            Err(error) => return Err(error),
        }
    }
    to.flush()
}

/// The thread that reads.
fn read_all(mut from: impl BlockingRead, to: &mpsc::Sender<io::Result<Bytes>>) {
    let mut buffer = vec![0; BUFFER_SIZE];
    loop {
        let chunk = match from.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => Ok(Bytes::copy_from_slice(&buffer[..count])),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => match from.wait_until_readable() {
                Ok(()) => continue,
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        let has_failed = chunk.is_err();
        // The stream is dropped, or nothing more can be read.
        if to.blocking_send(chunk).is_err() || has_failed {
            return;
        }
    }
}

/// A reader that blocks. One that another process has made non-blocking can be waited for.
trait BlockingRead: Read + Send + 'static {
    fn wait_until_readable(&self) -> io::Result<()>;
}

/// A writer that blocks. One that another process has made non-blocking can be waited for.
trait BlockingWrite: Write + Send + 'static {
    fn wait_until_writable(&self) -> io::Result<()>;
}

#[cfg(unix)]
mod standard {
    use std::fs::File;
    use std::io;
    use std::os::fd::AsFd;

    use nix::errno::Errno;
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use tokio::net::unix::pipe;

    use super::{BlockingRead, BlockingWrite};

    /// Duplicates of the descriptors, so that no lock or buffer of std is in the way.
    pub(super) fn open() -> io::Result<(File, File)> {
        let input = io::stdin().as_fd().try_clone_to_owned()?;
        let output = io::stdout().as_fd().try_clone_to_owned()?;
        Ok((input.into(), output.into()))
    }

    /// Watches whether the output has a reader. `None` of a file, which needs none.
    ///
    /// Only its readiness is of use, which any descriptor has that can be polled. Nothing is
    /// written by it, so it need not be a pipe that does not block.
    pub(super) fn watch(output: &File) -> Option<pipe::Sender> {
        pipe::Sender::from_file_unchecked(output.try_clone().ok()?).ok()
    }

    fn wait(file: &impl AsFd, flags: PollFlags) -> io::Result<()> {
        match poll(&mut [PollFd::new(file.as_fd(), flags)], PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    impl BlockingRead for File {
        fn wait_until_readable(&self) -> io::Result<()> {
            wait(self, PollFlags::POLLIN)
        }
    }

    impl BlockingWrite for File {
        fn wait_until_writable(&self) -> io::Result<()> {
            wait(self, PollFlags::POLLOUT)
        }
    }
}

#[cfg(not(unix))]
mod standard {
    use std::io::{self, Stdin, Stdout};

    use super::{BlockingRead, BlockingWrite};

    pub(super) fn open() -> io::Result<(Stdin, Stdout)> {
        Ok((io::stdin(), io::stdout()))
    }

    fn never_waits() -> io::Result<()> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    impl BlockingRead for Stdin {
        fn wait_until_readable(&self) -> io::Result<()> {
            never_waits()
        }
    }

    impl BlockingWrite for Stdout {
        fn wait_until_writable(&self) -> io::Result<()> {
            never_waits()
        }
    }
}
