//! The codec: the packets of MQTT 3.1.1. Both ends use the same one.

use std::str;
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use portcullis::Codec;
use portcullis::codec::{DecodeError, EncodeError};

use super::topics;

/// The longest packet, without its fixed header.
const MAX_LENGTH: usize = 256 * 1024;

/// How hard sender and receiver try to deliver a message ("quality of service").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::enum_variant_names, reason = "the names of the standard")]
pub(crate) enum Qos {
    AtMostOnce,
    AtLeastOnce,
    ExactlyOnce,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// Shared with the other receivers of the message, as the payload.
    pub(crate) topic: Arc<str>,
    pub(crate) payload: Bytes,
    pub(crate) qos: Qos,
    pub(crate) retain: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Connect {
    /// Empty if the server is to choose one.
    pub(crate) client_id: String,
    /// The server forgets the session when the connection ends, and one that it still knows.
    pub(crate) clean_session: bool,
    /// The longest time between two packets, in seconds; 0 for no limit.
    pub(crate) keep_alive: u16,
    /// Published if the connection ends without `Disconnect`.
    pub(crate) will: Option<Message>,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<Bytes>,
}

/// The numbers are packet identifiers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Packet {
    Connect(Connect),
    /// A `Connect` of another version of MQTT.
    ConnectOfAnotherVersion,
    ConnAck {
        session_present: bool,
        code: ConnectCode,
    },
    Publish {
        message: Message,
        /// With a QoS of at least 1.
        id: Option<u16>,
        is_duplicate: bool,
    },
    PubAck(u16),
    PubRec(u16),
    PubRel(u16),
    PubComp(u16),
    Subscribe {
        id: u16,
        filters: Vec<(String, Qos)>,
    },
    /// The QoS that is granted for each filter; `None` refuses it.
    SubAck {
        id: u16,
        granted: Vec<Option<Qos>>,
    },
    Unsubscribe {
        id: u16,
        filters: Vec<String>,
    },
    UnsubAck(u16),
    PingReq,
    PingResp,
    Disconnect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectCode {
    Accepted = 0,
    UnacceptableVersion = 1,
    IdentifierRejected = 2,
    Unavailable = 3,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mqtt;

impl Codec<Packet, Packet> for Mqtt {
    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Packet>, DecodeError> {
        let Some((&first, after_first)) = input.split_first() else { return Ok(None) };
        let Some((length, size)) = remaining_length(after_first)? else { return Ok(None) };
        // The length comes from the peer. It is refused before the packet arrives.
        if length > MAX_LENGTH {
            return Err(DecodeError::new("the packet is too long"));
        }
        let Some(body) = after_first[size..].get(..length) else { return Ok(None) };
        let mut body = Body(body);
        // After a malformed packet the connection must be closed, so the error is not recoverable.
        let packet = body.packet(first >> 4, first & 0x0f).ok_or_else(|| {
            DecodeError::new(format!("a malformed packet of type {} with {length} bytes", first >> 4))
        })?;
        input.advance(1 + size + length);
        Ok(Some(packet))
    }

    fn encode(&mut self, packet: Packet, output: &mut BytesMut) -> Result<(), EncodeError> {
        let begin = output.len();
        let result = encode(&packet, output);
        if result.is_err() {
            output.truncate(begin);
        }
        result
    }
}

/// The length after the first byte, seven bits a byte, and the number of bytes that it takes.
fn remaining_length(bytes: &[u8]) -> Result<Option<(usize, usize)>, DecodeError> {
    let mut length = 0;
    for (at, byte) in bytes.iter().take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok(Some((length, at + 1)));
        }
    }
    if bytes.len() < 4 { Ok(None) } else { Err(DecodeError::new("the length of a packet has five bytes")) }
}

/// The bytes of a packet that are not read yet. Every method returns `None` if they are malformed.
struct Body<'a>(&'a [u8]);

impl<'a> Body<'a> {
    fn packet(&mut self, kind: u8, flags: u8) -> Option<Packet> {
        let packet = match (kind, flags) {
            (1, 0) => self.connect()?,
            (2, 0) => {
                let session_present = self.bit()?;
                let code = match self.u8()? {
                    0 => ConnectCode::Accepted,
                    1 => ConnectCode::UnacceptableVersion,
                    2 => ConnectCode::IdentifierRejected,
                    3 => ConnectCode::Unavailable,
                    _ => return None,
                };
                Packet::ConnAck { session_present, code }
            }
            (3, flags) => self.publish(flags)?,
            (4, 0) => Packet::PubAck(self.id()?),
            (5, 0) => Packet::PubRec(self.id()?),
            (6, 2) => Packet::PubRel(self.id()?),
            (7, 0) => Packet::PubComp(self.id()?),
            (8, 2) => {
                let id = self.id()?;
                let filters = self.until_end(|body| Some((body.filter()?, qos(body.u8()?)?)))?;
                Packet::Subscribe { id, filters }
            }
            (9, 0) => {
                let id = self.id()?;
                let granted = self.until_end(|body| match body.u8()? {
                    0x80 => Some(None),
                    bits => qos(bits).map(Some),
                })?;
                Packet::SubAck { id, granted }
            }
            (10, 2) => {
                let id = self.id()?;
                Packet::Unsubscribe { id, filters: self.until_end(Self::filter)? }
            }
            (11, 0) => Packet::UnsubAck(self.id()?),
            (12, 0) => Packet::PingReq,
            (13, 0) => Packet::PingResp,
            (14, 0) => Packet::Disconnect,
            _ => return None,
        };
        self.0.is_empty().then_some(packet)
    }

    fn connect(&mut self) -> Option<Packet> {
        let name = self.bytes()?;
        let version = self.u8()?;
        if (name, version) != (b"MQTT", 4) {
            self.0 = &[];
            return Some(Packet::ConnectOfAnotherVersion);
        }
        let flags = self.u8()?;
        let has = |bit: u8| flags & (1 << bit) != 0;
        let keep_alive = self.u16()?;
        let client_id = self.text()?;
        let will_qos = qos((flags >> 3) & 3)?;
        let will = if has(2) {
            let topic = self.topic()?;
            let payload = Bytes::copy_from_slice(self.bytes()?);
            Some(Message { topic, payload, qos: will_qos, retain: has(5) })
        } else if will_qos != Qos::AtMostOnce || has(5) {
            return None;
        } else {
            None
        };
        let username = if has(7) { Some(self.text()?) } else { None };
        let password = if has(6) { Some(Bytes::copy_from_slice(self.bytes()?)) } else { None };
        let is_valid = !has(0) && (username.is_some() || password.is_none());
        let connect = Connect { client_id, clean_session: has(1), keep_alive, will, username, password };
        is_valid.then_some(Packet::Connect(connect))
    }

    fn publish(&mut self, flags: u8) -> Option<Packet> {
        let qos = qos((flags >> 1) & 3)?;
        let topic = self.topic()?;
        let id = if qos == Qos::AtMostOnce { None } else { Some(self.id()?) };
        // The payload is copied. A slice of the input would keep a whole read buffer alive for as
        // long as a message is retained or queued.
        let payload = Bytes::copy_from_slice(std::mem::take(&mut self.0));
        let message = Message { topic, payload, qos, retain: flags & 1 != 0 };
        Some(Packet::Publish { message, id, is_duplicate: flags & 8 != 0 })
    }

    /// At least one item, and no bytes after the last.
    fn until_end<T>(&mut self, mut item: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let mut items = vec![item(self)?];
        while !self.0.is_empty() {
            items.push(item(self)?);
        }
        Some(items)
    }

    fn u8(&mut self) -> Option<u8> {
        self.0.split_off_first().copied()
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes([self.u8()?, self.u8()?]))
    }

    fn bit(&mut self) -> Option<bool> {
        match self.u8()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn id(&mut self) -> Option<u16> {
        self.u16().filter(|id| *id != 0)
    }

    /// A length of two bytes, and as many bytes.
    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.u16()?;
        self.0.split_off(..length.into())
    }

    fn text(&mut self) -> Option<String> {
        let text = str::from_utf8(self.bytes()?).ok()?;
        (!text.contains('\0')).then(|| text.to_owned())
    }

    fn topic(&mut self) -> Option<Arc<str>> {
        self.text().filter(|topic| topics::is_topic(topic)).map(Arc::from)
    }

    fn filter(&mut self) -> Option<String> {
        self.text().filter(|filter| topics::is_filter(filter))
    }
}

fn qos(bits: u8) -> Option<Qos> {
    match bits {
        0 => Some(Qos::AtMostOnce),
        1 => Some(Qos::AtLeastOnce),
        2 => Some(Qos::ExactlyOnce),
        _ => None,
    }
}

fn encode(packet: &Packet, output: &mut BytesMut) -> Result<(), EncodeError> {
    match packet {
        Packet::Connect(connect) => encode_connect(connect, output),
        Packet::ConnectOfAnotherVersion => Err(EncodeError::new("this codec writes version 3.1.1 only")),
        Packet::ConnAck { session_present, code } => {
            header(output, 0x20, 2)?;
            output.put_slice(&[(*session_present).into(), *code as u8]);
            Ok(())
        }
        Packet::Publish { message: Message { topic, payload, qos, retain }, id, is_duplicate } => {
            let flags = u8::from(*is_duplicate) << 3 | (*qos as u8) << 1 | u8::from(*retain);
            let id = id.filter(|_| *qos != Qos::AtMostOnce);
            header(output, 0x30 | flags, 2 + topic.len() + id.map_or(0, |_| 2) + payload.len())?;
            put_bytes(output, topic.as_bytes())?;
            if let Some(id) = id {
                output.put_u16(id);
            }
            output.put_slice(payload);
            Ok(())
        }
        Packet::PubAck(id) => encode_id(output, 0x40, *id),
        Packet::PubRec(id) => encode_id(output, 0x50, *id),
        Packet::PubRel(id) => encode_id(output, 0x62, *id),
        Packet::PubComp(id) => encode_id(output, 0x70, *id),
        Packet::Subscribe { id, filters } => {
            header(output, 0x82, 2 + filters.iter().map(|(filter, _)| 2 + filter.len() + 1).sum::<usize>())?;
            output.put_u16(*id);
            for (filter, qos) in filters {
                put_bytes(output, filter.as_bytes())?;
                output.put_u8(*qos as u8);
            }
            Ok(())
        }
        Packet::SubAck { id, granted } => {
            header(output, 0x90, 2 + granted.len())?;
            output.put_u16(*id);
            output.extend(granted.iter().map(|granted| granted.map_or(0x80, |qos| qos as u8)));
            Ok(())
        }
        Packet::Unsubscribe { id, filters } => {
            header(output, 0xa2, 2 + filters.iter().map(|filter| 2 + filter.len()).sum::<usize>())?;
            output.put_u16(*id);
            filters.iter().try_for_each(|filter| put_bytes(output, filter.as_bytes()))
        }
        Packet::UnsubAck(id) => encode_id(output, 0xb0, *id),
        Packet::PingReq => header(output, 0xc0, 0),
        Packet::PingResp => header(output, 0xd0, 0),
        Packet::Disconnect => header(output, 0xe0, 0),
    }
}

fn encode_connect(connect: &Connect, output: &mut BytesMut) -> Result<(), EncodeError> {
    let Connect { client_id, clean_session, keep_alive, will, username, password } = connect;
    let mut flags = u8::from(*clean_session) << 1;
    let mut fields = vec![client_id.as_bytes()];
    if let Some(Message { topic, payload, qos, retain }) = will {
        flags |= 1 << 2 | (*qos as u8) << 3 | u8::from(*retain) << 5;
        fields.extend([topic.as_bytes(), payload]);
    }
    if let Some(username) = username {
        flags |= 1 << 7;
        fields.push(username.as_bytes());
    }
    if let Some(password) = password {
        flags |= 1 << 6;
        fields.push(password);
    }
    header(output, 0x10, 10 + fields.iter().map(|field| 2 + field.len()).sum::<usize>())?;
    put_bytes(output, b"MQTT")?;
    output.put_slice(&[4, flags]);
    output.put_u16(*keep_alive);
    fields.into_iter().try_for_each(|field| put_bytes(output, field))
}

fn encode_id(output: &mut BytesMut, first: u8, id: u16) -> Result<(), EncodeError> {
    header(output, first, 2)?;
    output.put_u16(id);
    Ok(())
}

fn header(output: &mut BytesMut, first: u8, mut length: usize) -> Result<(), EncodeError> {
    if length > MAX_LENGTH {
        return Err(EncodeError::new("the packet is too long"));
    }
    output.put_u8(first);
    while length >= 0x80 {
        output.put_u8(length as u8 | 0x80);
        length >>= 7;
    }
    output.put_u8(length as u8);
    Ok(())
}

fn put_bytes(output: &mut BytesMut, bytes: &[u8]) -> Result<(), EncodeError> {
    output.put_u16(u16::try_from(bytes.len()).map_err(EncodeError::new)?);
    output.put_slice(bytes);
    Ok(())
}
