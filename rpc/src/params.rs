//! [`Params`]: the parameters of a method, read by position or by name.
//!
//! Formats that describe themselves may have either: a sequence, or a map whose keys are the names
//! of the parameters. Compact formats have a tuple.
//!
//! Serde's rules for fields apply to both: a parameter that is missing is `None` if its type is an
//! `Option`, and an error otherwise; what is in excess is ignored in a map, and an error in a
//! sequence.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::UnitDeserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// The parameters of a method: a tuple of up to twelve.
pub trait Params<'de>: Sized {
    /// Reads them, by position or by name.
    ///
    /// # Errors
    /// They are not parameters of these types and names.
    fn deserialize<D: Deserializer<'de>>(
        names: &'static [&'static str],
        deserializer: D,
    ) -> Result<Self, D::Error>;
}

/// The position of a name.
struct Name(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a parameter")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|known| *known == name))
    }
}

/// A parameter that was not sent.
fn missing<'de, T: Deserialize<'de>, E: Error>(name: &'static str) -> Result<T, E> {
    T::deserialize(UnitDeserializer::<E>::new()).map_err(|_| E::missing_field(name))
}

macro_rules! tuples {
    ($($count:literal: $($T:ident $value:ident $i:tt),*;)*) => {$(
        impl<'de, $($T: Deserialize<'de>),*> Params<'de> for ($($T,)*) {
            #[inline]
            fn deserialize<De: Deserializer<'de>>(
                names: &'static [&'static str],
                deserializer: De,
            ) -> Result<Self, De::Error> {
                struct ByAny<T>(&'static [&'static str], PhantomData<T>);

                impl<'de, $($T: Deserialize<'de>),*> Visitor<'de> for ByAny<($($T,)*)> {
                    type Value = ($($T,)*);

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        write!(f, "{} parameters, by position or by name", $count)
                    }

                    #[inline]
                    #[allow(unused_mut, unused_variables)]
                    fn visit_seq<Seq: SeqAccess<'de>>(self, mut seq: Seq) -> Result<Self::Value, Seq::Error> {
                        $(let $value: $T = match seq.next_element()? {
                            Some(value) => value,
                            None => missing(self.0[$i])?,
                        };)*
                        Ok(($($value,)*))
                    }

                    #[allow(unused_mut, unused_variables)]
                    fn visit_map<Map: MapAccess<'de>>(self, mut map: Map) -> Result<Self::Value, Map::Error> {
                        $(let mut $value: Option<$T> = None;)*
                        while let Some(position) = map.next_key_seed(Name(self.0))? {
                            match position {
                                $(Some($i) => {
                                    if $value.replace(map.next_value()?).is_some() {
                                        return Err(Map::Error::duplicate_field(self.0[$i]));
                                    }
                                })*
                                _ => drop(map.next_value::<IgnoredAny>()?),
                            }
                        }
                        $(let $value: $T = match $value {
                            Some(value) => value,
                            None => missing(self.0[$i])?,
                        };)*
                        Ok(($($value,)*))
                    }

                    // No parameters, in formats in which a tuple of none is nothing.
                    fn visit_unit<Err: Error>(self) -> Result<Self::Value, Err> {
                        $(let $value: $T = missing(self.0[$i])?;)*
                        Ok(($($value,)*))
                    }
                }

                let visitor = ByAny(names, PhantomData);
                if deserializer.is_human_readable() {
                    deserializer.deserialize_any(visitor)
                } else {
                    deserializer.deserialize_tuple($count, visitor)
                }
            }
        }
    )*};
}

tuples! {
    0: ;
    1: A a 0;
    2: A a 0, B b 1;
    3: A a 0, B b 1, C c 2;
    4: A a 0, B b 1, C c 2, D d 3;
    5: A a 0, B b 1, C c 2, D d 3, E e 4;
    6: A a 0, B b 1, C c 2, D d 3, E e 4, F f 5;
    7: A a 0, B b 1, C c 2, D d 3, E e 4, F f 5, G g 6;
    8: A a 0, B b 1, C c 2, D d 3, E e 4, F f 5, G g 6, H h 7;
    9: A a 0, B b 1, C c 2, D d 3, E e 4, F f 5, G g 6, H h 7, I i 8;
    10: A a 0, B b 1, C c 2, D d 3, E e 4, F f 5, G g 6, H h 7, I i 8, J j 9;
    11: A a 0, B b 1, C c 2, D d 3, E e 4, F f 5, G g 6, H h 7, I i 8, J j 9, K k 10;
    12: A a 0, B b 1, C c 2, D d 3, E e 4, F f 5, G g 6, H h 7, I i 8, J j 9, K k 10, L l 11;
}
