// errors: 1
// A state becomes a variant. A name that makes none would be an error in generated code.
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
