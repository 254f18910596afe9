//! Where a function stands that an attribute sees alone: in an `impl` block, or not.

use super::{BodyCopy, Function};
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::GenericParam;

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

/// The copy that the job of such a function calls. A `static` would be there twice: then the function is taken to be free.
pub(super) fn copy(function: &Function) -> Option<BodyCopy> {
    let body = function.body.stream();
    if has_statics(body.clone()) {
        return None;
    }
    let own = |name: &str| {
        function.sig.generics.params.iter().any(|param| match param {
            GenericParam::Type(param) => param.ident == name,
            GenericParam::Const(param) => param.ident == name,
            GenericParam::Lifetime(_) => false,
        })
    };
    let tokens = function.sig.to_token_stream().into_iter().chain(body).collect();
    Some(if names_a_parameter(tokens, &own) { BodyCopy::Closure } else { BodyCopy::Function })
}

/// `T`, `K`, `N`, `T1`: what type and const parameters are called.
fn names_a_parameter(tokens: TokenStream, own: &impl Fn(&str) -> bool) -> bool {
    tokens.into_iter().any(|tree| match tree {
        TokenTree::Ident(word) => {
            let word = word.to_string();
            let mut letters = word.chars();
            let upper = letters.next().is_some_and(char::is_uppercase);
            upper && letters.all(|letter| letter.is_ascii_digit()) && !own(&word)
        }
        TokenTree::Group(group) => names_a_parameter(group.stream(), own),
        _ => false,
    })
}

/// `static`, but of a lifetime; and the macros that are known to make one.
fn has_statics(tokens: TokenStream) -> bool {
    let mut in_lifetime = false;
    tokens.into_iter().any(|tree| {
        let behind_quote = std::mem::take(&mut in_lifetime);
        match tree {
            TokenTree::Punct(quote) => {
                in_lifetime = quote.as_char() == '\'';
                false
            }
            TokenTree::Ident(word) => {
                let makes = ["static", "thread_local", "lazy_static"].iter().any(|name| word == name);
                makes && !behind_quote
            }
            TokenTree::Group(group) => has_statics(group.stream()),
            TokenTree::Literal(_) => false,
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
        let has = |text: &str| has_statics(text.parse().expect(text));
        assert!(has("static N: u8 = 0; N"));
        assert!(has("{ thread_local! { static N: u8 = 0; } }"));
        assert!(!has("let x: &'static str = \"static\"; x"));
    }
}
