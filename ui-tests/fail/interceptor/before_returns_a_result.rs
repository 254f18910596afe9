// errors: 1
// An error ends the session. To respond without the handler, return `ControlFlow::Break`.
use portcullis::prelude::*;

struct Guarded;

struct Question(u64);

#[service]
impl Guarded {
    #[before]
    async fn check(&self, question: Question) -> Result<Question, String> {
        if question.0 > 0 { Ok(question) } else { Err("no".to_owned()) }
    }

    #[request]
    async fn answer(&self, question: Question) -> String {
        question.0.to_string()
    }
}

fn main() {}
