//! Where a function stands that an attribute sees alone: in an `impl` block, or not.

use super::{Function, Placement, Receiver, mentions};
use crate::parse::inner_meta;
use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use quote::ToTokens;
use std::sync::atomic::{AtomicUsize, Ordering};
use syn::{Attribute, GenericParam};

/// How the job of a blocking function reaches the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BodyCallee {
    /// In an `impl` block: `Self::blocking_f` is the function with the body.
    Associated,
    /// An attribute sees its function and nothing around it. Without a receiver and without `Self`,
    /// the function may be free, or belong to a type whose name nobody wrote. `blocking_f` would
    /// name a free function from within an `impl` block too, and not the one beside it.
    Copy(BodyCopy),
}

/// What the job calls in place of a function that it can't name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BodyCopy {
    /// A function in the job's function, with the same body.
    NestedFn,
    /// A closure with the same body: a function in a function can't name the parameters of an
    /// `impl<T>`.
    Closure,
    /// A third function beside the two, with a name that no other has: a `static` must not be there
    /// twice. In an `impl` block that name is not found either, and the program is refused.
    SharedFn(usize),
}

impl BodyCallee {
    pub(super) fn of(function: &Function, placement: &Placement) -> Self {
        let is_in_impl = matches!(placement, Placement::Service { .. })
            || !matches!(function.receiver, Receiver::None)
            || mentions(function.sig.to_token_stream(), "Self")
            || has_own_self(function.body.stream());
        if is_in_impl { BodyCallee::Associated } else { BodyCallee::Copy(BodyCopy::of(function)) }
    }
}

impl BodyCopy {
    fn of(function: &Function) -> Self {
        let body = function.body.stream();
        if first_static(body.clone()).is_some() {
            return BodyCopy::SharedFn(next_number());
        }
        let own = |name: &str| {
            function.sig.generics.params.iter().any(|param| match param {
                GenericParam::Type(param) => param.ident == name,
                GenericParam::Const(param) => param.ident == name,
                GenericParam::Lifetime(_) => false,
            })
        };
        // An attribute that rewrites the body has to have a function to rewrite.
        if function.attrs.iter().any(|attr| !is_of_the_compiler(attr)) {
            return BodyCopy::NestedFn;
        }
        let sig = &function.sig;
        let output = sig.output.to_token_stream();
        let generics =
            sig.generics.to_token_stream().into_iter().chain(sig.generics.where_clause.to_token_stream());
        let tokens = sig.inputs.to_token_stream().into_iter().chain(output).chain(generics).chain(body);
        if names_a_parameter(&tokens.collect::<Vec<_>>(), &own) {
            BodyCopy::Closure
        } else {
            BodyCopy::NestedFn
        }
    }
}

/// Counts in this process, and so in a crate.
fn next_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// An attribute that leaves the body as it is.
fn is_of_the_compiler(attr: &Attribute) -> bool {
    const NAMES: [&str; 13] = [
        "doc",
        "cfg",
        "allow",
        "expect",
        "warn",
        "deny",
        "forbid",
        "deprecated",
        "must_use",
        "inline",
        "cold",
        "track_caller",
        "cfg_attr",
    ];
    let Some(meta) = inner_meta(attr) else { return false };
    let Some(first) = meta.path().segments.first() else { return true };
    let is_tool = ["clippy", "rustfmt", "diagnostic", "rust_analyzer"].iter().any(|tool| first.ident == tool);
    is_tool || NAMES.iter().any(|name| meta.path().is_ident(name))
}

/// `Self` is among the tokens of a body, outside of items in it, which have a `Self` of their own.
pub(super) fn has_own_self(body: TokenStream) -> bool {
    let mut in_item = false;
    let mut trees = body.into_iter().peekable();
    while let Some(tree) = trees.next() {
        match tree {
            TokenTree::Ident(word) if ["impl", "trait", "struct", "enum"].iter().any(|item| word == item) => {
                in_item = true;
            }
            TokenTree::Ident(word) if word == "union" => {
                in_item |= matches!(trees.peek(), Some(TokenTree::Ident(_)));
            }
            TokenTree::Ident(word) if word == "Self" && !in_item => return true,
            TokenTree::Punct(end) if end.as_char() == ';' => in_item = false,
            TokenTree::Group(group) if in_item => in_item = group.delimiter() != Delimiter::Brace,
            TokenTree::Group(group) if has_own_self(group.stream()) => return true,
            _ => {}
        }
    }
    false
}

/// A name that may be a type or const parameter of the block around: one that begins in upper case
/// and stands at the front of a path. One that is called or has fields is none.
fn names_a_parameter(trees: &[TokenTree], own: &impl Fn(&str) -> bool) -> bool {
    const KNOWN: [&str; 22] = [
        "Arc",
        "Box",
        "Clone",
        "Copy",
        "Default",
        "Duration",
        "Err",
        "From",
        "Into",
        "Interrupted",
        "Iterator",
        "None",
        "Ok",
        "Option",
        "PathBuf",
        "Result",
        "Send",
        "Some",
        "String",
        "Sync",
        "Vec",
        "Worker",
    ];
    trees.iter().enumerate().any(|(at, tree)| match tree {
        TokenTree::Ident(word) => {
            let word = word.to_string();
            let before = |distance: usize, mark| at >= distance && is_mark(trees, at - distance, mark);
            let in_a_path =
                before(1, ':') && before(2, ':') || before(1, '.') && !before(2, '.') || before(1, '\'');
            let after = trees.get(at + 1);
            // `for i in 0..N { .. }`
            let is_const = !word.contains(char::is_lowercase);
            let connect_output = match after {
                Some(TokenTree::Group(group)) => match group.delimiter() {
                    Delimiter::Parenthesis => true,
                    Delimiter::Brace => !is_const,
                    Delimiter::Bracket | Delimiter::None => false,
                },
                _ => false,
            };
            let is_upper = word.starts_with(char::is_uppercase);
            is_upper && !in_a_path && !connect_output && !KNOWN.contains(&&*word) && !own(&word)
        }
        TokenTree::Group(group) => names_a_parameter(&group.stream().into_iter().collect::<Vec<_>>(), own),
        // `"{N} bytes"`
        TokenTree::Literal(text) => {
            let text = text.to_string();
            text.starts_with('"') && text.split('{').skip(1).any(|rest| rest.starts_with(char::is_uppercase))
        }
        TokenTree::Punct(_) => false,
    })
}

fn is_mark(trees: &[TokenTree], at: usize, mark: char) -> bool {
    matches!(trees.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == mark)
}

/// The first `static`, but of a lifetime; or the name of a macro that is known to make one.
pub(crate) fn first_static(tokens: TokenStream) -> Option<Ident> {
    let mut in_lifetime = false;
    tokens.into_iter().find_map(|tree| {
        let after_quote = std::mem::take(&mut in_lifetime);
        match tree {
            TokenTree::Punct(quote) => {
                in_lifetime = quote.as_char() == '\'';
                None
            }
            TokenTree::Ident(word) => {
                let makes = ["static", "thread_local", "lazy_static"].iter().any(|name| word == name);
                (makes && !after_quote).then_some(word)
            }
            TokenTree::Group(group) => first_static(group.stream()),
            TokenTree::Literal(_) => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_items_have_a_self_of_their_own() {
        let own = |text: &str| has_own_self(text.parse().expect(text));
        for text in [
            "Self::one()",
            "let x: Self = f();",
            "struct X; Self::one()",
            "impl X { fn f() {} } Self",
            "{ [Self::A] }",
            "union.insert(Self::one())",
            "trait A { } if x { Self::one() }",
        ] {
            assert!(own(text), "{text}");
        }
        for text in [
            "struct X; impl X { fn me() -> Self { Self } } X::me()",
            "struct Node(Option<Box<Self>>); f()",
            "struct Node { next: Option<Box<Self>> } f()",
            "enum List { Nil, Cons(Box<Self>) } f()",
            "union U { a: u8, b: *const Self } f()",
            "trait T where Self: Sized { fn f(self) -> Self; } f()",
            "impl PartialEq for X where Self: Sized { fn eq(&self, other: &Self) -> bool { true } }",
            "self::f()",
        ] {
            assert!(!own(text), "{text}");
        }
    }

    #[test]
    fn statics_are_told_from_lifetimes() {
        let has = |text: &str| first_static(text.parse().expect(text)).is_some();
        assert!(has("static N: u8 = 0; N"));
        assert!(has("{ thread_local! { static N: u8 = 0; } }"));
        assert!(!has("let x: &'static str = \"static\"; x"));
    }

    #[test]
    fn what_may_be_a_parameter_of_the_block_is_told_from_what_is_not() {
        let may = |text: &str| {
            let tokens: TokenStream = text.parse().expect(text);
            names_a_parameter(&tokens.into_iter().collect::<Vec<_>>(), &|name| name == "P")
        };
        for text in [
            "T::default()",
            "x: Store",
            "[0; N]",
            "{ let n = SIZE; }",
            "println!(\"{N} bytes\")",
            "Vec<Item>",
            "for i in 0..N { f(i) }",
        ] {
            assert!(may(text), "{text}");
        }
        for text in [
            "P::default()",
            "std::fs::File::open(path)",
            "Some(1)",
            "Point { x: 1, y: 2 }",
            "Words(text)",
            "Vec<String>",
            "\"{n} bytes\"",
            "self::item",
        ] {
            assert!(!may(text), "{text}");
        }
    }
}
