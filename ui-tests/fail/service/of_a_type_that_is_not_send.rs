// errors: 1
// A generic service has no `Send` bound. The error is where it is served.
use portcullis::prelude::*;

struct Keys<S> {
    store: S,
}

#[service]
impl<S: AsRef<str>> Keys<S> {
    #[request]
    async fn get(&self, key: String) -> String {
        key + self.store.as_ref()
    }
}

struct Text(String, std::cell::Cell<u8>);

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

fn main() {
    let _ = Server::new(Keys { store: Text(String::new(), 0.into()) });
}
