// errors: 1
// A job's future is no number, and the method that made it is of this block.
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
