//! How the job of a blocking function calls the body. The attribute sees only its function, so it
//! may not know whether there is an `impl` block around it.

use super::{Function, Placement, Receiver};
use crate::parse::inner_meta;
use crate::tokens::{Site, Walk, is_ident, is_one_of, is_punct, mentions, walk};
use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use quote::ToTokens;
use std::sync::atomic::{AtomicUsize, Ordering};
use syn::{Attribute, GenericParam};

/// What the job of a blocking function calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BodyCallee {
    /// `Self::blocking_f`, in an `impl` block.
    Associated,
    /// A copy of the body. A function without a receiver and without `Self` may be free, or belong
    /// to a type of unknown name. `blocking_f` alone would name a free function also inside of an
    /// `impl` block, and not the associated one.
    Copy(BodyCopy),
}

/// A copy of the body in the function that starts the job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BodyCopy {
    /// A nested function.
    NestedFn,
    /// A closure. A nested function can't use the parameters of an `impl<T>`.
    Closure,
    /// A third function with a unique name, which is called by both others, because a `static` must
    /// exist only once. In an `impl` block the name is not found, and the program does not compile.
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
        // An attribute that rewrites the body needs a function.
        if function.attrs.iter().any(|attr| !is_of_the_compiler(attr)) {
            return BodyCopy::NestedFn;
        }
        let sig = &function.sig;
        let output = sig.output.to_token_stream();
        let generics =
            sig.generics.to_token_stream().into_iter().chain(sig.generics.where_clause.to_token_stream());
        let tokens = sig.inputs.to_token_stream().into_iter().chain(output).chain(generics).chain(body);
        if names_a_parameter(tokens.collect(), &own) { BodyCopy::Closure } else { BodyCopy::NestedFn }
    }
}

/// A number that is unique in this process, and therefore in the crate.
fn next_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Whether the attribute does not change the body.
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

/// Whether a body names `Self`, outside of items in it, which have a `Self` of their own.
pub(super) fn has_own_self(body: TokenStream) -> bool {
    let mut found = false;
    walk(body, &mut |site| {
        if site.context.nested_item {
            return Walk::Skip;
        }
        found |= is_ident(site.tree(), "Self");
        Walk::Enter
    });
    found
}

/// Whether the tokens have a name that may be a type or const parameter of a surrounding block: one
/// in upper case at the front of a path, which isn't called and has no fields. `own` are the
/// parameters of the function.
fn names_a_parameter(tokens: TokenStream, own: &impl Fn(&str) -> bool) -> bool {
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
    let mut found = false;
    walk(tokens, &mut |site| {
        found |= match site.tree() {
            Some(TokenTree::Ident(name)) => {
                let name = name.to_string();
                let is_upper = name.starts_with(char::is_uppercase);
                is_upper
                    && !is_part_of_path(site)
                    && !is_constructed(site, &name)
                    && !KNOWN.contains(&&*name)
                    && !own(&name)
            }
            // `"{N} bytes"`
            Some(TokenTree::Literal(text)) => {
                let text = text.to_string();
                let mut formatted = text.split('{').skip(1);
                text.starts_with('"') && formatted.any(|name| name.starts_with(char::is_uppercase))
            }
            _ => false,
        };
        Walk::Enter
    });
    found
}

/// After `::`, `.` or `'`.
fn is_part_of_path(site: &Site<'_>) -> bool {
    let before = |distance: usize, mark| {
        site.at.checked_sub(distance).is_some_and(|at| is_punct(site.trees.get(at), mark))
    };
    before(1, ':') && before(2, ':') || before(1, '.') && !before(2, '.') || before(1, '\'')
}

/// `Name(..)`, `Name { .. }`; but not the constant of `for i in 0..N { .. }`.
fn is_constructed(site: &Site<'_>, name: &str) -> bool {
    let is_const = !name.contains(char::is_lowercase);
    match site.after().first() {
        Some(TokenTree::Group(group)) => match group.delimiter() {
            Delimiter::Parenthesis => true,
            Delimiter::Brace => !is_const,
            Delimiter::Bracket | Delimiter::None => false,
        },
        _ => false,
    }
}

/// The first `static`, or the first name of a macro that is known to write one. `'static` is none.
pub(crate) fn first_static(tokens: TokenStream) -> Option<Ident> {
    let mut found = None;
    walk(tokens, &mut |site| {
        match site.tree() {
            Some(TokenTree::Ident(name))
                if is_one_of(site.tree(), &["static", "thread_local", "lazy_static"])
                    && !is_punct(site.before().last(), '\'') =>
            {
                found.get_or_insert_with(|| name.clone());
            }
            _ => {}
        }
        Walk::Enter
    });
    found
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
            names_a_parameter(tokens, &|name| name == "P")
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
