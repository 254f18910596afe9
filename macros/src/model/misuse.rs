//! What a body can't mean where it stands: found in its tokens, where they leave no doubt.
//!
//! `&self` is `self: &Arc<Self>` in what may cross, `.wait(worker)` has no worker on the loop,
//! `.await` has nobody to poll on a thread.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};

/// A place in a body, by its tokens.
#[derive(Clone)]
pub(crate) enum Misuse {
    /// `let Self { .. } = self`
    SelfDestructured(TokenStream),
    /// `*self`, where the service was meant and the `Arc` is had.
    SelfDereferenced(TokenStream),
    /// `self.clone()`
    SelfCloned(TokenStream),
    /// `.wait(worker)` on the loop
    WaitOnLoop(TokenStream),
    /// `blocking_f(worker, ..)` on the loop
    BlockingOnLoop { at: TokenStream, name: String },
    /// `.await` on a thread
    AwaitOnThread(TokenStream),
    /// `self` in a task or a thread that outlives the method
    SelfEscapes(TokenStream),
    /// `match self { Self::On => .. }`
    SelfMatched(TokenStream),
    /// `self.f(worker, ..)`, which is a job
    WorkerPassed(Ident),
    /// `.wait()` on a thread
    WaitWithoutWorker(TokenStream),
    /// `self.f(..).wait(worker)`, where `f` is a handler
    WaitForHandler(Ident),
    /// The same, where `f` borrows an argument; what would own it.
    WaitForBorrow { name: Ident, owned: Option<String> },
    /// `1 + self.f(..)` on a thread, where `f` is async or a job
    MissingWait { name: Ident, is_job: bool },
    /// `1 + self.f(..)` on the loop, where `f` is async or a job
    MissingAwait { name: Ident, is_job: bool },
    /// `self.f(..)` on the loop, where `f` takes a worker besides
    MissingWorker(Ident),
    /// `worker.call(|| self.f(..))`, where `f` is async
    CallOfFuture(Ident),
    /// `self.field = ..`
    FieldAssigned(TokenStream),
    /// The worker in a future that goes to the loop
    WorkerEscapes(Ident),
    /// The `?` of `.wait(worker)?` in a function that can't pass it on
    InterruptedPropagated(TokenStream),
}

/// `own` is the name of the service's type.
pub(super) fn find(body: TokenStream, own: &str) -> Vec<Misuse> {
    let mut found = Vec::new();
    scan(body, own, &mut found);
    found
}

fn scan(tokens: TokenStream, own: &str, found: &mut Vec<Misuse>) {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    let mut foreign = false;
    for (at, tree) in trees.iter().enumerate() {
        match tree {
            // A nested `impl` or `trait` has a `self` of its own.
            TokenTree::Ident(ident) if ident == "impl" || ident == "trait" => foreign = true,
            TokenTree::Group(group) if foreign && group.delimiter() == Delimiter::Brace => foreign = false,
            TokenTree::Group(group) if !is_of_macro(&trees, at) => scan(group.stream(), own, found),
            TokenTree::Group(group) if is_of_matches(&trees, at) => {
                found.extend(matched_by_macro(&group.stream(), own).map(Misuse::SelfMatched));
            }
            TokenTree::Ident(ident) if ident == "self" => found.extend(misuse_of_self(&trees, at, own)),
            _ => {}
        }
    }
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
    let is =
        |tree: &TokenTree, mark: char| matches!(tree, TokenTree::Punct(punct) if punct.as_char() == mark);
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
    let is = |tree: &TokenTree| matches!(tree, TokenTree::Punct(punct) if punct.as_char() == ':');
    match trees {
        [TokenTree::Ident(of), one, two, TokenTree::Ident(_), ..] => is_own(of, own) && is(one) && is(two),
        [TokenTree::Ident(of), ..] => of == "Self",
        _ => false,
    }
}

/// The brackets of `matches!`
fn is_of_matches(trees: &[TokenTree], at: usize) -> bool {
    matches!(at.checked_sub(2).and_then(|name| trees.get(name)), Some(TokenTree::Ident(name)) if name == "matches")
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

/// The name is among the tokens, at any depth.
pub(super) fn mentions(tokens: TokenStream, name: &str) -> bool {
    count(tokens, name) > 0
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

/// The name that a worker goes by; under another one, the compiler says that there is none.
const WORKER: &str = "worker";

/// Waiting in an `async fn`: said if `worker` can't be anything but the worker that is not there.
pub(super) fn waits(body: TokenStream) -> Vec<Misuse> {
    let mut found = Vec::new();
    let handed = scan_waits(body.clone(), &mut found);
    // Anything else that is called so may well be a worker: of a closure for a pool, or one of
    // another make.
    if handed == count(body, WORKER) { found } else { Vec::new() }
}

/// ReturnShape how many `worker`s are handed to something that waits.
fn scan_waits(tokens: TokenStream, found: &mut Vec<Misuse>) -> usize {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    let mut handed = 0;
    for (at, tree) in trees.iter().enumerate() {
        let TokenTree::Group(group) = tree else { continue };
        if is_of_macro(&trees, at) {
            continue;
        }
        let called = match (trees.get(..at), group.delimiter()) {
            (Some([.., TokenTree::Ident(name)]), Delimiter::Parenthesis) => Some(name),
            _ => None,
        };
        if let Some(name) = called {
            let workers = arguments(group.stream());
            let tokens = || [TokenTree::Ident(name.clone()), tree.clone()].into_iter().collect();
            if workers > 0 && name == "wait" {
                found.push(Misuse::WaitOnLoop(tokens()));
                handed += workers;
            } else if let (true, Some(own)) = (workers > 0, name.to_string().strip_prefix("blocking_")) {
                let at = TokenTree::Ident(name.clone()).into();
                found.push(Misuse::BlockingOnLoop { at, name: own.to_owned() });
                handed += workers;
            }
        }
        handed += scan_waits(group.stream(), found);
    }
    handed
}

/// How many arguments are `worker` and nothing else.
fn arguments(tokens: TokenStream) -> usize {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    let is_comma = |tree: &TokenTree| matches!(tree, TokenTree::Punct(punct) if punct.as_char() == ',');
    let is_worker = |argument: &&[TokenTree]| matches!(argument, [TokenTree::Ident(name)] if name == WORKER);
    trees.split(is_comma).filter(is_worker).count()
}

fn count(tokens: TokenStream, name: &str) -> usize {
    tokens
        .into_iter()
        .map(|tree| match tree {
            TokenTree::Ident(ident) => usize::from(ident == name),
            TokenTree::Group(group) => count(group.stream(), name),
            _ => 0,
        })
        .sum()
}

/// `.await` in a function that is not async, outside of every `async` block and of every macro's
/// brackets.
pub(super) fn awaits(body: TokenStream) -> Vec<Misuse> {
    let mut found = Vec::new();
    scan_awaits(body, &mut found);
    found
}

fn scan_awaits(tokens: TokenStream, found: &mut Vec<Misuse>) {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    let is = |at: usize, mark: char| matches!(trees.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == mark);
    // From `async` to the end of what it makes async.
    let mut polled = false;
    for (at, tree) in trees.iter().enumerate() {
        match tree {
            TokenTree::Ident(ident) if ident == "async" => polled = true,
            TokenTree::Ident(ident) if ident == "await" && !polled && at > 0 && is(at - 1, '.') => {
                found.push(Misuse::AwaitOnThread(tree.clone().into()));
            }
            TokenTree::Punct(punct) if punct.as_char() == ';' => polled = false,
            TokenTree::Group(group) if polled => polled = group.delimiter() != Delimiter::Brace,
            TokenTree::Group(group) if !is_of_macro(&trees, at) => scan_awaits(group.stream(), found),
            _ => {}
        }
    }
}

/// Whether the group there is a macro's, whose tokens may mean anything: `select! { .. }`, and not
/// `if !(..)`.
pub(super) fn is_of_macro(trees: &[TokenTree], at: usize) -> bool {
    let is_bang =
        |at: usize| matches!(trees.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == '!');
    match at.checked_sub(2).and_then(|name| trees.get(name)) {
        Some(TokenTree::Ident(name)) => is_bang(at - 1) && !is_keyword(name),
        _ => false,
    }
}

/// What an expression may follow.
fn is_keyword(name: &Ident) -> bool {
    ["if", "while", "match", "return", "in"].iter().any(|keyword| name == keyword)
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
    fn waits_on_the_loop() {
        let count = |text: &str| waits(text.parse().expect(text)).len();
        for text in [
            "self.f(1).wait(worker)?",
            "x(|| f.wait(worker))",
            "self.blocking_f(worker, 1)",
            "Self::blocking_f(self, worker)",
            "blocking_(worker)",
        ] {
            assert_eq!(count(text), 1, "{text}");
        }
        assert_eq!(count("self.blocking_f(worker, g().wait(worker)?)"), 2);
        for text in [
            "pool.run(|worker| f.wait(worker))",
            "let worker = other; f.wait(worker)",
            "child.wait()",
            "barrier.wait(turn)",
            "f.wait(w)",
            "f.wait(&worker)",
            "self.blocking_f(worker.other, 1)",
            "quote!(f.wait(worker))",
        ] {
            assert_eq!(count(text), 0, "{text}");
        }
    }

    #[test]
    fn awaits_on_a_thread() {
        let count = |text: &str| awaits(text.parse().expect(text)).len();
        for text in ["f().await", "g(f().await?)", "async { 1 }; f.await", "if !(f.await) {}"] {
            assert_eq!(count(text), 1, "{text}");
        }
        for text in [
            "async { f.await }.wait(worker)",
            "async move { f.await }",
            "async fn g(a: A) -> B { f.await }",
            "let g = async |a| f(a).await;",
            "block_on!(f.await)",
            "r#await",
            "self.await_all()",
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
