//! Names of states that don't make a variant.

use super::reports;
use proc_macro2::TokenStream;
use quote::quote;

#[test]
fn a_state_of_events_takes_an_event() {
    let start = quote!(
        #[state(start)]
        async fn a(&self, r: Req) -> (Rsp, SvcState) {
            (Rsp, SvcState::B)
        }
    );
    for (method, messages) in [
        (
            quote!(
                #[state(events_only)]
                async fn b(&self, data: u8, e: Ev) -> SvcState {
                    SvcState::A
                }
            ),
            &[][..],
        ),
        (
            quote!(
                #[state(events_only)]
                async fn b(&self) -> SvcState {
                    SvcState::A
                }
            ),
            &[
                "must take the event by value as its last parameter: write `async fn b(&self, [peer: &Peer<Response>,] [conn: &mut Conn,] [data: T, ..], event: Event)",
            ],
        ),
        (
            quote!(
                #[state(events_only, events_restart_idle)]
                async fn b(&self, e: Ev) -> SvcState {
                    SvcState::A
                }
            ),
            &["`events_restart_idle` needs a limit"],
        ),
        (
            quote!(
                #[state(events_only, idle = "1s", events_restart_idle)]
                async fn b(&self, e: Ev) -> SvcState {
                    SvcState::A
                }
            ),
            &["remove `events_restart_idle`"],
        ),
        (
            quote!(
                #[state(events_only)]
                async fn b(&self, e: Ev) -> SvcState {
                    SvcState::A
                }
                #[event(a, b)]
                async fn c(&self, e: Ev) -> SvcState {
                    SvcState::A
                }
            ),
            &["state `b` already has an event handler, `b`"],
        ),
        (
            quote!(
                #[state(events_only, idle = e.limit)]
                async fn b(&self, e: Ev) -> SvcState {
                    SvcState::A
                }
            ),
            &["so there is no `e`"],
        ),
    ] {
        reports(quote!(#start #method), messages);
    }
    reports(
        quote!(
            #[state(start, events_only)]
            async fn a(&self, e: Ev) -> (Rsp, SvcState) {
                (Rsp, SvcState::A)
            }
        ),
        &["no state of this service takes requests"],
    );
}

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
