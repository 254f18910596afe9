//! Limits the stack that encoding one message may take: a message that nests too deep is an error,
//! and does not overflow the stack.

use std::cell::Cell;
use std::fmt::Display;

use serde::ser::{
    Error, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::stack::{self, StackPosition};
use super::{EncodeError, FrameWriter};

/// Calls `write` with `message`, which is an error when it takes more than the limit of the
/// [stack](super::stack).
#[inline]
pub(super) fn write<T, E>(
    message: &T,
    frame: &mut FrameWriter<'_>,
    write: impl FnOnce(&StackLimited<'_, &T>, &mut FrameWriter<'_>) -> Result<(), E>,
) -> Result<(), EncodeError>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let limits = WriteLimits { start: StackPosition::current(), exceeded: Cell::new(false) };
    let written = write(&StackLimited { inner: message, limits: &limits }, frame);
    written.map_err(|error| match limits.exceeded.get() {
        true => EncodeError::new(stack::STACK_EXCEEDED),
        false => frame.map_error(error),
    })
}

/// Where on the stack encoding began, and whether it went too far.
struct WriteLimits {
    start: StackPosition,
    /// Set when the limit is exceeded. Some formats replace the error that the serializer returned,
    /// so this field keeps it.
    exceeded: Cell<bool>,
}

/// `inner`, a message or a serializer, within the limit.
pub(super) struct StackLimited<'a, T> {
    inner: T,
    limits: &'a WriteLimits,
}

impl<'a, T> StackLimited<'a, T> {
    #[inline]
    fn wrap<U>(&self, inner: U) -> StackLimited<'a, U> {
        StackLimited { inner, limits: self.limits }
    }
}

impl<T: Serialize + ?Sized> Serialize for StackLimited<'_, &T> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.limits.start.is_too_far() {
            self.limits.exceeded.set(true);
            return Err(S::Error::custom(stack::STACK_EXCEEDED));
        }
        self.inner.serialize(self.wrap(serializer))
    }
}

macro_rules! values {
    ($($method:ident($($arg:ident: $ty:ty),*);)*) => {$(
        #[inline]
        fn $method(self $(, $arg: $ty)*) -> Result<S::Ok, S::Error> {
            self.inner.$method($($arg),*)
        }
    )*};
}

macro_rules! compounds {
    ($($method:ident($($arg:ident: $ty:ty),*) -> $compound:ident;)*) => {$(
        #[inline]
        fn $method(self $(, $arg: $ty)*) -> Result<Self::$compound, S::Error> {
            let limits = self.limits;
            self.inner.$method($($arg),*).map(|inner| StackLimited { inner, limits })
        }
    )*};
}

impl<'a, S: Serializer> Serializer for StackLimited<'a, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = StackLimited<'a, S::SerializeSeq>;
    type SerializeTuple = StackLimited<'a, S::SerializeTuple>;
    type SerializeTupleStruct = StackLimited<'a, S::SerializeTupleStruct>;
    type SerializeTupleVariant = StackLimited<'a, S::SerializeTupleVariant>;
    type SerializeMap = StackLimited<'a, S::SerializeMap>;
    type SerializeStruct = StackLimited<'a, S::SerializeStruct>;
    type SerializeStructVariant = StackLimited<'a, S::SerializeStructVariant>;

    values! {
        serialize_bool(value: bool); serialize_i8(value: i8); serialize_i16(value: i16); serialize_i32(value: i32);
        serialize_i64(value: i64); serialize_i128(value: i128); serialize_u8(value: u8); serialize_u16(value: u16);
        serialize_u32(value: u32); serialize_u64(value: u64); serialize_u128(value: u128); serialize_f32(value: f32);
        serialize_f64(value: f64); serialize_char(value: char); serialize_str(value: &str);
        serialize_bytes(value: &[u8]); serialize_none(); serialize_unit(); serialize_unit_struct(name: &'static str);
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str);
    }

    compounds! {
        serialize_seq(len: Option<usize>) -> SerializeSeq;
        serialize_tuple(len: usize) -> SerializeTuple;
        serialize_tuple_struct(name: &'static str, len: usize) -> SerializeTupleStruct;
        serialize_tuple_variant(name: &'static str, index: u32, variant: &'static str, len: usize) -> SerializeTupleVariant;
        serialize_map(len: Option<usize>) -> SerializeMap;
        serialize_struct(name: &'static str, len: usize) -> SerializeStruct;
        serialize_struct_variant(name: &'static str, index: u32, variant: &'static str, len: usize) -> SerializeStructVariant;
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        let value = self.wrap(value);
        self.inner.serialize_some(&value)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let value = self.wrap(value);
        self.inner.serialize_newtype_struct(name, &value)
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let value = self.wrap(value);
        self.inner.serialize_newtype_variant(name, index, variant, &value)
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.collect_str(value)
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

macro_rules! parts {
    ($($compound:ident { $($method:ident)* })*) => {$(
        impl<S: $compound> $compound for StackLimited<'_, S> {
            type Ok = S::Ok;
            type Error = S::Error;

            $(
                #[inline]
                fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
                    let value = self.wrap(value);
                    self.inner.$method(&value)
                }
            )*

            #[inline]
            fn end(self) -> Result<S::Ok, S::Error> {
                self.inner.end()
            }
        }
    )*};
}

parts! {
    SerializeSeq { serialize_element }
    SerializeTuple { serialize_element }
    SerializeTupleStruct { serialize_field }
    SerializeTupleVariant { serialize_field }
    SerializeMap { serialize_key serialize_value }
}

macro_rules! structs {
    ($($compound:ident)*) => {$(
        impl<S: $compound> $compound for StackLimited<'_, S> {
            type Ok = S::Ok;
            type Error = S::Error;

            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), S::Error> {
                let value = self.wrap(value);
                self.inner.serialize_field(key, &value)
            }

            fn skip_field(&mut self, key: &'static str) -> Result<(), S::Error> {
                self.inner.skip_field(key)
            }

            #[inline]
            fn end(self) -> Result<S::Ok, S::Error> {
                self.inner.end()
            }
        }
    )*};
}

structs! { SerializeStruct SerializeStructVariant }
