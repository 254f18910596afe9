//! What decoding and encoding fail with.

use std::error::Error;
use std::{fmt, io};

type Source = Box<dyn Error + Send + Sync>;

/// Bytes that are not a message.
///
/// Says whether the stream can be read on: a bad payload in an intact frame leaves the next frame where it
/// should be, bytes that are no frame at all do not.
#[derive(Debug)]
pub struct DecodeError {
    source: Source,
    resumes: bool,
}

impl DecodeError {
    /// An error after which the stream can't be read any further; see [`resumable`](Self::resumable).
    pub fn new(source: impl Into<Source>) -> Self {
        Self { source: source.into(), resumes: false }
    }

    /// The same error, saying that the next call of `decode` goes on with the next frame.
    #[must_use]
    pub fn resumable(mut self) -> Self {
        self.resumes = true;
        self
    }

    /// Whether the frames behind the bad one can still be read.
    pub fn resumes(&self) -> bool {
        self.resumes
    }

    #[doc(hidden)]
    pub fn too_long(limit: usize) -> Self {
        Self::new(format!("a frame is longer than {limit} bytes")).resumable()
    }

    #[doc(hidden)]
    pub fn truncated() -> Self {
        Self::new("the stream ended inside a frame")
    }

    #[doc(hidden)]
    pub fn fatal(mut self) -> Self {
        self.resumes = false;
        self
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl Error for DecodeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        // Displayed as the source itself, so that what follows it in a chain is the source's own source.
        self.source.source()
    }
}

/// The source is kept: `error.get_ref()` finds the `DecodeError` again.
impl From<DecodeError> for io::Error {
    fn from(error: DecodeError) -> Self {
        io::Error::new(io::ErrorKind::InvalidData, error)
    }
}

/// One that is an `io::Error` by its own making comes out again as it was; any other does not resume. With this, a
/// `Decoder` of `tokio_util` can have `DecodeError` for its error.
impl From<io::Error> for DecodeError {
    fn from(error: io::Error) -> Self {
        error.downcast().unwrap_or_else(Self::new)
    }
}

/// A message that can't be written.
#[derive(Debug)]
pub struct EncodeError {
    source: Source,
}

impl EncodeError {
    /// An error with `source` as its text and cause.
    pub fn new(source: impl Into<Source>) -> Self {
        Self { source: source.into() }
    }

    #[doc(hidden)]
    pub fn too_long(limit: usize) -> Self {
        Self::new(format!("the message is longer than {limit} bytes"))
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl Error for EncodeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.source()
    }
}

/// The source is kept: `error.get_ref()` finds the `EncodeError` again.
impl From<EncodeError> for io::Error {
    fn from(error: EncodeError) -> Self {
        io::Error::new(io::ErrorKind::InvalidInput, error)
    }
}
