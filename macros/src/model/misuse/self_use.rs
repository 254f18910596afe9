//! Finds uses of `self` that are correct for `&Self` but not for `&Arc<Self>`.

use super::Misuse;
use crate::tokens::{Walk, is_ident, is_punct, walk};
use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};

/// Finds the misuses in `body`. `own` is the name of the service's type.
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

/// Checks the `self` at `at`.
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

/// Whether the `self` at `at` is matched or destructured by a pattern of the service's type.
pub(crate) fn is_taken_apart(trees: &[TokenTree], at: usize) -> bool {
    let (before, after) = (trees.get(..at).unwrap_or_default(), trees.get(at..).unwrap_or_default());
    destructured(before, after) || matched(before, after, ANY)
}

/// Stands for a type of any name.
const ANY: &str = "*";

/// Matches `Self { .. } = self`, with nothing after `self`.
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

/// Matches `match self { Self::On => .. }` and `if let Self::On = self { .. }`.
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

/// Whether the name is `Self` or the name of the service's type.
fn is_own(name: &Ident, own: &str) -> bool {
    name == "Self" || own == ANY || (!own.is_empty() && name == own)
}

/// Whether the tokens begin with a path such as `Self::On`.
fn begins_with_variant(trees: &[TokenTree], own: &str) -> bool {
    let is = |tree: &TokenTree| is_punct(Some(tree), ':');
    match trees {
        [TokenTree::Ident(of), one, two, TokenTree::Ident(_), ..] => is_own(of, own) && is(one) && is(two),
        [TokenTree::Ident(of), ..] => of == "Self",
        _ => false,
    }
}

/// Returns the `self` of `matches!(self, Self::On)`.
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

/// Matches `*self` as a whole expression: not `a * self`, `*self.field`, `&*self` or `**self`.
fn dereferenced(before: &[TokenTree], after: &[TokenTree]) -> bool {
    let [earlier @ .., TokenTree::Punct(star)] = before else { return false };
    let prefix = match earlier.last() {
        None => true,
        Some(TokenTree::Punct(punct)) => !matches!(punct.as_char(), '&' | '*' | '?'),
        Some(TokenTree::Ident(ident)) => ident == "match" || ident == "return" || ident == "in",
        Some(TokenTree::Group(_) | TokenTree::Literal(_)) => false,
    };
    let whole = match after.get(1) {
        // `(*self)` may be followed by `.field`, which is correct.
        None => !earlier.is_empty(),
        Some(TokenTree::Punct(punct)) => matches!(punct.as_char(), ';' | ','),
        Some(TokenTree::Group(group)) => group.delimiter() == Delimiter::Brace,
        Some(_) => false,
    };
    star.as_char() == '*' && prefix && whole
}

/// Matches `self.clone()`.
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
    fn misuses_of_self_are_found() {
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
    fn matches_on_self_are_found() {
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
    fn correct_uses_of_self_are_ignored() {
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
