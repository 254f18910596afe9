//! The source texts: every example, and the services of the README.

use crate::attributes::AttrKind;
use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use std::{
    fs,
    path::{Path, PathBuf},
};
use syn::{Attribute, File, ImplItem, Item, Meta};

/// An item under `#[service]` or `#[blocking]`, without that attribute.
pub(super) struct Subject {
    pub(super) name: String,
    pub(super) word: AttrKind,
    pub(super) options: TokenStream,
    pub(super) item: TokenStream,
}

pub(super) fn subjects() -> Vec<Subject> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut subjects = Vec::new();
    for path in rust_files(&root.join("examples")) {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let file = syn::parse_file(&fs::read_to_string(&path).expect("an example")).expect(&name);
        of_items(&name, file.items, &mut subjects);
    }
    let readme = fs::read_to_string(root.join("README.md")).expect("the README");
    for code in readme.split("```rust").skip(1).filter_map(|code| code.split("```").next()) {
        // An excerpt that is not a complete file is not an example of one.
        if let Ok(File { items, .. }) = syn::parse_file(code.trim_start_matches(|letter| letter != '\n')) {
            of_items("README", items, &mut subjects);
        }
    }
    assert!(subjects.len() > 10, "the examples have moved");
    subjects
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the examples");
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths
        .into_iter()
        .flat_map(|path| match path.is_dir() {
            true => rust_files(&path),
            false => vec![path],
        })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

fn of_items(name: &str, items: Vec<Item>, subjects: &mut Vec<Subject>) {
    for item in items {
        match item {
            Item::Impl(mut block) => match taken(&mut block.attrs) {
                Some((word, options)) => {
                    let name = format!("{name}, {}", block.self_ty.to_token_stream());
                    subjects.push(Subject { name, word, options, item: block.into_token_stream() });
                }
                None => of_block(name, block.items, subjects),
            },
            Item::Fn(mut function) => {
                if let Some((word, options)) = taken(&mut function.attrs) {
                    let name = format!("{name}, {}", function.sig.ident);
                    subjects.push(Subject { name, word, options, item: function.into_token_stream() });
                }
            }
            Item::Mod(module) => {
                of_items(name, module.content.map_or_else(Vec::new, |(_, items)| items), subjects)
            }
            _ => {}
        }
    }
}

fn of_block(name: &str, items: Vec<ImplItem>, subjects: &mut Vec<Subject>) {
    for item in items {
        let ImplItem::Fn(mut function) = item else { continue };
        if let Some((word, options)) = taken(&mut function.attrs) {
            let name = format!("{name}, {}", function.sig.ident);
            subjects.push(Subject { name, word, options, item: function.into_token_stream() });
        }
    }
}

/// The attribute for which the compiler calls the macro.
fn taken(attrs: &mut Vec<Attribute>) -> Option<(AttrKind, TokenStream)> {
    let is_ours =
        |attr: &Attribute| matches!(AttrKind::of(attr.path()), Some(AttrKind::Service | AttrKind::Blocking));
    let index = attrs.iter().position(is_ours)?;
    let attr = attrs.remove(index);
    let options = match &attr.meta {
        Meta::List(list) => list.tokens.clone(),
        _ => TokenStream::new(),
    };
    Some((AttrKind::of(attr.path())?, options))
}

impl Subject {
    /// The braces of a block, with its items.
    pub(super) fn braces(&self) -> Option<(Vec<TokenTree>, proc_macro2::Group)> {
        let mut trees: Vec<_> = self.item.clone().into_iter().collect();
        match (self.word, trees.pop()) {
            (AttrKind::Service, Some(TokenTree::Group(braces))) => Some((trees, braces)),
            _ => None,
        }
    }
}
