use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The most tests that one process makes at a time.
const MOST: usize = 8;

/// The subscriptions that are being tested by this process. A test is posted at once, past everything that spares an endpoint and the places for
/// attempts: so there is one at a time of each subscription, and a few in all.
#[derive(Clone, Debug, Default)]
pub struct UnderTest(Arc<Mutex<BTreeSet<String>>>);

/// Why there is no test now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoTest {
    /// One of this subscription is under way.
    UnderWay,
    /// As many as may be are under way.
    TooMany,
}

/// A test that is under way, until this is dropped.
#[derive(Debug)]
pub(crate) struct Testing {
    all: UnderTest,
    subscription: String,
}

impl UnderTest {
    /// Begins a test.
    ///
    /// # Errors
    /// [`NoTest`] says why it can't begin now.
    pub(crate) fn begin(&self, subscription: &str) -> Result<Testing, NoTest> {
        let mut under_way = self.lock();
        if under_way.contains(subscription) {
            return Err(NoTest::UnderWay);
        }
        if under_way.len() >= MOST {
            return Err(NoTest::TooMany);
        }
        under_way.insert(subscription.to_owned());
        Ok(Testing { all: self.clone(), subscription: subscription.to_owned() })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Testing {
    fn drop(&mut self) {
        self.all.lock().remove(&self.subscription);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_test_of_a_subscription_and_a_few_in_all() {
        let under_test = UnderTest::default();
        let mut begun: Vec<_> = (0..MOST).map(|number| under_test.begin(&number.to_string()).expect("there is room")).collect();
        assert_eq!(under_test.begin("0").err(), Some(NoTest::UnderWay));
        assert_eq!(under_test.begin("another").err(), Some(NoTest::TooMany));
        begun.remove(0);
        assert_eq!(under_test.begin("1").err(), Some(NoTest::UnderWay));
        assert!(under_test.begin("0").is_ok() && under_test.begin("another").is_ok());
    }
}
