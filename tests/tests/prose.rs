//! Prose is at most 100 columns wide: the comments of Rust files that have a line of their own, and
//! Markdown.
//!
//! Exempt is what cannot be wrapped: code blocks, tables, headings, links, HTML, and a word or
//! inline code that is too long by itself. Generated files and the programs of `ui-tests`, whose
//! lines are quoted in messages, are not read.

#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};

const WIDTH: usize = 100;

/// Folders and files that are not read, relative to the root of the repository.
const EXEMPT: [&str; 7] = [
    "target",
    "ui-tests",
    "docs/book",
    "docs/src/diagnostics.md",
    "docs/src/what-the-macro-writes.md",
    "macros/src/snapshots",
    "out",
];

#[derive(Clone, Copy, PartialEq)]
enum Language {
    Rust,
    Markdown,
}

/// The tracked kinds of files below `folder`, without hidden and exempt ones.
fn files(root: &Path, folder: &Path, found: &mut Vec<(PathBuf, Language)>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("an entry").path();
        let relative = path.strip_prefix(root).expect("below the root");
        let is_hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if is_hidden || EXEMPT.iter().any(|exempt| relative == Path::new(exempt)) {
            continue;
        }
        if path.is_dir() {
            files(root, &path, found);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            found.push((path, Language::Rust));
        } else if path.extension().is_some_and(|ext| ext == "md") {
            found.push((path, Language::Markdown));
        }
    }
}

/// The lines of prose that are too long and could be wrapped, with their numbers.
fn too_long(text: &str, language: Language) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut in_code_block = false;
    for (at, line) in text.lines().enumerate() {
        let trimmed = line.trim_start();
        let prose = match language {
            Language::Markdown => trimmed,
            Language::Rust => match trimmed.strip_prefix("//") {
                Some(comment) => comment.trim_start_matches(['/', '!']).trim_start(),
                None => {
                    // A code block ends with its comment.
                    in_code_block = false;
                    continue;
                }
            },
        };
        if prose.starts_with("```") {
            in_code_block = !in_code_block;
            continue;
        }
        let width = line.chars().count();
        if !in_code_block && width > WIDTH && can_be_wrapped(line, prose) {
            found.push((at + 1, width));
        }
    }
    found
}

fn can_be_wrapped(line: &str, prose: &str) -> bool {
    let is_exempt = prose.starts_with(['|', '#', '>', '<', '!']) || prose.starts_with("{{");
    let has_link = prose.contains("://") || prose.contains("](") || prose.contains("]:");
    if is_exempt || has_link {
        return false;
    }
    // The last place for a break: a space within the width, outside of inline code.
    let indent = line.chars().count() - prose.chars().count();
    let mut in_code = false;
    let mut spaces = Vec::new();
    for (column, char) in prose.chars().enumerate() {
        match char {
            '`' => in_code = !in_code,
            ' ' if !in_code => spaces.push(indent + column),
            _ => {}
        }
    }
    let Some(last) = spaces.iter().rev().find(|column| **column <= WIDTH) else { return false };
    // A list item's mark is no word, and no line may begin with what Markdown takes for one.
    let next: String = line.chars().skip(last + 1).take_while(|char| *char != ' ').collect();
    let is_first_word = prose.starts_with(['-', '*', '+']) && spaces.first() == Some(last);
    let after_number = next.trim_start_matches(|char: char| char.is_ascii_digit());
    let is_number = after_number.len() < next.len() && after_number.starts_with(['.', ')']);
    let looks_like_a_mark = is_number || next.starts_with(['-', '+', '*', '#', '>', '|']);
    !is_first_word && !looks_like_a_mark
}

#[test]
fn prose_is_at_most_100_columns_wide() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the root");
    let mut read = Vec::new();
    files(root, root, &mut read);
    assert!(read.len() > 300, "{} files: is the root still right?", read.len());
    let mut faults = Vec::new();
    for (path, language) in read {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for (line, width) in too_long(&text, language) {
            let file = path.strip_prefix(root).expect("below the root").display();
            faults.push(format!("{file}:{line}: {width} columns of prose; wrap it at {WIDTH}"));
        }
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn only_prose_that_can_be_wrapped_is_reported() {
    let words = "word ".repeat(25);
    let lines =
        |text: &str, language| too_long(text, language).into_iter().map(|(line, _)| line).collect::<Vec<_>>();

    assert_eq!(lines(&format!("short\n{words}\n"), Language::Markdown), [2]);
    assert_eq!(lines(&format!("- {words}\n"), Language::Markdown), [1]);
    assert_eq!(
        lines(&format!("    /// {words}\nfn f() {{}}\n//! {words}\n// {words}"), Language::Rust),
        [1, 3, 4]
    );

    for exempt in ["| ", "# ", "> ", "<!-- ", "see https://a.b ", "[link](page.md) ", "{{#include "] {
        assert_eq!(lines(&format!("{exempt}{words}\n"), Language::Markdown), [], "{exempt}");
    }
    assert_eq!(lines(&format!("```text\n{words}\n```\n"), Language::Markdown), []);
    assert_eq!(lines(&format!("/// ```\n/// {words}\n/// ```\nlet a = 1; // {words}\n"), Language::Rust), []);
    // One word, and one piece of inline code.
    assert_eq!(lines(&"long".repeat(30), Language::Markdown), []);
    assert_eq!(lines(&format!("`{}`", words.trim()), Language::Markdown), []);
    assert_eq!(lines(&format!("- `{}`", words.trim()), Language::Markdown), []);
}
