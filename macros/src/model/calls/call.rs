//! Shapes of tokens: a call on `self`, a closure, an `async` block.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use std::ops::Range;

/// `self.name(..)`
pub(super) struct Call<'a> {
    before: &'a [TokenTree],
    pub(super) name: &'a Ident,
    pub(super) group: &'a Group,
    after: &'a [TokenTree],
}

impl<'a> Call<'a> {
    /// The call whose arguments are at `at`.
    pub(super) fn at(trees: &'a [TokenTree], at: usize) -> Option<Self> {
        let (Some(TokenTree::Group(group)), Some(earlier)) = (trees.get(at), trees.get(..at)) else {
            return None;
        };
        match earlier {
            [before @ .., TokenTree::Ident(own), TokenTree::Punct(dot), TokenTree::Ident(name)]
                if own == "self" && dot.as_char() == '.' && group.delimiter() == Delimiter::Parenthesis =>
            {
                Some(Call { before, name, group, after: trees.get(at + 1..).unwrap_or_default() })
            }
            _ => None,
        }
    }

    /// How many arguments there are, unless a comma may be of something else.
    pub(super) fn arguments(&self) -> Option<usize> {
        let trees: Vec<TokenTree> = self.group.stream().into_iter().collect();
        let is = |tree: &TokenTree, marks: &str| matches!(tree, TokenTree::Punct(punct) if marks.contains(punct.as_char()));
        let clear = !trees.iter().any(|tree| is(tree, "|<"));
        clear.then(|| trees.split(|tree| is(tree, ",")).filter(|argument| !argument.is_empty()).count())
    }

    /// `wait(..)` behind it, and its arguments.
    pub(super) fn waited(&self) -> Option<(TokenStream, &'a Group)> {
        match self.after {
            [TokenTree::Punct(dot), TokenTree::Ident(wait), TokenTree::Group(arguments), ..]
                if dot.as_char() == '.'
                    && wait == "wait"
                    && arguments.delimiter() == Delimiter::Parenthesis =>
            {
                let whole = [TokenTree::Ident(wait.clone()), TokenTree::Group(arguments.clone())];
                Some((whole.into_iter().collect(), arguments))
            }
            _ => None,
        }
    }

    /// It is calculated with, compared, or is a condition.
    pub(super) fn is_operand(&self) -> bool {
        let mark = |tree: Option<&TokenTree>| match tree {
            Some(TokenTree::Punct(punct)) => Some(punct.as_char()),
            _ => None,
        };
        // `.await`, `?`, a method of the future
        if matches!(mark(self.after.first()), Some('.' | '?')) {
            return false;
        }
        let last = |back: usize| mark(self.before.len().checked_sub(back).and_then(|at| self.before.get(at)));
        let before = matches!(
            (last(2), last(1)),
            (Some('+' | '-' | '*' | '/' | '%' | '=' | '!'), Some('=')) | (_, Some('+' | '-' | '/' | '%'))
        );
        let condition = matches!(self.before.last(), Some(TokenTree::Ident(word)) if word == "if" || word == "while")
            && matches!(self.after.first(), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace);
        let after = matches!(
            (mark(self.after.first()), mark(self.after.get(1))),
            (Some('=' | '!'), Some('=')) | (Some('+' | '-' | '*' | '/' | '%' | '<' | '>'), _)
        );
        before || condition || after
    }
}

/// `name` of `[move] || self.name(..)`, and nothing else.
pub(in crate::model) fn only_call(tokens: TokenStream) -> Option<Ident> {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    let rest = match trees.as_slice() {
        [TokenTree::Ident(first), rest @ ..] if first == "move" => rest,
        rest => rest,
    };
    match rest {
        [
            TokenTree::Punct(one),
            TokenTree::Punct(two),
            TokenTree::Ident(own),
            TokenTree::Punct(dot),
            TokenTree::Ident(name),
            TokenTree::Group(arguments),
        ] if one.as_char() == '|'
            && two.as_char() == '|'
            && own == "self"
            && dot.as_char() == '.'
            && arguments.delimiter() == Delimiter::Parenthesis =>
        {
            Some(name.clone())
        }
        _ => None,
    }
}

/// `async { .. }`, `async move { .. }`: the braces are at `at`.
pub(super) fn is_async(trees: &[TokenTree], at: usize) -> bool {
    let is_braces =
        matches!(trees.get(at), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace);
    is_braces
        && match trees.get(..at).unwrap_or_default() {
            [.., TokenTree::Ident(word)] if word == "async" => true,
            [.., TokenTree::Ident(word), TokenTree::Ident(moved)] => word == "async" && moved == "move",
            _ => false,
        }
}

/// The closures of one level: from the first `|` to the end of the body.
pub(super) fn closures(trees: &[TokenTree]) -> Vec<Range<usize>> {
    let is = |at: usize, mark: char| matches!(trees.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == mark);
    let mut found = Vec::new();
    let mut at = 0;
    while at < trees.len() {
        let begins = match at.checked_sub(1).and_then(|before| trees.get(before)) {
            None => true,
            Some(TokenTree::Punct(punct)) => !matches!(punct.as_char(), '|' | '?' | '\''),
            Some(TokenTree::Ident(word)) => {
                ["move", "return", "break", "async", "else", "in"].iter().any(|keyword| word == keyword)
            }
            Some(_) => false,
        };
        let closes = (at + 1..trees.len()).find(|close| is(*close, '|'));
        match closes.filter(|_| begins && is(at, '|')) {
            Some(body) => {
                let is_braces = |at: usize| matches!(trees.get(at), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace);
                let end = if is(body + 1, '-') && is(body + 2, '>') {
                    // Behind a result type there are braces, and commas in front of them are the
                    // type's.
                    (body + 3..trees.len()).find(|end| is_braces(*end)).map(|braces| braces + 1)
                } else {
                    (body + 1..trees.len()).find(|end| is(*end, ',') || is(*end, ';'))
                };
                let end = end.unwrap_or(trees.len());
                found.push(at..end);
                at = end;
            }
            None => at += 1,
        }
    }
    found
}
