//! Matches parameters with roles. Position and kind of reference decide, never the name of a type.

use super::{
    function::{Param, Shape},
    is_of_std,
};

/// The parameters of a handler or hook. They are taken from both ends; those that remain have no
/// role.
pub(super) struct ParamMatcher {
    params: Vec<Param>,
}

impl ParamMatcher {
    pub(super) fn new(params: &[Param]) -> Self {
        ParamMatcher { params: params.to_vec() }
    }

    fn first(&mut self, fits: impl Fn(&Shape) -> bool) -> Option<Param> {
        let fits = self.params.first().is_some_and(|param| fits(&param.shape));
        fits.then(|| self.params.remove(0))
    }

    fn last(&mut self, fits: impl Fn(&Shape) -> bool) -> Option<Param> {
        let fits = self.params.last().is_some_and(|param| fits(&param.shape));
        if fits { self.params.pop() } else { None }
    }

    /// A `&T` that comes first.
    pub(super) fn shared(&mut self) -> Option<Param> {
        self.first(|shape| matches!(shape, Shape::Shared(_)))
    }

    /// A `&T` that comes first, unless `T` can't be a peer, and the parameter is borrowed by
    /// mistake.
    pub(super) fn peer(&mut self) -> Option<Param> {
        self.first(|shape| matches!(shape, Shape::Shared(reference) if !is_of_std(&reference.elem)))
    }

    /// A `&mut T` that comes first.
    pub(super) fn exclusive(&mut self) -> Option<Param> {
        self.first(|shape| matches!(shape, Shape::Exclusive(_)))
    }

    /// A parameter by value that comes last.
    pub(super) fn last_owned(&mut self) -> Option<Param> {
        self.last(|shape| matches!(shape, Shape::Owned))
    }

    /// A `&mut T` that comes last.
    pub(super) fn last_exclusive(&mut self) -> Option<Param> {
        self.last(|shape| matches!(shape, Shape::Exclusive(_)))
    }

    /// A `&T` that comes last.
    pub(super) fn last_shared(&mut self) -> Option<Param> {
        self.last(|shape| matches!(shape, Shape::Shared(_)))
    }

    /// Up to three parameters by value that come last, in their order.
    pub(super) fn owned(&mut self) -> Vec<Param> {
        let mut owned: Vec<_> = std::iter::from_fn(|| self.last_owned()).take(3).collect();
        owned.reverse();
        owned
    }

    /// The parameters without a role.
    pub(super) fn unmatched(self) -> Vec<Param> {
        self.params
    }
}
