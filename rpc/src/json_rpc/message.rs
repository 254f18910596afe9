//! [`Members`]: a message split into its members, and [`Incoming`]: what a server makes of it.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::id::Id;

/// A message of a peer. Only its outermost level has been looked at.
pub(super) enum Parsed<'a> {
    Object(Members<'a>),
    Array(Vec<&'a RawValue>),
    /// An array of more elements than are allowed.
    LongArray,
    /// Another JSON value.
    Other,
}

/// The members of an object that mean something in JSON-RPC.
#[derive(Default)]
pub(super) struct Members<'a> {
    pub(super) version: Option<&'a RawValue>,
    pub(super) method: Option<&'a RawValue>,
    pub(super) params: Option<&'a RawValue>,
    pub(super) id: Option<&'a RawValue>,
    pub(super) result: Option<&'a RawValue>,
    pub(super) error: Option<&'a RawValue>,
    pub(super) time_left: Option<&'a RawValue>,
    /// A member is there twice.
    is_ambiguous: bool,
}

/// Parses a message.
///
/// # Errors
/// It is not JSON.
pub(super) fn parse(json: &[u8], max_elements: usize) -> Result<Parsed<'_>, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let parsed = deserializer.deserialize_any(MessageVisitor { max_elements })?;
    deserializer.end()?;
    Ok(parsed)
}

struct MessageVisitor {
    max_elements: usize,
}

macro_rules! others {
    ($($method:ident: $ty:ty)*) => {$(
        fn $method<E>(self, _: $ty) -> Result<Self::Value, E> {
            Ok(Parsed::Other)
        }
    )*};
}

impl<'de> Visitor<'de> for MessageVisitor {
    type Value = Parsed<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    others! { visit_bool: bool visit_i64: i64 visit_u64: u64 visit_f64: f64 visit_str: &str }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Parsed::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element()? {
            if elements.len() == self.max_elements {
                // What is left must be JSON.
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                return Ok(Parsed::LongArray);
            }
            elements.push(element);
        }
        Ok(Parsed::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Members::default();
        while let Some(name) = map.next_key_seed(NameSeed)? {
            let member = match name {
                Name::Version => &mut members.version,
                Name::Method => &mut members.method,
                Name::Params => &mut members.params,
                Name::Id => &mut members.id,
                Name::Result => &mut members.result,
                Name::Error => &mut members.error,
                Name::TimeLeft => &mut members.time_left,
                Name::Other => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            if member.replace(map.next_value()?).is_some() {
                members.is_ambiguous = true;
            }
        }
        Ok(Parsed::Object(members))
    }
}

/// The name of a member.
enum Name {
    Version,
    Method,
    Params,
    Id,
    Result,
    Error,
    TimeLeft,
    Other,
}

struct NameSeed;

impl<'de> DeserializeSeed<'de> for NameSeed {
    type Value = Name;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Name, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for NameSeed {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_str<E>(self, name: &str) -> Result<Name, E> {
        Ok(match name {
            "jsonrpc" => Name::Version,
            "method" => Name::Method,
            "params" => Name::Params,
            "id" => Name::Id,
            "result" => Name::Result,
            "error" => Name::Error,
            TIME_LEFT => Name::TimeLeft,
            _ => Name::Other,
        })
    }
}

/// The member of a request with the time that its client waits, in milliseconds.
pub(super) const TIME_LEFT: &str = "time_left_ms";

/// What a message is to a server.
pub(super) enum Incoming<'a> {
    Request {
        id: Id,
        invocation: Invocation<'a>,
    },
    Notification(Invocation<'a>),
    /// The server sends no requests, so this answers none.
    Response,
    /// It is answered with an error.
    Invalid {
        /// Null if the message does not contain one.
        id: Id,
        why: &'static str,
    },
}

/// What a request and a notification have in common.
pub(super) struct Invocation<'a> {
    pub(super) method: Cow<'a, str>,
    /// An array or an object.
    pub(super) params: Option<&'a RawValue>,
    pub(super) time_left: Option<Duration>,
}

impl<'a> Incoming<'a> {
    /// Whether a batch has an answer for this.
    pub(super) fn is_answered(&self) -> bool {
        matches!(self, Self::Request { .. } | Self::Invalid { .. })
    }

    /// What a message is that is not an array.
    pub(super) fn new(parsed: Parsed<'a>) -> Self {
        let Parsed::Object(members) = parsed else {
            return Self::Invalid { id: Id::Null, why: "a request is an object" };
        };
        let id = match members.id.map(Id::parse) {
            None => None,
            Some(Some(id)) => Some(id),
            Some(None) => {
                return Self::Invalid {
                    id: Id::Null,
                    why: "an id is a string, a number or null, of at most 256 bytes",
                };
            }
        };
        if members.method.is_none() && (members.result.is_some() || members.error.is_some()) {
            return Self::Response;
        }
        match Self::invocation(&members) {
            Ok(invocation) => match id {
                Some(id) => Self::Request { id, invocation },
                None => Self::Notification(invocation),
            },
            // Of two ids, neither is certain.
            Err(why) => {
                let id = id.filter(|_| !members.is_ambiguous).unwrap_or(Id::Null);
                Self::Invalid { id, why }
            }
        }
    }

    fn invocation(members: &Members<'a>) -> Result<Invocation<'a>, &'static str> {
        if members.is_ambiguous {
            return Err("a member is there more than once");
        }
        if members.version.and_then(string).as_deref() != Some("2.0") {
            return Err("the member `jsonrpc` is not \"2.0\"");
        }
        let method = members.method.and_then(string).ok_or("the member `method` is not a string")?;
        let params = match members.params.map(|params| (params, params.get().as_bytes().first())) {
            // Some clients write `null` for no parameters.
            None | Some((_, Some(b'n'))) => None,
            Some((params, Some(b'[' | b'{'))) => Some(params),
            Some(_) => return Err("the member `params` is not an array or an object"),
        };
        let time_left = match members.time_left.map(|time| time.get().parse()) {
            None => None,
            Some(Ok(millis)) => Some(Duration::from_millis(millis)),
            Some(Err(_)) => return Err("the member `time_left_ms` is not a whole number"),
        };
        Ok(Invocation { method, params, time_left })
    }
}

/// The text of a JSON string.
pub(super) fn string(value: &RawValue) -> Option<Cow<'_, str>> {
    let json = value.get();
    match json.strip_prefix('"')?.strip_suffix('"') {
        Some(text) if !text.contains('\\') => Some(Cow::Borrowed(text)),
        _ => serde_json::from_str(json).ok().map(Cow::Owned),
    }
}
