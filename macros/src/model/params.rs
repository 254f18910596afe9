//! Parameters dealt to roles: reference kind and position decide, never a type's name.

use super::{
    function::{Param, Shape},
    is_of_std,
};

/// The parameters of a handler or hook, taken from the front and the back; what is left over has no
/// place.
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

    /// `&T` at the front.
    pub(super) fn shared(&mut self) -> Option<Param> {
        self.first(|shape| matches!(shape, Shape::Shared(_)))
    }

    /// `&T` at the front, unless `T` is surely no peer: then it is something borrowed by mistake.
    pub(super) fn peer(&mut self) -> Option<Param> {
        self.first(|shape| matches!(shape, Shape::Shared(reference) if !is_of_std(&reference.elem)))
    }

    /// `&mut T` at the front.
    pub(super) fn exclusive(&mut self) -> Option<Param> {
        self.first(|shape| matches!(shape, Shape::Exclusive(_)))
    }

    /// An owned one at the back.
    pub(super) fn last_owned(&mut self) -> Option<Param> {
        self.last(|shape| matches!(shape, Shape::Owned))
    }

    /// `&mut T` at the back.
    pub(super) fn last_exclusive(&mut self) -> Option<Param> {
        self.last(|shape| matches!(shape, Shape::Exclusive(_)))
    }

    /// `&T` at the back.
    pub(super) fn last_shared(&mut self) -> Option<Param> {
        self.last(|shape| matches!(shape, Shape::Shared(_)))
    }

    /// Up to three owned ones at the back, in their order.
    pub(super) fn owned(&mut self) -> Vec<Param> {
        let mut owned: Vec<_> = std::iter::from_fn(|| self.last_owned()).take(3).collect();
        owned.reverse();
        owned
    }

    /// Those that no role wants.
    pub(super) fn unmatched(self) -> Vec<Param> {
        self.params
    }
}
