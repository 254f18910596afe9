//! Expansions, as reviewers read them: `<form>.rs` is what a user writes, `<form>.expanded.rs` what becomes
//! of it.
//!
//! `PORTCULLIS_BLESS=1 cargo test -p portcullis-macros` writes the latter anew; the diff is the review.

mod book;
mod strict;

use crate::{attributes::AttrKind, expand, pipeline};
use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use std::{fs, path::PathBuf};
use syn::{Attribute, File, ImplItem, Item, Meta};

/// The limit on what one method becomes, docs included.
const LINES_A_METHOD: usize = 66;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/snapshots")
}

/// Names of all forms, in order.
fn forms() -> Vec<String> {
    let files = fs::read_dir(folder()).expect("the folder of snapshots");
    let mut forms: Vec<String> = files
        .filter_map(|file| file.ok()?.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".rs").map(str::to_owned))
        .filter(|name| !["mod", "book", "strict"].contains(&name.as_str()) && !name.ends_with(".expanded"))
        .collect();
    forms.sort();
    forms
}

fn read(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap_or_default()
}

/// The form with every attribute of ours expanded.
fn expanded(form: &str) -> File {
    all_expanded(&read(&format!("{form}.rs")), form)
}

/// The source with every attribute of ours expanded.
fn all_expanded(source: &str, form: &str) -> File {
    let file = syn::parse_file(source).expect(form);
    let items: TokenStream = file.items.into_iter().map(item).collect();
    let mut expanded: File =
        syn::parse2(items.clone()).unwrap_or_else(|error| panic!("a bug in the macros: {error} in\n{items}"));
    expanded.attrs = file.attrs;
    expanded
}

fn item(mut item: Item) -> TokenStream {
    match &mut item {
        Item::Impl(block) if ours(&block.attrs).is_none() => {
            block.items = std::mem::take(&mut block.items).into_iter().map(impl_item).collect();
            block.to_token_stream()
        }
        Item::Impl(block) => {
            let attr = take(&mut block.attrs);
            expand(attr, block)
        }
        Item::Fn(function) if ours(&function.attrs).is_some() => {
            let attr = take(&mut function.attrs);
            expand(attr, function)
        }
        Item::Trait(calls) if ours(&calls.attrs).is_some() => {
            let attr = take(&mut calls.attrs);
            expand(attr, calls)
        }
        Item::Struct(data) if ours(&data.attrs).is_some() => {
            let attr = take(&mut data.attrs);
            expand(attr, data)
        }
        other => other.to_token_stream(),
    }
}

fn impl_item(item: ImplItem) -> ImplItem {
    match item {
        ImplItem::Fn(mut function) if ours(&function.attrs).is_some() => {
            let attr = take(&mut function.attrs);
            ImplItem::Verbatim(expand(attr, &function))
        }
        other => other,
    }
}

/// Where our first attribute is, which the compiler would expand first.
fn ours(attrs: &[Attribute]) -> Option<usize> {
    attrs.iter().position(|attr| AttrKind::of(attr.path()).is_some())
}

fn take(attrs: &mut Vec<Attribute>) -> Option<Attribute> {
    ours(attrs).map(|at| attrs.remove(at))
}

fn expand(attr: Option<Attribute>, item: &impl ToTokens) -> TokenStream {
    let (attr, item) = (attr.expect("an attribute of ours"), item.to_token_stream());
    let options = match &attr.meta {
        Meta::List(list) => list.tokens.clone(),
        _ => TokenStream::new(),
    };
    match AttrKind::of(attr.path()) {
        Some(AttrKind::Service) => pipeline::service(options, item),
        Some(AttrKind::Blocking) => pipeline::blocking(options, item),
        Some(AttrKind::Rpc) => pipeline::rpc(options, item),
        Some(word) => expand::misplaced_attr(word, item),
        None => quote!(#attr #item),
    }
}

/// The lines that differ, with what is the same around them left out.
fn difference(expected: &str, found: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (expected.lines().collect(), found.lines().collect());
    let start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let rest = old.len().min(new.len()) - start;
    let end = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let removed = old[start..old.len() - end].iter().map(|line| format!("-{line}\n"));
    let added = new[start..new.len() - end].iter().map(|line| format!("+{line}\n"));
    std::iter::once(format!("@@ line {}\n", start + 1)).chain(removed).chain(added).collect()
}

#[test]
fn expansions_are_as_reviewed() {
    let bless = std::env::var_os("PORTCULLIS_BLESS").is_some();
    let mut differences = String::new();
    for form in forms() {
        let name = format!("{form}.expanded.rs");
        let (expected, found) = (read(&name), prettyplease::unparse(&expanded(&form)));
        if expected == found {
            continue;
        }
        if bless {
            fs::write(folder().join(&name), &found).expect("write a snapshot");
        } else {
            differences += &format!("{name}\n{}\n", difference(&expected, &found));
        }
    }
    assert!(differences.is_empty(), "\n{differences}\nif this is as it should be: PORTCULLIS_BLESS=1\n");
}

#[test]
fn expansions_are_deterministic() {
    for form in forms() {
        let once = expanded(&form).to_token_stream().to_string();
        assert_eq!(once, expanded(&form).to_token_stream().to_string(), "{form}");
    }
}

#[test]
fn a_method_stays_short() {
    for form in forms() {
        let functions: Vec<(String, usize)> = expanded(&form).items.into_iter().flat_map(lengths).collect();
        for (name, own) in &functions {
            let partners = [format!("blocking_{name}"), format!("__{name}")];
            let whole: usize =
                functions.iter().filter(|(other, _)| partners.contains(other)).map(|(_, n)| n).sum();
            assert!(own + whole <= LINES_A_METHOD, "{form}: `{name}` is {} lines", own + whole);
        }
    }
}

/// Each function of an item, and its lines as they are formatted.
fn lengths(item: Item) -> Vec<(String, usize)> {
    let lines = |item: TokenStream| {
        let file: File = syn::parse2(item).expect("a function");
        prettyplease::unparse(&file).lines().count()
    };
    match item {
        Item::Fn(function) => vec![(function.sig.ident.to_string(), lines(function.to_token_stream()))],
        Item::Impl(block) => block
            .items
            .into_iter()
            .filter_map(|item| match item {
                // Two lines of the count are the block's braces.
                ImplItem::Fn(function) => {
                    Some((function.sig.ident.to_string(), lines(quote!(impl S { #function })) - 2))
                }
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}
