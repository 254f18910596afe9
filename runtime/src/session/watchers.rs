//! [`Watchers`]: who waits for a session's end, each under a ticket.

use std::mem;
use std::task::Waker;

#[derive(Debug, Default)]
pub(super) struct Watchers {
    there: Vec<(u64, Waker)>,
    tickets: u64,
}

impl Watchers {
    /// Has `waker` woken at the end; under a ticket that is known, in place of the one before, which comes back.
    pub(super) fn watch(&mut self, ticket: Option<u64>, waker: &Waker) -> (u64, Option<Waker>) {
        let known = self.there.iter_mut().find(|(known, _)| Some(*known) == ticket);
        if let Some((ticket, known)) = known {
            let before = if known.will_wake(waker) { None } else { Some(mem::replace(known, waker.clone())) };
            return (*ticket, before);
        }
        let ticket = self.tickets;
        self.tickets += 1;
        self.there.push((ticket, waker.clone()));
        (ticket, None)
    }

    pub(super) fn leave(&mut self, ticket: u64) -> Option<Waker> {
        let at = self.there.iter().position(|(known, _)| *known == ticket)?;
        Some(self.there.swap_remove(at).1)
    }

    pub(super) fn all(&mut self) -> impl Iterator<Item = Waker> + use<> {
        mem::take(&mut self.there).into_iter().map(|(_, waker)| waker)
    }
}
