//! The deliveries of one event: their ids follow from those of the subscriptions.

use super::{DeletedSubscription, Delivery, Subscription};
use crate::{
    listing,
    ports::{Index, Key, PortError, Store},
    record::Record,
};

/// How many subscriptions are looked at in one go.
const PAGE: usize = 100;

/// The keys of all deliveries that there can be of an event: one for each subscription, and for each that is gone and whose deliveries are still kept.
///
/// # Errors
/// [`PortError`] if the subscriptions can't be read.
pub(crate) async fn keys_of_event(store: &dyn Store, event: &str) -> Result<Vec<Key>, PortError> {
    let mut keys = Vec::new();
    for list in [Subscription::KIND, DeletedSubscription::KIND] {
        let mut cursor = None;
        loop {
            let listed = listing::list(store, Index::List, list, cursor, PAGE, |_| true).await?;
            let key = |subscription: &Key| Delivery::key(&Delivery::id_of(event, &subscription.id));
            keys.extend(listed.items.iter().map(|stored| key(&stored.document.key)));
            cursor = listed.next;
            if cursor.is_none() {
                break;
            }
        }
    }
    Ok(keys)
}
