//! The one walk over the tokens of a body.
//!
//! [`walk`] visits every token in the order of the source, the inside of a group after the group
//! itself. A visitor reads the token and its neighbours from the [`Site`], and what the token
//! stands in from the [`Context`]: it decides there whether a closure, a nested item or the
//! arguments of a macro concern it. [`each_block`] is for visitors that read whole statements.

use super::shape::{Called, SelfCall, is_ident, is_keyword_before_expr, is_one_of, is_punct};
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// A token of a body.
#[derive(Clone, Copy)]
pub(crate) struct Site<'a> {
    /// The tokens of the group that the token is in.
    pub(crate) trees: &'a [TokenTree],
    /// The position of the token among them.
    pub(crate) at: usize,
    pub(crate) context: Context,
}

/// What a token stands in.
#[derive(Clone, Copy, Default)]
pub(crate) struct Context {
    /// The arguments of a macro, which may mean anything: `select! { .. }`.
    pub(crate) macro_args: bool,
    /// A closure, which may run on another thread, or never.
    pub(crate) closure: bool,
    /// An `async` block, closure or function.
    pub(crate) async_code: bool,
    /// A nested `fn`.
    pub(crate) nested_fn: bool,
    /// A nested `impl`, `trait`, type or module, in which `self` and `Self` are others.
    pub(crate) nested_item: bool,
}

/// Whether [`walk`] goes on into the group that a visitor was shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Walk {
    Enter,
    Skip,
}

/// Shows `visit` each token of `body`.
pub(crate) fn walk(body: TokenStream, visit: &mut impl FnMut(&Site<'_>) -> Walk) {
    walk_group(body, Context::default(), visit);
}

fn walk_group(tokens: TokenStream, outer: Context, visit: &mut impl FnMut(&Site<'_>) -> Walk) {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    let contexts = contexts(&trees, outer);
    for (at, context) in contexts.into_iter().enumerate() {
        let site = Site { trees: &trees, at, context };
        let walk = visit(&site);
        if let (Some(group), Walk::Enter) = (site.group(), walk) {
            let macro_args = context.macro_args || site.macro_name().is_some();
            walk_group(group.stream(), Context { macro_args, ..context }, visit);
        }
    }
}

/// Shows `visit` the tokens of each group, outermost first, without closures and nested functions:
/// the statements that run where they stand.
pub(crate) fn each_block(body: TokenStream, visit: &mut impl FnMut(&[TokenTree])) {
    let trees: Vec<TokenTree> = body.into_iter().collect();
    let executed = own_regions(&trees);
    let trees: Vec<TokenTree> =
        trees.into_iter().zip(executed).filter(|(_, executed)| *executed).map(|(tree, _)| tree).collect();
    visit(&trees);
    for tree in trees {
        if let TokenTree::Group(group) = tree {
            each_block(group.stream(), visit);
        }
    }
}

/// For each of these tokens, whether it is outside of closures and nested functions.
pub(crate) fn own_regions(trees: &[TokenTree]) -> Vec<bool> {
    contexts(trees, Context::default())
        .into_iter()
        .map(|context| !context.closure && !context.nested_fn)
        .collect()
}

/// The contexts of the tokens of one group.
fn contexts(trees: &[TokenTree], outer: Context) -> Vec<Context> {
    let mut contexts = vec![outer; trees.len()];
    let mut at = 0;
    while at < trees.len() {
        let (end, mark): (_, fn(&mut Context)) = match (closure_end(trees, at), fn_end(trees, at)) {
            (Some(end), _) => (end, |context| context.closure = true),
            (None, Some(end)) => (end, |context| context.nested_fn = true),
            (None, None) => {
                at += 1;
                continue;
            }
        };
        contexts.iter_mut().take(end).skip(at).for_each(mark);
        at = end;
    }
    let (mut async_code, mut nested_item) = (false, false);
    for (at, (tree, context)) in trees.iter().zip(&mut contexts).enumerate() {
        match tree {
            TokenTree::Ident(word) if word == "async" => async_code = true,
            TokenTree::Ident(_) if starts_item(trees, at) => nested_item = true,
            _ => {}
        }
        context.async_code |= async_code;
        context.nested_item |= nested_item;
        let ends = match tree {
            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
            tree => is_punct(Some(tree), ';'),
        };
        if ends {
            (async_code, nested_item) = (false, false);
        }
    }
    contexts
}

/// Whether `impl`, `struct` or another item begins at `at`.
fn starts_item(trees: &[TokenTree], at: usize) -> bool {
    let is_name = |tree: Option<&TokenTree>| matches!(tree, Some(TokenTree::Ident(_)));
    is_one_of(trees.get(at), &["impl", "trait", "struct", "enum", "mod"])
        || is_ident(trees.get(at), "union") && is_name(trees.get(at + 1))
}

/// If a closure begins at `at`, with its first `|`: the position after its body.
fn closure_end(trees: &[TokenTree], at: usize) -> Option<usize> {
    if !is_punct(trees.get(at), '|') {
        return None;
    }
    let begins = match at.checked_sub(1).and_then(|before| trees.get(before)) {
        None => true,
        Some(TokenTree::Punct(punct)) => !matches!(punct.as_char(), '|' | '?' | '\''),
        before => is_one_of(before, &["move", "return", "break", "async", "else", "in"]),
    };
    let params = trees.get(at + 1..)?.iter().position(|tree| is_punct(Some(tree), '|'))?;
    let body = at + 2 + params;
    if !begins {
        return None;
    }
    // After a return type, the body is a block. Commas before it belong to the type.
    if is_punct(trees.get(body), '-') && is_punct(trees.get(body + 1), '>') {
        let braces = trees.get(body..)?.iter().position(is_braces);
        return Some(braces.map_or(trees.len(), |braces| body + 1 + braces));
    }
    let ends = |tree: &TokenTree| is_punct(Some(tree), ',') || is_punct(Some(tree), ';');
    let length = trees.get(body..).and_then(|body| body.iter().position(ends));
    Some(length.map_or(trees.len(), |length| body + length))
}

/// If `fn name` begins at `at`: the position after its body.
fn fn_end(trees: &[TokenTree], at: usize) -> Option<usize> {
    match trees.get(at..)? {
        [TokenTree::Ident(word), TokenTree::Ident(_), tail @ ..] if word == "fn" => {
            Some(at + 3 + tail.iter().position(is_braces)?)
        }
        _ => None,
    }
}

fn is_braces(tree: &TokenTree) -> bool {
    matches!(tree, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}

impl<'a> Site<'a> {
    pub(crate) fn tree(&self) -> Option<&'a TokenTree> {
        self.trees.get(self.at)
    }

    pub(crate) fn group(&self) -> Option<&'a Group> {
        match self.tree() {
            Some(TokenTree::Group(group)) => Some(group),
            _ => None,
        }
    }

    /// The tokens before this one, in the same group.
    pub(crate) fn before(&self) -> &'a [TokenTree] {
        self.trees.get(..self.at).unwrap_or_default()
    }

    /// The tokens after this one, in the same group.
    pub(crate) fn after(&self) -> &'a [TokenTree] {
        self.trees.get(self.at + 1..).unwrap_or_default()
    }

    /// `select` if this is the group of `select! { .. }`. The group of `if !(..)` isn't one.
    pub(crate) fn macro_name(&self) -> Option<&'a proc_macro2::Ident> {
        match (self.before(), self.group()) {
            ([.., TokenTree::Ident(name), bang], Some(_))
                if is_punct(Some(bang), '!') && !is_keyword_before_expr(name) =>
            {
                Some(name)
            }
            _ => None,
        }
    }

    /// Whether this token is in another item, or in the arguments of a macro: visitors that look
    /// for `self` skip both.
    pub(crate) fn is_foreign(&self) -> bool {
        self.context.nested_item || self.context.macro_args
    }

    /// The call `f(..)` whose arguments are this group.
    pub(crate) fn called(&self) -> Option<Called<'a>> {
        let arguments = self.group().filter(|group| group.delimiter() == Delimiter::Parenthesis)?;
        match self.before() {
            [before @ .., TokenTree::Ident(name)] => {
                Some(Called { before, name, arguments, after: self.after() })
            }
            _ => None,
        }
    }

    /// The call `self.f(..)` whose arguments are this group.
    pub(crate) fn self_call(&self) -> Option<SelfCall<'a>> {
        self.called().and_then(SelfCall::of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names in `body` whose context has this property.
    fn names(body: &str, property: fn(&Context) -> bool) -> String {
        let mut found = Vec::new();
        walk(body.parse().expect(body), &mut |site| {
            if let Some(TokenTree::Ident(name)) = site.tree() {
                found.extend(property(&site.context).then(|| name.to_string()));
            }
            Walk::Enter
        });
        found.join(" ")
    }

    fn executed(body: &str) -> String {
        let mut first = None;
        each_block(body.parse().expect(body), &mut |trees| {
            first.get_or_insert_with(|| trees.iter().cloned().collect::<TokenStream>().to_string());
        });
        first.unwrap_or_default()
    }

    #[test]
    fn blocks_leave_out_closures_and_nested_functions() {
        for (body, left) in [
            ("a; spawn(b); c", "a ; spawn (b) ; c"),
            ("let f = |x| g(x); f(1)", "let f = ; f (1)"),
            ("let f = |x| -> R<u8, E> { g(x) }; f(1)", "let f = ; f (1)"),
            ("move || g(), 2", "move , 2"),
            ("a || b", "a || b"),
            ("x | y", "x | y"),
            ("match a { A | B => c }", "match a { A | B => c }"),
            ("fn inner(n: u8) -> u8 { n } inner(1)", "inner (1)"),
            ("let f: fn(u8) = g;", "let f : fn (u8) = g ;"),
        ] {
            assert_eq!(executed(body), left, "{body}");
        }
    }

    #[test]
    fn contexts_end_where_their_syntax_ends() {
        for (body, closure) in [
            ("f(|a| b, c); d", "a b"),
            ("let f = move |a| { b }; c", "a b"),
            ("|a| -> R { b } c", "a R b"),
            ("a | b", ""),
        ] {
            assert_eq!(names(body, |context| context.closure), closure, "{body}");
        }
        for (body, async_code) in [
            ("async { a }.b()", "async a"),
            ("let f = async |a| b(a); c", "async a b a"),
            ("async fn f(a: A) -> B { c } d", "async fn f a A B c"),
        ] {
            assert_eq!(names(body, |context| context.async_code), async_code, "{body}");
        }
        for (body, nested) in [
            ("struct X; a", "struct X"),
            ("impl X { fn f() { a } } b", "impl X fn f a"),
            ("union.insert(a)", ""),
        ] {
            assert_eq!(names(body, |context| context.nested_item), nested, "{body}");
        }
        assert_eq!(names("select! { a = b(c) }; if !(d) {}", |context| context.macro_args), "a b c");
        assert_eq!(names("fn f(a: A) { b } c", |context| context.nested_fn), "fn f a A b");
    }
}
