//! A service that implements the trait of another crate, and a client of it.
//!
//! ```text
//! cargo run -p two_crates --example two_crates
//! ```

#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use portcullis::Sender;
use portcullis::prelude::*;
use portcullis_examples::{Error, time_limit};
use two_crates::{Dictionary, DictionaryClient, WordError, add_all};

#[derive(Default)]
struct Words(Mutex<BTreeSet<String>>);

/// A dictionary in memory.
// The trait does not say which methods run on a thread; the service does.
#[service(rpc = Dictionary)]
impl Words {
    #[rpc]
    async fn count(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len() as u64
    }

    #[rpc]
    async fn add(&self, word: String) -> Result<bool, WordError> {
        match word.chars().find(|c| !c.is_alphabetic()) {
            Some(other) => Err(WordError::NotALetter(other)),
            None => Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(word)),
        }
    }

    #[rpc]
    #[blocking]
    fn search(&self, worker: &Worker, words: &Sender<String>, text: String) {
        let found: Vec<String> = {
            let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.iter().filter(|word| word.contains(&text)).cloned().collect()
        };
        for word in found {
            if words.send(worker, word).is_err() {
                return; // the client is no longer interested
            }
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    time_limit(Duration::from_secs(60));
    let codec = LengthPrefixed::<Postcard>::new();
    let server = Server::new(Words::default()).codec(codec.clone()).bind("127.0.0.1:0")?.spawn().await?;
    println!("{}", Words::describe());

    let dictionary = DictionaryClient::connect(server.local_addr(), codec).await?;
    let added = add_all(&dictionary, "a gate is a door or a 2nd door in a gateway").await?;
    println!("{added} words were new, and the dictionary has {}.", dictionary.count().await?);
    let mut words = dictionary.search("gate".to_owned());
    while let Some(word) = words.next().await? {
        println!("found {word}");
    }

    println!("{}", server.stop().await?);
    Ok(())
}
