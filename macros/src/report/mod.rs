//! [`ErrorSink`]: a tree that collects errors and warnings, with a node for each block and method.
//!
//! All errors of a block are reported in one compile. Later stages ask whether a method has errors:
//! a method without errors is generated in full, and one with errors is replaced by a fallback that
//! causes no second error. Warnings don't affect what is generated.

mod warning;

pub(crate) use warning::{Lint, Warning};

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use std::{cell::RefCell, fmt::Display, rc::Rc};

/// One node of the tree. Clones refer to the same node.
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
    /// Errors are recorded but not emitted.
    silenced: bool,
    /// The `cfg`s of the item. Its errors are emitted under them.
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

    /// Creates a sink for a part. An error in the part is an error of this node too.
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

    /// Creates a sink for a part with an error that the compiler has already reported. The part has
    /// errors, but emits none.
    pub(crate) fn silenced_child(&self) -> Self {
        let child = self.child();
        if let Some(node) = child.tree.borrow_mut().nodes.get_mut(child.node) {
            node.silenced = true;
        }
        child.mark_failed();
        child
    }

    /// Emits the errors of this node under these `cfg`s only, because an item that is configured
    /// out must cause none.
    pub(crate) fn only_under(&self, cfgs: TokenStream) {
        if let Some(node) = self.tree.borrow_mut().nodes.get_mut(self.node) {
            node.cfgs = cfgs;
        }
    }

    /// Emits no further errors, of any node.
    pub(crate) fn silence(&self) {
        self.tree.borrow_mut().nodes.iter_mut().for_each(|node| node.silenced = true);
    }

    /// Reports an error at these tokens. The message says what is wrong and what to write instead.
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

    /// Removes the first error of this node from the tree, for a caller that emits it inside the
    /// generated code.
    pub(crate) fn take_first(&self) -> Option<syn::Error> {
        let errors = &mut self.tree.borrow_mut().errors;
        let first = errors.iter().position(|(node, _)| *node == self.node)?;
        Some(errors.remove(first).1)
    }

    /// Marks this node and its ancestors as failed, for an error that is reported elsewhere.
    pub(crate) fn mark_failed(&self) {
        let mut tree = self.tree.borrow_mut();
        let mut next = Some(self.node);
        while let Some(node) = next.and_then(|index| tree.nodes.get_mut(index)) {
            node.has_errors = true;
            next = node.parent;
        }
    }

    /// Reports a warning.
    pub(crate) fn warn(&self, warning: Warning) {
        self.tree.borrow_mut().warnings.push((self.node, warning));
    }

    /// Returns the warnings of this node.
    pub(crate) fn warnings(&self) -> Vec<Warning> {
        let tree = self.tree.borrow();
        tree.warnings
            .iter()
            .filter(|(node, _)| *node == self.node)
            .map(|(_, warning)| warning.clone())
            .collect()
    }

    /// Whether this node or a descendant has errors.
    pub(crate) fn has_errors(&self) -> bool {
        self.tree.borrow().nodes.get(self.node).is_some_and(|node| node.has_errors)
    }

    /// Returns all errors of the tree as `compile_error!`s, in the order of the nodes.
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
    fn an_error_marks_its_ancestors_only() {
        let root = ErrorSink::root();
        let (left, right) = (root.child(), root.child());
        left.child().error(quote!(x), "wrong");
        assert!(root.has_errors() && left.has_errors() && !right.has_errors());
    }

    #[test]
    fn a_silenced_part_emits_no_errors() {
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
    fn errors_are_emitted_in_the_order_of_the_parts() {
        let root = ErrorSink::root();
        let (first, second) = (root.child(), root.child());
        second.error(quote!(y), "second");
        first.error(quote!(x), "first");
        assert_eq!(root.messages(), ["first", "second"]);
    }
}
