//! [`Encoded`]: a message that many peers are sent, and that is encoded once.

use std::any::TypeId;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// A message for many peers, which is encoded once. A clone is cheap.
///
/// [`Peer::try_send_encoded`](crate::Peer::try_send_encoded) and
/// [`Peer::send_encoded`](crate::Peer::send_encoded) send it. The first session that writes it
/// encodes it by its codec; the others copy the bytes.
///
/// It is always correct to send it: a session whose codec would encode the message to other bytes
/// (a codec of another type or with other options) encodes a clone of the message. So does a
/// session whose codec does not say that its encoding is the same for every connection, which is
/// the default ([`Codec::encoding_id`](portcullis_codec::Codec::encoding_id)): all codecs of
/// `tokio_util`, and those of datagrams. With these it saves nothing.
///
/// ```
/// use portcullis::{Encoded, Peer};
///
/// /// Drops the line for those whose queue is full.
/// fn publish(subscribers: &[Peer<String>], line: String) {
///     let line = Encoded::new(line);
///     for subscriber in subscribers {
///         let _ = subscriber.try_send_encoded(line.clone());
///     }
/// }
/// ```
// Behind a trait, because not every response is `Sync`, and sessions of those that are not could
// not move between threads otherwise.
pub struct Encoded<T>(Arc<dyn SharedMessage<T>>);

trait SharedMessage<T>: Send + Sync {
    fn message(&self) -> &T;
    fn to_message(&self) -> T;
    fn frame(&self) -> &OnceLock<Frame>;
}

struct Message<T> {
    message: T,
    frame: OnceLock<Frame>,
}

impl<T: Clone + Send + Sync> SharedMessage<T> for Message<T> {
    fn message(&self) -> &T {
        &self.message
    }

    fn to_message(&self) -> T {
        self.message.clone()
    }

    fn frame(&self) -> &OnceLock<Frame> {
        &self.frame
    }
}

/// What a codec has encoded.
struct Frame {
    codec: CodecId,
    bytes: Box<[u8]>,
}

/// Codecs that are equal in this encode each message to the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodecId(TypeId, u64);

impl CodecId {
    /// For a codec of this type that returns `encoding_id`.
    pub fn new<C: 'static>(encoding_id: u64) -> Self {
        Self(TypeId::of::<C>(), encoding_id)
    }
}

impl<T: Clone + Send + Sync + 'static> Encoded<T> {
    /// Makes a message that is encoded when it is first written.
    ///
    /// A message that cannot be cloned, such as one that owns a file descriptor, cannot be sent to
    /// many peers and does not compile:
    ///
    /// ```compile_fail,E0277
    /// struct Opened(std::fs::File);
    ///
    /// fn share(opened: Opened) -> portcullis::Encoded<Opened> {
    ///     portcullis::Encoded::new(opened)
    /// }
    /// ```
    pub fn new(message: T) -> Self {
        Self(Arc::new(Message { message, frame: OnceLock::new() }))
    }
}

impl<T> Encoded<T> {
    /// The message.
    pub fn message(&self) -> &T {
        self.0.message()
    }

    /// A clone of the message.
    #[doc(hidden)]
    pub fn to_message(&self) -> T {
        self.0.to_message()
    }

    /// What `codec` encodes the message to, if one that is equal has done so.
    #[doc(hidden)]
    pub fn frame(&self, codec: CodecId) -> Option<&[u8]> {
        self.0.frame().get().filter(|frame| frame.codec == codec).map(|frame| &*frame.bytes)
    }

    /// Notes what `codec` has encoded the message to. Only the first call has an effect.
    #[doc(hidden)]
    pub fn set_frame(&self, codec: CodecId, bytes: &[u8]) {
        if self.0.frame().get().is_none() {
            let _ = self.0.frame().set(Frame { codec, bytes: bytes.into() });
        }
    }
}

impl<T> Clone for Encoded<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: fmt::Debug> fmt::Debug for Encoded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Encoded").field(self.message()).finish()
    }
}

/// What waits to be written to a peer.
#[doc(hidden)]
#[derive(Debug)]
pub enum QueuedResponse<Rsp> {
    /// For this peer alone.
    Response(Rsp),
    /// For many peers.
    Encoded(Encoded<Rsp>),
}

impl<Rsp> QueuedResponse<Rsp> {
    /// The message.
    pub fn message(&self) -> &Rsp {
        match self {
            Self::Response(response) => response,
            Self::Encoded(encoded) => encoded.message(),
        }
    }

    /// The message, or a clone of it.
    pub fn into_message(self) -> Rsp {
        match self {
            Self::Response(response) => response,
            Self::Encoded(encoded) => encoded.to_message(),
        }
    }
}
