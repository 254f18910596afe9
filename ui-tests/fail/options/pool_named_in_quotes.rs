// errors: 1
// A name in quotes isn't a pool. The pool is in a field.
use portcullis::prelude::*;

struct Words {
    cpu: Pool,
}

#[service]
impl Words {
    #[blocking(pool = "cpu")]
    fn words_of(&self, text: String) -> usize {
        text.len()
    }
}


fn main() {
    let _ = |words: &Words| words.cpu.clone();
}
