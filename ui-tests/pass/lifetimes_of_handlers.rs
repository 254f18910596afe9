//! Handlers and hooks can name the lifetimes of what they borrow.
use portcullis::prelude::*;

struct Echo;

fn longer<'a>(one: &'a str, two: &'a str) -> &'a str {
    if one.len() < two.len() { two } else { one }
}

#[service]
impl Echo {
    #[on(connect)]
    async fn connected<'a>(&'a self, peer: &'a Peer<String>) -> String {
        let _: &'a Peer<String> = peer;
        "hello".to_owned()
    }

    #[request]
    async fn echo<'a, 'b: 'a>(&self, peer: &'b Peer<String>, last: &'a mut String, text: String) -> String {
        let _: &'a Peer<String> = peer;
        let longer = longer(last, &text).to_owned();
        *last = text;
        longer
    }
}

fn main() {
    let _ = Server::new(Echo);
}
