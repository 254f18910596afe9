// errors: 1
// The block is read before `cfg_attr`s are resolved: the attribute would be met alone, and say something else.
use portcullis::prelude::*;

struct Hasher;

#[service]
impl Hasher {
    #[cfg_attr(all(), blocking)]
    fn hash(&self, n: u64) -> u64 {
        n
    }
}

fn main() {}
