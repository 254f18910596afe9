//! Reads CBOR from a slice, for serde.
//!
//! The rules are those of `ciborium`, which writes: tags are passed over where nothing asks for them, integers and floats of
//! every width are read, byte strings are lists of numbers to who asks for a list, and a struct is a map. What it reads
//! beyond `ciborium`: texts and byte strings of any length, in one piece or in chunks, wherever they stand.
//!
//! Nothing here limits how deep a message nests: a [guard](super::super::guard) stands before it.

use std::borrow::Cow;
use std::fmt::{self, Display};

use serde::de::value::{SeqDeserializer, StrDeserializer};
use serde::de::{
    self, DeserializeSeed, EnumAccess, MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::super::concatenated::Scanner;
use super::Items;

/// What `ciborium`'s `Value` asks by for the number of a tag.
const TAG: &str = "@@TAG@@";
const NULL: u8 = 0xf6;
const UNDEFINED: u8 = 0xf7;
const BREAK: u8 = 0xff;

/// Why bytes are not the message that was asked for.
#[derive(Debug)]
pub(super) struct Wrong(Box<str>);

impl Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Wrong {}

impl de::Error for Wrong {
    #[cold]
    fn custom<T: Display>(text: T) -> Self {
        Self(text.to_string().into())
    }
}

#[cold]
fn wrong(text: &str) -> Wrong {
    Wrong(text.into())
}

#[cold]
fn cut() -> Wrong {
    wrong("the frame ends inside a CBOR item")
}

type Result<T> = std::result::Result<T, Wrong>;

/// The first byte of an item and what follows it as a number.
#[derive(Clone, Copy)]
struct Head {
    major: u8,
    short: u8,
    /// Zero where the length is [unknown](Self::length), and in a break.
    value: u64,
}

const UNKNOWN: u8 = 31;

impl Head {
    /// How many parts there are; `None` if a break tells.
    fn length(self) -> Option<u64> {
        (self.short != UNKNOWN).then_some(self.value)
    }

    #[cold]
    fn instead_of(self, expected: &str) -> Wrong {
        let found = match (self.major, self.short) {
            (0, _) => Unexpected::Unsigned(self.value),
            (1, _) => Unexpected::Other("a negative integer"),
            (2, _) => Unexpected::Other("bytes"),
            (3, _) => Unexpected::Other("a text"),
            (4, _) => Unexpected::Seq,
            (5, _) => Unexpected::Map,
            (6, _) => Unexpected::Other("a tag"),
            (_, 20) => Unexpected::Bool(false),
            (_, 21) => Unexpected::Bool(true),
            (_, 22 | 23) => Unexpected::Unit,
            (_, 25..=27) => Unexpected::Other("a float"),
            (_, UNKNOWN) => Unexpected::Other("a break"),
            _ => Unexpected::Other("a simple value"),
        };
        de::Error::invalid_type(found, &expected)
    }
}

/// What is left of a frame.
pub(super) struct Reader<'de> {
    pub(super) rest: &'de [u8],
}

impl<'de> Reader<'de> {
    fn take(&mut self, count: u64) -> Result<&'de [u8]> {
        let count = usize::try_from(count).map_err(|_| cut())?;
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(cut)?;
        self.rest = rest;
        Ok(taken)
    }

    fn big_endian<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or_else(cut)?;
        self.rest = rest;
        Ok(*taken)
    }

    #[inline]
    fn head(&mut self) -> Result<Head> {
        let (first, rest) = self.rest.split_first().ok_or_else(cut)?;
        self.rest = rest;
        let (major, short) = (first >> 5, first & 0x1f);
        let value = match short {
            0..=23 => u64::from(short),
            24 => u64::from(self.big_endian::<1>()?[0]),
            25 => u64::from(u16::from_be_bytes(self.big_endian()?)),
            26 => u64::from(u32::from_be_bytes(self.big_endian()?)),
            27 => u64::from_be_bytes(self.big_endian()?),
            UNKNOWN if matches!(major, 2..=5 | 7) => 0,
            _ => return Err(de::Error::custom(format_args!("{first:#04x} is no CBOR"))),
        };
        Ok(Head { major, short, value })
    }

    /// The head of the next item that is no tag.
    #[inline]
    fn item(&mut self) -> Result<Head> {
        loop {
            let head = self.head()?;
            if head.major != 6 {
                return Ok(head);
            }
        }
    }

    fn is_at(&self, byte: u8) -> bool {
        self.rest.first() == Some(&byte)
    }

    /// Takes a break, if there is one.
    fn takes_break(&mut self) -> bool {
        let there = self.is_at(BREAK);
        if there {
            self.rest = &self.rest[1..];
        }
        there
    }

    /// The payload of a text or byte string whose head was taken, put together if it came in chunks.
    fn payload(&mut self, head: Head) -> Result<Cow<'de, [u8]>> {
        if let Some(length) = head.length() {
            return self.take(length).map(Cow::Borrowed);
        }
        let mut whole = Vec::new();
        while !self.takes_break() {
            let chunk = self.head()?;
            match chunk.length() {
                Some(length) if chunk.major == head.major => whole.extend_from_slice(self.take(length)?),
                _ => return Err(chunk.instead_of("a chunk of the same kind")),
            }
        }
        Ok(Cow::Owned(whole))
    }

    fn visit_text<V: Visitor<'de>>(&mut self, head: Head, visitor: V) -> Result<V::Value> {
        match self.payload(head)? {
            Cow::Borrowed(bytes) => {
                visitor.visit_borrowed_str(std::str::from_utf8(bytes).map_err(de::Error::custom)?)
            }
            Cow::Owned(bytes) => visitor.visit_string(String::from_utf8(bytes).map_err(de::Error::custom)?),
        }
    }

    fn visit_bytes<V: Visitor<'de>>(&mut self, head: Head, visitor: V) -> Result<V::Value> {
        match self.payload(head)? {
            Cow::Borrowed(bytes) => visitor.visit_borrowed_bytes(bytes),
            Cow::Owned(bytes) => visitor.visit_byte_buf(bytes),
        }
    }

    fn visit_list<V: Visitor<'de>>(&mut self, head: Head, visitor: V) -> Result<V::Value> {
        let mut parts = Parts { reader: self, left: head.length() };
        let value = visitor.visit_seq(&mut parts)?;
        parts.end()?;
        Ok(value)
    }

    fn visit_map<V: Visitor<'de>>(&mut self, head: Head, visitor: V) -> Result<V::Value> {
        let mut parts = Parts { reader: self, left: head.length() };
        let value = visitor.visit_map(&mut parts)?;
        parts.end()?;
        Ok(value)
    }

    /// An integer: its magnitude, or if it is negative, that of minus one less it.
    #[inline]
    fn integer(&mut self) -> Result<(bool, u128)> {
        loop {
            let head = self.head()?;
            match head.major {
                0 | 1 => return Ok((head.major == 1, head.value.into())),
                6 if matches!(head.value, 2 | 3) => return Ok((head.value == 3, self.magnitude()?)),
                6 => {}
                _ => return Err(head.instead_of("an integer")),
            }
        }
    }

    /// The bytes behind the tag of a large integer.
    fn magnitude(&mut self) -> Result<u128> {
        let head = self.head()?;
        if head.major != 2 {
            return Err(head.instead_of("the bytes of a large integer"));
        }
        let bytes = self.payload(head)?;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        match bytes.len() - zeros {
            0..=16 => Ok(bytes.iter().fold(0, |sum, byte| sum << 8 | u128::from(*byte))),
            _ => Err(wrong("an integer of more than 128 bits")),
        }
    }

    fn signed(&mut self) -> Result<i128> {
        let (is_negative, magnitude) = self.integer()?;
        let magnitude = i128::try_from(magnitude).map_err(|_| wrong("the integer is too large"))?;
        Ok(if is_negative { !magnitude } else { magnitude })
    }

    #[inline]
    fn visit_signed<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value> {
        let value = i64::try_from(self.signed()?).map_err(|_| wrong("the integer is too large"))?;
        visitor.visit_i64(value)
    }

    #[inline]
    fn visit_unsigned<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value> {
        match self.integer()? {
            (false, value) => {
                visitor.visit_u64(u64::try_from(value).map_err(|_| wrong("the integer is too large"))?)
            }
            (true, _) => Err(wrong("the integer is negative")),
        }
    }

    fn visit_float<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value> {
        let head = self.item()?;
        match head.float() {
            Some(value) => visitor.visit_f64(value),
            None => Err(head.instead_of("a float")),
        }
    }

    /// Passes over an item without a look at what is in it.
    fn skip(&mut self) -> Result<()> {
        match Items::default().scan(self.rest) {
            Ok(Some(end)) => self.rest = &self.rest[end..],
            Ok(None) => return Err(cut()),
            Err(error) => return Err(de::Error::custom(error)),
        }
        Ok(())
    }
}

impl Head {
    fn float(self) -> Option<f64> {
        if self.major != 7 {
            return None;
        }
        match self.short {
            25 => Some(half(self.value as u16)),
            26 => Some(f32::from_bits(self.value as u32).into()),
            27 => Some(f64::from_bits(self.value)),
            _ => None,
        }
    }
}

/// A float of 16 bits, as RFC 8949 reads it (appendix D).
fn half(bits: u16) -> f64 {
    let (exponent, mantissa) = (bits >> 10 & 0x1f, f64::from(bits & 0x3ff));
    let magnitude = match exponent {
        0 => mantissa * 2f64.powi(-24),
        31 if mantissa == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (mantissa + 1024.0) * 2f64.powi(i32::from(exponent) - 25),
    };
    if bits >> 15 == 1 { -magnitude } else { magnitude }
}

macro_rules! numbers {
    ($visit:ident: $($method:ident)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            self.$visit(visitor)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for &mut Reader<'de> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let before = self.rest;
        let head = self.head()?;
        match head.major {
            0 => visitor.visit_u64(head.value),
            1 => match i64::try_from(head.value) {
                Ok(value) => visitor.visit_i64(!value),
                Err(_) => visitor.visit_i128(!i128::from(head.value)),
            },
            2 => self.visit_bytes(head, visitor),
            3 => self.visit_text(head, visitor),
            4 => self.visit_list(head, visitor),
            5 => self.visit_map(head, visitor),
            6 => {
                // Bytes of known length that fit make a number; all else that is tagged is a tag.
                let large = matches!(head.value, 2 | 3)
                    && Reader { rest: self.rest }.head().is_ok_and(|head| {
                        head.major == 2 && head.length().is_some_and(|length| length <= 16)
                    });
                if !large {
                    return visitor.visit_enum(Tagged { reader: self, tag: Some(head.value), told: 0 });
                }
                self.rest = before;
                match self.integer()? {
                    (false, value) => visitor.visit_u128(value),
                    (true, value) => match i128::try_from(value) {
                        Ok(value) => visitor.visit_i128(!value),
                        Err(_) => Err(wrong("the integer is too large")),
                    },
                }
            }
            _ => match (head.short, head.float()) {
                (20 | 21, _) => visitor.visit_bool(head.short == 21),
                (22 | 23, _) => visitor.visit_none(),
                (_, Some(value)) => visitor.visit_f64(value),
                _ => Err(head.instead_of("a value")),
            },
        }
    }

    numbers! { visit_signed: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 }
    numbers! { visit_unsigned: deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 }
    numbers! { visit_float: deserialize_f32 deserialize_f64 }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_i128(self.signed()?)
    }

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.integer()? {
            (false, value) => visitor.visit_u128(value),
            (true, _) => Err(wrong("the integer is negative")),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.item()? {
            Head { major: 7, short: short @ (20 | 21), .. } => visitor.visit_bool(short == 21),
            head => Err(head.instead_of("a bool")),
        }
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.item()? {
            head @ Head { major: 3, .. } => self.visit_text(head, visitor),
            head => Err(head.instead_of("a text")),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.item()? {
            head @ Head { major: 2, .. } => self.visit_bytes(head, visitor),
            head @ Head { major: 4, .. } => self.visit_list(head, visitor),
            head => Err(head.instead_of("bytes")),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.item()? {
            head @ Head { major: 4, .. } => self.visit_list(head, visitor),
            head @ Head { major: 2, .. } => {
                let bytes = self.payload(head)?;
                let mut bytes = SeqDeserializer::<_, Wrong>::new(bytes.iter().copied());
                let value = visitor.visit_seq(&mut bytes)?;
                bytes.end()?;
                Ok(value)
            }
            head => Err(head.instead_of("a list")),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.item()? {
            head @ Head { major: 5, .. } => self.visit_map(head, visitor),
            head => Err(head.instead_of("a map")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.deserialize_map(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.item()? {
            head @ Head { major: 3, .. } => self.visit_text(head, visitor),
            head @ Head { major: 2, .. } => self.visit_bytes(head, visitor),
            head => Err(head.instead_of("a name")),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.skip()?;
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.is_at(NULL) || self.is_at(UNDEFINED) {
            self.rest = &self.rest[1..];
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.item()? {
            Head { major: 7, short: 22 | 23, .. } => visitor.visit_unit(),
            head => Err(head.instead_of("null")),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        if name == TAG {
            let before = self.rest;
            let tag = Some(self.head()?).filter(|head| head.major == 6).map(|head| head.value);
            if tag.is_none() {
                self.rest = before;
            }
            return visitor.visit_enum(Tagged { reader: self, tag, told: 0 });
        }
        loop {
            let before = self.rest;
            let has_value = match self.head()? {
                Head { major: 6, .. } => continue,
                // The name of a variant, and what is in it.
                head @ Head { major: 5, .. } if head.length() == Some(1) => true,
                Head { major: 3, .. } => {
                    self.rest = before;
                    false
                }
                head => return Err(head.instead_of("an enum")),
            };
            return visitor.visit_enum(Variant { reader: self, has_value });
        }
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// The parts of a list or a map: so many are left, or all up to a break.
struct Parts<'a, 'de> {
    reader: &'a mut Reader<'de>,
    left: Option<u64>,
}

impl Parts<'_, '_> {
    /// Whether there is a next one, which is taken.
    #[inline]
    fn is_next(&mut self) -> bool {
        match &mut self.left {
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
            None if self.reader.takes_break() => {
                self.left = Some(0);
                false
            }
            None => true,
        }
    }

    /// What was not asked for must not be taken for what follows.
    fn end(mut self) -> Result<()> {
        if self.is_next() { Err(wrong("there is more in a list than was expected")) } else { Ok(()) }
    }
}

impl<'de> SeqAccess<'de> for &mut Parts<'_, 'de> {
    type Error = Wrong;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        if self.is_next() { seed.deserialize(&mut *self.reader).map(Some) } else { Ok(None) }
    }

    fn size_hint(&self) -> Option<usize> {
        self.left.and_then(|left| usize::try_from(left).ok())
    }
}

impl<'de> MapAccess<'de> for &mut Parts<'_, 'de> {
    type Error = Wrong;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        if self.is_next() { seed.deserialize(&mut *self.reader).map(Some) } else { Ok(None) }
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        seed.deserialize(&mut *self.reader)
    }

    fn size_hint(&self) -> Option<usize> {
        SeqAccess::size_hint(self)
    }
}

/// A variant of an enum, by name alone or with what is in it.
struct Variant<'a, 'de> {
    reader: &'a mut Reader<'de>,
    has_value: bool,
}

impl<'de> Variant<'_, 'de> {
    fn value(self) -> Result<Self> {
        if self.has_value { Ok(self) } else { Err(wrong("a variant's name without what is in it")) }
    }
}

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = Wrong;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self)> {
        let name = seed.deserialize(&mut *self.reader)?;
        Ok((name, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de> {
    type Error = Wrong;

    fn unit_variant(self) -> Result<()> {
        if self.has_value { self.reader.skip() } else { Ok(()) }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value> {
        seed.deserialize(self.value()?.reader)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value> {
        de::Deserializer::deserialize_any(self.value()?.reader, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value> {
        de::Deserializer::deserialize_any(self.value()?.reader, visitor)
    }
}

/// A tag and what is tagged, as an enum: how `ciborium` shows it to serde.
struct Tagged<'a, 'de> {
    reader: &'a mut Reader<'de>,
    tag: Option<u64>,
    /// How many of the two parts were told.
    told: u8,
}

impl<'de> EnumAccess<'de> for Tagged<'_, 'de> {
    type Error = Wrong;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self)> {
        let name = if self.tag.is_some() { "@@TAGGED@@" } else { "@@UNTAGGED@@" };
        let name = seed.deserialize(StrDeserializer::<Wrong>::new(name))?;
        Ok((name, self))
    }
}

impl<'de> VariantAccess<'de> for Tagged<'_, 'de> {
    type Error = Wrong;

    /// Somebody passes over it all.
    fn unit_variant(self) -> Result<()> {
        self.reader.skip()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value> {
        seed.deserialize(self.reader)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value> {
        visitor.visit_seq(self)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value> {
        Err(wrong("a tag where a struct was expected"))
    }
}

impl<'de> SeqAccess<'de> for Tagged<'_, 'de> {
    type Error = Wrong;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        self.told += 1;
        match (self.told, self.tag) {
            (1, Some(tag)) => seed.deserialize(Number(tag)).map(Some),
            (1, None) => Err(wrong("a value without the tag that was expected")),
            (2, _) => seed.deserialize(&mut *self.reader).map(Some),
            _ => Ok(None),
        }
    }
}

/// The number of a tag, whatever it is asked as.
struct Number(u64);

impl<'de> de::Deserializer<'de> for Number {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_u64(self.0)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
