//! Whether tokens may be a complete item. Tokens that are found incomplete are not shown to the
//! compiler again. Newer compilers know syntax that is unknown here, so every doubt counts as
//! "complete".

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Whether the tokens end as an item does: with a semicolon, or with braces.
pub(crate) fn is_terminated(tokens: &TokenStream) -> bool {
    match tokens.clone().into_iter().last() {
        Some(TokenTree::Group(group)) => group.delimiter() == Delimiter::Brace,
        last => punct(last.as_ref()) == Some(';'),
    }
}

/// Whether the head of an item ends where no Rust syntax does: after an operator, in angle
/// brackets, or at a parameter without a type.
pub(crate) fn is_truncated(head: &TokenStream) -> bool {
    let trees: Vec<TokenTree> = head.clone().into_iter().collect();
    // `where T:` is valid.
    let ends = ends_mid_syntax(&trees) && !(punct(trees.last()) == Some(':') && has_word(&trees, "where"));
    ends || !angles_balanced(&trees) || trees.iter().any(group_is_truncated)
}

fn group_is_truncated(tree: &TokenTree) -> bool {
    let TokenTree::Group(group) = tree else { return false };
    let trees: Vec<TokenTree> = group.stream().into_iter().collect();
    match group.delimiter() {
        Delimiter::Parenthesis => {
            trees.split(is_comma).any(ends_mid_syntax)
                || !angles_balanced(&trees)
                || trees.iter().any(group_is_truncated)
        }
        // Any expression may follow the semicolon of an array.
        Delimiter::Bracket => ends_mid_syntax(&trees) || punct(trees.last()) == Some(';'),
        Delimiter::Brace | Delimiter::None => false,
    }
}

fn has_word(trees: &[TokenTree], word: &str) -> bool {
    trees.iter().any(|tree| matches!(tree, TokenTree::Ident(ident) if ident == word))
}

fn is_comma(tree: &TokenTree) -> bool {
    matches!(tree, TokenTree::Punct(punct) if punct.as_char() == ',')
}

pub(super) fn punct(tree: Option<&TokenTree>) -> Option<char> {
    match tree {
        Some(TokenTree::Punct(punct)) => Some(punct.as_char()),
        _ => None,
    }
}

/// Whether the last token needs another one after it.
fn ends_mid_syntax(trees: &[TokenTree]) -> bool {
    const WORDS: [&str; 9] = ["mut", "dyn", "impl", "as", "for", "const", "ref", "unsafe", "async"];
    let back = |count: usize| trees.len().checked_sub(count).and_then(|index| trees.get(index));
    match back(1) {
        Some(TokenTree::Ident(word)) => {
            // `&'a` without a type.
            let lends = punct(back(2)) == Some('\'') && punct(back(3)) == Some('&');
            lends || WORDS.iter().any(|open| word == open)
        }
        Some(TokenTree::Punct(last)) => match last.as_char() {
            '>' => punct(back(2)) == Some('-'),
            '.' => punct(back(2)) != Some('.'),
            last => ":<&=-*/|?@#$%^".contains(last),
        },
        _ => false,
    }
}

/// Whether the angle brackets are balanced. Arrows have a `>` too.
fn angles_balanced(trees: &[TokenTree]) -> bool {
    let mut open = 0_i32;
    let mut before = None;
    for tree in trees {
        let this = punct(Some(tree));
        match (before, this) {
            (_, Some('<')) => open += 1,
            (Some('-' | '='), Some('>')) => {}
            (_, Some('>')) => open -= 1,
            _ => {}
        }
        before = this;
    }
    open == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> TokenStream {
        text.parse().expect(text)
    }

    #[test]
    fn heads_that_break_off_are_no_rust() {
        for head in [
            "(&self, n:)",
            "(&self, n: &)",
            "(&self, n: &'a)",
            "(&self, n: &mut)",
            "(&self, n: std::)",
            "(&self, n: [u8;])",
            "(&self, n: HashMap<u8, )",
            "(&self, f: impl Fn() ->)",
            "(&self) ->",
            "(&self) -> Result<u8,",
            "(&self) -> impl",
            "<T:>(&self) -> Vec<",
        ] {
            assert!(is_truncated(&tokens(head)), "{head}");
        }
    }

    #[test]
    fn heads_that_may_be_rust_are_not_judged() {
        for head in [
            "(&self, n: u8, ) -> impl Fn(u8) -> u8",
            "(&self, f: fn(u8) -> !, (a, ..): (u8, u8))",
            "(&self, n: [u8; N >> 1], m: Foo<{ N > 2 }>)",
            "(&'a self) -> &'a str where T:",
            "(&self, n: u8 is u9) -> impl Send +",
        ] {
            assert!(!is_truncated(&tokens(head)), "{head}");
        }
    }
}
