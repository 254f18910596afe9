//! Every `tokio_util` codec as a [`Codec`].

use std::error::Error;

use bytes::BytesMut;
use tokio_util::codec::{Decoder, Encoder, LinesCodecError};

use super::{Codec, DecodeError, EncodeError};

// Not recommended: a type that is no codec at all is to be told of `Codec`, not of `Decoder`.
#[diagnostic::do_not_recommend]
impl<T, In, Out> Codec<In, Out> for T
where
    T: Decoder<Item = In> + Encoder<Out> + Clone + Send + 'static,
    <T as Decoder>::Error: Error + Send + Sync + 'static,
    <T as Encoder<Out>>::Error: Error + Send + Sync + 'static,
{
    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<In>, DecodeError> {
        Decoder::decode(self, input).map_err(into_decode_error)
    }

    fn decode_eof(&mut self, input: &mut BytesMut) -> Result<Option<In>, DecodeError> {
        Decoder::decode_eof(self, input).map_err(into_decode_error)
    }

    fn encode(&mut self, message: Out, output: &mut BytesMut) -> Result<(), EncodeError> {
        Encoder::encode(self, message, output).map_err(EncodeError::new)
    }
}

/// The traits of `tokio_util` do not say whether a stream resumes. Of its own codecs only `LinesCodec` does:
/// after a line over the limit it discards up to the next newline.
fn into_decode_error<E: Error + Send + Sync + 'static>(error: E) -> DecodeError {
    let any: &(dyn Error + 'static) = &error;
    let resumes = matches!(any.downcast_ref(), Some(LinesCodecError::MaxLineLengthExceeded));
    let error = DecodeError::new(error);
    if resumes { error.resumable() } else { error }
}
