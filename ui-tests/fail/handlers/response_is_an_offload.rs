// errors: 1
// The peer gets the value of the job.
use portcullis::{Offload, prelude::*};

struct Words;

#[service]
impl Words {
    #[request]
    async fn count(&self, text: String) -> Offload<usize> {
        self.words_of(text)
    }

    #[blocking]
    fn words_of(&self, text: String) -> usize {
        text.len()
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    Server::new(Words).codec(Lines::new()).bind("127.0.0.1:0")?.run_until_signal()?;
    Ok(())
}
