//! Several steps as one transaction.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    operation::transact_write_items::TransactWriteItemsError,
    types::{
        AttributeValue, CancellationReason, ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
    },
};
use sha2::{Digest, Sha256};
use sluice_core::{
    ports::{Place, PortError},
    time::Timestamp,
};

use super::{
    DynamoStore,
    commit::{Change, Refused, Step},
    item::key_item,
    schema,
};
use crate::{
    failure::{Failed, Failure, Fate},
    patience::Repeat,
};

impl DynamoStore {
    /// Sends the steps, whose conditions are those of the time `now`, as one transaction, and returns those that were refused. Repeating it is harmless: the
    /// service knows it again by its token.
    pub(super) async fn transact(&self, token: &str, now: Timestamp, steps: &[Step]) -> Result<Vec<Refused>, PortError> {
        let items: Vec<TransactWriteItem> = steps.iter().map(|step| self.transact_item(step)).collect();
        let token = client_token(token, now);
        let answer = self
            .patience
            .call(Repeat::Harmless, || async {
                let call = self.client.transact_write_items().set_transact_items(Some(items.clone()));
                match call.client_request_token(&token).send().await {
                    Ok(_) => Ok(Vec::new()),
                    Err(error) => match error.as_service_error() {
                        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => judge(cancelled.cancellation_reasons()),
                        _ => Err(Cancelled { failure: Failure::of("DynamoDB", &error), refused: Vec::new() }),
                    },
                }
            })
            .await;
        match answer {
            Ok(refused) => Ok(refused),
            // What was found to be so stays found, though the other steps could not be judged.
            Err(cancelled) if !cancelled.refused.is_empty() => Ok(cancelled.refused),
            Err(cancelled) => Err(cancelled.failure.into_port_error()),
        }
    }

    fn transact_item(&self, step: &Step) -> TransactWriteItem {
        const OLD: ReturnValuesOnConditionCheckFailure = ReturnValuesOnConditionCheckFailure::AllOld;
        const COMPLETE: &str = "table, key and condition are set";
        let Step { key, condition, change } = step.clone();
        let key = Some(key_item(&key));
        let item = TransactWriteItem::builder();
        match change {
            Change::Put(new) => {
                let put = Put::builder().table_name(&self.table).set_item(Some(new)).condition_expression(condition.text);
                let put = put.set_expression_attribute_values(Some(condition.values)).return_values_on_condition_check_failure(OLD);
                item.put(put.build().expect(COMPLETE))
            }
            Change::Delete => {
                let delete = Delete::builder().table_name(&self.table).set_key(key).condition_expression(condition.text);
                let delete = delete.set_expression_attribute_values(Some(condition.values)).return_values_on_condition_check_failure(OLD);
                item.delete(delete.build().expect(COMPLETE))
            }
            Change::Check => {
                let check = ConditionCheck::builder().table_name(&self.table).set_key(key).condition_expression(condition.text);
                let check = check.set_expression_attribute_values(Some(condition.values)).return_values_on_condition_check_failure(OLD);
                item.condition_check(check.build().expect(COMPLETE))
            }
            Change::Move(place) => {
                let (expression, values) = move_expression(place, condition.values);
                let update = Update::builder().table_name(&self.table).set_key(key).update_expression(expression);
                let update = update.condition_expression(condition.text).set_expression_attribute_values(Some(values));
                item.update(update.return_values_on_condition_check_failure(OLD).build().expect(COMPLETE))
            }
        }
        .build()
    }
}

/// The update that moves an item to `place`, with the values that it adds to those of the condition.
pub(super) fn move_expression(place: Place, mut values: HashMap<String, AttributeValue>) -> (String, HashMap<String, AttributeValue>) {
    let names = schema::of(place.index);
    values.insert(":np".to_owned(), AttributeValue::S(place.partition));
    values.insert(":no".to_owned(), AttributeValue::S(place.sort));
    (format!("SET {} = :np, {} = :no", names.partition, names.sort), values)
}

/// A transaction that did not apply, for a reason other than its conditions.
#[derive(Debug, PartialEq)]
struct Cancelled {
    failure: Failure,
    /// The steps whose conditions did not hold nevertheless.
    refused: Vec<Refused>,
}

impl Failed for Cancelled {
    fn fate(&self) -> Fate {
        self.failure.fate()
    }

    fn out_of_time() -> Self {
        Self { failure: Failure::out_of_time(), refused: Vec::new() }
    }
}

/// Reads the reasons for which a transaction was cancelled: one for each step, `None` where there was nothing against it.
/// A step that was in conflict was not judged, so the whole is asked again for as long as there is one.
fn judge(reasons: &[CancellationReason]) -> Result<Vec<Refused>, Cancelled> {
    let mut refused = Vec::new();
    let mut worst: Option<Failure> = None;
    for (position, reason) in reasons.iter().enumerate() {
        let fate = match reason.code().unwrap_or("None") {
            "None" => continue,
            "ConditionalCheckFailed" => {
                refused.push((position, reason.item.clone()));
                continue;
            }
            "TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded" => Fate::NotTaken,
            _ => Fate::Refused,
        };
        if worst.as_ref().is_none_or(|worst| worst.fate != Fate::Refused) {
            let code = reason.code().unwrap_or_default();
            let text = format!("DynamoDB: step {position} of a transaction: {code}: {}", reason.message().unwrap_or("no message"));
            worst = Some(Failure::reported(fate, code, text));
        }
    }
    match worst {
        None if refused.is_empty() => {
            let text = "DynamoDB: a transaction was cancelled without a reason".to_owned();
            Err(Cancelled { failure: Failure::reported(Fate::NotTaken, "", text), refused })
        }
        None => Ok(refused),
        // What can never be applied is not a matter of its conditions.
        Some(failure) if failure.fate == Fate::Refused => Err(Cancelled { failure, refused: Vec::new() }),
        Some(failure) => Err(Cancelled { failure, refused }),
    }
}

/// The token of the request that carries out a commit at the time `now`, within the 36 characters that the service takes.
///
/// The time stands in the conditions, so a commit that its caller tries again is another request, and under the token of the first it would be refused as a
/// [mismatch](https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html) for ten minutes. Under its own its conditions are
/// judged: what the first has done meets it there.
fn client_token(token: &str, now: Timestamp) -> String {
    hex::encode(&Sha256::digest(format!("{}/{token}", now.millis()))[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(codes: &[&str]) -> Vec<CancellationReason> {
        codes.iter().map(|code| CancellationReason::builder().code(*code).build()).collect()
    }

    fn judged(codes: &[&str]) -> Result<Vec<usize>, (Fate, Vec<usize>)> {
        let positions = |refused: Vec<Refused>| refused.into_iter().map(|(position, _)| position).collect();
        judge(&reasons(codes)).map(positions).map_err(|cancelled| (cancelled.fate(), positions(cancelled.refused)))
    }

    const FAILED: &str = "ConditionalCheckFailed";

    #[test]
    fn refusals_are_told_by_position() {
        assert_eq!(judged(&["None", FAILED, "None", FAILED]), Ok(vec![1, 3]));
    }

    #[test]
    fn what_was_in_the_way_is_waited_for() {
        for busy in ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"] {
            assert_eq!(judged(&["None", busy]), Err((Fate::NotTaken, vec![])));
            assert_eq!(judged(&[FAILED, busy, FAILED]), Err((Fate::NotTaken, vec![0, 2])), "the refusals are kept");
        }
    }

    #[test]
    fn what_can_never_apply_is_an_error_beside_anything() {
        assert_eq!(judged(&["ValidationError", "TransactionConflict"]), Err((Fate::Refused, vec![])));
        assert_eq!(judged(&["TransactionConflict", FAILED, "ValidationError"]), Err((Fate::Refused, vec![])));
        let error = judge(&reasons(&["ValidationError"])).expect_err("cancelled").failure.into_port_error();
        assert!(matches!(error, PortError::Permanent(_)), "{error:?}");
    }

    #[test]
    fn no_reason_at_all_is_asked_again() {
        assert_eq!(judged(&["None"]), Err((Fate::NotTaken, vec![])));
    }

    #[test]
    fn tokens_fit_and_stay_apart() {
        let at = |token: &str, millis: i64| client_token(token, Timestamp::from_millis(millis));
        for token in ["", "kept", &"a".repeat(100)] {
            assert!((1..=36).contains(&at(token, 5).len()) && at(token, 5) == at(token, 5), "{token}");
            assert!(at(token, 5) != at(token, 6), "{token}: its conditions are those of another time");
        }
        assert!(at("x", 11) != at("1x", 1) && at("x", 5) != at("y", 5));
    }
}
