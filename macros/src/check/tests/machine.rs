//! States that nothing leads to, and names that make no variant.

use super::says;
use proc_macro2::TokenStream;
use quote::quote;

/// `a` is the start, `b` is what may be out of reach; both of them end as they are told.
fn states(a: &TokenStream, b: &TokenStream) -> TokenStream {
    quote! {
        #[state(start)] async fn a(&self, r: Req) -> (Rsp, SvcState) { #a }
        #[state] async fn b(&self, r: Req) -> (Rsp, SvcState) { #b }
    }
}

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

#[test]
fn a_state_that_nothing_leads_to_is_said() {
    let (only_a, closed) = (quote!((Rsp, SvcState::A)), quote!((Rsp, SvcState::Closed)));
    says(states(&only_a, &closed), &["nothing leads to this state: return `SvcState::B`"]);
    says(states(&quote!(if r.ok() { (Rsp, SvcState::A) } else { (Rsp, SvcState::B) }), &closed), &[]);
    let posted = quote!(
        #[event(a)]
        async fn e(&self, e: Ev) -> SvcState {
            SvcState::B
        }
    );
    let states = states(&only_a, &closed);
    says(quote!(#states #posted), &[]);
}

#[test]
fn where_bodies_lead_elsewhere_nothing_is_said() {
    let closed = quote!((Rsp, SvcState::Closed));
    for doubtful in [
        quote!((Rsp, self.next())),
        quote!(if r.ok() {
            return self.go_on();
        }(Rsp, SvcState::A)),
        quote!(match r {
            Req::A => (Rsp, SvcState::A),
            _ => todo!(),
        }),
        quote!(finish!(r); (Rsp, SvcState::A)),
        quote!(),
    ] {
        says(states(&doubtful, &closed), &[]);
    }
}
