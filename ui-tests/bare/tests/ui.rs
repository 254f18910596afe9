//! What the compiler says of what a feature has left out; and what needs none.

#![forbid(unsafe_code)]

#[test]
fn without_features() {
    let cases = trybuild::TestCases::new();
    cases.pass("pass/*.rs");
    cases.compile_fail("fail/*.rs");
}
