//! A tree of error sinks: each block, and each method in it, reports for itself.
//!
//! All mistakes of a block come out in one compile, and a stage can ask of a method whether
//! anything was said about it: what is clean is generated in full, what is not falls back to
//! something that causes no second error. Warnings go the same way, and spoil nothing.

mod warning;

pub(crate) use warning::{Lint, Warning};

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use std::{cell::RefCell, fmt::Display, rc::Rc};

/// One node of the tree; clones are the same node.
#[derive(Clone)]
pub(crate) struct ErrorSink {
    tree: Rc<RefCell<Tree>>,
    node: usize,
}

#[derive(Default)]
struct Tree {
    nodes: Vec<Node>,
    errors: Vec<(usize, syn::Error)>,
    warnings: Vec<(usize, Warning)>,
}

struct Node {
    parent: Option<usize>,
    has_errors: bool,
    /// Mistakes are taken note of, and not said.
    silenced: bool,
    /// The `cfg`s under which it is there.
    cfgs: TokenStream,
}

impl ErrorSink {
    pub(crate) fn root() -> Self {
        let tree = Tree {
            nodes: vec![Node { parent: None, has_errors: false, silenced: false, cfgs: TokenStream::new() }],
            errors: Vec::new(),
            warnings: Vec::new(),
        };
        ErrorSink { tree: Rc::new(RefCell::new(tree)), node: 0 }
    }

    /// A sink for a part: what it hears makes this one unclean too.
    pub(crate) fn child(&self) -> Self {
        let mut tree = self.tree.borrow_mut();
        let silenced = tree.nodes.get(self.node).is_some_and(|node| node.silenced);
        tree.nodes.push(Node {
            parent: Some(self.node),
            has_errors: false,
            silenced,
            cfgs: TokenStream::new(),
        });
        ErrorSink { tree: Rc::clone(&self.tree), node: tree.nodes.len() - 1 }
    }

    /// A sink for a part of which the compiler has said already what is wrong: it is unclean, and
    /// nothing is said of it again.
    pub(crate) fn silenced_child(&self) -> Self {
        let child = self.child();
        if let Some(node) = child.tree.borrow_mut().nodes.get_mut(child.node) {
            node.silenced = true;
        }
        child.mark_failed();
        child
    }

    /// What is wrong is said under these `cfg`s only: of what is not there nobody wants to hear.
    pub(crate) fn only_under(&self, cfgs: TokenStream) {
        if let Some(node) = self.tree.borrow_mut().nodes.get_mut(self.node) {
            node.cfgs = cfgs;
        }
    }

    /// From now on nothing is said of any part.
    pub(crate) fn silence(&self) {
        self.tree.borrow_mut().nodes.iter_mut().for_each(|node| node.silenced = true);
    }

    /// Reports a mistake at these tokens: what is wrong, where it belongs, what to write instead.
    pub(crate) fn error(&self, at: impl ToTokens, message: impl Display) {
        self.push(syn::Error::new_spanned(at, message));
    }

    pub(crate) fn push(&self, error: syn::Error) {
        self.mark_failed();
        let mut tree = self.tree.borrow_mut();
        if tree.nodes.get(self.node).is_none_or(|node| !node.silenced) {
            tree.errors.push((self.node, error));
        }
    }

    /// Takes the first mistake of this very part out of the tree, for a place in the code that is
    /// generated for it.
    pub(crate) fn take_first(&self) -> Option<syn::Error> {
        let errors = &mut self.tree.borrow_mut().errors;
        let first = errors.iter().position(|(node, _)| *node == self.node)?;
        Some(errors.remove(first).1)
    }

    /// Something is wrong here, and was said elsewhere.
    pub(crate) fn mark_failed(&self) {
        let mut tree = self.tree.borrow_mut();
        let mut next = Some(self.node);
        while let Some(node) = next.and_then(|index| tree.nodes.get_mut(index)) {
            node.has_errors = true;
            next = node.parent;
        }
    }

    /// Warns of something that is legal.
    pub(crate) fn warn(&self, warning: Warning) {
        self.tree.borrow_mut().warnings.push((self.node, warning));
    }

    /// What this very part was warned of.
    pub(crate) fn warnings(&self) -> Vec<Warning> {
        let tree = self.tree.borrow();
        tree.warnings
            .iter()
            .filter(|(node, _)| *node == self.node)
            .map(|(_, warning)| warning.clone())
            .collect()
    }

    /// Nothing was reported here or below.
    pub(crate) fn has_errors(&self) -> bool {
        self.tree.borrow().nodes.get(self.node).is_some_and(|node| node.has_errors)
    }

    /// Every mistake of the tree as `compile_error!`s, in the order of the parts that they are
    /// about.
    pub(crate) fn into_compile_errors(self) -> TokenStream {
        let mut errors = std::mem::take(&mut self.tree.borrow_mut().errors);
        errors.sort_by_key(|(node, _)| *node);
        let tree = self.tree.borrow();
        let cfgs = |node: usize| {
            let node_of = |index: usize| tree.nodes.get(index);
            let way = std::iter::successors(node_of(node), |node| node.parent.and_then(node_of));
            way.map(|node| node.cfgs.clone()).collect::<TokenStream>()
        };
        errors
            .into_iter()
            .flat_map(|(node, error)| error.into_iter().map(move |error| (node, error)))
            .map(|(node, error)| {
                let (cfgs, error) = (cfgs(node), error.to_compile_error());
                quote!(#cfgs #error)
            })
            .collect()
    }

    #[cfg(test)]
    pub(crate) fn messages(&self) -> Vec<String> {
        let mut errors: Vec<_> =
            self.tree.borrow().errors.iter().map(|(node, error)| (*node, error.to_string())).collect();
        errors.sort_by_key(|(node, _)| *node);
        errors.into_iter().map(|(_, message)| message).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_heard_by_its_ancestors_only() {
        let root = ErrorSink::root();
        let (left, right) = (root.child(), root.child());
        left.child().error(quote!(x), "wrong");
        assert!(root.has_errors() && left.has_errors() && !right.has_errors());
    }

    #[test]
    fn what_is_said_elsewhere_is_not_said_again() {
        let root = ErrorSink::root();
        let silenced = root.silenced_child();
        assert!(root.has_errors() && silenced.has_errors());
        silenced.child().error(quote!(x), "again");
        root.error(quote!(y), "wrong");
        root.silence();
        root.error(quote!(z), "too");
        assert_eq!(root.messages(), ["wrong"]);
    }

    #[test]
    fn mistakes_come_out_part_by_part() {
        let root = ErrorSink::root();
        let (first, second) = (root.child(), root.child());
        second.error(quote!(y), "second");
        first.error(quote!(x), "first");
        assert_eq!(root.messages(), ["first", "second"]);
    }
}
