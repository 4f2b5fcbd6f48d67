//! In which space an event is handled: that of its own record, whatever the settings say by now.

use std::ops::Deref;

use super::Processor;
use crate::space::Space;

/// The processor where an event belongs.
pub(super) enum There<'a> {
    /// It is there already.
    Here(&'a Processor),
    /// The same on another store.
    Elsewhere(Box<Processor>),
}

impl Deref for There<'_> {
    type Target = Processor;

    fn deref(&self) -> &Processor {
        match self {
            Self::Here(processor) => processor,
            Self::Elsewhere(processor) => processor,
        }
    }
}

impl Processor {
    /// The same at work in the space of a tenant; outside of all spaces for what is no tenant's.
    pub(super) fn within(&self, tenant: Option<&str>) -> There<'_> {
        match Space::elsewhere(&self.store, tenant) {
            None => There::Here(self),
            Some(store) => There::Elsewhere(Box::new(Self { policy: self.policy.within(store.space()), store, ..self.clone() })),
        }
    }

    /// Whose space it is at work in.
    pub(super) fn tenant(&self) -> Option<&str> {
        self.store.space().map(Space::tenant)
    }
}
