//! A handler without the feature `server` is one error.
use portcullis::prelude::*;

struct Echo;

#[service]
impl Echo {
    #[on(connect)]
    async fn connected(&self) -> u32 {
        7
    }

    #[request]
    async fn echo(&self, n: &mut u32, line: String) -> String {
        format!("{line} {n}")
    }

    #[blocking]
    fn shout(&self, line: String) -> String {
        line.to_uppercase()
    }
}

fn main() {}
