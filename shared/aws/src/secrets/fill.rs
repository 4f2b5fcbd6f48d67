use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::{Fetch, FetchError, Reference};

/// The environment with its references replaced by what they name, for settings that are read once. Variables for which `leave` says so stay as they are:
/// those of the signing secrets, which [`RefreshingSecrets`](super::RefreshingSecrets) keeps fresh.
///
/// # Errors
/// Every [`FetchError`].
pub async fn fill(
    environment: &BTreeMap<String, String>,
    fetch: &dyn Fetch,
    leave: impl Fn(&str) -> bool,
) -> Result<BTreeMap<String, String>, Vec<FetchError>> {
    let filled = join_all(environment.iter().map(|(name, value)| async {
        let value = if leave(name) { value.clone() } else { fill_value(value, fetch).await? };
        Ok((name.clone(), value))
    }));
    let (done, failed): (Vec<_>, Vec<_>) = filled.await.into_iter().partition(Result::is_ok);
    let errors: Vec<FetchError> = failed.into_iter().filter_map(Result::err).collect();
    if errors.is_empty() { Ok(done.into_iter().flatten().collect()) } else { Err(errors) }
}

/// A value in which each part between commas may be a reference. One without any is not touched.
async fn fill_value(value: &str, fetch: &dyn Fetch) -> Result<String, FetchError> {
    let mut parts = Vec::new();
    let mut found = false;
    for part in value.split(',') {
        // Only whoever reads the setting can say what else it must be.
        match Reference::read(part) {
            Ok(Some(reference)) => {
                found = true;
                parts.push(fetch.fetch(&reference).await?.reveal().to_owned());
            }
            Ok(None) | Err(_) => parts.push(part.to_owned()),
        }
    }
    Ok(if found { parts.join(",") } else { value.to_owned() })
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use sluice_signature::Secret;

    use super::*;

    struct Echo;

    #[async_trait]
    impl Fetch for Echo {
        async fn fetch(&self, reference: &Reference) -> Result<Secret, FetchError> {
            if reference.name == "/missing" {
                return Err(FetchError::new(reference, "is not there"));
            }
            Ok(Secret::new(format!("<{}>", reference.name)))
        }
    }

    #[tokio::test]
    async fn references_are_replaced_where_they_stand() {
        let variables = [
            ("PLAIN", "a, b"),
            ("ONE", "ssm:/one"),
            ("SEVERAL", "a,ssm:/one,secretsmanager:two"),
            ("STRIPE_WEBHOOK_SECRET", "ssm:/three"),
            ("TABLE_ARN", "arn:aws:dynamodb:us-east-1:1:table/t"),
        ];
        let environment = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let filled = fill(&environment, &Echo, |name| name.starts_with("STRIPE_")).await.expect("all there");
        let expected = [
            ("PLAIN", "a, b"),
            ("ONE", "</one>"),
            ("SEVERAL", "a,</one>,<two>"),
            ("STRIPE_WEBHOOK_SECRET", "ssm:/three"),
            ("TABLE_ARN", "arn:aws:dynamodb:us-east-1:1:table/t"),
        ];
        assert_eq!(filled, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    }

    #[tokio::test]
    async fn all_that_is_missing_is_named() {
        let environment = [("A", "ssm:/missing"), ("B", "b"), ("C", "x,ssm:/missing#f")];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let errors = fill(&environment, &Echo, |_| false).await.unwrap_err();
        assert_eq!(errors.iter().map(|error| error.reference.as_str()).collect::<Vec<_>>(), ["ssm:/missing", "ssm:/missing#f"]);
    }
}
