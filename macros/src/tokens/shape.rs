//! Small forms in tokens: a punctuation mark, a name, a call on `self`, the methods that are called
//! on a value.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};

/// Whether the token is this punctuation mark.
pub(crate) fn is_punct(tree: Option<&TokenTree>, mark: char) -> bool {
    matches!(tree, Some(TokenTree::Punct(punct)) if punct.as_char() == mark)
}

/// Whether the token is this name.
pub(crate) fn is_ident(tree: Option<&TokenTree>, name: &str) -> bool {
    matches!(tree, Some(TokenTree::Ident(ident)) if ident == name)
}

/// Whether the token is one of these names.
pub(crate) fn is_one_of(tree: Option<&TokenTree>, names: &[&str]) -> bool {
    names.iter().any(|name| is_ident(tree, name))
}

/// Keywords before an expression: `if !(..)` is no call of a macro `if`.
pub(crate) fn is_keyword_before_expr(name: &Ident) -> bool {
    ["if", "while", "match", "return", "in", "break"].iter().any(|keyword| name == keyword)
}

/// Whether the name is among the tokens, at any depth.
pub(crate) fn mentions<T: ?Sized>(tokens: TokenStream, name: &T) -> bool
where
    Ident: PartialEq<T>,
{
    tokens.into_iter().any(|tree| match tree {
        TokenTree::Ident(ident) => ident == *name,
        TokenTree::Group(group) => mentions(group.stream(), name),
        _ => false,
    })
}

/// The first token that is this name, at any depth.
pub(crate) fn find_ident(tokens: TokenStream, name: &str) -> Option<Ident> {
    tokens.into_iter().find_map(|tree| match tree {
        TokenTree::Ident(ident) => (ident == name).then_some(ident),
        TokenTree::Group(group) => find_ident(group.stream(), name),
        _ => None,
    })
}

/// The parts between commas that are not empty.
pub(crate) fn split_commas(trees: &[TokenTree]) -> impl Iterator<Item = &[TokenTree]> {
    trees.split(|tree| is_punct(Some(tree), ',')).filter(|part| !part.is_empty())
}

/// The methods that are called one after another on the value of the call whose arguments are at
/// `at`. `.await` and `?` count as methods.
pub(crate) fn method_chain(trees: &[TokenTree], at: usize) -> Vec<String> {
    let mut names = Vec::new();
    let mut tail = trees.get(at + 1..).unwrap_or_default();
    loop {
        match tail {
            [mark, after @ ..] if is_punct(Some(mark), '?') => {
                names.push("?".to_owned());
                tail = after;
            }
            [dot, TokenTree::Ident(name), after @ ..] if is_punct(Some(dot), '.') => {
                names.push(name.to_string());
                tail = match after {
                    [TokenTree::Group(group), after @ ..] if group.delimiter() == Delimiter::Parenthesis => {
                        after
                    }
                    after => after,
                };
            }
            _ => return names,
        }
    }
}

/// `name(..)`, where `name` may be the last part of a path or the name of a method.
#[derive(Clone, Copy)]
pub(crate) struct Called<'a> {
    /// The tokens before the name.
    pub(crate) before: &'a [TokenTree],
    pub(crate) name: &'a Ident,
    pub(crate) arguments: &'a Group,
    pub(crate) after: &'a [TokenTree],
}

impl<'a> Called<'a> {
    /// `worker` of `worker.name(..)`.
    pub(crate) fn receiver(&self) -> Option<&'a Ident> {
        match self.before {
            [.., TokenTree::Ident(receiver), dot] if is_punct(Some(dot), '.') => Some(receiver),
            _ => None,
        }
    }
}

/// `self.name(..)`
#[derive(Clone, Copy)]
pub(crate) struct SelfCall<'a> {
    /// The tokens before `self`.
    pub(crate) before: &'a [TokenTree],
    pub(crate) name: &'a Ident,
    pub(crate) arguments: &'a Group,
    pub(crate) after: &'a [TokenTree],
}

impl<'a> SelfCall<'a> {
    pub(super) fn of(called: Called<'a>) -> Option<Self> {
        let Called { name, arguments, after, .. } = called;
        match called.before {
            [before @ .., own, dot] if is_ident(Some(own), "self") && is_punct(Some(dot), '.') => {
                Some(SelfCall { before, name, arguments, after })
            }
            _ => None,
        }
    }

    /// How many arguments the call has; `None` if a comma may separate something else.
    pub(crate) fn argument_count(&self) -> Option<usize> {
        let trees: Vec<TokenTree> = self.arguments.stream().into_iter().collect();
        let is_unclear = |tree: &TokenTree| is_punct(Some(tree), '|') || is_punct(Some(tree), '<');
        (!trees.iter().any(is_unclear)).then(|| split_commas(&trees).count())
    }

    /// Whether the first argument is this name, and nothing else.
    pub(crate) fn passes_first(&self, name: &Ident) -> bool {
        let trees: Vec<TokenTree> = self.arguments.stream().into_iter().collect();
        matches!(split_commas(&trees).next(), Some([TokenTree::Ident(first)]) if first == name)
    }

    /// If `.wait(..)` follows: its tokens from `wait` on, and its arguments.
    pub(crate) fn wait(&self) -> Option<(TokenStream, &'a Group)> {
        match self.after {
            [dot, wait, TokenTree::Group(arguments), ..]
                if is_punct(Some(dot), '.')
                    && is_ident(Some(wait), "wait")
                    && arguments.delimiter() == Delimiter::Parenthesis =>
            {
                let tokens = [wait.clone(), TokenTree::Group(arguments.clone())];
                Some((tokens.into_iter().collect(), arguments))
            }
            _ => None,
        }
    }

    /// Whether the value is an operand of an arithmetic or comparison operator, or a condition.
    pub(crate) fn is_operand(&self) -> bool {
        let mark = |tree: Option<&TokenTree>| match tree {
            Some(TokenTree::Punct(punct)) => Some(punct.as_char()),
            _ => None,
        };
        // `.await`, `?`, or a method of the future.
        if matches!(mark(self.after.first()), Some('.' | '?')) {
            return false;
        }
        let last = |back: usize| mark(self.before.len().checked_sub(back).and_then(|at| self.before.get(at)));
        let before = matches!(
            (last(2), last(1)),
            (Some('+' | '-' | '*' | '/' | '%' | '=' | '!'), Some('=')) | (_, Some('+' | '-' | '/' | '%'))
        );
        let condition = is_one_of(self.before.last(), &["if", "while"])
            && matches!(self.after.first(), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace);
        let after = matches!(
            (mark(self.after.first()), mark(self.after.get(1))),
            (Some('=' | '!'), Some('=')) | (Some('+' | '-' | '*' | '/' | '%' | '<' | '>'), _)
        );
        before || condition || after
    }
}
