//! Names of states that don't make a variant.

use super::reports;
use proc_macro2::TokenStream;
use quote::quote;

#[test]
fn a_name_that_makes_no_variant_is_rejected() {
    for (name, makes) in [
        ("_2fa", "`_2fa` becomes `2fa`"),
        ("self_", "`self_` becomes `Self`"),
        ("_self", "`_self` becomes `Self`"),
        ("__", "`__` becomes no name"),
        ("_1_a", "`_1_a` becomes `1A`"),
    ] {
        let name = quote::format_ident!("{name}");
        let state = quote!(#[state(start)] async fn #name(&self, r: Req) -> (Rsp, SvcState) { (Rsp, SvcState::Closed) });
        reports(state, &[makes]);
    }
    for name in ["crate_", "super_", "a2", "ünder_x", "r#type"] {
        let name: TokenStream = name.parse().expect(name);
        let state = quote!(#[state(start)] async fn #name(&self, r: Req) -> (Rsp, SvcState) { (Rsp, SvcState::Closed) });
        reports(state, &[]);
    }
}
