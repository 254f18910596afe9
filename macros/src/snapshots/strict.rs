//! `ui-tests/strict`: an expansion that is compiled as source, where no lint looks away.

use super::{all_expanded, difference};
use std::{env, fs, path::PathBuf};

#[test]
fn the_strict_crate_holds_the_expansion() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../ui-tests/strict");
    if !folder.exists() {
        return; // the published crate has no other
    }
    let written = fs::read_to_string(folder.join("written.rs")).expect("what is written");
    let written = written.replace("//! What a user writes: each form once.", "//! `written.rs`, expanded.");
    let found = prettyplease::unparse(&all_expanded(&written, "written.rs"));
    let path = folder.join("expanded.rs");
    if env::var_os("PORTCULLIS_BLESS").is_some() {
        fs::write(&path, &found).expect("write the expansion");
        return;
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == found,
        "\n{}\nif this is as it should be: PORTCULLIS_BLESS=1\n",
        difference(&expected, &found)
    );
}
