//! Compares the import order in `ARCHITECTURE.md` with the code.
//!
//! A block of that page whose fence says `text order=FOLDER` lists the modules of the crate in that
//! folder, lowest first: a module imports only itself and modules listed above it. The block
//! `order=crates` does the same for crates. An import is every path that begins with `crate`,
//! `$crate` or a chain of `super` that leads out of a module, in a `use` or elsewhere, outside of
//! `#[cfg(test)]`. Macros are read as tokens, so that imports in macros count too.

#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// For each block of the page: the line number of each name.
fn stated(page: &str) -> BTreeMap<String, BTreeMap<String, usize>> {
    let mut blocks = BTreeMap::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("```text order=") {
            let block = lines.by_ref().take_while(|line| *line != "```").enumerate();
            let names = block.flat_map(|(at, line)| {
                // The text after a dash is for the reader.
                let names = line.split(" – ").next().unwrap_or_default();
                names.split(" · ").map(move |name| (name.trim().to_owned(), at))
            });
            blocks.insert(name.to_owned(), names.collect());
        }
    }
    blocks
}

/// The Rust files of a folder, with the path of the module that each is.
fn files(dir: &Path, module: &[String], found: &mut Vec<(PathBuf, Vec<String>)>) {
    for entry in fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display())) {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().expect("a name").to_str().expect("UTF-8").to_owned();
        let mut module = module.to_vec();
        if path.is_dir() {
            module.push(name);
            files(&path, &module, found);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            if !matches!(&*name, "mod" | "lib") {
                module.push(name);
            }
            found.push((path, module));
        }
    }
}

fn is(tree: Option<&TokenTree>, punct: char) -> bool {
    matches!(tree, Some(TokenTree::Punct(found)) if found.as_char() == punct)
}

fn word(tree: Option<&TokenTree>) -> Option<String> {
    match tree {
        Some(TokenTree::Ident(ident)) => Some(ident.to_string()),
        _ => None,
    }
}

/// The paths that begin at `trees[0]`, appended to `before`; a group yields one for each of its
/// items.
fn paths(trees: &[TokenTree], before: &[String], found: &mut Vec<Vec<String>>) {
    let mut path = before.to_vec();
    let mut rest = trees;
    loop {
        match rest.first() {
            Some(TokenTree::Ident(ident)) => path.push(ident.to_string()),
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                let items: Vec<_> = group.stream().into_iter().collect();
                for item in items.split(|tree| is(Some(tree), ',')).filter(|item| !item.is_empty()) {
                    paths(item, &path, found);
                }
                return;
            }
            _ => break,
        }
        if !(is(rest.get(1), ':') && is(rest.get(2), ':')) {
            break;
        }
        rest = &rest[3..];
    }
    found.push(path);
}

/// Whether the tree is the group of `#[cfg(test)]`.
fn is_cfg_test(tree: Option<&TokenTree>) -> bool {
    let Some(TokenTree::Group(group)) = tree else { return false };
    group.delimiter() == Delimiter::Bracket && group.stream().to_string().replace(' ', "") == "cfg(test)"
}

/// The top-level modules of the crate that the tokens name.
fn imports(stream: TokenStream, module: &[String], found: &mut BTreeSet<String>) {
    let trees: Vec<_> = stream.into_iter().collect();
    let mut module = module.to_vec();
    let mut at = 0;
    while at < trees.len() {
        if is(trees.get(at), '#') && is_cfg_test(trees.get(at + 1)) {
            // The item ends with a semicolon or a body.
            while let Some(tree) = trees.get(at) {
                at += 1;
                let body = matches!(tree, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
                if body || is(Some(tree), ';') {
                    break;
                }
            }
            continue;
        }
        let begins = !(at >= 2 && is(trees.get(at - 1), ':') && is(trees.get(at - 2), ':'));
        match word(trees.get(at)).as_deref() {
            Some("crate" | "super") if begins && is(trees.get(at + 1), ':') => {
                let mut all = Vec::new();
                paths(&trees[at..], &[], &mut all);
                found.extend(all.iter().filter_map(|path| top(path, &module)));
                // Groups of a `use` are read recursively.
                while word(trees.get(at)).is_some() || is(trees.get(at), ':') {
                    at += 1;
                }
                continue;
            }
            // An inline module, for `super` in it.
            Some("mod") => {
                if let (Some(name), Some(TokenTree::Group(body))) =
                    (word(trees.get(at + 1)), trees.get(at + 2))
                {
                    module.push(name);
                    imports(body.stream(), &module, found);
                    module.pop();
                    at += 3;
                    continue;
                }
            }
            _ => {}
        }
        if let Some(TokenTree::Group(group)) = trees.get(at) {
            imports(group.stream(), &module, found);
        }
        at += 1;
    }
}

/// The top-level module that a path leads to; `None` for an item of the crate's root.
fn top(path: &[String], module: &[String]) -> Option<String> {
    let supers = path.iter().take_while(|part| *part == "super").count();
    if supers > 0 {
        let stays = module.len().checked_sub(supers)?;
        return module[..stays].first().or_else(|| path.get(supers)).cloned();
    }
    path.get(1).cloned()
}

/// The imports of the crate in `dir` that violate the block.
fn deviations(dir: &str, order: &BTreeMap<String, usize>) -> BTreeSet<String> {
    let source = root().join(dir).join("src");
    let mut found = Vec::new();
    files(&source, &[], &mut found);
    let modules: BTreeSet<_> = found.iter().filter_map(|(_, module)| module.first().cloned()).collect();
    let mut wrong = BTreeSet::new();
    for (path, module) in &found {
        // The root module declares all modules; tests may import anything.
        let Some(own) = module.first() else { continue };
        if module.iter().any(|part| matches!(&**part, "tests" | "models" | "snapshots" | "ide_tests")) {
            continue;
        }
        let place = path.strip_prefix(root()).unwrap_or(path).display().to_string();
        let Some(line) = order.get(own) else {
            wrong.insert(format!("{place}: `{own}` is not in the list of {dir}/"));
            continue;
        };
        let stream = read(path).parse().unwrap_or_else(|error| panic!("{place}: {error}"));
        let mut named = BTreeSet::new();
        imports(stream, module, &mut named);
        for name in named.iter().filter(|name| *name != own && modules.contains(*name)) {
            if order.get(name).is_none_or(|other| other >= line) {
                wrong.insert(format!("{place}: `{own}` imports `{name}`, which does not stand above it"));
            }
        }
    }
    wrong.extend(
        order
            .keys()
            .filter(|name| !modules.contains(*name))
            .map(|name| format!("ARCHITECTURE.md lists `{name}` in {dir}/, where there is no such module")),
    );
    wrong
}

fn architecture() -> BTreeMap<String, BTreeMap<String, usize>> {
    stated(&read(&root().join("ARCHITECTURE.md")))
}

#[test]
fn modules_import_only_modules_listed_above_them() {
    let blocks = architecture();
    for dir in ["macros", "runtime", "service", "net", "rpc", "nats"] {
        assert!(blocks.contains_key(dir), "no block for {dir}/");
    }
    let mut wrong = BTreeSet::new();
    for (dir, order) in blocks.iter().filter(|(dir, _)| *dir != "crates") {
        wrong.extend(deviations(dir, order));
    }
    let wrong: Vec<_> = wrong.into_iter().collect();
    assert!(
        wrong.is_empty(),
        "{} imports against the order of ARCHITECTURE.md:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn crates_depend_only_on_crates_listed_above_them() {
    let order = &architecture()["crates"];
    let manifest = |dir: &str| -> toml::Table {
        let path = root().join(dir).join("Cargo.toml");
        read(&path).parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    // The facade has its manifest in the root.
    let dir = |name: &str| if name == "facade" { ".".to_owned() } else { name.to_owned() };
    let mut named = BTreeMap::new();
    for crate_ in order.keys() {
        let manifest = manifest(&dir(crate_));
        let name = manifest["package"]["name"].as_str().expect("a name").to_owned();
        named.insert(name, crate_);
    }
    for crate_ in order.keys() {
        let manifest = manifest(&dir(crate_));
        let none = toml::Table::new();
        let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table).unwrap_or(&none);
        for other in dependencies.keys().filter_map(|name| named.get(name)) {
            assert!(
                order[*other] < order[crate_],
                "{crate_}/ depends on {other}/, which does not stand above it"
            );
        }
    }
    // Every published crate is in the list.
    let members = manifest(".")["workspace"]["members"].as_array().expect("members").clone();
    for member in members.iter().filter_map(toml::Value::as_str) {
        let published = manifest(member)["package"].get("publish").is_none();
        assert!(
            !published || order.contains_key(member),
            "{member}/ is published, and not in the list of crates"
        );
    }
}

#[test]
fn imports_are_found_in_every_form() {
    let found = |text: &str, module: &[&str]| {
        let module: Vec<_> = module.iter().map(ToString::to_string).collect();
        let mut found = BTreeSet::new();
        imports(text.parse().expect("tokens"), &module, &mut found);
        found.into_iter().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(found("use crate::a::{B, C}; use crate::{d::E, f::{g, h}};", &["x"]), "a d f");
    assert_eq!(
        found("fn x() { crate::a::b(); let _: super::super::c::D; super::e(); }", &["x", "y"]),
        "a c x"
    );
    assert_eq!(found("use super::a::B;", &["x"]), "a");
    assert_eq!(found("macro_rules! m { () => { $crate::a::b!() } }", &["x"]), "a");
    assert_eq!(found("mod inner { use super::super::a; use super::b; } use super::c;", &["x"]), "a c x");
    assert_eq!(
        found("#[cfg(test)] mod tests { use crate::a; } #[cfg(test)] use crate::b; use crate::c;", &["x"]),
        "c"
    );
    assert_eq!(found("use other::crate_; pub(crate) fn f() {} pub(super) use crate::a;", &["x"]), "a");
}
