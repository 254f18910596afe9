//! The errors of decoding and encoding.

use std::any::Any;
use std::cell::Cell;
use std::error::Error;
use std::{fmt, io};

type Source = Box<dyn Error + Send + Sync>;
type Attachment = Box<dyn Any + Send + Sync>;

thread_local! {
    static ATTACHMENT: Cell<Option<Attachment>> = const { Cell::new(None) };
}

/// Sets what the next [`DecodeError`] that this thread makes has attached.
///
/// A `Deserialize` impl that fails has only a text for its format. With this it leaves a value to
/// the error that the codec makes of the format's error; it sets `None` when it begins.
pub fn attach_to_next_error(attachment: Option<Attachment>) {
    ATTACHMENT.set(attachment);
}

/// Searches an error and its causes. An `io::Error` may wrap the error of a codec of `tokio_util`.
fn downcast_chain<'a, E: Error + 'static>(mut error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    loop {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        error = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => inner,
            None => error.source()?,
        };
    }
}

/// The error of bytes that are not a message.
///
/// [`is_recoverable`](Self::is_recoverable) returns whether the codec can decode the frames that
/// follow. It can after a bad payload in an intact frame, because the position of the next frame is
/// known. It usually cannot after bytes that are not a frame.
#[derive(Debug)]
pub struct DecodeError {
    source: Source,
    recoverable: bool,
    attachment: Option<Attachment>,
}

impl DecodeError {
    /// Makes an error after which the stream cannot be decoded further; see
    /// [`recoverable`](Self::recoverable).
    pub fn new(source: impl Into<Source>) -> Self {
        Self { source: source.into(), recoverable: false, attachment: ATTACHMENT.take() }
    }

    /// Takes what [`attach_to_next_error`] has set.
    #[doc(hidden)]
    pub fn take_attachment<T: 'static>(&mut self) -> Option<T> {
        self.attachment.take_if(|attachment| attachment.is::<T>())?.downcast().ok().map(|value| *value)
    }

    /// Marks the error as one after which the next call of `decode` continues with the next frame.
    #[must_use]
    pub fn recoverable(mut self) -> Self {
        self.recoverable = true;
        self
    }

    /// Returns whether the frames after the bad one can be decoded.
    pub fn is_recoverable(&self) -> bool {
        self.recoverable
    }

    /// Returns the codec's own error, or the first of its causes, that is an `E`.
    ///
    /// ```
    /// use portcullis_codec::DecodeError;
    ///
    /// let error = DecodeError::new("x".parse::<u8>().unwrap_err());
    /// assert!(error.downcast_ref::<std::num::ParseIntError>().is_some());
    /// ```
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        downcast_chain(&*self.source)
    }

    #[doc(hidden)]
    pub fn too_long(limit: usize) -> Self {
        Self::new(format!("a frame is longer than {limit} bytes")).recoverable()
    }

    #[doc(hidden)]
    pub fn truncated() -> Self {
        Self::new("the stream ended inside a frame")
    }

    #[doc(hidden)]
    pub fn fatal(mut self) -> Self {
        self.recoverable = false;
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
        // `Display` prints the source, so the chain continues with the source of the source.
        self.source.source()
    }
}

/// Wraps the `DecodeError`: `error.get_ref()` returns it.
impl From<DecodeError> for io::Error {
    fn from(error: DecodeError) -> Self {
        io::Error::new(io::ErrorKind::InvalidData, error)
    }
}

/// Returns the `DecodeError` inside the `io::Error`. Any other error becomes a `DecodeError` that
/// is not recoverable. A `Decoder` of `tokio_util` needs this conversion to have `DecodeError` as
/// its error type.
impl From<io::Error> for DecodeError {
    fn from(error: io::Error) -> Self {
        error.downcast().unwrap_or_else(Self::new)
    }
}

/// The error of a message that cannot be encoded.
#[derive(Debug)]
pub struct EncodeError {
    source: Source,
}

impl EncodeError {
    /// Makes an error with `source` as its text and cause.
    pub fn new(source: impl Into<Source>) -> Self {
        Self { source: source.into() }
    }

    /// Returns the codec's own error, or the first of its causes, that is an `E`.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        downcast_chain(&*self.source)
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

/// Wraps the `EncodeError`: `error.get_ref()` returns it.
impl From<EncodeError> for io::Error {
    fn from(error: EncodeError) -> Self {
        io::Error::new(io::ErrorKind::InvalidInput, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_a_codec_is_found_inside_the_error_that_wraps_it() {
        let own = || "x".parse::<u8>().unwrap_err();
        let is_found = |error: DecodeError| error.downcast_ref::<std::num::ParseIntError>().is_some();
        assert!(is_found(DecodeError::new(own())));
        assert!(is_found(DecodeError::new(io::Error::other(own()))));
        assert!(is_found(DecodeError::from(io::Error::from(DecodeError::new(own())))));
        assert!(!is_found(DecodeError::new("text")));
        assert!(EncodeError::new(own()).downcast_ref::<std::num::ParseIntError>().is_some());
    }
}
