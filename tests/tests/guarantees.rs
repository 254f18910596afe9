//! Compares the list of guarantees in the guide with the names of the tests.
//!
//! A test of guarantee S2 is called `s2_…`. This test reads the names of all tests and checks
//! `docs/src/guarantees.md`: each number there has a test, each number of a test is there, and the
//! last column names the test files. `PORTCULLIS_BLESS=1` writes that column.

#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const PAGE: &str = "docs/src/guarantees.md";
const LETTERS: &str = "opscethd";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// `S2` and `S7` of `s2_and_s7_a_peer_that_..`, `P7` of `.._and_p7_order_holds`.
fn numbers(name: &str) -> Vec<String> {
    let is_number = |part: &str| {
        let mut letters = part.chars();
        letters.next().is_some_and(|letter| LETTERS.contains(letter))
            && !letters.as_str().is_empty()
            && letters.all(|letter| letter.is_ascii_digit())
    };
    let parts: Vec<_> = name.split('_').collect();
    let cited = |at: usize| at == 0 || parts[at - 1] == "and";
    let found = parts.iter().enumerate().filter(|(at, part)| cited(*at) && is_number(part));
    found.map(|(_, part)| part.to_ascii_uppercase()).collect()
}

/// Collects the numbers of the tests in the folder, and where they are: in a test program, or in
/// the tests of a crate.
fn tests(dir: &Path, place: Option<&str>, found: &mut BTreeMap<String, BTreeSet<String>>) {
    for entry in fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display())) {
        let path = entry.expect("an entry").path();
        let stem = path.file_stem().expect("a name").to_str().expect("UTF-8");
        let place = place.unwrap_or(stem);
        if path.is_dir() {
            tests(&path, Some(place), found);
        } else if path.extension().is_some_and(|ext| ext == "rs") && place != "guarantees" {
            for line in read(&path).lines() {
                // Some are in a macro: `on_loops! { async fn s2_.. }`.
                let name = line.split("fn ").nth(1).and_then(|rest| rest.split('(').next());
                for number in name.map(|name| numbers(name.trim())).unwrap_or_default() {
                    found.entry(number).or_default().insert(place.to_owned());
                }
            }
        }
    }
}

/// Splits a table row of the page into the number and the guarantee.
fn row(line: &str) -> Option<(&str, &str)> {
    let (first, rest) = line.strip_prefix("| ")?.split_once(" | ")?;
    let is_number = !numbers(&first.to_ascii_lowercase()).is_empty();
    Some((first, rest.rsplit_once(" |")?.0.rsplit_once(" |")?.0)).filter(|_| is_number)
}

#[test]
fn each_guarantee_has_tests_and_each_test_its_guarantee() {
    let mut found = BTreeMap::new();
    tests(&root().join("tests/tests"), None, &mut found);
    for name in ["runtime", "service", "net", "testkit"] {
        let dir = root().join(name).join("src");
        if dir.is_dir() {
            tests(&dir, Some(name), &mut found);
        }
    }
    tests(&root().join("rpc/tests"), Some("rpc"), &mut found);
    let page = read(&root().join(PAGE));
    let mut listed = BTreeSet::new();
    let lines = page.lines().map(|line| match row(line) {
        Some((number, guarantee)) => {
            let files = found.get(number).unwrap_or_else(|| panic!("{PAGE}: {number} has no test"));
            assert!(listed.insert(number.to_owned()), "{PAGE}: {number} is there twice");
            let files: Vec<_> = files.iter().map(|file| format!("`{file}`")).collect();
            format!("| {number} | {guarantee} | {} |\n", files.join(", "))
        }
        None => format!("{line}\n"),
    });
    let expected: String = lines.collect();
    let missing: Vec<_> = found.keys().filter(|number| !listed.contains(*number)).collect();
    assert!(missing.is_empty(), "{PAGE} lacks {missing:?}, which tests are named after");
    if expected != page {
        assert!(
            std::env::var_os("PORTCULLIS_BLESS").is_some(),
            "{PAGE} is out of date: run with PORTCULLIS_BLESS=1"
        );
        fs::write(root().join(PAGE), expected).expect("written");
    }
}
