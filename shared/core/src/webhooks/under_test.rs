use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The most tests that one process makes at a time.
const MOST: usize = 8;
/// The most of them that are one tenant's.
const MOST_OF_A_TENANT: usize = 2;

/// The subscriptions that are being tested by this process. A test is posted at once, past everything that spares an endpoint and the places for
/// attempts: so there is one at a time of each subscription, few of a tenant, and a few in all.
#[derive(Clone, Debug, Default)]
pub struct UnderTest(Arc<Mutex<UnderWay>>);

/// Whose the subscriptions are of which a test is under way, by their ids.
type UnderWay = BTreeMap<String, Option<String>>;

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
    /// Begins a test of a subscription of this tenant's, or the operator's.
    ///
    /// # Errors
    /// [`NoTest`] says why it can't begin now.
    pub(crate) fn begin(&self, subscription: &str, tenant: Option<&str>) -> Result<Testing, NoTest> {
        let mut under_way = self.lock();
        if under_way.contains_key(subscription) {
            return Err(NoTest::UnderWay);
        }
        let of_tenant = under_way.values().filter(|whose| tenant.is_some() && whose.as_deref() == tenant).count();
        if under_way.len() >= MOST || of_tenant >= MOST_OF_A_TENANT {
            return Err(NoTest::TooMany);
        }
        under_way.insert(subscription.to_owned(), tenant.map(str::to_owned));
        Ok(Testing { all: self.clone(), subscription: subscription.to_owned() })
    }

    fn lock(&self) -> MutexGuard<'_, UnderWay> {
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
        let mut begun: Vec<_> = (0..MOST).map(|number| under_test.begin(&number.to_string(), None).expect("there is room")).collect();
        assert_eq!(under_test.begin("0", None).err(), Some(NoTest::UnderWay));
        assert_eq!(under_test.begin("another", None).err(), Some(NoTest::TooMany));
        begun.remove(0);
        assert_eq!(under_test.begin("1", None).err(), Some(NoTest::UnderWay));
        assert!(under_test.begin("0", None).is_ok() && under_test.begin("another", None).is_ok());
    }

    #[test]
    fn a_tenant_takes_no_more_than_its_share() {
        let under_test = UnderTest::default();
        let begin = |id: &str, tenant| under_test.begin(id, Some(tenant));
        let _begun = [begin("1", "acme"), begin("2", "acme")].map(|begun| begun.expect("there is room"));
        assert_eq!(begin("3", "acme").err(), Some(NoTest::TooMany));
        assert!(begin("4", "beta").is_ok() && under_test.begin("5", None).is_ok());
    }
}
