//! Whether every filter of a list finds what fits it.

use super::World;
use crate::{
    kind::{By, Served, state_of},
    ports::{Index, Store},
    record::group,
};

/// Checks that each record of a kind is found by every filter of its list under the value that it shows, and under no other: that it stands in the
/// group of that value, or that the record that the value names knows it. Past the fault layer.
///
/// # Panics
/// If one is not.
pub async fn assert_findable<K: Served>(world: &World) {
    for stored in world.documents(K::KIND) {
        let record = K::from_stored(&stored).expect("can be read");
        let state = state_of(&record);
        let place = |index: Index| stored.document.places.iter().find(|place| place.index == index);
        for filter in K::FILTERS {
            let value = state[filter.name].as_str().filter(|_| record.is_served());
            let which = format!("{}?{}={value:?}: {:?}", K::KIND, filter.name, stored.document);
            match filter.by {
                By::State => {}
                By::Group(index) => {
                    let names = (place(index).map(|place| place.partition.clone()), value.map(|value| group(K::KIND, filter.name, value)));
                    assert_eq!(names.0, names.1, "{which}");
                    let order = place(index).map(|place| &place.sort);
                    assert!(order.is_none() || order == place(Index::List).map(|place| &place.sort), "another order: {which}");
                }
                By::Holder(holder) => {
                    let Some(value) = value else { continue };
                    let found = world.store.get(&[(holder.key)(value)]).await.expect("a store in memory answers").pop().flatten();
                    let ids = (holder.ids)(&found.unwrap_or_else(|| panic!("nothing is there to know {which}"))).expect("can be read");
                    assert!(ids.iter().any(|id| id == record.id()), "{ids:?} has not {which}");
                }
            }
        }
    }
}
