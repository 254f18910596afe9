//! Generates `docs/src/diagnostics.md` from the `.stderr` files, and checks that it is up to date.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

const HEAD: &str = "\
# Every message

All messages of the compiler about the attributes and types of portcullis, with links to programs
that cause them. A test compares this page with the `.stderr` files, which other tests compare with
the compiler's output. A message says what is wrong and, after the colon, what to write instead. All
mistakes of a block are reported in one compile, and none of them causes a second error.
";

/// The areas with their titles, in the order of the page.
const AREAS: [(&str, &str); 18] = [
    ("blocking", "`#[blocking]`"),
    ("crossing", "Calls between event loop and threads"),
    ("handlers", "`#[request]` and `#[session]`"),
    ("state", "`#[state]`"),
    ("event", "`#[event]` and `#[on(timeout)]`"),
    ("rpc", "`#[rpc]`"),
    ("rpc_trait", "`#[rpc]` on a trait, and its services"),
    ("interceptor", "`#[before]` and `#[after]`"),
    ("hooks", "`#[on(..)]`"),
    ("receiver", "`self`"),
    ("options", "Options of the attributes"),
    ("misplaced", "Attributes outside a `#[service]` block"),
    ("service", "`#[service]`"),
    ("codec", "Codecs"),
    ("transport", "Transports"),
    ("warnings", "Warnings, under `#![deny(deprecated)]`"),
    ("incomplete", "Incomplete code, which the compiler reports itself"),
    ("several", "Several mistakes at once"),
];

fn page() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fail");
    let mut areas: BTreeMap<usize, (String, Vec<PathBuf>)> = BTreeMap::new();
    for area in entries(&root) {
        let name = area.file_name().expect("a name").to_string_lossy().into_owned();
        let known = AREAS.iter().position(|(folder, _)| *folder == name);
        let title = known.map_or(name.clone(), |index| AREAS[index].1.to_owned());
        let cases =
            entries(&area).into_iter().filter(|case| case.extension().is_some_and(|it| it == "stderr"));
        areas.insert(known.unwrap_or(AREAS.len() + areas.len()), (title, cases.collect()));
    }
    let mut page = HEAD.to_owned();
    for (title, cases) in areas.values() {
        write!(page, "\n## {title}\n\n| message | case |\n|---|---|\n").expect("a string");
        for case in cases {
            let said = fs::read_to_string(case).expect("a message");
            let area = case.parent().and_then(Path::file_name).expect("an area").to_string_lossy();
            let name = case.file_stem().expect("a name").to_string_lossy();
            let link = format!(
                "[{}](https://github.com/portcullis-rs/portcullis/blob/main/ui-tests/fail/{area}/{name}.rs)",
                name.replace('_', " ")
            );
            let messages: Vec<_> = messages(&said).collect();
            writeln!(page, "| {} | {link} |", messages.join("<br>")).expect("a string");
        }
    }
    page
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of the catalogue");
    let mut entries: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    entries
}

/// Returns the first line of each error, with its code, escaped for a table.
fn messages(said: &str) -> impl Iterator<Item = String> + '_ {
    said.lines().filter(|line| line.starts_with("error:") || line.starts_with("error[")).map(|line| {
        let line = line.strip_prefix("error: ").or(line.strip_prefix("error")).unwrap_or(line);
        line.replace('|', "\\|").replace('<', "&lt;")
    })
}

#[test]
fn the_book_lists_every_message() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src/diagnostics.md");
    let page = page();
    if env::var_os("TRYBUILD").is_some() || env::var_os("PORTCULLIS_BLESS").is_some() {
        fs::write(&path, &page).expect("write the page");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    let differs = written.lines().zip(page.lines()).find(|(old, new)| old != new);
    assert!(written == page, "docs/src/diagnostics.md is not up to date: PORTCULLIS_BLESS=1\n{differs:?}");
}
