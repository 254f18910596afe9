//! The page of the book that shows what the macros write: made of the snapshots, so that it can't be wrong.

use super::{difference, forms, read};
use std::{env, fs, path::PathBuf};

const HEAD: &str = "\
# What the macros write

Each form as it is written and as it is expanded, side by side. This page is made of the expansion snapshots in
`macros/src/snapshots`, which the tests compare with what the macros write: it is never out of date.

See your own with [cargo-expand](https://crates.io/crates/cargo-expand): `cargo expand`, or for an example of this
repository `cargo expand -p quickstart --example quickstart`.

A method's body is emitted as it came, token for token. What is around it is short (at most 60 lines a method, which
a test counts), names everything by its full path, and does the same on every run.
";

/// `hooks.rs` is the form *hooks*.
fn title(form: &str) -> String {
    form.replace('_', " ")
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    for form in forms() {
        let (before, after) = (read(&format!("{form}.rs")), read(&format!("{form}.expanded.rs")));
        page += &format!(
            "\n## {}\n\n<table>\n<tr><th>written</th><th>expanded</th></tr>\n<tr><td>\n\n```rust,ignore\n{}\n```\n\n</td><td>\n\n```rust,ignore\n{}\n```\n\n</td></tr>\n</table>\n",
            title(&form),
            before.trim_end(),
            after.trim_end(),
        );
    }
    page
}

#[test]
fn the_book_shows_the_expansions() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/src");
    if !folder.exists() {
        return; // the published crate has no book
    }
    let path = folder.join("what-the-macro-writes.md");
    let (expected, found) = (fs::read_to_string(&path).unwrap_or_default(), page());
    if env::var_os("PORTCULLIS_BLESS").is_some() {
        fs::write(&path, &found).expect("write the page");
        return;
    }
    assert!(
        expected == found,
        "\n{}\nthe book is not up to date: PORTCULLIS_BLESS=1\n",
        difference(&expected, &found)
    );
}
