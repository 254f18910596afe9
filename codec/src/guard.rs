//! Between a format and serde: messages nest only so deep, hold only so much, and announced sizes are not believed.
//!
//! Binary formats announce how many elements follow, and `Vec` reserves what it is told, up to a megabyte at each
//! level; formats follow a recursive type as deep as the bytes say, until the stack is gone; and a byte of a frame can become
//! a value of a hundred. Behind a guard none of this happens:
//!
//! - a message that nests deeper than [`DEEPEST`] levels, or that takes more [stack](super::stack) than it may, is an error;
//! - so is a message whose lists and maps hold more than [`most`] bytes of elements;
//! - no more than [`CAUTIOUS`] elements are reserved before they have been read.
//!
//! What serde buffers (`untagged`, `flatten`, `tag`) it reads again from its buffer, and no guard stands before that: the
//! buffer nests no deeper than the levels, but it is read at whatever the type takes of the stack.

use std::cell::Cell;
use std::fmt;

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error, IgnoredAny, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

use super::stack::{self, Place};
use super::{DecodeError, decode_cost};

/// How deep a message nests. What serde descends into counts: elements, fields, what an `Option` or a newtype holds.
const DEEPEST: u16 = 128;
/// What a collection may reserve because of an announcement.
const CAUTIOUS: usize = 256;
/// What an element weighs at least: the time that it takes.
const LIGHTEST: usize = 4;

/// How many bytes the elements of a message's lists and maps may have together, as `size_of` tells: sixteen for each byte of
/// the frame, which few messages that are meant come near to, or what is no harm whatever the frame.
fn most(frame: usize) -> usize {
    const HARMLESS: usize = 64 * 1024 * 1024;
    frame.saturating_mul(16).max(HARMLESS)
}

/// Stands before the deserializer of one message.
pub(super) struct Guard {
    top: Place,
    levels: u16,
    /// How many bytes of elements more there may be.
    left: Cell<usize>,
    frame: usize,
    /// What the guard has refused; some formats forget what they are told.
    refused: Cell<Option<Refused>>,
}

#[derive(Clone, Copy)]
enum Refused {
    Levels,
    Stack,
    Size,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Levels => write!(f, "the message nests deeper than {DEEPEST} levels"),
            Self::Stack => f.write_str(stack::TOO_FAR),
            Self::Size => f.write_str("the lists of the message are larger than its frame allows"),
        }
    }
}

impl Guard {
    /// For a message in a frame of so many bytes.
    pub(super) fn new(frame: usize) -> Self {
        let left = Cell::new(most(frame));
        Self { top: Place::here(), levels: DEEPEST, left, frame, refused: Cell::new(None) }
    }

    /// For a format that counts its levels itself.
    #[cfg(feature = "json")]
    pub(super) fn any_depth(self) -> Self {
        Self { levels: u16::MAX, ..self }
    }

    /// Reads the message.
    pub(super) fn read<'de, T, D>(&self, deserializer: D) -> Result<T, DecodeError>
    where
        T: DeserializeOwned,
        D: Deserializer<'de, Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
    {
        let guarded = Guarded { inner: deserializer, guard: self, left: self.levels, weighs: false };
        let message = T::deserialize(guarded);
        decode_cost::add(self.frame.saturating_add(most(self.frame) - self.left.get()));
        message.map_err(|error| match self.refused.get() {
            Some(refused) => DecodeError::new(refused.to_string()).resumable(),
            None => DecodeError::new(error).resumable(),
        })
    }

    #[cold]
    fn refuse<E: Error>(&self, refused: Refused) -> E {
        self.refused.set(Some(refused));
        E::custom(refused)
    }

    /// A value of `size` bytes is a part of a list or a map.
    #[inline]
    fn weigh<E: Error>(&self, size: usize) -> Result<(), E> {
        match self.left.get().checked_sub(size.max(LIGHTEST)) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => Err(self.refuse(Refused::Size)),
        }
    }
}

/// `inner`, with so many levels left below it.
struct Guarded<'a, T> {
    inner: T,
    guard: &'a Guard,
    left: u16,
    /// Its elements are on the heap, and in no type's size.
    weighs: bool,
}

impl<'a, T> Guarded<'a, T> {
    /// The same for what belongs to `inner`.
    fn of<U>(&self, inner: U, weighs: bool) -> Guarded<'a, U> {
        Guarded { inner, guard: self.guard, left: self.left, weighs }
    }

    /// The visitor of `self` goes a level down, into `inner`.
    #[inline]
    fn below<U, E: Error>(self, inner: U) -> Result<(T, Guarded<'a, U>), E> {
        let Self { inner: visitor, guard, left, weighs } = self;
        let Some(left) = left.checked_sub(1) else { return Err(guard.refuse(Refused::Levels)) };
        if guard.top.is_far() {
            return Err(guard.refuse(Refused::Stack));
        }
        Ok((visitor, Guarded { inner, guard, left, weighs }))
    }
}

macro_rules! forward {
    ($weighs:literal: $($method:ident($($arg:ident: $ty:ty),*);)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self $(, $arg: $ty)*, visitor: V) -> Result<V::Value, D::Error> {
            let visitor = self.of(visitor, $weighs);
            self.inner.$method($($arg,)* visitor)
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Guarded<'_, D> {
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

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

macro_rules! values {
    ($($method:ident($ty:ty);)*) => {$(
        fn $method<E: Error>(self, value: $ty) -> Result<V::Value, E> {
            self.inner.$method(value)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Guarded<'_, V> {
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

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        let (visitor, inner) = self.below(inner)?;
        visitor.visit_some(inner)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        let (visitor, inner) = self.below(inner)?;
        visitor.visit_newtype_struct(inner)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        let (visitor, list) = self.below(inner)?;
        let mut elements = Elements { list, at_end: false };
        let value = visitor.visit_seq(&mut elements)?;
        elements.end()?;
        Ok(value)
    }

    fn visit_map<A: MapAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        let (visitor, inner) = self.below(inner)?;
        visitor.visit_map(inner)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        let (visitor, inner) = self.below(inner)?;
        visitor.visit_enum(inner)
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Guarded<'_, S> {
    type Value = S::Value;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        let inner = self.of(inner, false);
        self.inner.deserialize(inner)
    }
}

/// The elements of a list.
struct Elements<'a, A> {
    list: Guarded<'a, A>,
    /// The list said that it has no further element. It must not be asked again.
    at_end: bool,
}

impl<'de, A: SeqAccess<'de>> Elements<'_, A> {
    /// Reads to the end of the list. Visitors of tuples stop after the last element that they need, and not every format
    /// then looks whether the list ends there: CBOR's lists of unknown length have a mark behind their last element.
    #[inline]
    fn end(&mut self) -> Result<(), A::Error> {
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
        let seed = self.list.of(seed, false);
        let element = self.list.inner.next_element_seed(seed)?;
        self.at_end = element.is_none();
        if self.list.weighs && !self.at_end {
            self.list.guard.weigh(size_of::<S::Value>())?;
        }
        Ok(element)
    }

    fn size_hint(&self) -> Option<usize> {
        self.list.inner.size_hint().map(|announced| announced.min(CAUTIOUS))
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Guarded<'_, A> {
    type Error = A::Error;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        let seed = self.of(seed, false);
        let key = self.inner.next_key_seed(seed)?;
        if self.weighs && key.is_some() {
            self.guard.weigh(size_of::<S::Value>())?;
        }
        Ok(key)
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let seed = self.of(seed, false);
        let value = self.inner.next_value_seed(seed)?;
        if self.weighs {
            self.guard.weigh(size_of::<S::Value>())?;
        }
        Ok(value)
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint().map(|announced| announced.min(CAUTIOUS))
    }
}

impl<'de, 'a, A: EnumAccess<'de>> EnumAccess<'de> for Guarded<'a, A> {
    type Error = A::Error;
    type Variant = Guarded<'a, A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), A::Error> {
        let Self { inner, guard, left, weighs } = self;
        let (value, inner) = inner.variant_seed(Guarded { inner: seed, guard, left, weighs: false })?;
        Ok((value, Guarded { inner, guard, left, weighs }))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Guarded<'_, A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        let seed = self.of(seed, false);
        self.inner.newtype_variant_seed(seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        let visitor = self.of(visitor, false);
        self.inner.tuple_variant(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        let visitor = self.of(visitor, false);
        self.inner.struct_variant(fields, visitor)
    }
}
