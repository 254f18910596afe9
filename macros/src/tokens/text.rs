//! Tokens printed as they are written, for types and parameters that a message repeats.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use quote::ToTokens;

/// `HashMap<String, Vec<u8>>`, where tokens print as `HashMap < String , Vec < u8 > >`.
pub(crate) fn to_text(tokens: &impl ToTokens) -> String {
    let mut text = String::new();
    print(tokens.to_token_stream(), &mut text);
    text
}

fn print(tokens: TokenStream, text: &mut String) {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    for (at, tree) in trees.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| trees.get(before));
        if before.is_some_and(|before| is_apart(&trees, at, before, tree)) {
            text.push(' ');
        }
        let TokenTree::Group(group) = tree else {
            text.push_str(&tree.to_string());
            continue;
        };
        let (open, close) = match group.delimiter() {
            Delimiter::Parenthesis => ("(", ")"),
            Delimiter::Bracket => ("[", "]"),
            Delimiter::Brace => ("{ ", " }"),
            Delimiter::None => ("", ""),
        };
        text.push_str(open);
        print(group.stream(), text);
        text.push_str(close);
    }
}

/// There is a blank in front of `tree`.
fn is_apart(trees: &[TokenTree], at: usize, before: &TokenTree, tree: &TokenTree) -> bool {
    let earlier = |back: usize| at.checked_sub(back).and_then(|at| trees.get(at));
    let is = |tree: Option<&TokenTree>, mark: char| matches!(tree, Some(TokenTree::Punct(punct)) if punct.as_char() == mark);
    let of_path = |tree: Option<&TokenTree>| matches!(tree, Some(TokenTree::Punct(punct)) if punct.as_char() == ':' && punct.spacing() == Spacing::Joint);
    let arrow = |head: Option<&TokenTree>, tip: Option<&TokenTree>| is(head, '-') && is(tip, '>');
    match (before, tree) {
        (TokenTree::Punct(mark), _) if matches!(mark.as_char(), ',' | ';' | '=' | '+') => true,
        // `name: Type`, and not `path::Type`.
        (TokenTree::Punct(mark), _) if mark.as_char() == ':' => {
            mark.spacing() == Spacing::Alone && !of_path(earlier(2))
        }
        (TokenTree::Punct(_), _) if arrow(earlier(2), Some(before)) => true,
        (_, TokenTree::Punct(mark)) if matches!(mark.as_char(), '=' | '+') => true,
        (_, TokenTree::Punct(_)) if arrow(Some(tree), trees.get(at + 1)) => true,
        // `for<'a> Fn(..)`, `impl<T> X`
        (TokenTree::Punct(mark), TokenTree::Ident(_)) => mark.as_char() == '>',
        (TokenTree::Ident(_) | TokenTree::Literal(_), TokenTree::Ident(_) | TokenTree::Literal(_)) => true,
        (TokenTree::Ident(word), TokenTree::Group(_) | TokenTree::Punct(_)) => {
            let keyword = ["mut", "dyn", "impl", "const", "where"].iter().any(|keyword| word == keyword);
            // `&'a [u8]`
            let lifetime = is(earlier(2), '\'');
            let opens = match tree {
                TokenTree::Punct(mark) => {
                    matches!(mark.as_char(), '&' | '*' | '\'') || (keyword && mark.as_char() == ':')
                }
                _ => true,
            };
            (keyword || lifetime) && opens
        }
        (TokenTree::Group(_), TokenTree::Ident(_)) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn types_read_as_they_are_written() {
        for text in [
            "Vec<Vec<u8>>",
            "HashMap<String, Vec<u8>>",
            "conn: &mut HashMap<String, Vec<u8>>",
            "std::collections::HashMap<K, V>",
            "::core::option::Option<<T as Trait>::Out>",
            "&'a mut [u8; 4]",
            "&'static str",
            "&'a [u8]",
            "Box<dyn Fn(u8, &str) -> Vec<u8> + Send + 'static>",
            "(u8, DoorState)",
            "Option<Item = u8>",
            "for<'a> fn(&'a str)",
            "*const u8",
            "[T; N]",
            "dyn ::std::error::Error",
        ] {
            let tokens: proc_macro2::TokenStream = text.parse().expect(text);
            assert_eq!(super::to_text(&tokens), text);
        }
    }
}
