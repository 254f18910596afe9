//! Names of states that make no variant.

use super::says;
use proc_macro2::TokenStream;
use quote::quote;

#[test]
fn a_name_that_makes_no_variant_is_said() {
    for (name, makes) in [
        ("_2fa", "`_2fa` makes `2fa`"),
        ("self_", "`self_` makes `Self`"),
        ("_self", "`_self` makes `Self`"),
        ("__", "`__` makes none"),
        ("_1_a", "`_1_a` makes `1A`"),
    ] {
        let name = quote::format_ident!("{name}");
        let state = quote!(#[state(start)] async fn #name(&self, r: Req) -> (Rsp, SvcState) { (Rsp, SvcState::Closed) });
        says(state, &[makes]);
    }
    for name in ["crate_", "super_", "a2", "ünder_x", "r#type"] {
        let name: TokenStream = name.parse().expect(name);
        let state = quote!(#[state(start)] async fn #name(&self, r: Req) -> (Rsp, SvcState) { (Rsp, SvcState::Closed) });
        says(state, &[]);
    }
}
