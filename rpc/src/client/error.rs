//! [`CallError`]: why a call has no value.

use std::{error, fmt};

use crate::failure::Failure;

/// Why a call has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallError<E = std::convert::Infallible> {
    /// The method has returned this error.
    Method(E),
    /// The call was not handled, or its outcome is not known.
    Failure(Failure),
}

impl<E> CallError<E> {
    /// The failure, unless the method itself has returned the error.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Method(_) => None,
            Self::Failure(failure) => Some(failure),
        }
    }
}

impl<E> From<Failure> for CallError<E> {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl<E: fmt::Display> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Method(error) => error.fmt(f),
            Self::Failure(failure) => failure.fmt(f),
        }
    }
}

/// Also for an `E` that is not an error itself, such as `String`, so that `?` converts every
/// `CallError` to `Box<dyn Error>`. There is no `source`: the message is that of `E`, and
/// [`CallError::Method`] has the value.
impl<E: fmt::Debug + fmt::Display> error::Error for CallError<E> {}
