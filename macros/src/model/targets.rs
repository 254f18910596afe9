//! [`targets`]: where a body leads to, as far as its tokens tell.
//!
//! A state is named by a path, `ChatState::Room`; whatever else is done with the enum (a glob import, an alias, a
//! mention of the type alone) may name states that can't be seen. Macros' arguments are looked through like all
//! tokens.

use proc_macro2::{Ident, TokenStream, TokenTree};

/// What a body says of the enum of the states.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Targets {
    /// The variants that it names, each once, in their order.
    pub(crate) named: Vec<String>,
    /// Every mention of the enum was such a path.
    pub(crate) understood: bool,
}

/// The variants of `states` that `body` names.
pub(crate) fn targets(body: TokenStream, states: &Ident) -> Targets {
    let mut targets = Targets { named: Vec::new(), understood: true };
    search(body, states, &mut targets);
    targets
}

fn search(tokens: TokenStream, states: &Ident, targets: &mut Targets) {
    let mut trees = tokens.into_iter().peekable();
    while let Some(tree) = trees.next() {
        match tree {
            TokenTree::Group(group) => search(group.stream(), states, targets),
            TokenTree::Ident(ident) if ident == *states => {
                let is_colon =
                    |tree: &TokenTree| matches!(tree, TokenTree::Punct(punct) if punct.as_char() == ':');
                let path = trees.next_if(is_colon).is_some() && trees.next_if(is_colon).is_some();
                match trees.peek() {
                    Some(TokenTree::Ident(variant)) if path => {
                        let variant = variant.to_string();
                        if !targets.named.contains(&variant) {
                            targets.named.push(variant);
                        }
                    }
                    _ => targets.understood = false,
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::{format_ident, quote};

    fn found(body: TokenStream) -> (Vec<String>, bool) {
        let Targets { named, understood } = targets(body, &format_ident!("ChatState"));
        (named, understood)
    }

    #[test]
    fn paths_are_targets_at_any_depth() {
        let body = quote! {
            if x { return (r, chat::ChatState::Room(seat)); }
            vec![ChatState::Lobby, ChatState::Room(seat)]
        };
        assert_eq!(found(body), (vec!["Room".to_owned(), "Lobby".to_owned()], true));
    }

    #[test]
    fn what_may_name_states_unseen_is_not_understood() {
        for body in [
            quote!(
                use ChatState::*;
            ),
            quote!(let next: ChatState = x.into();),
            quote!(
                use ChatState as S;
            ),
            quote!(<ChatState as Default>::default()),
        ] {
            assert!(!found(body.clone()).1, "{body}");
        }
        assert_eq!(found(quote!(self.elsewhere())), (Vec::new(), true));
    }
}
