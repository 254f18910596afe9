//! [`hash`]: the options of a codec as its [`Codec::encoding_id`](crate::Codec::encoding_id).

use std::hash::{DefaultHasher, Hash, Hasher};

/// The hash of options, the same in each call.
pub(crate) fn hash(options: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    options.hash(&mut hasher);
    hasher.finish()
}
