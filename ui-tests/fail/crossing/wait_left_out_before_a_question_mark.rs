// errors: 1
// `.wait(worker)` is left out after the call of an async method, and its result is used.
use portcullis::prelude::*;

struct Words;

#[service]
impl Words {
    #[request]
    async fn length(&self, text: String) -> u64 {
        self.count(text).await.map_or(0, |count| count.unwrap_or(0))
    }

    #[blocking(nested)]
    fn count(&self, worker: &Worker, text: String) -> Result<u64, String> {
        worker.check().map_err(|error| error.to_string())?;
        let word = self.shout(text).map_err(|error| error.to_string())?;
        Ok(word.len() as u64)
    }

    async fn shout(&self, text: String) -> Result<String, std::fmt::Error> {
        Ok(text.to_uppercase())
    }
}

fn main() {}
