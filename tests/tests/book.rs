//! Checks the guide in `docs/`: every page is listed and tested, links resolve, and included files
//! exist.
//!
//! The Rust code of the pages is run as doc tests: `src/book.rs`. These tests only read files.
//! `.ci/book` builds the book with mdbook and checks the links of the HTML.

#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Pages that other tests generate.
const GENERATED: [&str; 2] = ["what-the-macro-writes.md", "diagnostics.md"];

/// Where the book is published.
const SITE: &str = "https://portcullis-rs.github.io/portcullis/";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn source() -> PathBuf {
    root().join("docs/src")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names of the pages, without the summary.
fn pages() -> BTreeSet<String> {
    let entries = fs::read_dir(source()).expect("the book's folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"));
    names.filter(|name| name.ends_with(".md") && name != "SUMMARY.md").collect()
}

fn page(name: &str) -> String {
    read(&source().join(name))
}

/// Each line of a page, with its number, and the info string of the fence that it is in.
fn lines(text: &str) -> impl Iterator<Item = (usize, Option<&str>, &str)> {
    let mut fence = None;
    text.lines().enumerate().map(move |(at, line)| {
        let was = fence;
        match line.trim().strip_prefix("```") {
            Some(info) if was.is_none() => fence = Some(info),
            // Only a fence without an info string ends a block.
            Some("") => fence = None,
            _ => {}
        }
        (at + 1, was.or(fence), line)
    })
}

/// The targets of the links in a text, outside of code: the text after `](`.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, _, line) in lines(text).filter(|(_, fence, _)| fence.is_none()) {
        // Inline code contains no links.
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        for target in prose.split("](").skip(1) {
            let target = target.split(')').next().unwrap_or_default();
            found.push((at, target.to_owned()));
        }
    }
    found
}

/// The anchor that mdbook generates for a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter_map(|c| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || c == '_' || c == '-' => Some(c.to_ascii_lowercase()),
        _ => None,
    });
    kept.collect()
}

fn anchors(text: &str) -> BTreeSet<String> {
    let headings = lines(text).filter(|(_, fence, _)| fence.is_none()).filter_map(|(_, _, line)| {
        let heading = line.trim_start_matches('#');
        (heading.len() < line.len()).then(|| anchor(heading.trim()))
    });
    headings.collect()
}

/// `{{#include path:anchor}}`, or `path:from:to`: the path, and the text after the first `:`.
fn includes(text: &str) -> Vec<(usize, String, Option<String>)> {
    let with_lines = text.lines().enumerate();
    let found = with_lines.filter_map(|(at, line)| {
        let target = line.trim().strip_prefix("{{#include ")?.strip_suffix("}}")?;
        let (path, anchor) = match target.split_once(':') {
            Some((path, anchor)) => (path, Some(anchor.to_owned())),
            None => (target, None),
        };
        Some((at + 1, path.to_owned(), anchor))
    });
    found.collect()
}

fn report(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn the_summary_lists_every_page_and_no_other() {
    let listed: BTreeSet<String> = links(&page("SUMMARY.md")).into_iter().map(|(_, page)| page).collect();
    let missing: Vec<_> = pages().difference(&listed).map(|page| format!("{page} is not listed")).collect();
    report(&missing);
    let missing: Vec<_> =
        listed.difference(&pages()).map(|page| format!("{page} is listed, and not there")).collect();
    report(&missing);
}

#[test]
fn every_page_is_a_doc_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // The page on NATS needs a crate that is built on its own.
    let tested = read(&root.join("src/book.rs")) + &read(&root.join("../nats/src/lib.rs"));
    let pages = pages();
    let untested = pages.iter().filter(|page| {
        !GENERATED.contains(&page.as_str())
            && !tested.contains(&format!("\"{page}\""))
            && !tested.contains(&format!("docs/src/{page}\""))
    });
    report(
        &untested
            .map(|page| format!("{page} is neither in tests/src/book.rs nor in nats/src/lib.rs"))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn links_lead_somewhere() {
    let mut faults = Vec::new();
    for name in pages() {
        let text = page(&name);
        for (at, target) in links(&text) {
            if target.starts_with("https://") {
                if let Some(path) = target.split_once("/portcullis/blob/main/").map(|(_, path)| path)
                    && !root().join(path).exists()
                {
                    faults.push(format!("{name}:{at}: {path} is not in the repository"));
                }
                continue;
            }
            let (to, heading) =
                target.split_once('#').map_or((target.as_str(), None), |(to, it)| (to, Some(it)));
            let to = if to.is_empty() { name.as_str() } else { to };
            if !source().join(to).exists() {
                faults.push(format!("{name}:{at}: there is no page {to}"));
            } else if heading.is_some_and(|heading| !anchors(&page(to)).contains(heading)) {
                faults.push(format!("{name}:{at}: {target} has no such heading"));
            }
        }
    }
    report(&faults);
}

/// README, changelog and rustdoc link to the rendered book: each of these links names a page and a
/// heading of it.
#[test]
fn links_to_the_site_lead_to_pages() {
    let mut faults = Vec::new();
    let mut count = 0;
    for name in ["README.md", "CHANGELOG.md", "src/lib.rs", "src/test.rs", "macros/src/lib.rs"] {
        for (at, line) in read(&root().join(name)).lines().enumerate() {
            for target in line.split(SITE).skip(1) {
                count += 1;
                let end = target.find([')', '>', ' ', ']', '"', '`']).unwrap_or(target.len());
                let (page_name, heading) = target[..end].split_once('#').unwrap_or((&target[..end], ""));
                let page_name = match page_name.strip_suffix(".html") {
                    _ if page_name.is_empty() => "introduction.md".to_owned(),
                    Some(stem) => format!("{stem}.md"),
                    None => page_name.to_owned(),
                };
                if !pages().contains(&page_name) {
                    faults.push(format!("{name}:{}: there is no page {page_name}", at + 1));
                } else if !heading.is_empty() && !anchors(&page(&page_name)).contains(heading) {
                    faults.push(format!("{name}:{}: {page_name} has no heading {heading}", at + 1));
                }
            }
        }
    }
    report(&faults);
    assert!(count > 5, "{count} links: is the address still right?");
}

#[test]
fn what_is_included_is_there() {
    let mut faults = Vec::new();
    let mut count = 0;
    for name in pages() {
        for (at, path, anchor) in includes(&page(&name)) {
            count += 1;
            let Ok(text) = fs::read_to_string(source().join(&path)) else {
                faults.push(format!("{name}:{at}: there is no {path}"));
                continue;
            };
            let Some(anchor) = anchor else { continue };
            if let Some((_, to)) = anchor.split_once(':') {
                if to.parse::<usize>().is_ok_and(|to| to > text.lines().count()) {
                    faults.push(format!("{name}:{at}: {path} has no line {to}"));
                }
                continue;
            }
            for mark in ["ANCHOR", "ANCHOR_END"] {
                let mark = format!("{mark}: {anchor}");
                if !text.lines().any(|line| line.trim().trim_start_matches("//").trim() == mark) {
                    faults.push(format!("{name}:{at}: {path} has no `{mark}`"));
                }
            }
        }
    }
    report(&faults);
    assert!(count > 40, "{count} includes: is the pattern still right?");
}

/// `<!-- ignored: why -->` or `<!-- excerpt: file -->` stands before a block of Rust that is not
/// compiled.
#[test]
fn no_code_is_ignored_without_a_reason() {
    let mut faults = Vec::new();
    for name in pages().into_iter().filter(|name| !GENERATED.contains(&name.as_str())) {
        let text = page(&name);
        let mut before = "";
        for line in text.lines() {
            let is_ignored = line.starts_with("```") && line.contains("ignore");
            let has_reason = before.strip_prefix("<!-- ").and_then(|before| before.strip_suffix(" -->"));
            let has_reason = has_reason.and_then(|why| why.split_once(": ")).is_some_and(|(kind, why)| {
                (kind == "ignored" || kind == "excerpt") && !why.trim().is_empty()
            });
            if is_ignored && !has_reason {
                faults.push(format!("{name}: {line} behind {before:?}"));
            }
            before = line;
        }
    }
    report(&faults);
}

/// The lines of an excerpt are lines of the file that it names, in their order. Where some are left
/// out it says `// ..`.
#[test]
fn excerpts_are_as_in_their_files() {
    let mut faults = Vec::new();
    let mut count = 0;
    for name in pages() {
        let text = page(&name);
        let mut rest = text.lines();
        while let Some(line) = rest.next() {
            let Some(path) = line.strip_prefix("<!-- excerpt: ").and_then(|line| line.strip_suffix(" -->"))
            else {
                continue;
            };
            count += 1;
            let file = read(&root().join(path));
            let mut there = file.lines();
            let mut may_skip = true;
            for line in rest.by_ref().skip(1).take_while(|line| *line != "```") {
                let is_gap = line.trim() == "// ..";
                let follows =
                    is_gap || if may_skip { there.any(|it| it == line) } else { there.next() == Some(line) };
                if !follows {
                    faults.push(format!("{name}: not in {path}, or not behind what is before it: {line}"));
                    break;
                }
                may_skip = is_gap;
            }
        }
    }
    report(&faults);
    assert!(count > 8, "{count} excerpts: is the pattern still right?");
}

/// What has options has a page, which names each of them.
#[test]
fn every_option_is_in_the_guide() {
    let mut faults = Vec::new();
    let mut named = |page_name: &str, what: &str| {
        if !page(page_name).contains(what) {
            faults.push(format!("{page_name} says nothing of {what}"));
        }
    };
    for (attribute, page) in [("BLOCKING", "blocking.md"), ("REQUEST", "request.md"), ("STATE", "state.md")] {
        for option in table(attribute) {
            named(page, &format!("| `{option}"));
        }
    }
    for option in table("SERVICE") {
        named("service.md", &option);
    }
    for option in table("SESSION") {
        named("session.md", &format!("| `{option}"));
    }
    for hook in table("ON") {
        named("hooks.md", &format!("\n## {hook}\n"));
    }
    for lint in lint_names() {
        named("lints.md", &format!("| `{lint}` |"));
    }
    for limit in between("net/src/server/mod.rs", "/// | [`", "`](Self::") {
        named("servers.md", &format!(".{limit}("));
    }
    for option in between("runtime/src/pool/builder.rs", "    pub fn ", "(") {
        // That is for the test kit.
        if option != "hooks" {
            named("pools.md", &format!(".{option}("));
        }
    }
    for variant in between("runtime/src/error.rs", "            Self::", " =>") {
        let variant = variant.split('(').next().unwrap_or_default().to_owned();
        if variant != "Deadline" && variant != "_" {
            named("interrupted.md", &format!("| `{variant}"));
        }
    }
    report(&faults);
}

/// The names of the lints that are constants.
fn lint_names() -> Vec<String> {
    let text = read(&root().join("runtime/src/lints.rs"));
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    let names =
        text.lines().filter_map(|line| line.strip_prefix("    ")?.split_once(": \"").map(|(name, _)| name));
    let names: Vec<_> = names.filter(|name| is_name(name)).map(str::to_owned).collect();
    assert!(!names.is_empty(), "no lints");
    names
}

/// The names of an attribute's options, in the table of the macros.
fn table(attribute: &str) -> Vec<String> {
    let text = read(&root().join("macros/src/attributes.rs"));
    let begins = format!("const {attribute}: ");
    let from = text.split_once(&begins).unwrap_or_else(|| panic!("no table of {attribute}")).1;
    let options = from.split("];").next().unwrap_or_default().split("option(\"").skip(1);
    options.filter_map(|rest| rest.split('"').next().map(str::to_owned)).collect()
}

/// What stands between the two, in each line that begins with the first.
fn between(path: &str, before: &str, behind: &str) -> Vec<String> {
    let text = read(&root().join(path));
    let names = text.lines().filter_map(|line| {
        let name = line.strip_prefix(before)?.split(behind).next()?;
        name.starts_with(char::is_alphabetic)
            .then(|| name.split(['<', ' ']).next().unwrap_or(name).to_owned())
    });
    let names: Vec<_> = names.collect();
    assert!(!names.is_empty(), "{path} has no {before}");
    names
}
