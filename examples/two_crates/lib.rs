//! The calls of a dictionary, for its clients and for the service, which is in `main.rs`.

#![forbid(unsafe_code)]

use portcullis::rpc::CallError;
use portcullis::{Sender, rpc};
use serde::{Deserialize, Serialize};

/// Why a word was not added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WordError {
    /// It contains a character that is no letter.
    NotALetter(char),
}

/// A dictionary of words.
#[rpc]
pub trait Dictionary {
    /// Adds a word, and returns whether it was new.
    async fn add(&self, word: String) -> Result<bool, WordError>;

    /// Returns how many words there are.
    async fn count(&self) -> u64;

    /// Sends the words that contain the text.
    fn search(&self, words: &Sender<String>, text: String);
}

/// Adds all words of a text, and returns how many were new. A test calls it with a mock.
///
/// # Errors
/// Those of the calls, except that a word is refused.
pub async fn add_all(dictionary: &impl DictionaryApi, text: &str) -> Result<usize, CallError> {
    let mut added = 0;
    for word in text.split_whitespace() {
        match dictionary.add(word.to_owned()).await {
            Ok(true) => added += 1,
            Ok(false) | Err(CallError::Method(WordError::NotALetter(_))) => {}
            Err(CallError::Failure(failure)) => return Err(failure.into()),
        }
    }
    Ok(added)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures_core::Stream;
    use portcullis::rpc::Failure;

    use super::*;

    /// Fails the call after these ones.
    struct Mock(Mutex<Vec<Result<bool, WordError>>>);

    impl DictionaryApi for Mock {
        async fn add(&self, _word: String) -> Result<bool, CallError<WordError>> {
            match self.0.lock().unwrap().pop() {
                Some(answer) => answer.map_err(CallError::Method),
                None => Err(Failure::Lost.into()),
            }
        }

        async fn count(&self) -> Result<u64, CallError> {
            Ok(0)
        }

        fn search(&self, _text: String) -> impl Stream<Item = Result<String, CallError>> + Send {
            portcullis::channel(1).1
        }
    }

    #[tokio::test]
    async fn refused_words_are_left_out() {
        let answers = vec![Ok(true), Err(WordError::NotALetter('3')), Ok(false), Ok(true)];
        let mock = Mock(Mutex::new(answers));
        assert_eq!(add_all(&mock, "one two 3 four").await, Ok(2));
        assert_eq!(add_all(&mock, "five").await, Err(CallError::Failure(Failure::Lost)));
    }
}
