//! Input that is being typed: editors complete and highlight names by the expansion of such input.
//!
//! Each `#[service]` block and each `#[blocking]` function of the examples and of the README is
//! truncated after every token, with the open groups closed, as compilers and editors do before
//! they call a macro: once with nothing after it, as text is written, and once with the other
//! methods in their places, as it is changed. The expansion must satisfy:
//!
//! - nothing panics;
//! - each name that was typed is in the expansion at its place, because editors complete, describe
//!   and look up only what is there;
//! - complete methods are expanded as always, so that no call of them becomes an error;
//! - the compiler reports what is not Rust, so that is not reported again; for what is Rust, but no
//!   service yet, there are few errors.

mod source;
mod truncate;
mod typed;

use crate::{attributes::AttrKind, pipeline};
use proc_macro2::{Delimiter, LineColumn, Span, TokenStream, TokenTree};
use source::Subject;
use std::{
    collections::{BTreeMap, HashSet},
    panic,
};
use truncate::{Rest, Truncation};

impl Subject {
    fn expand(&self, item: TokenStream) -> TokenStream {
        match self.word {
            AttrKind::Service => pipeline::service(self.options.clone(), item),
            _ => pipeline::blocking(self.options.clone(), item),
        }
    }
}

/// What an editor finds in an expansion.
#[derive(Default)]
struct IdeView {
    idents: HashSet<(String, Place)>,
    /// The `name` of each `fn name`.
    functions: HashSet<String>,
    errors: Vec<String>,
}

type Place = (usize, usize);

fn place(span: Span) -> Place {
    let LineColumn { line, column } = span.start();
    (line, column)
}

impl IdeView {
    fn of(tokens: TokenStream) -> Self {
        let mut view = IdeView::default();
        view.read(tokens);
        view
    }

    fn read(&mut self, tokens: TokenStream) {
        let mut before: [String; 2] = Default::default();
        for tree in tokens {
            match &tree {
                TokenTree::Ident(ident) => {
                    self.idents.insert((written(ident.to_string()), place(ident.span())));
                    if before[1] == "fn" {
                        self.functions.insert(ident.to_string());
                    }
                }
                TokenTree::Group(group) if before[0] == "compile_error" => {
                    self.errors.push(group.stream().to_string());
                }
                TokenTree::Group(group) => self.read(group.stream()),
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
            before.swap(0, 1);
            before[1] = match tree {
                TokenTree::Group(_) | TokenTree::Literal(_) => String::new(),
                other => other.to_string(),
            };
        }
    }

    /// Whether the name is in the expansion, alone or in the name of a function that is generated
    /// for it.
    fn has(&self, (name, at): &(String, Place)) -> bool {
        let connect_output = || {
            ["blocking_", "__"]
                .into_iter()
                .any(|prefix| self.idents.contains(&(format!("{prefix}{name}"), *at)))
        };
        self.idents.contains(&(name.clone(), *at)) || connect_output()
    }
}

/// The name without `r#`, which generated names don't have.
fn written(name: String) -> String {
    name.strip_prefix("r#").map_or(name.clone(), str::to_owned)
}

/// The names that were typed, without those in our attributes.
fn typed_names(tokens: TokenStream, names: &mut Vec<(String, Place)>) {
    let mut behind_hash = false;
    for tree in tokens {
        match &tree {
            TokenTree::Group(group) if behind_hash && is_ours(&group.stream()) => {}
            TokenTree::Group(group) => typed_names(group.stream(), names),
            // The word may be the error.
            TokenTree::Ident(ident) if ident == "async" => {}
            TokenTree::Ident(ident) => names.push((written(ident.to_string()), place(ident.span()))),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
        behind_hash = matches!(&tree, TokenTree::Punct(punct) if punct.as_char() == '#');
    }
}

/// Whether this is one of our attributes, or the beginning of one.
fn is_ours(attribute: &TokenStream) -> bool {
    let path: TokenStream =
        attribute.clone().into_iter().take_while(|tree| !matches!(tree, TokenTree::Group(_))).collect();
    syn::parse2(path).is_ok_and(|path| AttrKind::of(&path).is_some())
}

/// How much of the input a compiler can parse.
#[derive(Clone, Copy, Debug, PartialEq)]
enum ParseDepth {
    /// All of it.
    Whole,
    /// All except bodies, which the macro does not parse.
    Heads,
    No,
}

fn read(tokens: &TokenStream) -> ParseDepth {
    let is_read = |tokens: TokenStream| match syn::parse2(tokens) {
        Ok(syn::Item::Impl(block)) => {
            !block.items.iter().any(|item| matches!(item, syn::ImplItem::Verbatim(_)))
        }
        Ok(item) => !matches!(item, syn::Item::Verbatim(_)),
        Err(_) => false,
    };
    if is_read(tokens.clone()) {
        return ParseDepth::Whole;
    }
    match is_read(without_bodies(tokens.clone(), 0)) {
        true => ParseDepth::Heads,
        false => ParseDepth::No,
    }
}

/// The tokens with empty braces, except those of an `impl`.
fn without_bodies(tokens: TokenStream, depth: usize) -> TokenStream {
    let is_impl =
        tokens.clone().into_iter().any(|tree| matches!(tree, TokenTree::Ident(ident) if ident == "impl"));
    let keeps = depth == 0 && is_impl;
    let tree = |tree| match tree {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
            let inner = if keeps { without_bodies(group.stream(), depth + 1) } else { TokenStream::new() };
            TokenTree::Group(proc_macro2::Group::new(Delimiter::Brace, inner))
        }
        other => other,
    };
    tokens.into_iter().map(tree).collect()
}

/// The number of our errors that one truncation of valid Rust may cause.
const MAX_ERRORS: usize = 2;

/// The results for all truncations.
#[derive(Default)]
struct Summary {
    cuts: usize,
    broken: usize,
    /// How many truncations led to each number of errors.
    errors: BTreeMap<usize, usize>,
    messages: BTreeMap<String, usize>,
    faults: Vec<String>,
}

impl Summary {
    fn look(&mut self, subject: &Subject, cut: &Truncation) {
        self.cuts += 1;
        let tokens = cut.tokens.clone();
        let Ok(expansion) = panic::catch_unwind(panic::AssertUnwindSafe(|| subject.expand(tokens))) else {
            return self.fault(subject, cut, "it panics");
        };
        let view = IdeView::of(expansion.clone());
        let mut names = Vec::new();
        typed_names(cut.tokens.clone(), &mut names);
        if let Some((name, at)) = names.iter().find(|name| !view.has(name)) {
            self.fault(subject, cut, &format!("`{name}` of {at:?} is lost"));
        }
        if let Some(name) = cut.whole.iter().find(|name| !view.functions.contains(*name)) {
            self.fault(subject, cut, &format!("`fn {name}` is lost"));
        }
        let read = read(&cut.tokens);
        self.broken += usize::from(read != ParseDepth::Whole);
        *self.errors.entry(view.errors.len()).or_default() += 1;
        for error in &view.errors {
            *self.messages.entry(error.clone()).or_default() += 1;
        }
        let few = if read == ParseDepth::No { 0 } else { MAX_ERRORS };
        if view.errors.len() > few {
            self.fault(subject, cut, &format!("{read:?}: {:?}", view.errors));
        }
        // Generated code around invalid Rust must be valid.
        let expansion = if read == ParseDepth::Whole { expansion } else { without_first_body(expansion) };
        let has_braces =
            |tree| matches!(tree, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
        if read == ParseDepth::Whole
            || subject.word == AttrKind::Service && cut.tokens.clone().into_iter().any(has_braces)
        {
            if let Err(error) = syn::parse2::<syn::File>(expansion) {
                self.fault(subject, cut, &format!("the expansion can't be read: {error}"));
            }
        }
    }

    fn fault(&mut self, subject: &Subject, cut: &Truncation, what: &str) {
        self.faults.push(format!("{}, truncated after {}: {what}", subject.name, cut.last_tokens));
    }
}

/// Generated code after the user's block must be valid, whatever is in the block.
fn without_first_body(tokens: TokenStream) -> TokenStream {
    let mut body = true;
    tokens
        .into_iter()
        .map(|tree| match tree {
            TokenTree::Group(group) if body && group.delimiter() == Delimiter::Brace => {
                body = false;
                TokenTree::Group(proc_macro2::Group::new(Delimiter::Brace, TokenStream::new()))
            }
            other => other,
        })
        .collect()
}

fn all(rest: Rest) {
    let mut summary = Summary::default();
    for subject in source::subjects() {
        for cut in truncate::all(&subject, rest) {
            summary.look(&subject, &cut);
        }
    }
    let Summary { cuts, broken, errors, messages, faults } = &summary;
    println!("{cuts} cuts, {broken} of them in the midst of something; cuts by number of errors: {errors:?}");
    for (message, times) in messages {
        println!("{times:6} {message}");
    }
    let few: String = faults.iter().take(40).map(|fault| format!("{fault}\n")).collect();
    assert!(faults.is_empty(), "{} faults:\n{few}", faults.len());
}

#[test]
fn text_on_the_way_keeps_its_names() {
    all(Rest::Nothing);
}

#[test]
fn a_method_that_is_changed_leaves_the_others_alone() {
    all(Rest::OtherMethods);
}
