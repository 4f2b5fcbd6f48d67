use std::time::Duration;

use aws_smithy_runtime_api::client::{
    behavior_version::BehaviorVersion, http::SharedHttpClient, stalled_stream_protection::StalledStreamProtectionConfig,
};
use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};

use super::{AwsEnvironment, EnvironmentProblem, agent::Agent, http};

/// How long calls may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Until a connection stands, TLS not included.
    pub connect: Duration,
    /// One try of one call, from the first byte sent to the last received.
    pub attempt: Duration,
    /// The same of a mail. SES takes none back, so that one that is given up may go out twice: it is waited for as long as can be.
    pub mail: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(2), attempt: Duration::from_secs(5), mail: Duration::from_secs(18) }
    }
}

/// Makes the clients of the services. All of them share one HTTP client, so that connections and the TLS configuration are made once; none of them retries.
#[derive(Clone, Debug)]
pub struct Clients {
    environment: AwsEnvironment,
    http: SharedHttpClient,
    timeouts: Timeouts,
}

/// The configuration of one service. Every service has a builder type of its own with the same methods.
macro_rules! config {
    ($service:ident, $clients:expr, $attempt:expr) => {{
        let clients: &Clients = $clients;
        let mut config = $service::Config::builder()
            .behavior_version(behaviour())
            .region($service::config::Region::new(clients.environment.region.clone()))
            .credentials_provider(clients.environment.credentials.clone())
            .http_client(clients.http.clone())
            .interceptor(Agent)
            .retry_config(RetryConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .timeout_config(clients.timeout_config($attempt));
        config.set_endpoint_url(clients.environment.endpoint.clone());
        $service::Client::from_conf(config.build())
    }};
}

/// Pinned, so that an update of the SDK changes no default.
fn behaviour() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}

impl Clients {
    /// Clients for this environment. Nothing is connected yet.
    ///
    /// # Errors
    /// [`EnvironmentProblem`] if the file of root certificates is unusable.
    pub fn new(environment: &AwsEnvironment, timeouts: Timeouts) -> Result<Self, EnvironmentProblem> {
        let http = http::client(environment.ca_bundle.as_deref())?;
        Ok(Self { environment: environment.clone(), http, timeouts })
    }

    /// A client of DynamoDB.
    #[must_use]
    pub fn dynamo(&self) -> aws_sdk_dynamodb::Client {
        config!(aws_sdk_dynamodb, self, self.timeouts.attempt)
    }

    /// A client of SQS.
    #[must_use]
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        config!(aws_sdk_sqs, self, self.timeouts.attempt)
    }

    /// A client of SES.
    #[must_use]
    pub fn ses(&self) -> aws_sdk_ses::Client {
        config!(aws_sdk_ses, self, self.timeouts.mail)
    }

    /// A client of Secrets Manager.
    #[must_use]
    pub fn secrets_manager(&self) -> aws_sdk_secretsmanager::Client {
        config!(aws_sdk_secretsmanager, self, self.timeouts.attempt)
    }

    /// A client of Systems Manager, for its Parameter Store.
    #[must_use]
    pub fn parameter_store(&self) -> aws_sdk_ssm::Client {
        config!(aws_sdk_ssm, self, self.timeouts.attempt)
    }

    fn timeout_config(&self, attempt: Duration) -> TimeoutConfig {
        TimeoutConfig::builder().connect_timeout(self.timeouts.connect).operation_attempt_timeout(attempt).build()
    }
}
