//! The requests under `events/`, compiled in, so that a built binary has them wherever it runs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A request as a provider sends it, unsigned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The method, in capitals.
    pub method: String,
    /// The path, and the query where there is one.
    pub path: String,
    /// The headers, without the signature and what the connection decides (`Host`, `Content-Length`).
    pub headers: BTreeMap<String, String>,
    /// The exact text of the body.
    pub body: String,
}

/// One file under `events/`.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// The folder: the provider's name.
    pub provider: &'static str,
    /// The file's path in it without `.json`: the event's type as the provider writes it, and after it what is special, such as the version
    /// of the API if it is an older one.
    pub name: &'static str,
    /// The file's text.
    pub text: &'static str,
}

impl Sample {
    /// The sample of that name.
    #[must_use]
    pub fn find(provider: &str, name: &str) -> Option<&'static Self> {
        Self::of(provider).find(|sample| sample.name == name)
    }

    /// All samples of a provider, by name.
    pub fn of(provider: &str) -> impl Iterator<Item = &'static Self> {
        SAMPLES.iter().filter(move |sample| sample.provider == provider)
    }

    /// The request in it.
    ///
    /// # Panics
    /// Never in a build that passed its tests: they read every sample.
    #[must_use]
    pub fn request(&self) -> Request {
        serde_json::from_str(self.text).expect("the tests read every sample")
    }
}

/// Every file under `events/<provider>/`, and in folders there if a provider's types have slashes.
pub const SAMPLES: &[Sample] = include!(concat!(env!("OUT_DIR"), "/samples.rs"));
