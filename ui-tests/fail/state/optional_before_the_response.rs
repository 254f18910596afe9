// errors: 1
// The first handler names the response type, and here it is an `Option`.
use portcullis::prelude::*;

struct Bank;

#[service]
impl Bank {
    #[state(start)]
    async fn locked(&self, pin: u16) -> (Option<String>, BankState) {
        ((pin == 1234).then(|| "welcome".into()), BankState::Open)
    }

    #[state]
    async fn open(&self, pin: u16) -> (u16, BankState) {
        (pin, BankState::Locked)
    }
}

fn main() {
    let _ = Server::new(Bank);
}
