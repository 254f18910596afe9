//! Every `tokio_util` codec as a [`Codec`].

use std::error::Error;
use std::io;

use ::tokio_util::codec::{AnyDelimiterCodecError, Decoder, Encoder, LinesCodecError};
use bytes::BytesMut;

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

/// The traits of `tokio_util` do not say whether a stream resumes, so it does only where the error itself tells: those of
/// codecs that are known to, and a [`DecodeError`] of the user's, as it is or inside of an `io::Error`.
fn into_decode_error<E: Error + Send + Sync + 'static>(error: E) -> DecodeError {
    let any: &(dyn Error + 'static) = &error;
    let io = any.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    let own = any.downcast_ref().or_else(|| io?.downcast_ref::<DecodeError>());
    let resumes = own.is_some_and(DecodeError::resumes) || is_of_one_line(any);
    let error = DecodeError::new(error);
    if resumes { error.resumable() } else { error }
}

/// After a line over the limit the codecs of lines and chunks discard up to its end, and one that is not UTF-8 they have
/// taken off.
fn is_of_one_line(error: &(dyn Error + 'static)) -> bool {
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

    /// What comes out of `bytes`, then the end: messages, and whether errors resume.
    fn read<C: Codec<In, Out>, In, Out>(mut codec: C, bytes: &[u8]) -> Vec<Result<In, bool>> {
        let (mut input, mut out) = (BytesMut::from(bytes), Vec::new());
        // An error that takes nothing off and says that it resumes would go on for ever.
        for _ in 0..20 {
            match codec.decode_eof(&mut input) {
                Ok(None) => return out,
                Ok(Some(message)) => out.push(Ok(message)),
                Err(error) => {
                    out.push(Err(error.resumes()));
                    if !error.resumes() {
                        return out;
                    }
                }
            }
        }
        panic!("it does not end")
    }

    #[test]
    fn lines_go_on_behind_a_line_that_is_none() {
        let lines = |bytes| read::<_, String, String>(LinesCodec::new_with_max_length(5), bytes);
        let line = |text: &str| Ok(text.to_owned());
        assert_eq!(lines(b"one\n\xff\xfe\ntwo\n"), [line("one"), Err(true), line("two")]);
        assert_eq!(lines(b"far too long\ntwo"), [Err(true), line("two")]);
        assert_eq!(lines(b"one\n\xff"), [line("one"), Err(true)]);
    }

    #[test]
    fn chunks_go_on_behind_one_that_is_too_long_and_length_prefixes_do_not() {
        let chunks = AnyDelimiterCodec::new_with_max_length(b";,".to_vec(), b";".to_vec(), 4);
        let read_chunks = read::<_, bytes::Bytes, String>(chunks, b"one;much too long,two");
        assert_eq!(read_chunks, [Ok("one".into()), Err(true), Ok("two".into())]);
        let lengths = LengthDelimitedCodec::builder().max_frame_length(4).new_codec();
        assert_eq!(read::<_, BytesMut, bytes::Bytes>(lengths, b"\0\0\0\x09123456789"), [Err(false)]);
    }

    /// Bytes up to 9, one a frame; the error of others is made by `E`.
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
            let error = DecodeError::new("no digit");
            match byte {
                0..=9 => Ok(Some(byte)),
                10 => Err((self.0)(error.resumable())),
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
    fn a_codec_of_the_users_says_by_its_error_whether_it_resumes() {
        let expected = [Ok(1), Err(true), Ok(2), Err(false)];
        assert_eq!(read::<_, u8, u8>(Digits::<io::Error>(Into::into), &[1, 10, 2, 11, 3]), expected);
        assert_eq!(read::<_, u8, u8>(Digits::<DecodeError>(|error| error), &[1, 10, 2, 11, 3]), expected);
    }
}
