//! Implements [`Codec`] for every codec of `tokio_util`.

use std::error::Error;
use std::io;

use ::tokio_util::codec::{AnyDelimiterCodecError, Decoder, Encoder, LinesCodecError};
use bytes::BytesMut;

use super::{Codec, DecodeError, EncodeError};

// Not recommended: the message for a type that is not a codec must name `Codec`, not `Decoder`.
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

/// Converts an error of a `tokio_util` codec.
///
/// The traits of `tokio_util` do not say whether decoding can resume after an error. It can after
/// the errors in [`is_line_error`], and after a recoverable [`DecodeError`], alone or inside an
/// `io::Error`.
fn into_decode_error<E: Error + Send + Sync + 'static>(error: E) -> DecodeError {
    let any: &(dyn Error + 'static) = &error;
    let io = any.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    let own = any.downcast_ref().or_else(|| io?.downcast_ref::<DecodeError>());
    let recoverable = own.is_some_and(DecodeError::is_recoverable) || is_line_error(any);
    let error = DecodeError::new(error);
    if recoverable { error.recoverable() } else { error }
}

/// Returns whether the error concerns one line or chunk only. After a line over the limit, the
/// codecs of `tokio_util` discard its remaining bytes. They have already removed a line that is not
/// UTF-8.
fn is_line_error(error: &(dyn Error + 'static)) -> bool {
    match (error.downcast_ref(), error.downcast_ref()) {
        (Some(LinesCodecError::MaxLineLengthExceeded), _) => true,
        (Some(LinesCodecError::Io(error)), _) => error.kind() == io::ErrorKind::InvalidData,
        (None, Some(AnyDelimiterCodecError::MaxChunkLengthExceeded)) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use ::tokio_util::codec::{AnyDelimiterCodec, LengthDelimitedCodec, LinesCodec};

    use super::*;

    /// Decodes `bytes` and the end of the stream. Returns messages, and for errors whether they
    /// resume.
    fn read<C: Codec<In, Out>, In, Out>(mut codec: C, bytes: &[u8]) -> Vec<Result<In, bool>> {
        let (mut input, mut out) = (BytesMut::from(bytes), Vec::new());
        // The limit ends a loop over an error that resumes without removing input.
        for _ in 0..20 {
            match codec.decode_eof(&mut input) {
                Ok(None) => return out,
                Ok(Some(message)) => out.push(Ok(message)),
                Err(error) => {
                    out.push(Err(error.is_recoverable()));
                    if !error.is_recoverable() {
                        return out;
                    }
                }
            }
        }
        panic!("the codec does not reach the end")
    }

    #[test]
    fn the_lines_codec_resumes_after_a_bad_line() {
        let lines = |bytes| read::<_, String, String>(LinesCodec::new_with_max_length(5), bytes);
        let line = |text: &str| Ok(text.to_owned());
        assert_eq!(lines(b"one\n\xff\xfe\ntwo\n"), [line("one"), Err(true), line("two")]);
        assert_eq!(lines(b"far too long\ntwo"), [Err(true), line("two")]);
        assert_eq!(lines(b"one\n\xff"), [line("one"), Err(true)]);
    }

    #[test]
    fn the_delimiter_codec_resumes_after_a_long_chunk_and_the_length_codec_does_not() {
        let chunks = AnyDelimiterCodec::new_with_max_length(b";,".to_vec(), b";".to_vec(), 4);
        let read_chunks = read::<_, bytes::Bytes, String>(chunks, b"one;much too long,two");
        assert_eq!(read_chunks, [Ok("one".into()), Err(true), Ok("two".into())]);
        let lengths = LengthDelimitedCodec::builder().max_frame_length(4).new_codec();
        assert_eq!(read::<_, BytesMut, bytes::Bytes>(lengths, b"\0\0\0\x09123456789"), [Err(false)]);
    }

    /// Decodes bytes up to 9, one per frame. The function makes the error for other bytes.
    struct Digits<E>(fn(DecodeError) -> E);

    impl<E> Clone for Digits<E> {
        fn clone(&self) -> Self {
            Self(self.0)
        }
    }

    impl<E: From<io::Error>> Decoder for Digits<E> {
        type Item = u8;
        type Error = E;

        fn decode(&mut self, input: &mut BytesMut) -> Result<Option<u8>, E> {
            let Some(byte) = input.first().copied() else { return Ok(None) };
            bytes::Buf::advance(input, 1);
            let error = DecodeError::new("not a digit");
            match byte {
                0..=9 => Ok(Some(byte)),
                10 => Err((self.0)(error.recoverable())),
                _ => Err((self.0)(error)),
            }
        }
    }

    impl<E: From<io::Error>> Encoder<u8> for Digits<E> {
        type Error = io::Error;

        fn encode(&mut self, byte: u8, output: &mut BytesMut) -> io::Result<()> {
            output.extend_from_slice(&[byte]);
            Ok(())
        }
    }

    #[test]
    fn the_error_of_a_custom_codec_tells_whether_it_resumes() {
        let expected = [Ok(1), Err(true), Ok(2), Err(false)];
        assert_eq!(read::<_, u8, u8>(Digits::<io::Error>(Into::into), &[1, 10, 2, 11, 3]), expected);
        assert_eq!(read::<_, u8, u8>(Digits::<DecodeError>(|error| error), &[1, 10, 2, 11, 3]), expected);
    }
}
