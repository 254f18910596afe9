// errors: 1
// A state is a variant of an enum: a name that makes none would be a panic, or an error at code that nobody wrote.
use portcullis::prelude::*;

struct Login;

#[service]
impl Login {
    #[state(start, idle = "30s")]
    async fn _2fa(&self, code: String) -> (String, LoginState) {
        (code, LoginState::Closed)
    }

    #[on(timeout = _2fa)]
    async fn late(&self) -> (String, LoginState) {
        ("too late".into(), LoginState::Closed)
    }
}

fn main() {}
