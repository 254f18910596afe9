//! Uses of `self` that would be right for `&Self`, and are wrong for `&Arc<Self>`.

use super::Misuse;
use crate::tokens::{Walk, is_ident, is_punct, walk};
use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};

/// Each of them in `body`; `own` is the name of the service's type.
pub(super) fn find(body: TokenStream, own: &str) -> Vec<Misuse> {
    let mut found = Vec::new();
    walk(body, &mut |site| {
        if site.is_foreign() {
            return Walk::Skip;
        }
        if is_ident(site.tree(), "self") {
            found.extend(misuse_of_self(site.trees, site.at, own));
        }
        if let (Some(group), true) = (site.group(), site.macro_name().is_some_and(|name| name == "matches")) {
            found.extend(matched_by_macro(&group.stream(), own).map(Misuse::SelfMatched));
        }
        Walk::Enter
    });
    found
}

/// `trees[at]` is `self`.
fn misuse_of_self(trees: &[TokenTree], at: usize, own: &str) -> Option<Misuse> {
    let (before, after) = (trees.get(..at)?, trees.get(at..)?);
    let tokens = |from: usize, to: usize| trees.iter().take(to).skip(from).cloned().collect::<TokenStream>();
    if destructured(before, after) {
        Some(Misuse::SelfDestructured(tokens(at, at + 1)))
    } else if dereferenced(before, after) {
        Some(Misuse::SelfDereferenced(tokens(at.saturating_sub(1), at + 1)))
    } else if matched(before, after, own) {
        Some(Misuse::SelfMatched(tokens(at, at + 1)))
    } else if cloned(after) {
        Some(Misuse::SelfCloned(tokens(at, at + 4)))
    } else {
        None
    }
}

/// The `self` at `at` is matched on or taken apart, by patterns of the service's type.
pub(crate) fn is_taken_apart(trees: &[TokenTree], at: usize) -> bool {
    let (before, after) = (trees.get(..at).unwrap_or_default(), trees.get(at..).unwrap_or_default());
    destructured(before, after) || matched(before, after, ANY)
}

/// For a type of any name.
const ANY: &str = "*";

/// `Self { .. } = self`, and nothing taken from that `self`.
fn destructured(before: &[TokenTree], after: &[TokenTree]) -> bool {
    let ends = match after.get(1) {
        None => true,
        Some(TokenTree::Punct(punct)) => punct.as_char() == ';',
        Some(TokenTree::Ident(ident)) => ident == "else",
        Some(_) => false,
    };
    match before {
        [.., TokenTree::Ident(name), TokenTree::Group(fields), TokenTree::Punct(equals)] => {
            ends && name == "Self" && fields.delimiter() == Delimiter::Brace && equals.as_char() == '='
        }
        _ => false,
    }
}

/// `match self { Self::On => .. }`, `if let Self::On = self { .. }`
fn matched(before: &[TokenTree], after: &[TokenTree], own: &str) -> bool {
    let Some(TokenTree::Group(arms)) = after.get(1).filter(|_| !before.is_empty()) else { return false };
    if arms.delimiter() != Delimiter::Brace {
        return false;
    }
    let is = |tree: &TokenTree, mark: char| is_punct(Some(tree), mark);
    match before {
        [.., TokenTree::Ident(word)] => {
            word == "match" && begins_with_variant(&arms.stream().into_iter().collect::<Vec<_>>(), own)
        }
        [rest @ .., equals] if is(equals, '=') => {
            let rest = match rest {
                [rest @ .., TokenTree::Group(_)] => rest,
                rest => rest,
            };
            match rest {
                [.., TokenTree::Ident(word), TokenTree::Ident(of), one, two, TokenTree::Ident(_)] => {
                    word == "let" && is_own(of, own) && is(one, ':') && is(two, ':')
                }
                _ => false,
            }
        }
        _ => false,
    }
}

/// `Self`, or the type's own name.
fn is_own(name: &Ident, own: &str) -> bool {
    name == "Self" || own == ANY || (!own.is_empty() && name == own)
}

/// `Self::On ..`
fn begins_with_variant(trees: &[TokenTree], own: &str) -> bool {
    let is = |tree: &TokenTree| is_punct(Some(tree), ':');
    match trees {
        [TokenTree::Ident(of), one, two, TokenTree::Ident(_), ..] => is_own(of, own) && is(one) && is(two),
        [TokenTree::Ident(of), ..] => of == "Self",
        _ => false,
    }
}

/// `self` of `matches!(self, Self::On)`
fn matched_by_macro(tokens: &TokenStream, own: &str) -> Option<TokenStream> {
    let trees: Vec<TokenTree> = tokens.clone().into_iter().collect();
    match trees.as_slice() {
        [TokenTree::Ident(value), TokenTree::Punct(comma), pattern @ ..]
            if value == "self" && comma.as_char() == ',' && begins_with_variant(pattern, own) =>
        {
            Some(TokenTree::Ident(value.clone()).into())
        }
        _ => None,
    }
}

/// `*self` as a whole: not `a * self`, not `*self.field`, and neither `&*self` nor `**self`.
fn dereferenced(before: &[TokenTree], after: &[TokenTree]) -> bool {
    let [earlier @ .., TokenTree::Punct(star)] = before else { return false };
    let prefix = match earlier.last() {
        None => true,
        Some(TokenTree::Punct(punct)) => !matches!(punct.as_char(), '&' | '*' | '?'),
        Some(TokenTree::Ident(ident)) => ident == "match" || ident == "return" || ident == "in",
        Some(TokenTree::Group(_) | TokenTree::Literal(_)) => false,
    };
    let whole = match after.get(1) {
        // Alone in brackets it may still be `(*self).field`, which means the same.
        None => !earlier.is_empty(),
        Some(TokenTree::Punct(punct)) => matches!(punct.as_char(), ';' | ','),
        Some(TokenTree::Group(group)) => group.delimiter() == Delimiter::Brace,
        Some(_) => false,
    };
    star.as_char() == '*' && prefix && whole
}

/// `self.clone()`
fn cloned(after: &[TokenTree]) -> bool {
    match after {
        [_, TokenTree::Punct(dot), TokenTree::Ident(method), TokenTree::Group(arguments), ..] => {
            dot.as_char() == '.' && method == "clone" && arguments.stream().is_empty()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str) -> usize {
        find(text.parse().expect(text), "Mode").len()
    }

    #[test]
    fn what_means_something_else() {
        for text in [
            "let Self { a, .. } = self;",
            "if let Self { a: Some(a), .. } = self { }",
            "let Self { a } = *self;",
            "match *self { Self { a } => a }",
            "let copy = *self;",
            "take(1, *self)",
            "let other = self.clone();",
            "spawn(async move { self.clone().run().await })",
        ] {
            assert!(count(text) <= 1, "{text}");
        }
        assert_eq!(count("let Self { a, .. } = self;"), 1);
        assert_eq!(count("let Self { a } = *self;"), 1);
        assert_eq!(count("match *self { Self { a } => a }"), 1);
        assert_eq!(count("take(1, *self); x(self.clone())"), 2);
    }

    #[test]
    fn matches_on_the_handle() {
        for text in [
            "match self { Self::On => 1, _ => 2 }",
            "if let Self::On(n) = self { n } else { 0 }",
            "while let Self::On = self { }",
            "match self { Mode::On => 1, _ => 2 }",
            "if let Mode::On(n) = self { n } else { 0 }",
            "matches!(self, Self::On | Self::Off)",
            "matches!(self, Mode::On)",
        ] {
            assert_eq!(count(text), 1, "{text}");
        }
        for text in [
            "match &**self { Self::On => 1 }",
            "match self { this => Self::f(this) }",
            "match self.n { Self::N => 1 }",
            "if a == self { Self::f() }",
            "match self { other::Mode::On => 1 }",
            "matches!(**self, Self::On)",
            "matches!(self.n, Mode::On)",
        ] {
            assert_eq!(count(text), 0, "{text}");
        }
    }

    #[test]
    fn what_means_the_same() {
        for text in [
            "let Self { a, .. } = &**self;",
            "let Self { a, .. } = self.inner;",
            "*self.counter = 1;",
            "2 * self.n",
            "f(&*self)",
            "(*self).field",
            "quote!(*self; self.clone())",
            "**self",
            "self.list.clone()",
            "Arc::clone(self)",
            "impl Clone for X { fn clone(&self) -> Self { *self } } impl Y { fn f(&self) { self.clone(); } }",
        ] {
            assert_eq!(count(text), 0, "{text}");
        }
    }
}
