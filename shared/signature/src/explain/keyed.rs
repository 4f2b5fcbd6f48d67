use std::time::Duration;

use super::{Explained, Finding};
use crate::{KeyedHash, Message, Scheme, Secret};

impl Explained for KeyedHash {
    fn doubt_secret(&self, _: &Secret) -> Option<&'static str> {
        None
    }

    fn within(&self, tolerance: Duration) -> Option<Box<dyn Explained>> {
        self.time.map(|_| -> Box<dyn Explained> { Box::new(self.with_tolerance(tolerance)) })
    }

    fn doubt_message(&self, _: &Message<'_>) -> Vec<Finding> {
        Vec::new()
    }

    fn headers(&self) -> Vec<&'static str> {
        std::iter::once(self.header()).chain(self.time.iter().map(|time| time.header)).collect()
    }
}
