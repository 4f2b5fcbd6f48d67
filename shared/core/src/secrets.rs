//! The active signing secrets of each provider's sources.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use sluice_signature::Secret;

/// The source of a provider that is not told apart by name.
pub const DEFAULT_SOURCE: &str = "default";

/// Where the active secrets come from. A source without any is not served.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// The secrets in force, as far as known without asking anyone; `None` if the source is unknown.
    fn active(&self, provider: &str, source: &str) -> Option<Arc<[Secret]>>;

    /// Asked when no active secret fits: newer ones, if they can be had now. `None` if there are no others.
    async fn refreshed(&self, provider: &str, source: &str) -> Option<Arc<[Secret]>> {
        let _ = (provider, source);
        None
    }
}

/// The tenants that sources are bound to: what such a source sends is that tenant's, and stays in its space.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceTenants(BTreeMap<String, String>);

/// What makes a secret out: Standard Webhooks takes one with its prefix or without, and with its padding or without.
fn essence(secret: &str) -> &str {
    secret.strip_prefix("whsec_").unwrap_or(secret).trim_end_matches('=')
}

impl SourceTenants {
    /// Binds a source, of whichever providers it has secrets, to a tenant.
    pub fn bind(&mut self, source: &str, tenant: &str) {
        self.0.insert(source.to_owned(), tenant.to_owned());
    }

    /// The tenant of a source.
    #[must_use]
    pub fn of(&self, source: &str) -> Option<&str> {
        self.0.get(source).map(String::as_str)
    }

    /// Whether two sources, each with its secrets, have one in common and are not of the same owner: whoever knows it for the one signs for the other, and
    /// what a tenant signs would be taken for the operator's, or for another tenant's.
    #[must_use]
    pub fn share(&self, (one, of_one): (&str, &[Secret]), (other, of_other): (&str, &[Secret])) -> bool {
        let known = |secret: &Secret| of_other.iter().any(|other| essence(other.reveal()) == essence(secret.reveal()));
        self.of(one) != self.of(other) && of_one.iter().any(known)
    }

    /// Whether a tenant has sources of its own.
    #[must_use]
    pub fn has(&self, tenant: &str) -> bool {
        self.0.values().any(|known| known == tenant)
    }

    /// Whether no tenant has any.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each source that is bound, with its tenant.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(source, tenant)| (source.as_str(), tenant.as_str()))
    }
}

/// Secrets that stay as they were set at start.
#[derive(Clone, Debug, Default)]
pub struct FixedSecrets(BTreeMap<(String, String), Arc<[Secret]>>);

impl FixedSecrets {
    /// Adds a source with its secrets.
    pub fn insert(&mut self, provider: &str, source: &str, secrets: Vec<Secret>) {
        self.0.insert((provider.to_owned(), source.to_owned()), secrets.into());
    }

    /// The sources of a provider.
    pub fn sources<'a>(&'a self, provider: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.keys().filter(move |(known, _)| known == provider).map(|(_, source)| source.as_str())
    }
}

#[async_trait]
impl Secrets for FixedSecrets {
    fn active(&self, provider: &str, source: &str) -> Option<Arc<[Secret]>> {
        // Few sources: a look at each is cheaper than two allocations for a key.
        self.0.iter().find(|((known, name), _)| known == provider && name == source).map(|(_, secrets)| Arc::clone(secrets))
    }
}
