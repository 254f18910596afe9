// errors: 1
// A list of another type can't be sent.
use portcullis::prelude::*;

struct Calculator;

#[service(response = String)]
impl Calculator {
    #[request]
    async fn factors(&self, number: u64) -> Vec<u64> {
        (1..number).filter(|n| number.is_multiple_of(*n)).collect()
    }
}

fn main() {
    let _ = Server::new(Calculator);
}
