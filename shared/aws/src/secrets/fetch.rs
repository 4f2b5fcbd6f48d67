use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use sluice_core::{
    ports::{Clock, Ids},
    secrets::DEFAULT_SOURCE,
};
use sluice_signature::Secret;

use super::{Reference, Service};
use crate::{
    failure::Failure,
    patience::{Patience, Repeat},
};

/// How long one value is tried for. A function that starts has ten seconds for all, its connections included
/// ([the init phase](https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib)), and a webhook that waits for a
/// refresh has to be answered.
const LONGEST: Duration = Duration::from_secs(3);

/// Fetches what references name.
#[async_trait]
pub trait Fetch: Send + Sync {
    /// The value in force now.
    ///
    /// # Errors
    /// [`FetchError`] if it can't be had; it shows nothing of the value.
    async fn fetch(&self, reference: &Reference) -> Result<Secret, FetchError>;
}

/// Why a value can't be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reference}: {problem}")]
pub struct FetchError {
    /// The reference, as it is written in the settings.
    pub reference: String,
    /// What is wrong and what to do.
    pub problem: String,
}

impl FetchError {
    /// The error of a reference.
    pub fn new(reference: impl fmt::Display, problem: impl Into<String>) -> Self {
        Self { reference: reference.to_string(), problem: problem.into() }
    }
}

/// Fetches out of Secrets Manager and Parameter Store. A call that is turned away for the moment, or not answered, is tried again.
#[derive(Clone, Debug)]
pub struct AwsSecrets {
    secrets: aws_sdk_secretsmanager::Client,
    parameters: aws_sdk_ssm::Client,
    patience: Arc<Patience>,
}

impl AwsSecrets {
    /// Fetches through these clients.
    #[must_use]
    pub fn new(secrets: aws_sdk_secretsmanager::Client, parameters: aws_sdk_ssm::Client, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self { secrets, parameters, patience: Arc::new(Patience::new(clock, ids, LONGEST)) }
    }

    async fn secret(&self, name: &str) -> Result<Option<String>, Failure> {
        let call = || async {
            let call = self.secrets.get_secret_value().secret_id(name).send();
            Box::pin(call).await.map_err(|error| Failure::of("Secrets Manager", &error))
        };
        let answer = self.patience.call(Repeat::Harmless, call).await?;
        let bytes = || String::from_utf8(answer.secret_binary?.into_inner()).ok();
        Ok(answer.secret_string.or_else(bytes))
    }

    async fn parameter(&self, name: &str) -> Result<Option<String>, Failure> {
        let call = || async {
            let call = self.parameters.get_parameter().name(name).with_decryption(true).send();
            Box::pin(call).await.map_err(|error| Failure::of("Parameter Store", &error))
        };
        let answer = self.patience.call(Repeat::Harmless, call).await?;
        Ok(answer.parameter.and_then(|parameter| parameter.value))
    }
}

#[async_trait]
impl Fetch for AwsSecrets {
    async fn fetch(&self, reference: &Reference) -> Result<Secret, FetchError> {
        let text = match reference.service {
            Service::SecretsManager => self.secret(&reference.name).await,
            Service::ParameterStore => self.parameter(&reference.name).await,
        };
        let text = text.map_err(|failure| FetchError::new(reference, failure.to_string()))?.unwrap_or_default();
        let value = Secret::new(pick(text, reference)?);
        if value.is_blank() { Err(FetchError::new(reference, "is empty; put the secret in")) } else { Ok(value) }
    }
}

/// The value of a reference in what lies there. A text that is no JSON is the field `default`, so that a secret of one account can become that of several:
/// first the reference names the field, then the value becomes an object.
fn pick(text: String, reference: &Reference) -> Result<String, FetchError> {
    let Some(field) = &reference.field else { return Ok(text) };
    // What begins as an object and is none was typed wrong, and fits no signature.
    if field == DEFAULT_SOURCE && !text.trim_start().starts_with('{') {
        return Ok(text);
    }
    let object: Option<serde_json::Map<String, serde_json::Value>> = serde_json::from_str(&text).ok();
    let object = object.ok_or_else(|| {
        FetchError::new(reference, "is no JSON object; make it one with this field, or leave out the # and what is behind it")
    })?;
    match object.get(field) {
        Some(serde_json::Value::String(value)) => Ok(value.clone()),
        Some(_) => Err(FetchError::new(reference, format!("its field {field} is no text"))),
        None => Err(FetchError::new(reference, format!("has no field {field}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picked(text: &str, field: Option<&str>) -> Result<String, String> {
        let reference = Reference { service: Service::ParameterStore, name: "/a".into(), field: field.map(str::to_owned) };
        pick(text.to_owned(), &reference).map_err(|error| error.to_string())
    }

    #[test]
    fn fields_are_picked_and_nothing_of_the_value_is_shown() {
        assert_eq!(picked("{\"a\":\"b\"}", None).as_deref(), Ok("{\"a\":\"b\"}"));
        assert_eq!(picked("{\"a\":\"b\"}", Some("a")).as_deref(), Ok("b"));
        for (text, field) in [("{\"a\":\"hidden\"}", "b"), ("{\"a\":[\"hidden\"]}", "a"), ("hidden", "a")] {
            let error = picked(text, Some(field)).unwrap_err();
            assert!(!error.contains("hidden") && error.starts_with("ssm:/a#"), "{error}");
        }
    }

    #[test]
    fn a_text_that_is_no_object_is_the_default_alone() {
        for text in ["whsec_a", "whsec_new,whsec_old", "12345678", ""] {
            assert_eq!(picked(text, Some("default")).as_deref(), Ok(text));
            assert!(picked(text, Some("acme")).is_err(), "{text:?}");
        }
        assert_eq!(picked(r#"{"default":"a","acme":"b"}"#, Some("default")).as_deref(), Ok("a"));
        for wrong in [r#"{"acme":"b"}"#, r#"{"default":"a""#, r#" {"default":["a"]}"#] {
            assert!(picked(wrong, Some("default")).is_err(), "{wrong:?}");
        }
    }
}
