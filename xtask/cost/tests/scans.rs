//! Nothing that is asked of the records takes more when more of them are there: each access is by key or along an index.

use sluice_cost::accesses;

/// In units of the table's capacity, as the adapter is billed. A list is spread over eight partitions, each of which has more than a page in both cases.
#[test]
fn an_access_takes_the_same_of_three_times_as_many_records() {
    let (few, many) = (accesses(150).expect("all is found"), accesses(450).expect("all is found"));
    assert!(few.len() > 50, "{few:?}");
    for (few, many) in few.iter().zip(&many) {
        assert_eq!(few, many);
    }
    assert_eq!(few.len(), many.len());
    // What few records fit is not looked for among all: at most the key of the API and two records each with two documents beside it, a unit each, one
    // record that knows them, and the index.
    let by_value = few.iter().filter(|(what, _)| what.contains('?') && what.contains("00007"));
    let taken: Vec<_> = by_value.map(|(what, units)| (what, units.read_halves)).collect();
    assert!(taken.len() > 20 && taken.iter().all(|(_, halves)| *halves <= 2 * (1 + 2 * 3 + 1) + 1), "{taken:?}");
}
