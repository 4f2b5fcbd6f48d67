//! Secrets by reference: a setting names where the value lies, and the value is fetched at start and again while running, so that rotating one needs no
//! deploy.
//!
//! A reference is one of
//! - `arn:aws:secretsmanager:…`, the ARN of a secret, or `secretsmanager:NAME`;
//! - `arn:aws:ssm:…:parameter/…`, the ARN of a parameter, or `ssm:/path/of/it`.
//!
//! `#FIELD` behind it picks one text out of a secret that is a JSON object; `#default` also takes a secret that is none, as it is. What is fetched may
//! hold several values, separated by commas, as the setting itself may.

mod fetch;
mod fill;
mod reference;
mod refreshing;

pub use fetch::{AwsSecrets, Fetch, FetchError};
pub use fill::fill;
pub use reference::{BadReference, Reference, Service};
pub use refreshing::RefreshingSecrets;
