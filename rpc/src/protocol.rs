//! [`Protocol`]: the calls of a service and their replies, as types.

use serde::de::Error;
use serde::{Deserializer, Serializer};

/// A method that can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Method {
    /// Its name on the wire in formats for people, such as JSON.
    pub name: &'static str,
    /// Its number on the wire in compact formats, such as Postcard: [`method_number`] of the name,
    /// unless `#[rpc(number = ..)]` says otherwise.
    pub number: u32,
    /// The names of its parameters.
    pub params: &'static [&'static str],
    /// Whether it sends items before its result.
    pub sends_items: bool,
}

impl Method {
    /// Describes a method.
    pub const fn new(name: &'static str, number: u32, params: &'static [&'static str]) -> Self {
        Self { name, number, params, sends_items: false }
    }

    /// Describes a method that sends items before its result.
    pub const fn sending_items(self) -> Self {
        Self { sends_items: true, ..self }
    }
}

/// The number of a method in compact formats: the FNV-1a hash of its name, of 32 bits. It stays the
/// same when methods are added, removed or moved.
pub const fn method_number(name: &str) -> u32 {
    let bytes = name.as_bytes();
    let (mut hash, mut i) = (0x811c_9dc5_u32, 0);
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u32).wrapping_mul(0x0100_0193);
        i += 1;
    }
    hash
}

/// The calls of a service: an enum with one variant for each method, which holds the parameters.
/// `#[rpc]` generates it.
///
/// Methods are numbered here by their position in [`METHODS`](Self::METHODS).
pub trait Protocol: Sized + Send + 'static {
    /// The replies: an enum with one variant for each method, which holds what the method returns,
    /// and one more for each method that sends items, which holds an item.
    type Reply: Send + 'static;
    /// The generated client, a newtype of [`RpcClient`](crate::RpcClient).
    type Client;

    /// The methods.
    const METHODS: &'static [Method];

    /// The method that is called.
    fn method(&self) -> usize;

    /// Writes the parameters, as a tuple.
    ///
    /// # Errors
    /// Those of the format.
    fn serialize_params<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;

    /// Reads the parameters of `method`: a tuple, or, in formats that can tell, a map by name.
    ///
    /// # Errors
    /// They are not the parameters of this method.
    fn deserialize_params<'de, D: Deserializer<'de>>(
        method: usize,
        deserializer: D,
    ) -> Result<Self, D::Error>;

    /// The method that has returned or sent `reply`.
    fn reply_method(reply: &Self::Reply) -> usize;

    /// Whether the method has returned an `Err`.
    fn is_error(reply: &Self::Reply) -> bool;

    /// Writes the value of the reply, without saying whether it is an `Ok` or an `Err`.
    ///
    /// # Errors
    /// Those of the format.
    fn serialize_reply<S: Serializer>(reply: &Self::Reply, serializer: S) -> Result<S::Ok, S::Error>;

    /// Reads the value of a reply of `method`, which is an `Err` of the method if `is_error`.
    ///
    /// # Errors
    /// It is not such a value.
    fn deserialize_reply<'de, D: Deserializer<'de>>(
        method: usize,
        is_error: bool,
        deserializer: D,
    ) -> Result<Self::Reply, D::Error>;

    /// Reads an item that `method` has sent. The default is for protocols whose methods send none.
    ///
    /// # Errors
    /// It is not such an item.
    fn deserialize_item<'de, D: Deserializer<'de>>(
        method: usize,
        deserializer: D,
    ) -> Result<Self::Reply, D::Error> {
        let _ = (method, deserializer);
        Err(D::Error::custom("not an item of this method"))
    }
}
