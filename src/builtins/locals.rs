//! The variables of functions, as they were when one of them was last read: what can be told of a function that has failed.
//! Rhai forgets them with the call, and shows them only where a variable is read.

use std::cell::{Cell, RefCell};

use rhai::{Dynamic, EvalContext};

/// A variable: its name, whether it is a constant, and what it held.
pub type Local = (String, bool, Dynamic);

/// Remembers the variables of the functions that run.
#[derive(Default)]
pub struct Locals {
    is_watching: Cell<bool>,
    /// By the depth of the call: when it was, and what was there.
    calls: RefCell<Vec<(u64, Vec<Local>)>>,
    order: Cell<u64>,
}

impl Locals {
    /// Begins to watch, at the price of a copy for each variable that is read in a function; what was seen is forgotten.
    pub fn watch(&self) {
        self.is_watching.set(true);
        // Dropping a long chain of closures recurses.
        std::mem::forget(self.calls.take());
    }

    /// A variable is about to be read.
    #[inline]
    pub fn note(&self, context: &EvalContext<'_, '_, '_, '_, '_, '_>) {
        if self.is_watching.get() && context.call_level() > 0 {
            self.keep(context);
        }
    }

    fn keep(&self, context: &EvalContext<'_, '_, '_, '_, '_, '_>) {
        let mut calls = self.calls.borrow_mut();
        let depth = context.call_level();
        if calls.len() < depth {
            calls.resize_with(depth, Default::default);
        }
        self.order.set(self.order.get() + 1);
        let (order, locals) = &mut calls[depth - 1];
        *order = self.order.get();
        let scope = context.scope();
        // Newest first: of the oldest, most are known.
        let mut now: Vec<_> = scope.iter_raw().collect();
        now.reverse();
        locals.truncate(now.len());
        for (index, (name, is_constant, value)) in now.into_iter().enumerate() {
            let value = value.flatten_clone();
            match locals.get_mut(index) {
                Some(local) if local.0 == name => (local.1, local.2) = (is_constant, value),
                Some(local) => *local = (name.into(), is_constant, value),
                None => locals.push((name.into(), is_constant, value)),
            }
        }
    }

    /// The variables of the function that was last seen, if they begin with these parameters.
    #[must_use]
    pub fn last(&self, begins_with: impl Fn(&[Local]) -> bool) -> Option<Vec<Local>> {
        let calls = self.calls.borrow();
        let known = calls.iter().filter(|(order, locals)| *order > 0 && begins_with(locals));
        known.max_by_key(|(order, _)| *order).map(|(_, locals)| locals.clone())
    }
}
