//! Limits the nesting, the stack and the memory that decoding one message may take.
//!
//! Binary formats announce how many elements follow. `Vec` allocates capacity for them, up to a
//! megabyte at each level. Formats follow a recursive type as deep as the input says, until the
//! stack overflows. One byte of a frame can become a value of a hundred bytes. [`ReadLimits`] wraps
//! the deserializer of a format, so that:
//!
//! - a message that nests deeper than [`MAX_DEPTH`] levels or takes too much [stack](super::stack)
//!   is an error;
//! - a message whose lists and maps hold more than [`max_elements_size`] bytes is an error;
//! - a collection allocates capacity for at most [`MAX_SIZE_HINT`] elements before it reads them.
//!
//! Serde buffers values for `untagged`, `flatten` and `tag`, and reads them again from its buffer.
//! The limits do not apply to this second read. The depth of the buffer is limited, but not the
//! stack that the type takes.

use std::cell::Cell;
use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, IgnoredAny, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};

use super::stack::{self, StackPosition};
use super::{DecodeError, decode_cost};

/// The most levels of a message. Elements, fields and the contents of an `Option` or a newtype are
/// one level deeper.
const MAX_DEPTH: u16 = 128;
/// The most elements that a collection may allocate capacity for before it reads them.
const MAX_SIZE_HINT: usize = 256;
/// The least size that an element counts, in bytes, because an element of no bytes takes time as
/// well.
const MIN_ELEMENT_SIZE: usize = 4;

/// Returns the most bytes that the elements of all lists and maps of a message may have, by
/// `size_of`, for a frame of `frame` bytes: 16 for each byte of the frame, but at least 64 MiB. Few
/// legitimate messages come near that.
fn max_elements_size(frame: usize) -> usize {
    const MIN: usize = 64 * 1024 * 1024;
    frame.saturating_mul(16).max(MIN)
}

/// The limits of one message, and how much of them is unused.
pub(super) struct ReadLimits {
    start: StackPosition,
    max_depth: u16,
    /// How many more bytes of elements the message may have.
    size_left: Cell<usize>,
    frame: usize,
    /// The limit that was exceeded. Some formats replace the error that the deserializer returned,
    /// so this field keeps it.
    exceeded: Cell<Option<Exceeded>>,
}

#[derive(Clone, Copy)]
enum Exceeded {
    Depth,
    Stack,
    Size,
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Depth => write!(f, "the message nests deeper than {MAX_DEPTH} levels"),
            Self::Stack => f.write_str(stack::STACK_EXCEEDED),
            Self::Size => f.write_str("the lists of the message are larger than its frame allows"),
        }
    }
}

impl ReadLimits {
    /// The limits of a message in a frame of `frame` bytes.
    pub(super) fn new(frame: usize) -> Self {
        let size_left = Cell::new(max_elements_size(frame));
        Self {
            start: StackPosition::current(),
            max_depth: MAX_DEPTH,
            size_left,
            frame,
            exceeded: Cell::new(None),
        }
    }

    /// Lifts the limit of levels, for a format that has such a limit itself.
    #[cfg(feature = "json")]
    pub(super) fn without_depth_limit(self) -> Self {
        Self { max_depth: u16::MAX, ..self }
    }

    /// Reads the message from `deserializer`.
    #[inline]
    pub(super) fn read<'de, S, D>(&self, seed: S, deserializer: D) -> Result<S::Value, DecodeError>
    where
        S: DeserializeSeed<'de>,
        D: Deserializer<'de, Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
    {
        let limited =
            Limited { inner: deserializer, limits: self, depth_left: self.max_depth, is_collection: false };
        let message = seed.deserialize(limited);
        decode_cost::add(self.frame.saturating_add(max_elements_size(self.frame) - self.size_left.get()));
        message.map_err(|error| match self.exceeded.get() {
            Some(limit) => DecodeError::new(limit.to_string()).recoverable(),
            None => DecodeError::new(error).recoverable(),
        })
    }

    #[cold]
    fn exceeded<E: Error>(&self, limit: Exceeded) -> E {
        self.exceeded.set(Some(limit));
        E::custom(limit)
    }

    /// Counts an element of `size` bytes of a list or a map.
    #[inline]
    fn count_element<E: Error>(&self, size: usize) -> Result<(), E> {
        match self.size_left.get().checked_sub(size.max(MIN_ELEMENT_SIZE)) {
            Some(left) => {
                self.size_left.set(left);
                Ok(())
            }
            None => Err(self.exceeded(Exceeded::Size)),
        }
    }
}

/// `inner`, a deserializer, visitor or access of serde, within the limits.
struct Limited<'a, T> {
    inner: T,
    limits: &'a ReadLimits,
    depth_left: u16,
    /// Whether the elements are on the heap. Their size is then not a part of the size of a type,
    /// and they are counted one by one.
    is_collection: bool,
}

impl<'a, T> Limited<'a, T> {
    /// Wraps a part of `self.inner` at the same level.
    #[inline]
    fn wrap<U>(&self, inner: U, is_collection: bool) -> Limited<'a, U> {
        Limited { inner, limits: self.limits, depth_left: self.depth_left, is_collection }
    }

    /// Returns the visitor and `inner`, with `inner` one level deeper.
    ///
    /// # Errors
    /// The level is too deep, or the stack limit is exceeded.
    #[inline]
    fn descend<U, E: Error>(self, inner: U) -> Result<(T, Limited<'a, U>), E> {
        let Self { inner: visitor, limits, depth_left, is_collection } = self;
        let Some(depth_left) = depth_left.checked_sub(1) else {
            return Err(limits.exceeded(Exceeded::Depth));
        };
        if limits.start.is_too_far() {
            return Err(limits.exceeded(Exceeded::Stack));
        }
        Ok((visitor, Limited { inner, limits, depth_left, is_collection }))
    }
}

macro_rules! forward {
    ($is_collection:literal: $($method:ident($($arg:ident: $ty:ty),*);)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self $(, $arg: $ty)*, visitor: V) -> Result<V::Value, D::Error> {
            let visitor = self.wrap(visitor, $is_collection);
            self.inner.$method($($arg,)* visitor)
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Limited<'_, D> {
    type Error = D::Error;

    forward! { true:
        deserialize_any(); deserialize_bytes(); deserialize_byte_buf(); deserialize_seq(); deserialize_map();
        deserialize_ignored_any();
    }

    forward! { false:
        deserialize_bool(); deserialize_i8(); deserialize_i16(); deserialize_i32();
        deserialize_i64(); deserialize_i128(); deserialize_u8(); deserialize_u16(); deserialize_u32();
        deserialize_u64(); deserialize_u128(); deserialize_f32(); deserialize_f64(); deserialize_char();
        deserialize_str(); deserialize_string();
        deserialize_option(); deserialize_unit(); deserialize_identifier();
        deserialize_unit_struct(name: &'static str);
        deserialize_newtype_struct(name: &'static str);
        deserialize_tuple(len: usize);
        deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

macro_rules! values {
    ($($method:ident($ty:ty);)*) => {$(
        #[inline]
        fn $method<E: Error>(self, value: $ty) -> Result<V::Value, E> {
            self.inner.$method(value)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Limited<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    values! {
        visit_bool(bool); visit_i8(i8); visit_i16(i16); visit_i32(i32); visit_i64(i64); visit_i128(i128);
        visit_u8(u8); visit_u16(u16); visit_u32(u32); visit_u64(u64); visit_u128(u128);
        visit_f32(f32); visit_f64(f64); visit_char(char);
        visit_str(&str); visit_borrowed_str(&'de str); visit_string(String);
        visit_bytes(&[u8]); visit_borrowed_bytes(&'de [u8]); visit_byte_buf(Vec<u8>);
    }

    #[inline]
    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    #[inline]
    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    #[inline]
    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        let (visitor, inner) = self.descend(inner)?;
        visitor.visit_some(inner)
    }

    #[inline]
    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        let (visitor, inner) = self.descend(inner)?;
        visitor.visit_newtype_struct(inner)
    }

    #[inline]
    fn visit_seq<A: SeqAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        let (visitor, list) = self.descend(inner)?;
        let mut elements = Elements { list, at_end: false };
        let value = visitor.visit_seq(&mut elements)?;
        elements.expect_end()?;
        Ok(value)
    }

    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        let (visitor, inner) = self.descend(inner)?;
        visitor.visit_map(inner)
    }

    #[inline]
    fn visit_enum<A: EnumAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        let (visitor, inner) = self.descend(inner)?;
        visitor.visit_enum(inner)
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Limited<'_, S> {
    type Value = S::Value;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        let inner = self.wrap(inner, false);
        self.inner.deserialize(inner)
    }
}

/// The elements of a list.
struct Elements<'a, A> {
    list: Limited<'a, A>,
    /// Set when the list has returned `None`. It must not be called after that.
    at_end: bool,
}

impl<'de, A: SeqAccess<'de>> Elements<'_, A> {
    /// Checks that the list has no more elements. A visitor of a tuple stops after the last element
    /// that it needs, and some formats do not check whether the list ends there. A CBOR list of
    /// indefinite length has an end mark after its last element, which this call consumes.
    #[inline]
    fn expect_end(&mut self) -> Result<(), A::Error> {
        if self.at_end || self.list.inner.next_element::<IgnoredAny>()?.is_none() {
            return Ok(());
        }
        Err(Error::custom("a list has more elements than expected"))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Elements<'_, A> {
    type Error = A::Error;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        let seed = self.list.wrap(seed, false);
        let element = self.list.inner.next_element_seed(seed)?;
        self.at_end = element.is_none();
        if self.list.is_collection && !self.at_end {
            self.list.limits.count_element(size_of::<S::Value>())?;
        }
        Ok(element)
    }

    fn size_hint(&self) -> Option<usize> {
        self.list.inner.size_hint().map(|announced| announced.min(MAX_SIZE_HINT))
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Limited<'_, A> {
    type Error = A::Error;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        let seed = self.wrap(seed, false);
        let key = self.inner.next_key_seed(seed)?;
        if self.is_collection && key.is_some() {
            self.limits.count_element(size_of::<S::Value>())?;
        }
        Ok(key)
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let seed = self.wrap(seed, false);
        let value = self.inner.next_value_seed(seed)?;
        if self.is_collection {
            self.limits.count_element(size_of::<S::Value>())?;
        }
        Ok(value)
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint().map(|announced| announced.min(MAX_SIZE_HINT))
    }
}

impl<'de, 'a, A: EnumAccess<'de>> EnumAccess<'de> for Limited<'a, A> {
    type Error = A::Error;
    type Variant = Limited<'a, A::Variant>;

    #[inline]
    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), A::Error> {
        let Self { inner, limits, depth_left, is_collection } = self;
        let seed = Limited { inner: seed, limits, depth_left, is_collection: false };
        let (value, inner) = inner.variant_seed(seed)?;
        Ok((value, Limited { inner, limits, depth_left, is_collection }))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Limited<'_, A> {
    type Error = A::Error;

    #[inline]
    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    #[inline]
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        let seed = self.wrap(seed, false);
        self.inner.newtype_variant_seed(seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        let visitor = self.wrap(visitor, false);
        self.inner.tuple_variant(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        let visitor = self.wrap(visitor, false);
        self.inner.struct_variant(fields, visitor)
    }
}
