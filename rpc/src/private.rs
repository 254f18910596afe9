//! What expansions name. Not part of the public interface.

use serde::de::Error;
pub use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use crate::params::Params;
pub use crate::serve::serve;

/// The error of a method position that does not exist, or of an `Err` of a method that returns
/// none.
pub fn unexpected<T, E: Error>() -> Result<T, E> {
    Err(E::custom("not a value of this method"))
}

/// The parameters of a method that has none: an empty tuple, which `()` is not in every format.
pub const NO_PARAMS: [(); 0] = [];
