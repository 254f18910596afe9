// errors: 1
// A call of a job returns a future, not the value.
use portcullis::{Interrupted, prelude::*};

struct Words;

#[service]
impl Words {
    #[blocking]
    fn words_of(&self, worker: &Worker, text: String) -> Result<usize, Interrupted> {
        let mut count = 0;
        for line in text.lines() {
            worker.check()?;
            count += self.words_of_line(line.to_owned());
        }
        Ok(count)
    }

    #[blocking]
    fn words_of_line(&self, line: String) -> usize {
        line.split_whitespace().count()
    }
}

fn main() {}
