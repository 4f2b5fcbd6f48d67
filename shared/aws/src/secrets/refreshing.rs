use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::{join_all, try_join_all};
use sluice_core::{
    ports::Clock,
    provider::{self, Provider, Providers},
    secrets::{FixedSecrets, Secrets, SourceTenants},
    time::Timestamp,
};
use sluice_signature::Secret;
use tokio::sync::Mutex;

use super::{Fetch, FetchError, Reference};

/// The active signing secrets, some of them by reference.
///
/// They are fetched at start, again after a while ([`RefreshingSecrets::keep_fresh`]), and at once when no active secret fits a signature: whoever rotates a
/// secret needs no deploy, and no webhook is refused meanwhile. If a value can't be fetched, the source keeps what it had.
pub struct RefreshingSecrets {
    providers: Providers,
    tenants: SourceTenants,
    fetch: Arc<dyn Fetch>,
    clock: Arc<dyn Clock>,
    every: Duration,
    sources: BTreeMap<Name, Vec<Value>>,
    active: RwLock<BTreeMap<Name, Arc<[Secret]>>>,
    /// One refresh at a time. Who waits for it finds it done.
    last: Mutex<Refresh>,
}

/// Provider and source.
type Name = (String, String);

/// One of the values of a source.
enum Value {
    Itself(Secret),
    At(Reference),
}

/// The last refresh.
#[derive(Clone)]
struct Refresh {
    at: Timestamp,
    /// When the values were last fetched because no secret fitted.
    asked: Option<Timestamp>,
    /// The sources whose secrets it changed.
    changed: Vec<Name>,
}

/// Why values are fetched again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Why {
    /// They have become old.
    Age,
    /// No active secret fits a signature.
    NoneFits,
}

impl RefreshingSecrets {
    /// How old the values may become, unless set otherwise.
    pub const EVERY: Duration = Duration::from_secs(300);
    /// However many signatures don't fit, values are not fetched more often.
    pub const AT_MOST_EVERY: Duration = Duration::from_secs(10);

    /// Reads the references among the `secrets` of `providers`, as the settings gave them, and fetches them. What was fetched has to be as the settings have
    /// to be: no secret of a source that is one of the `tenants` is another's as well.
    ///
    /// # Errors
    /// Every [`FetchError`]: to start without a secret would refuse all webhooks of its source.
    pub async fn start(
        providers: Providers,
        secrets: &FixedSecrets,
        tenants: &SourceTenants,
        fetch: Arc<dyn Fetch>,
        clock: Arc<dyn Clock>,
        every: Duration,
    ) -> Result<Self, Vec<FetchError>> {
        let sources = read(providers, secrets)?;
        let now = clock.now();
        let last = Mutex::new(Refresh { at: now, asked: None, changed: Vec::new() });
        let started = Self { providers, tenants: tenants.clone(), fetch, clock, every, sources, active: RwLock::default(), last };
        let mut active = BTreeMap::new();
        let mut errors = Vec::new();
        for (name, resolved) in started.resolve_all(|_| true).await {
            match resolved {
                Ok(values) => {
                    if let Some(other) = started.shared(&name, &values, &active) {
                        errors.push(FetchError::new(started.setting(&name), started.problem(other)));
                    }
                    active.insert(name, values);
                }
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() {
            *started.active.write().unwrap_or_else(PoisonError::into_inner) = active;
            Ok(started)
        } else {
            Err(errors)
        }
    }

    /// Fetches the values again if that is due. For hosts to call before each request or batch; it does nothing in between.
    pub async fn keep_fresh(&self) {
        if self.sources.values().flatten().any(|value| matches!(value, Value::At(_))) {
            self.refresh(Why::Age).await;
        }
    }

    /// Fetches the values again unless that was done a short while ago, and returns what the last refresh was.
    async fn refresh(&self, why: Why) -> Refresh {
        let mut last = self.last.lock().await;
        let now = self.clock.now();
        let fresh = match why {
            Why::Age => now.since(last.at) < self.every,
            // A fetch for another reason, such as the one at start, is none of a series of signatures that don't fit.
            Why::NoneFits => last.asked.is_some_and(|asked| now.since(asked) < Self::AT_MOST_EVERY),
        };
        if fresh {
            return last.clone();
        }
        // Whoever read before the last refresh may only hear of this one.
        let mut changed = if now.since(last.at) < Self::AT_MOST_EVERY { last.changed.clone() } else { Vec::new() };
        let by_reference = |values: &[Value]| values.iter().any(|value| matches!(value, Value::At(_)));
        for (name, resolved) in self.resolve_all(by_reference).await {
            match resolved {
                Ok(values) => {
                    let shared = {
                        let active = self.active.read().unwrap_or_else(PoisonError::into_inner);
                        self.shared(&name, &values, &active).map(|other| self.problem(other))
                    };
                    if let Some(problem) = shared {
                        tracing::error!(
                            provider = name.0,
                            source = name.1,
                            problem,
                            "a secret that was fetched again is not taken; the one known stays in force"
                        );
                        continue;
                    }
                    let before = self.active.write().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), Arc::clone(&values));
                    if !before.is_some_and(|before| same(&before, &values)) {
                        changed.push(name);
                    }
                }
                Err(error) => {
                    tracing::warn!(provider = name.0, source = name.1, %error, "a secret can't be fetched again; the one known stays in force");
                }
            }
        }
        let asked = if why == Why::NoneFits { Some(now) } else { last.asked };
        *last = Refresh { at: self.clock.now(), asked, changed };
        last.clone()
    }

    /// A source among the `active` ones that is not of the same owner as this one, and that has one of its `values`.
    fn shared<'a>(&self, (provider, source): &Name, values: &[Secret], active: &'a BTreeMap<Name, Arc<[Secret]>>) -> Option<&'a Name> {
        let others = active.iter().filter(|((of, other), _)| (of, other) != (provider, source));
        let mut sharing = others.filter(|(name, held)| self.tenants.share((source, values), (&name.1, held)));
        sharing.next().map(|(name, _)| name)
    }

    fn problem(&self, other: &Name) -> String {
        format!(
            "has a secret in common with {}: one of the two is a tenant's, and whoever knows it can sign for both; give each its own",
            self.setting(other)
        )
    }

    fn setting(&self, (provider, source): &Name) -> String {
        let setting = provider::find(self.providers, provider).map_or("", |provider| provider.secret_setting());
        format!("{setting} of {source}")
    }

    async fn resolve_all(&self, wanted: impl Fn(&[Value]) -> bool) -> Vec<(Name, Result<Arc<[Secret]>, FetchError>)> {
        let wanted = self.sources.iter().filter(|(_, values)| wanted(values));
        join_all(wanted.map(|(name, values)| async { (name.clone(), self.resolve(&name.0, values).await) })).await
    }

    async fn resolve(&self, provider: &str, values: &[Value]) -> Result<Arc<[Secret]>, FetchError> {
        let resolved = try_join_all(values.iter().map(|value| async {
            Ok(match value {
                Value::Itself(secret) => vec![secret.clone()],
                Value::At(reference) => split(reference, provider::find(self.providers, provider), &self.fetch.fetch(reference).await?)?,
            })
        }));
        Ok(resolved.await?.into_iter().flatten().collect())
    }
}

fn read(providers: Providers, secrets: &FixedSecrets) -> Result<BTreeMap<Name, Vec<Value>>, Vec<FetchError>> {
    let mut sources = BTreeMap::new();
    let mut errors = Vec::new();
    for provider in providers {
        for source in secrets.sources(provider.name()) {
            let mut values = Vec::new();
            for secret in secrets.active(provider.name(), source).iter().flat_map(|secrets| secrets.iter()) {
                match Reference::read(secret.reveal()) {
                    Ok(Some(reference)) => values.push(Value::At(reference)),
                    Ok(None) => values.push(Value::Itself(secret.clone())),
                    Err(bad) => errors.push(FetchError::new(format_args!("{} of {source}", provider.secret_setting()), bad.to_string())),
                }
            }
            sources.insert((provider.name().to_owned(), source.to_owned()), values);
        }
    }
    if errors.is_empty() { Ok(sources) } else { Err(errors) }
}

/// The values that are separated by commas, each read as the provider's secrets are written.
fn split(reference: &Reference, provider: Option<&dyn Provider>, fetched: &Secret) -> Result<Vec<Secret>, FetchError> {
    let read = |text: &str| provider.map_or_else(|| Secret::new(text), |provider| provider.read_secret(text));
    let values: Vec<Secret> = fetched.reveal().split(',').map(str::trim).filter(|part| !part.is_empty()).map(read).collect();
    if values.is_empty() { Err(FetchError::new(reference, "is empty; put the secret in")) } else { Ok(values) }
}

fn same(a: &[Secret], b: &[Secret]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a.name(), a.reveal()) == (b.name(), b.reveal()))
}

#[async_trait]
impl Secrets for RefreshingSecrets {
    fn active(&self, provider: &str, source: &str) -> Option<Arc<[Secret]>> {
        let active = self.active.read().unwrap_or_else(PoisonError::into_inner);
        // Few sources: a look at each is cheaper than two allocations for a key.
        active.iter().find(|((known, name), _)| known == provider && name == source).map(|(_, secrets)| Arc::clone(secrets))
    }

    async fn refreshed(&self, provider: &str, source: &str) -> Option<Arc<[Secret]>> {
        let refresh = self.refresh(Why::NoneFits).await;
        // Also for those who waited for another's refresh, or came right after it with what was read before.
        let changed = refresh.changed.iter().any(|(known, name)| known == provider && name == source);
        if changed { self.active(provider, source) } else { None }
    }
}

impl fmt::Debug for RefreshingSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshingSecrets").field("sources", &self.sources.keys().collect::<Vec<_>>()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
