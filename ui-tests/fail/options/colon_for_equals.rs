// errors: 1
// An option is written `name = value`.
use portcullis::prelude::*;

struct Words {
    cpu: Pool,
}

#[service]
impl Words {
    #[blocking(on: self.cpu)]
    fn words_of(&self, text: String) -> usize {
        text.len()
    }
}


fn main() {
    let _ = |words: &Words| words.cpu.clone();
}
