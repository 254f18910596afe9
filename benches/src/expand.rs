//! `expand`: lines that the macros generate for each method.
//!
//! Counted in the expansion snapshots of the macros' tests, which are formatted as `cargo expand`
//! does: all lines of a form, with bodies and docs, divided by the number of methods written.

use crate::measure::{Plan, Shown};
use crate::table::{Goal, Row, Table};

const BENCH: &str = "expand";
const LINES_A_METHOD: f64 = 60.0;

macro_rules! forms {
    ($($name:literal),* $(,)?) => {
        [$((
            $name,
            include_str!(concat!("../../macros/src/snapshots/", $name, ".rs")),
            include_str!(concat!("../../macros/src/snapshots/", $name, ".expanded.rs")),
        )),*]
    };
}

/// Name, as written, as expanded.
const FORMS: &[(&str, &str, &str)] = &forms![
    "blocking_function",
    "blocking_method",
    "helper",
    "hooks",
    "request",
    "request_send_result",
    "session",
    "states",
];

pub(crate) fn run(_: &Plan, table: &mut Table) {
    let allowed = Shown { name: "what is reached for", metrics: vec![vec![LINES_A_METHOD]] };
    for (name, written, expanded) in FORMS {
        let lines = expanded.lines().count() as f64 / methods(written) as f64;
        let ours = Shown { name: "ours", metrics: vec![vec![lines]] };
        let case = format!("{}, {} written", name.replace('_', " "), methods(written));
        table.add(&Row::compare(BENCH, case, "lines", (&ours, &allowed), 0).goal(Some(Goal::AtMost(1.0))));
    }
}

/// Counts the functions in a source, at the start of a line.
fn methods(source: &str) -> usize {
    let is_function = |line: &&str| {
        let mut words = line
            .split_whitespace()
            .skip_while(|word| ["async", "const"].contains(word) || word.starts_with("pub"));
        words.next() == Some("fn")
    };
    source.lines().filter(is_function).count()
}
