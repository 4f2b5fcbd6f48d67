//! What must hold of an item, as DynamoDB's condition expressions.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use sluice_core::{
    ports::{Condition, Place},
    time::Timestamp,
};

use super::{item::number, schema};

/// The item's end has passed. `:s` is the time in whole seconds, `:t` the second after it, `:r` what is left until then in milliseconds.
const EXPIRED: &str = "x <= :s OR (x = :t AND y >= :r)";
/// The opposite of [`EXPIRED`], written out so that nothing hangs on how a comparison with a missing attribute is negated.
const LIVE: &str = "(attribute_not_exists(x) OR x > :t OR (x = :t AND (attribute_not_exists(y) OR y < :r)))";

/// An expression and the values of its placeholders.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Expression {
    pub(super) text: String,
    pub(super) values: HashMap<String, AttributeValue>,
}

impl Expression {
    fn new(text: String, now: Timestamp) -> Self {
        let next = now.seconds() + 1;
        let values = HashMap::from([(":t".to_owned(), number(next)), (":r".to_owned(), number(next * 1000 - now.millis()))]);
        Self { text, values }
    }

    fn with(mut self, name: &str, value: AttributeValue) -> Self {
        self.values.insert(name.to_owned(), value);
        self
    }
}

/// The condition of a port's step at the time `now`.
pub(super) fn of(condition: Condition, now: Timestamp) -> Expression {
    match condition {
        Condition::Absent => Expression::new(format!("attribute_not_exists(k) OR {EXPIRED}"), now).with(":s", number(now.seconds())),
        Condition::Version(version) => Expression::new(format!("v = :v AND {LIVE}"), now).with(":v", number(version)),
    }
}

/// The item is live and stands at `place`.
pub(super) fn stands_at(place: &Place, now: Timestamp) -> Expression {
    let names = schema::of(place.index);
    Expression::new(format!("{} = :p AND {} = :o AND {LIVE}", names.partition, names.sort), now)
        .with(":p", AttributeValue::S(place.partition.clone()))
        .with(":o", AttributeValue::S(place.sort.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dynamo::item::end_parts;

    /// What the two expressions say of an end, in plain arithmetic.
    fn expired(end: Timestamp, now: Timestamp) -> bool {
        let (x, y) = end_parts(end);
        let (s, t, r) = (now.seconds(), now.seconds() + 1, (now.seconds() + 1) * 1000 - now.millis());
        let (y, has_y) = (y, y != 0);
        let expired = x <= s || (x == t && has_y && y >= r);
        let live = x > t || (x == t && (!has_y || y < r));
        assert_ne!(expired, live, "{end} at {now}");
        expired
    }

    #[test]
    fn ends_hold_to_the_millisecond() {
        for end in [5_000, 5_001, 5_500, 5_999, 6_000].map(Timestamp::from_millis) {
            for now in (3_990..7_010).map(Timestamp::from_millis) {
                assert_eq!(expired(end, now), end <= now, "{} at {}", end.millis(), now.millis());
            }
        }
    }

    #[test]
    fn every_value_is_used_and_every_placeholder_has_one() {
        let place = Place { index: sluice_core::ports::Index::Due, partition: "p".into(), sort: "s".into() };
        let now = Timestamp::from_millis(5_250);
        for expression in [of(Condition::Absent, now), of(Condition::Version(3), now), stands_at(&place, now)] {
            let mut used: Vec<String> =
                expression.text.split(|c: char| !c.is_alphanumeric() && c != ':').filter(|word| word.starts_with(':')).map(str::to_owned).collect();
            used.sort();
            used.dedup();
            let mut given: Vec<String> = expression.values.into_keys().collect();
            given.sort();
            assert_eq!(used, given, "{}", expression.text);
        }
    }
}
