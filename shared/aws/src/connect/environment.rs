use std::{collections::BTreeMap, fmt, path::PathBuf};

use aws_credential_types::Credentials;

/// Where AWS is and as whom it is called, out of the environment alone: on Lambda everything is there, and asking anything else costs time at every cold
/// start.
#[derive(Clone)]
pub struct AwsEnvironment {
    pub(super) region: String,
    pub(super) credentials: Credentials,
    pub(super) endpoint: Option<String>,
    pub(super) ca_bundle: Option<PathBuf>,
}

/// A mistake in the environment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {problem}")]
pub struct EnvironmentProblem {
    /// The environment variable.
    pub variable: &'static str,
    /// What is wrong and what to do.
    pub problem: String,
}

impl AwsEnvironment {
    /// Reads the [variables that all of AWS's tools share](https://docs.aws.amazon.com/sdkref/latest/guide/environment-variables.html), as far as they are
    /// needed: `AWS_REGION` (or `AWS_DEFAULT_REGION`), `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_ENDPOINT_URL` for an emulator,
    /// and `AWS_CA_BUNDLE` for a file of root certificates to trust in place of Amazon's.
    ///
    /// # Errors
    /// Every [`EnvironmentProblem`].
    pub fn read(environment: &BTreeMap<String, String>) -> Result<Self, Vec<EnvironmentProblem>> {
        let text = |name: &str| environment.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
        let mut problems = Vec::new();
        let mut required = |variable: &'static str, found: Option<&str>, hint: &str| {
            if found.is_none() {
                problems.push(EnvironmentProblem { variable, problem: format!("is missing: {hint}") });
            }
            found.unwrap_or_default().to_owned()
        };
        let region = required(
            "AWS_REGION",
            text("AWS_REGION").or_else(|| text("AWS_DEFAULT_REGION")),
            "Lambda sets it; elsewhere set it to the region, such as us-east-1",
        );
        let hint = "Lambda sets it from the function's role; elsewhere `aws configure export-credentials --format env` prints it";
        let access_key = required("AWS_ACCESS_KEY_ID", text("AWS_ACCESS_KEY_ID"), hint);
        let secret_key = required("AWS_SECRET_ACCESS_KEY", text("AWS_SECRET_ACCESS_KEY"), hint);
        let endpoint = text("AWS_ENDPOINT_URL");
        if endpoint.is_some_and(|url| !url.starts_with("http://") && !url.starts_with("https://")) {
            problems.push(EnvironmentProblem {
                variable: "AWS_ENDPOINT_URL",
                problem: "must be a URL such as http://127.0.0.1:4566; leave it out to reach AWS itself".to_owned(),
            });
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let session_token = text("AWS_SESSION_TOKEN").map(str::to_owned);
        Ok(Self {
            region,
            credentials: Credentials::new(access_key, secret_key, session_token, None, "environment"),
            endpoint: endpoint.map(str::to_owned),
            ca_bundle: text("AWS_CA_BUNDLE").map(PathBuf::from),
        })
    }
}

impl fmt::Debug for AwsEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsEnvironment")
            .field("region", &self.region)
            .field("endpoint", &self.endpoint)
            .field("ca_bundle", &self.ca_bundle)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> BTreeMap<String, String> {
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    const COMPLETE: [(&str, &str); 3] =
        [("AWS_DEFAULT_REGION", "eu-central-1"), ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "very-secret")];

    #[test]
    fn region_credentials_and_endpoint_are_read() {
        let mut variables = environment(&COMPLETE);
        variables.insert("AWS_REGION".into(), "us-west-2".into());
        variables.insert("AWS_SESSION_TOKEN".into(), "token".into());
        variables.insert("AWS_ENDPOINT_URL".into(), "http://127.0.0.1:4566".into());
        let read = AwsEnvironment::read(&variables).expect("complete");
        assert_eq!(read.region, "us-west-2", "AWS_REGION goes before AWS_DEFAULT_REGION");
        assert_eq!(read.credentials.session_token(), Some("token"));
        assert_eq!(read.endpoint.as_deref(), Some("http://127.0.0.1:4566"));
    }

    #[test]
    fn all_mistakes_at_once() {
        let problems = AwsEnvironment::read(&environment(&[("AWS_ENDPOINT_URL", "localhost:4566"), ("AWS_REGION", " ")])).unwrap_err();
        let variables: Vec<_> = problems.iter().map(|problem| problem.variable).collect();
        assert_eq!(variables, ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"]);
    }

    #[test]
    fn credentials_are_never_shown() {
        let read = AwsEnvironment::read(&environment(&COMPLETE)).expect("complete");
        assert!(!format!("{read:?}").contains("very-secret"));
    }
}
