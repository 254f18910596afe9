//! Programs that must not compile, with the compiler's output, and programs that must.
#![forbid(unsafe_code)]

use std::{
    fs,
    path::{Path, PathBuf},
};

const FAIL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fail");

#[test]
fn ui() {
    let cases = trybuild::TestCases::new();
    cases.pass("pass/*.rs");
    cases.compile_fail("fail/*/*.rs");
}

/// Checks the rules of the README: the header, the number of errors, and that no message contains a
/// generated name.
#[test]
fn catalogue() {
    let mut faults = Vec::new();
    for case in cases() {
        if let Err(fault) = judge(&case) {
            faults.push(format!("{}: {fault}", case.display()));
        }
    }
    assert!(
        faults.is_empty(),
        "\n{}\n(after a change: `TRYBUILD=overwrite`, then read the diff)",
        faults.join("\n")
    );
}

/// `fail/<area>/<what_is_wrong>.rs`
fn cases() -> Vec<PathBuf> {
    let files = |folder: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).expect("a folder of the catalogue");
        entries.map(|entry| entry.expect("an entry").path()).collect()
    };
    let areas = files(Path::new(FAIL));
    let mut cases: Vec<_> = areas.iter().flat_map(|area| files(area)).collect();
    cases.retain(|file| file.extension().is_some_and(|extension| extension == "rs"));
    cases.sort();
    cases
}

fn judge(case: &Path) -> Result<(), String> {
    let read = |path: &Path| fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()));
    let (source, said) = (read(case)?, read(&case.with_extension("stderr"))?);

    let mut lines = source.lines();
    let header = lines.next().and_then(|line| line.strip_prefix("// errors: "));
    let mistakes: usize =
        header.and_then(|count| count.parse().ok()).ok_or("the first line is not `// errors: N`")?;
    if !lines.next().is_some_and(|line| line.starts_with("// ")) {
        return Err("the second line does not say why the rule exists".to_owned());
    }

    let is_error = |line: &&str| line.starts_with("error:") || line.starts_with("error[");
    let errors = said.lines().filter(is_error).count();
    if errors != mistakes {
        return Err(format!("holds {mistakes} mistake(s), and the compiler reports {errors} error(s)"));
    }
    let advice =
        ["constant", "method"].map(|what| format!("warning: use of deprecated {what} `portcullis::lints::"));
    let is_advice = |line: &str| advice.iter().any(|advice| line.starts_with(advice));
    if said.lines().any(|line| line.starts_with("warning") && !is_advice(line)) {
        return Err("a warning beside the error".to_owned());
    }
    let generated = ["__private", "`__"].iter().any(|name| said.contains(name));
    if generated { Err("a generated name in a message: the user can't know it".to_owned()) } else { Ok(()) }
}
