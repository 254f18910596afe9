//! Frequent beginnings of methods, each put before complete methods, as if its author were about to
//! write it.

use super::{IdeView, typed_names};
use crate::pipeline;
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// The typed text, and a word from each message that we report about it.
const TYPED: &[(&str, &[&str])] = &[
    // Valid Rust. Errors in bodies are for the compiler to report.
    ("async fn f(&self) { self. }", &[]),
    ("async fn f(&self) { let x = }", &[]),
    ("async fn f(&self) { let x = self.count(1).await self.count(x).await; }", &[]),
    ("async fn f(&self) { self.count(1 }", &[]),
    ("#[on(stop)] async fn f(&self) { self.count( }", &[]),
    ("#[blocking] fn f(&self, worker: &Worker) { match self. }", &[]),
    // Invalid Rust, which the compiler has reported.
    ("async fn f(&self) -> { self.count(1).await }", &[]),
    ("async fn f(&self, n) -> u64 { n }", &[]),
    ("async fn f(&self, n: ) -> u64 { 1 }", &[]),
    ("async fn f(&self, n: &'a) -> u64 { 1 }", &[]),
    ("async fn f(&self, n: std::) -> u64 { 1 }", &[]),
    ("async fn f(&self, map: HashMap<String, ) -> u64 { 1 }", &[]),
    ("async fn f(&self) -> Result<u64, { Ok(1) }", &[]),
    ("#[blocking(pool = self.cpu)] fn f(&self, worker: &Worker, n) -> u64 { n }", &[]),
    ("#[blocking] fn f(&self, &mut, n: u64) -> u64 { n }", &[]),
    ("#[blocking] fn f(&self) -> impl", &[]),
    ("#[on(stop)] async fn f(&", &[]),
    ("#[request]", &["written twice"]),
    ("#[on(error)] async fn f(&self, error: SessionError<", &[]),
    ("async fn f<T", &[]),
    ("pub", &[]),
    ("pub(crate) async", &[]),
    ("const LIMIT: usize =", &[]),
    ("type Answer =", &[]),
    ("not yet", &[]),
    ("#", &[]),
    ("#[]", &[]),
    ("#[] async fn f(&self) {}", &[]),
    ("#[] #[blocking] fn f(&self) {}", &[]),
    // Attributes, which the compiler does not interpret.
    ("#[blocking(pool = self.)] fn f(&self) {}", &["`pool` can't be parsed"]),
    ("#[blocking(pool =)] fn f(&self) {}", &["`pool` can't be parsed"]),
    ("#[blocking(pool)] fn f(&self) {}", &["`pool` needs a value"]),
    ("#[blocking(dead)] fn f(&self) {}", &["`dead`"]),
    ("#[on(ti)] async fn f(&self) {}", &["`ti`"]),
    ("#[on()] async fn f(&self) {}", &["needs an event"]),
    ("#[on(", &["on the same method"]),
    ("#[state(", &["on the same method"]),
    ("#[state(idle = ", &["`idle` can't be parsed"]),
    ("#[blocking(pool = self.", &["`pool` can't be parsed"]),
];

const SERVICE: &str = "
    #[request] async fn answer(&self, n: u64) -> u64 { self.count(n).await }
    async fn count(&self, n: u64) -> u64 { n }
    #[blocking(pool = self.cpu)] fn slow(&self, n: u64) -> u64 { n }
";

/// The text with closing delimiters for the open ones.
fn closed(text: &str) -> TokenStream {
    let mut open = Vec::new();
    for letter in text.chars() {
        match letter {
            '(' => open.push(')'),
            '[' => open.push(']'),
            '{' => open.push('}'),
            letter if open.last() == Some(&letter) => drop(open.pop()),
            // Closed too early, as an editor may do: the content ends here.
            ')' | ']' | '}' => {
                let before = text.split_once(letter).map_or(text, |(before, _)| before);
                return closed(&format!("{before})}}"));
            }
            _ => {}
        }
    }
    let end: String = open.iter().rev().collect();
    format!("{text}{end}").parse().expect(text)
}

fn block(typed: TokenStream) -> TokenStream {
    let items: TokenStream = SERVICE.parse().expect("a service");
    let mut block: TokenStream = "impl Sums".parse().expect("a head");
    let items = typed.into_iter().chain(items).collect();
    block.extend([TokenTree::Group(Group::new(Delimiter::Brace, items))]);
    block
}

#[test]
fn neighbours_of_what_is_typed_are_there() {
    for (text, words) in TYPED {
        let typed = closed(text);
        let view = IdeView::of(pipeline::service(TokenStream::new(), block(typed.clone())));
        for function in ["answer", "count", "__count", "slow", "blocking_slow"] {
            assert!(view.functions.contains(function), "{text}: no `{function}`");
        }
        let mut names = Vec::new();
        typed_names(typed, &mut names);
        for name in &names {
            assert!(view.has(name), "{text}: `{}` is lost", name.0);
        }
        assert_eq!(view.errors.len(), words.len(), "{text}: {:?}", view.errors);
        for (error, word) in view.errors.iter().zip(*words) {
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}

/// Syntax of newer compilers must be passed through, and not be taken for an incomplete item.
#[test]
fn what_may_be_rust_is_left_to_the_compiler() {
    let expanded = |text: &str| pipeline::service(TokenStream::new(), block(text.parse().expect("tokens")));
    let expansion = expanded("fn f(&self, n: u8 is u9) -> u64 { 1 }");
    let view = IdeView::of(expansion.clone());
    assert!(view.functions.contains("f") && view.errors.is_empty(), "{:?}", view.errors);
    let body =
        expansion.into_iter().find(|tree| matches!(tree, TokenTree::Group(_))).expect("a block").to_string();
    assert!(body.contains("u8 is u9") && !body.contains("for_editors"), "{body}");
    let expansion = expanded("/** Doc. */ pub(crate) gen fn f(&self) -> u64 { 1 } fn g(&self);").to_string();
    assert!(
        expansion.contains("pub (crate) gen fn f") && expansion.contains("fn g (& self) ;"),
        "{expansion}"
    );
    // A method whose role can't be parsed would otherwise be left out without a message.
    let view = IdeView::of(expanded("#[on(stop)] async fn f(&self, n: u8 is u9) {}"));
    assert!(view.errors.len() == 1 && view.errors[0].contains("`f` can't be parsed"), "{:?}", view.errors);
}
