//! Sluice's ports on AWS: the store on DynamoDB, the queues on SQS, mail over SES, secrets out of Secrets Manager and Parameter Store.
//!
//! Everything is built for a quick cold start: one HTTP client with its few root certificates for all services, credentials and region out of the environment
//! that Lambda provides, no chain of providers. The SDK retries nothing; what may be tried again is decided here, by [`Patience`].

pub mod capacity;
mod connect;
mod dynamo;
mod failure;
mod patience;
pub mod secrets;
mod ses;
mod sqs;

pub use connect::{AwsEnvironment, Clients, EnvironmentProblem, Timeouts};
pub use dynamo::{DynamoStore, schema};
pub use patience::Patience;
pub use ses::{BadMailbox, Mailbox, SesConfig, SesMailer};
pub use sqs::{LONGEST_DELAY, LONGEST_VISIBILITY, QueueUrls, SqsQueue, SqsReceipts};
