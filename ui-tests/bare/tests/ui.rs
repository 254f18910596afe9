//! Messages about items whose feature is disabled, and programs that need no feature.

#![forbid(unsafe_code)]

#[test]
fn without_features() {
    let cases = trybuild::TestCases::new();
    cases.pass("pass/*.rs");
    cases.compile_fail("fail/*.rs");
}
