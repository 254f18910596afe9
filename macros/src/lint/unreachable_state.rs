//! Finds states that no handler returns.
//!
//! The next states are read from the tokens of the bodies. If any body is unclear, because it uses
//! a macro or another function, there is no warning.

use crate::model::{ConnectOutput, NextStates, Role, Service, Trigger, connect_output, next_states, variant};
use crate::parse::HookEvent;
use crate::report::{Lint, Warning};
use proc_macro2::Ident;
use quote::ToTokens;

/// Warns at each state that no body returns, if all bodies are clear.
pub(super) fn check(service: &Service) {
    let Some(states) = service.states.as_ref().filter(|_| !service.sink.has_errors()) else { return };
    let variants = service.variants();
    let mut reached: Vec<Ident> = Vec::new();
    for method in service.methods() {
        let leads = match &method.role {
            Role::Transition(_) => true,
            Role::Hook(hook) => {
                hook.event == Some(HookEvent::Connect)
                    && connect_output(hook, Some(states)) != ConnectOutput::Conn
            }
            _ => false,
        };
        if leads {
            let NextStates { named, exhaustive } =
                next_states(&method.function.body.stream(), &states.ident, &variants);
            // A body that returns no state is incomplete, or an error of the compiler.
            if !exhaustive || named.is_empty() {
                return;
            }
            reached.extend(named);
        }
    }
    for (method, transition) in service.state_handlers() {
        let name = &method.function.sig.ident;
        let is_start = matches!(&transition.trigger, Trigger::State(options) if options.start.is_some());
        if !is_start && !reached.contains(&variant(name)) {
            method.sink.warn(Warning { lint: Lint::UnreachableState, at: name.to_token_stream() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::{self, Target, target};
    use crate::report::ErrorSink;
    use proc_macro2::TokenStream;
    use quote::quote;

    const NONE: [&str; 0] = [];

    /// Returns the names of the unreachable states.
    fn unreachable(methods: TokenStream) -> Vec<String> {
        let sink = ErrorSink::root();
        let options = parse::options(TokenStream::new(), &sink);
        let Target::Block(block) = target(options, quote!(impl Svc { #methods }), &sink) else {
            panic!("a block")
        };
        let service = Service::new(*block);
        check(&service);
        let warnings = service.methods().flat_map(|method| method.sink.warnings());
        warnings.map(|warning| warning.at.to_string()).collect()
    }

    /// A machine with the start state `a` and a state `b`, with these bodies.
    fn states(a: &TokenStream, b: &TokenStream) -> TokenStream {
        quote! {
            #[state(start)] async fn a(&self, r: Req) -> (Rsp, SvcState) { #a }
            #[state] async fn b(&self, r: Req) -> (Rsp, SvcState) { #b }
        }
    }

    #[test]
    fn an_unreachable_state_is_found() {
        let (only_a, closed) = (quote!((Rsp, SvcState::A)), quote!((Rsp, SvcState::Closed)));
        assert_eq!(unreachable(states(&only_a, &closed)), ["b"]);
        assert_eq!(
            unreachable(states(
                &quote!(if r.ok() { (Rsp, SvcState::A) } else { (Rsp, SvcState::B) }),
                &closed
            )),
            NONE
        );
        let posted = quote!(
            #[event(a)]
            async fn e(&self, e: Ev) -> SvcState {
                SvcState::B
            }
        );
        let states = states(&only_a, &closed);
        assert_eq!(unreachable(quote!(#states #posted)), NONE);
    }

    #[test]
    fn an_unclear_body_suppresses_the_warning() {
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
            assert_eq!(unreachable(states(&doubtful, &closed)), NONE);
        }
    }
}
