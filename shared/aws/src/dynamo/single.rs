//! One conditional write. It has no token by which a repetition would be recognised, so one whose answer was lost is not repeated.

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::{delete_item::DeleteItemError, put_item::PutItemError, update_item::UpdateItemError},
    types::{ReturnValuesOnConditionCheckFailure, error::ConditionalCheckFailedException},
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use sluice_core::ports::PortError;

use super::{
    DynamoStore,
    commit::{Change, Refused, Step},
    item::key_item,
    transact::move_expression,
};
use crate::{failure::Failure, patience::Repeat};

impl DynamoStore {
    /// Writes one step, and returns it if it was refused.
    pub(super) async fn write_one(&self, step: &Step) -> Result<Vec<Refused>, PortError> {
        let answer = self.patience.call(Repeat::Harmful, || self.try_one(step)).await;
        answer.map(|refused| refused.into_iter().collect()).map_err(Failure::into_port_error)
    }

    async fn try_one(&self, step: &Step) -> Result<Option<Refused>, Failure> {
        const OLD: ReturnValuesOnConditionCheckFailure = ReturnValuesOnConditionCheckFailure::AllOld;
        let Step { key, condition, change } = step.clone();
        match change {
            Change::Put(item) => {
                let call = self.client.put_item().table_name(&self.table).set_item(Some(item)).condition_expression(condition.text);
                let call = call.set_expression_attribute_values(Some(condition.values)).return_values_on_condition_check_failure(OLD);
                judge(call.send().await, |error| match error {
                    PutItemError::ConditionalCheckFailedException(failed) => Some(failed),
                    _ => None,
                })
            }
            Change::Delete => {
                let call = self.client.delete_item().table_name(&self.table).set_key(Some(key_item(&key)));
                let call = call.condition_expression(condition.text).set_expression_attribute_values(Some(condition.values));
                judge(call.return_values_on_condition_check_failure(OLD).send().await, |error| match error {
                    DeleteItemError::ConditionalCheckFailedException(failed) => Some(failed),
                    _ => None,
                })
            }
            Change::Move(place) => {
                let (update, values) = move_expression(place, condition.values);
                let call = self.client.update_item().table_name(&self.table).set_key(Some(key_item(&key))).update_expression(update);
                let call = call.condition_expression(condition.text).set_expression_attribute_values(Some(values));
                judge(call.return_values_on_condition_check_failure(OLD).send().await, |error| match error {
                    UpdateItemError::ConditionalCheckFailedException(failed) => Some(failed),
                    _ => None,
                })
            }
            Change::Check => unreachable!("a lone check is sent as a transaction"),
        }
    }
}

fn judge<T, E>(
    answer: Result<T, SdkError<E, HttpResponse>>,
    refused: impl FnOnce(&E) -> Option<&ConditionalCheckFailedException>,
) -> Result<Option<Refused>, Failure>
where
    E: aws_smithy_types::error::metadata::ProvideErrorMetadata + std::error::Error + 'static,
{
    match answer {
        Ok(_) => Ok(None),
        Err(error) => match error.as_service_error().and_then(refused) {
            Some(failed) => Ok(Some((0, failed.item.clone()))),
            None => Err(Failure::of("DynamoDB", &error)),
        },
    }
}
