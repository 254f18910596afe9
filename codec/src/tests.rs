//! Tests of every codec: round trips, input split at every byte, and bad input.

use std::fmt::Debug;

use bytes::BytesMut;

use super::*;

/// Decodes `bytes`, which arrive in pieces of `step`, and then the end of the stream.
fn read<In: Debug, C: Codec<In, In>>(
    mut codec: C,
    bytes: &[u8],
    step: usize,
) -> Vec<Result<In, (String, bool)>> {
    let mut input = BytesMut::new();
    let mut out = Vec::new();
    let mut push = |result: Result<Option<In>, DecodeError>| match result {
        Ok(Some(message)) => {
            out.push(Ok(message));
            true
        }
        Ok(None) => false,
        Err(error) => {
            out.push(Err((error.to_string(), error.is_recoverable())));
            error.is_recoverable()
        }
    };
    for piece in bytes.chunks(step) {
        input.extend_from_slice(piece);
        while push(codec.decode(&mut input)) {}
    }
    while push(codec.decode_eof(&mut input)) {}
    out
}

fn written<Out, C: Codec<Out, Out>>(mut codec: C, messages: impl IntoIterator<Item = Out>) -> Vec<u8> {
    let mut output = BytesMut::new();
    for message in messages {
        codec.encode(message, &mut output).expect("these can be encoded");
    }
    output.to_vec()
}

#[cfg(feature = "postcard")]
#[test]
fn length_prefixed_round_trip_split_at_every_byte() {
    let messages = vec![(1u32, "one".to_owned()), (2, String::new()), (3, "\n".repeat(300))];
    let codec = LengthPrefixed::<Postcard>::new();
    let bytes = written(codec.clone(), messages.clone());
    for step in 1..=bytes.len() {
        let read = read::<(u32, String), _>(codec.clone(), &bytes, step);
        assert_eq!(
            read.into_iter().collect::<Result<Vec<_>, _>>(),
            Ok(messages.clone()),
            "in pieces of {step}"
        );
    }
}

#[cfg(feature = "postcard")]
#[test]
fn a_frame_over_the_limit_is_skipped_exactly() {
    let codec = LengthPrefixed::<Postcard>::new();
    // The payload of the long frame looks like frames.
    let mut bytes = 64u32.to_be_bytes().to_vec();
    bytes.extend([0, 0, 0, 1].repeat(16));
    bytes.extend(written(codec.clone(), [7u8]));
    for step in 1..=bytes.len() {
        let read = read::<u8, _>(codec.clone().max_frame(10), &bytes, step);
        assert!(
            matches!(&read[..], [Err((text, true)), Ok(7)] if text.contains("10 bytes")),
            "{step}: {read:?}"
        );
    }
}

#[cfg(feature = "postcard")]
#[test]
fn a_bad_payload_in_an_intact_frame_resumes() {
    let codec = LengthPrefixed::<Postcard>::new();
    let mut bytes = vec![0, 0, 0, 2, 9, 9];
    bytes.extend(written(codec.clone(), [true]));
    let read = read::<bool, _>(codec, &bytes, 3);
    assert!(matches!(&read[..], [Err((_, true)), Ok(true)]), "{read:?}");
}

#[cfg(feature = "postcard")]
#[test]
fn an_announced_length_is_not_allocated() {
    let mut codec = LengthPrefixed::<Postcard>::new();
    let mut input = BytesMut::from(&[0, 0x7f, 0, 0, 1][..]);
    let before = input.capacity();
    assert!(matches!(Codec::<Vec<u8>, u8>::decode(&mut codec, &mut input), Ok(None)));
    assert_eq!(input.capacity(), before);
}

#[cfg(feature = "postcard")]
#[test]
fn a_message_over_the_limit_is_not_written() {
    let mut codec = LengthPrefixed::<Postcard>::new().max_frame(4);
    let mut output = BytesMut::new();
    let error = Codec::<u8, _>::encode(&mut codec, "12345", &mut output).unwrap_err();
    assert!(error.to_string().contains("4 bytes"), "{error}");
}

#[cfg(feature = "postcard")]
#[test]
fn a_truncated_frame_is_an_error_at_the_end() {
    let read = read::<u8, _>(LengthPrefixed::<Postcard>::new(), &[0, 0, 0, 9, 1], 5);
    assert!(matches!(&read[..], [Err((_, false))]), "{read:?}");
}

#[cfg(feature = "json")]
#[test]
fn json_lines_round_trip_split_at_every_byte() {
    let messages = vec!["one".to_owned(), String::new(), "two\nlines\r\n".to_owned()];
    let mut bytes = written(JsonLines::new(), messages.clone());
    bytes.extend(b"\n \r\n\"last\"");
    for step in 1..=bytes.len() {
        let read = read::<String, _>(JsonLines::new(), &bytes, step);
        let expected: Vec<_> = messages.iter().cloned().chain(["last".to_owned()]).collect();
        assert_eq!(read.into_iter().collect::<Result<Vec<_>, _>>(), Ok(expected), "in pieces of {step}");
    }
}

#[cfg(feature = "json")]
#[test]
fn json_garbage_resumes_at_the_next_line() {
    let read = read::<u8, _>(JsonLines::new(), b"{{{\xff\n300\n3\n", 2);
    assert!(matches!(&read[..], [Err((_, true)), Err((_, true)), Ok(3)]), "{read:?}");
}

#[test]
fn lines_round_trip_split_at_every_byte() {
    let lines = vec!["one".to_owned(), String::new(), "drei äöü".to_owned()];
    let bytes = written(Lines::new(), lines.clone());
    for step in 1..=bytes.len() {
        let read = read::<String, _>(Lines::new(), &bytes, step);
        assert_eq!(read.into_iter().collect::<Result<Vec<_>, _>>(), Ok(lines.clone()), "in pieces of {step}");
    }
}

#[test]
fn lines_end_with_lf_or_crlf_and_may_be_empty() {
    let bytes = b"a\r\n\nb\nlast";
    for step in 1..=bytes.len() {
        let read = read::<String, _>(Lines::new(), bytes, step);
        let lines: Vec<_> = read.into_iter().map(|line| line.expect("a line")).collect();
        assert_eq!(lines, ["a", "", "b", "last"], "in pieces of {step}");
    }
}

#[test]
fn an_over_long_line_is_discarded_to_its_newline() {
    let mut bytes = b"x".repeat(100);
    bytes.extend(b" tail\r\n12345678\r\n123456789\nend\n");
    for step in 1..=bytes.len() {
        let read = read::<String, _>(Lines::new().max_length(8), &bytes, step);
        let [Err((_, true)), Ok(fits), Err((_, true)), Ok(end)] = &read[..] else {
            panic!("{step}: {read:?}")
        };
        assert_eq!((fits.as_str(), end.as_str()), ("12345678", "end"));
    }
}

#[test]
fn an_over_long_line_is_not_buffered() {
    let mut codec = Lines::new().max_length(8);
    let mut input = BytesMut::from(&[b'x'; 64][..]);
    assert!(Codec::<String, String>::decode(&mut codec, &mut input).is_err());
    assert!(input.is_empty());
    input.extend_from_slice(&[b'x'; 64]);
    assert!(matches!(Codec::<String, String>::decode(&mut codec, &mut input), Ok(None)));
    assert!(input.is_empty());
}

#[test]
fn bad_utf8_resumes_at_the_next_line() {
    let read = read::<String, _>(Lines::new(), b"\xff\xfe\nok\n", 1);
    assert!(matches!(&read[..], [Err((_, true)), Ok(line)] if line == "ok"), "{read:?}");
}

#[test]
fn a_line_with_a_newline_is_not_written() {
    let mut output = BytesMut::new();
    assert!(Codec::<String, _>::encode(&mut Lines::new(), "a\nb", &mut output).is_err());
    Codec::<String, _>::encode(&mut Lines::new().crlf(), "a", &mut output).expect("a plain line");
    assert_eq!(&output[..], b"a\r\n");
}

#[cfg(feature = "tokio-util")]
#[test]
fn the_lines_codec_of_tokio_util_resumes_after_a_long_line() {
    let read =
        read::<String, _>(::tokio_util::codec::LinesCodec::new_with_max_length(4), b"too long\nok\n", 3);
    assert!(matches!(&read[..], [Err((_, true)), Ok(line)] if line == "ok"), "{read:?}");
}

#[cfg(feature = "json")]
mod content_length {
    use super::*;

    /// Whether the first error is fatal, and nothing is read after it.
    fn is_lost(read: &[Result<u8, (String, bool)>]) -> bool {
        !read.is_empty() && read.iter().all(|read| matches!(read, Err((_, false))))
    }

    fn framed(frames: &[&str]) -> Vec<u8> {
        let frame = |frame: &&str| format!("Content-Length: {}\r\n\r\n{frame}", frame.len());
        frames.iter().map(frame).collect::<String>().into_bytes()
    }

    #[test]
    fn round_trip_split_at_every_byte() {
        let messages = vec!["one".to_owned(), String::new(), "\r\n\r\nContent-Length: 1\r\n\r\n".repeat(9)];
        let codec = ContentLength::<Json>::new();
        let bytes = written(codec.clone(), messages.clone());
        for step in 1..=bytes.len() {
            let read = read::<String, _>(codec.clone(), &bytes, step);
            let read = read.into_iter().collect::<Result<Vec<_>, _>>();
            assert_eq!(read, Ok(messages.clone()), "in pieces of {step}");
        }
    }

    #[test]
    fn the_header_is_what_language_servers_write() {
        let bytes = written(ContentLength::<Json>::new(), [12, 3]);
        assert_eq!(bytes, framed(&["12", "3"]));
    }

    #[test]
    fn other_fields_are_ignored_and_names_have_no_case() {
        let bytes =
            b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\ncontent-LENGTH:\t 02 \r\n\r\n12";
        for step in 1..=bytes.len() {
            assert_eq!(read::<u8, _>(ContentLength::<Json>::new(), bytes, step), [Ok(12)], "{step}");
        }
    }

    #[test]
    fn a_frame_over_the_limit_is_skipped_exactly() {
        // The payload of the long frame looks like a frame.
        let bytes = framed(&["Content-Length: 1\r\n\r\n1", "7"]);
        for step in 1..=bytes.len() {
            let read = read::<u8, _>(ContentLength::<Json>::new().max_frame(21), &bytes, step);
            assert!(
                matches!(&read[..], [Err((text, true)), Ok(7)] if text.contains("21 bytes")),
                "{step}: {read:?}"
            );
        }
    }

    #[test]
    fn a_frame_over_the_limit_is_not_buffered() {
        let mut codec = ContentLength::<Json>::new();
        let mut decode = |input: &mut BytesMut| Codec::<u8, u8>::decode(&mut codec, input);
        let mut input = BytesMut::from(&b"Content-Length: 18446744073709551615\r\n\r\n"[..]);
        assert!(decode(&mut input).is_err_and(|error| error.is_recoverable()));
        input.extend_from_slice(&[b'x'; 64]);
        assert!(matches!(decode(&mut input), Ok(None)));
        assert!(input.is_empty());
    }

    #[test]
    fn an_announced_length_is_not_allocated() {
        let mut codec = ContentLength::<Json>::new();
        let mut input = BytesMut::from(&b"Content-Length: 8000000\r\n\r\n1"[..]);
        let before = input.capacity();
        assert!(matches!(Codec::<u8, u8>::decode(&mut codec, &mut input), Ok(None)));
        assert_eq!(input.capacity(), before);
    }

    #[test]
    fn a_header_that_does_not_say_where_the_frame_ends_ends_the_stream() {
        for header in [
            "",
            "Content-Type: text/plain",
            "Content-Length: ",
            "Content-Length: -1",
            "Content-Length: +1",
            "Content-Length: 1 1",
            "Content-Length: 18446744073709551616",
            "Content-Length: 1\r\nContent-Length: 1",
            "Content-Length 1",
            "GET / HTTP/1.1\r\nHost: example.org",
        ] {
            let bytes = format!("{header}\r\n\r\n1");
            for step in 1..=bytes.len() {
                let read = read::<u8, _>(ContentLength::<Json>::new(), bytes.as_bytes(), step);
                assert!(is_lost(&read), "{header}, {step}: {:?}", read.first());
            }
        }
    }

    #[test]
    fn an_endless_header_ends_the_stream_and_is_not_buffered() {
        for step in [1, 7, 4096, 5000] {
            let bytes = b"X: y\r\n".repeat(5000);
            let read = read::<u8, _>(ContentLength::<Json>::new(), &bytes[..5000], step);
            assert!(is_lost(&read), "{step}: {:?}", read.first());
            assert!(read[0].as_ref().is_err_and(|(text, _)| text.contains("4096 bytes")));
        }
    }

    #[test]
    fn a_bad_payload_in_an_intact_frame_resumes() {
        let read = read::<bool, _>(ContentLength::<Json>::new(), &framed(&["{{", "true"]), 3);
        assert!(matches!(&read[..], [Err((_, true)), Ok(true)]), "{read:?}");
    }

    #[test]
    fn a_truncated_frame_is_an_error_at_the_end() {
        let bytes = framed(&["12"]);
        for end in 1..bytes.len() {
            let read = read::<u8, _>(ContentLength::<Json>::new(), &bytes[..end], 5);
            assert!(matches!(&read[..], [Err((_, false))]), "{end}: {read:?}");
        }
    }

    #[test]
    fn a_message_over_the_limit_is_not_written() {
        let mut codec = ContentLength::<Json>::new().max_frame(4);
        let mut output = BytesMut::new();
        let error = Codec::<u8, _>::encode(&mut codec, "12345", &mut output).unwrap_err();
        assert!(error.to_string().contains("4 bytes"), "{error}");
    }

    #[test]
    fn a_large_frame_can_be_decoded_later() {
        let mut codec = ContentLength::<Json>::new();
        let mut input = BytesMut::from(&framed(&["\"long\"", "\"s\""])[..]);
        let mut decode = || Codec::<String, String>::decode_later(&mut codec, &mut input, 4);
        let Ok(Some(Decoded::Later(later))) = decode() else { panic!("the frame is large") };
        assert!(matches!(decode(), Ok(Some(Decoded::Message(text))) if text == "s"));
        assert_eq!(later().unwrap(), "long");
    }
}
