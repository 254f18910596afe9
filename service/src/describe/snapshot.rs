//! What `assert_diagram!` does: a description against a file.

use super::{Chart, Description};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The package that an expansion is in, as it was when it was built.
#[derive(Debug, Clone, Copy)]
pub struct Package {
    /// Its name, if cargo has built it.
    pub name: Option<&'static str>,
    /// Where its `Cargo.toml` was.
    pub folder: &'static str,
}

/// What `assert_diagram!` does: `path` is relative to `package`.
#[track_caller]
pub fn assert_diagram(description: &Description<'_>, package: Package, path: impl AsRef<Path>) {
    let file = folder(package, |name| env::var_os(name)).join(path);
    if let Err(message) = compare(description, &file, bless()) {
        panic!("{message}");
    }
}

/// Compares, or writes the file; the error is the test's message.
fn compare(description: &Description<'_>, file: &Path, bless: bool) -> Result<(), String> {
    let found = print(description, file)?;
    let expected = fs::read_to_string(file).map(|text| text.replace("\r\n", "\n"));
    if expected.as_ref().is_ok_and(|expected| *expected == found) {
        return Ok(());
    }
    let name = file.display();
    if bless {
        let folder = file.parent().map_or(Ok(()), fs::create_dir_all);
        return folder.and_then(|()| fs::write(file, found)).map_err(|error| format!("{name}: {error}"));
    }
    let service = description.service;
    let how = "if this is as it should be: PORTCULLIS_BLESS=1 cargo test";
    match expected {
        Ok(expected) => {
            Err(format!("`{service}` is not what {name} says\n{}{how}", difference(&expected, &found)))
        }
        Err(error) => Err(format!("`{service}` can't be compared with {name}: {error}\n{how}")),
    }
}

/// `PORTCULLIS_BLESS` is set, and not to nothing.
fn bless() -> bool {
    env::var_os("PORTCULLIS_BLESS").is_some_and(|value| !value.is_empty())
}

/// Where the package is now. `var` reads the environment.
fn folder(package: Package, var: impl Fn(&str) -> Option<OsString>) -> PathBuf {
    // Cargo and nextest name the package whose test this is; a helper in another package has its
    // pictures there.
    let same = match (package.name, var("CARGO_PKG_NAME")) {
        (Some(built), Some(runs)) => runs == built,
        _ => true,
    };
    let runs_in = var("CARGO_MANIFEST_DIR").filter(|_| same).map(PathBuf::from);
    let built_in = PathBuf::from(package.folder);
    let found = runs_in.into_iter().chain([built_in]).find(|folder| folder.is_dir());
    found.or_else(|| env::current_dir().ok()).unwrap_or_default()
}

/// In the language that the file's name asks for.
fn print(description: &Description<'_>, file: &Path) -> Result<String, String> {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let (stem, ending) = name.rsplit_once('.').unwrap_or((&name, ""));
    let chart = if stem.ends_with(".threads") { Chart::Threads } else { Chart::States };
    match ending {
        "mmd" => Ok(description.mermaid(chart)),
        "dot" => Ok(description.dot(chart)),
        "json" => Ok(description.json()),
        _ => Err(format!("`{name}`: a picture's name ends in `.mmd`, `.dot` or `.json`")),
    }
}

/// The lines that differ, with what is the same around them left out.
fn difference(expected: &str, found: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (expected.lines().collect(), found.lines().collect());
    let start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let rest = old.len().min(new.len()) - start;
    let end = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let removed = old.iter().take(old.len() - end).skip(start).map(|line| format!("-{line}\n"));
    let added = new.iter().take(new.len() - end).skip(start).map(|line| format!("+{line}\n"));
    std::iter::once(format!("@@ line {}\n", start + 1)).chain(removed).chain(added).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_describe::{Method, Role};

    const METHODS: &[Method<'static>] = &[Method::new(Role::OnRequest, "ask", "")];
    const ASKED: Description<'static> = Description::new("Asked", "", METHODS);

    fn file(name: &str) -> std::path::PathBuf {
        env::temp_dir().join(format!("portcullis-describe-{}", std::process::id())).join(name)
    }

    #[test]
    fn a_file_is_blessed_and_then_compared() {
        let file = file("asked.mmd");
        let missing = compare(&ASKED, &file, false).expect_err("no file");
        assert!(missing.contains("PORTCULLIS_BLESS=1"), "{missing}");
        compare(&ASKED, &file, true).expect("written");
        compare(&ASKED, &file, false).expect("the same");
        let other = Description::new("Asked", "", &[]);
        let message = compare(&other, &file, false).expect_err("another");
        assert!(message.contains("@@ line 2\n-    ask : ask\n"), "{message}");
        fs::remove_file(&file).expect("removed");
    }

    #[test]
    fn a_package_is_looked_for_where_it_runs_then_where_it_was_built_then_here() {
        let (here, temp) = (env::current_dir().expect("a folder"), env::temp_dir());
        let found = |folder: &'static str, vars: &[(&str, &Path)]| {
            let var = |name: &str| {
                vars.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_os_str().to_owned())
            };
            super::folder(Package { name: Some("mine"), folder }, var)
        };
        let built = env!("CARGO_MANIFEST_DIR");
        let (mine, other) = (("CARGO_PKG_NAME", Path::new("mine")), ("CARGO_PKG_NAME", Path::new("other")));
        let runs = ("CARGO_MANIFEST_DIR", temp.as_path());
        assert_eq!(found(built, &[mine, runs]), temp);
        assert_eq!(found(built, &[runs]), temp);
        assert_eq!(found(built, &[other, runs]), Path::new(built));
        assert_eq!(found(built, &[mine]), Path::new(built));
        assert_eq!(found("/no/such/folder", &[mine, runs]), temp);
        assert_eq!(found("/no/such/folder", &[other, runs]), here);
        assert_eq!(found("/no/such/folder", &[("CARGO_MANIFEST_DIR", Path::new("/nor/this"))]), here);
    }

    #[test]
    fn endings_choose_the_form() {
        let print = |name: &str| print(&ASKED, Path::new(name));
        assert!(print("a.mmd").is_ok_and(|text| text.starts_with("stateDiagram-v2\n")));
        assert!(print("a.threads.mmd").is_ok_and(|text| text.starts_with("flowchart LR\n")));
        assert!(print("docs/a.dot").is_ok_and(|text| text.starts_with("digraph")));
        assert!(print("a.json").is_ok_and(|text| text.starts_with('{')));
        assert!(print("a.svg").is_err());
    }
}
