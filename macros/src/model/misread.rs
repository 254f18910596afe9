//! What reads differently once `&self` is `self: &Arc<Self>`: found in a body's tokens, where they leave no
//! doubt.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A place in a body, by its tokens.
#[derive(Clone)]
pub(crate) enum Misreading {
    /// `let Self { .. } = self`
    Destructured(TokenStream),
    /// `*self`, where the service was meant and the `Arc` is had.
    Dereferenced(TokenStream),
    /// `self.clone()`
    Cloned(TokenStream),
}

pub(super) fn find(body: TokenStream) -> Vec<Misreading> {
    let mut found = Vec::new();
    scan(body, &mut found);
    found
}

fn scan(tokens: TokenStream, found: &mut Vec<Misreading>) {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    let mut foreign = false;
    for (at, tree) in trees.iter().enumerate() {
        match tree {
            // A nested `impl` or `trait` has a `self` of its own.
            TokenTree::Ident(ident) if ident == "impl" || ident == "trait" => foreign = true,
            TokenTree::Group(group) if foreign && group.delimiter() == Delimiter::Brace => foreign = false,
            TokenTree::Group(group) => scan(group.stream(), found),
            TokenTree::Ident(ident) if ident == "self" => found.extend(misread(&trees, at)),
            _ => {}
        }
    }
}

/// `trees[at]` is `self`.
fn misread(trees: &[TokenTree], at: usize) -> Option<Misreading> {
    let (before, after) = (trees.get(..at)?, trees.get(at..)?);
    let tokens = |from: usize, to: usize| trees.iter().take(to).skip(from).cloned().collect::<TokenStream>();
    if destructured(before, after) {
        Some(Misreading::Destructured(tokens(at, at + 1)))
    } else if dereferenced(before, after) {
        Some(Misreading::Dereferenced(tokens(at.saturating_sub(1), at + 1)))
    } else if cloned(after) {
        Some(Misreading::Cloned(tokens(at, at + 4)))
    } else {
        None
    }
}

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
        find(text.parse().expect(text)).len()
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
    fn what_means_the_same() {
        for text in [
            "let Self { a, .. } = &**self;",
            "let Self { a, .. } = self.inner;",
            "*self.counter = 1;",
            "2 * self.n",
            "f(&*self)",
            "(*self).field",
            "**self",
            "self.list.clone()",
            "Arc::clone(self)",
            "impl Clone for X { fn clone(&self) -> Self { *self } } impl Y { fn f(&self) { self.clone(); } }",
        ] {
            assert_eq!(count(text), 0, "{text}");
        }
    }
}
