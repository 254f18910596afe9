// errors: 2
// All handlers are in one block. At `Server`, the compiler can't select one of the two impls.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn upper(&self, text: String) -> String {
        text.to_uppercase()
    }
}

#[service]
impl Maths {
    #[request]
    async fn lower(&self, text: String) -> String {
        text.to_lowercase()
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    Server::new(Maths).codec(Lines::new()).bind("127.0.0.1:0")?.run_until_signal()?;
    Ok(())
}
