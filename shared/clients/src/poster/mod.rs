//! Posts webhooks to addresses that strangers chose.
//!
//! Before each attempt the URL is judged, its host resolved, and every address judged; the connection goes to one of these very addresses, while TLS is
//! given the host's name. So nothing is resolved twice, and a name that changes between check and use changes nothing. Redirects are answers like any
//! others, and no proxy is asked. One deadline stands over all of it, the last byte of the answer included.

mod connection;
mod exchange;
mod meter;
mod pool;
mod resolve;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use hyper_rustls::ConfigBuilderExt;
use rustls::ClientConfig;
use sluice_core::ports::{Answered, Post, PostFailure, Poster, Step};
use sluice_guard::{Host, Rules, Target};
use tokio::time::Instant;

pub use self::resolve::{Resolver, SystemResolver};
use self::{connection::Connector, exchange::Progress, pool::Pool};

/// As much is read until the head of the answer is there, bytes: answers that go before it (1xx) are counted with it.
pub const HEAD: usize = 64 << 10;
/// As much of an answer's body is read, bytes.
pub const READ: usize = 16 << 10;
/// As much of it is kept, bytes.
pub const KEPT: usize = 4 << 10;

/// The longest that an address may take to take a connection while there are others to try.
const PATIENCE: Duration = Duration::from_secs(5);

/// The guarded client.
pub struct GuardedPoster {
    rules: Rules,
    resolver: Arc<dyn Resolver>,
    connector: Connector,
    pool: Pool,
}

impl GuardedPoster {
    /// A client that trusts the roots of Mozilla's programme.
    ///
    /// # Panics
    /// Never: the crypto that is compiled in has the default versions.
    #[must_use]
    pub fn new(rules: Rules, resolver: Arc<dyn Resolver>) -> Self {
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().expect("ring has the default versions");
        Self::with_tls(rules, resolver, builder.with_webpki_roots().with_no_client_auth())
    }

    fn with_tls(rules: Rules, resolver: Arc<dyn Resolver>, tls: ClientConfig) -> Self {
        Self { rules, resolver, connector: Connector::new(tls), pool: Pool::default() }
    }

    async fn attempt(&self, post: &Post, progress: &Progress) -> Result<Answered, PostFailure> {
        let begun = Instant::now();
        let target = Target::parse(&post.url, &self.rules).map_err(|bad| failed(Step::Guard, format!("the URL {bad}")))?;
        progress.reached(Step::Resolve);
        let addresses = self.addresses(&target).await?;
        // One after the other: which address would answer sooner is not worth a second connection.
        let (mut last, mut left) = (None, addresses.len());
        for address in addresses {
            left -= 1;
            let key = pool::Key { secure: target.is_secure(), host: target.host().clone(), address };
            if let Some(connection) = self.pool.take(&key) {
                match exchange::run(connection, exchange::request(&target, post)?, progress).await {
                    Ok((answered, connection)) => {
                        self.pool.give_back(key, connection);
                        return Ok(answered);
                    }
                    // The receiver has closed a connection that nobody was using, as it may at any time; whether it saw the request can't be told,
                    // and its id tells a repetition. What is answered on the new connection is the attempt.
                    Err(failure) if failure.step == Step::Answer => {}
                    Err(failure) => return Err(failure),
                }
            }
            let request = exchange::request(&target, post)?;
            // An address that takes no connection leaves time for those behind it.
            let share = post.within.saturating_sub(begun.elapsed()) / u32::try_from(left + 1).unwrap_or(u32::MAX);
            let patience = (left > 0).then(|| share.min(PATIENCE));
            match self.connector.connect(&target, address, patience, progress).await {
                Ok(connection) => {
                    let (answered, connection) = exchange::run(connection, request, progress).await?;
                    self.pool.give_back(key, connection);
                    return Ok(answered);
                }
                Err(failure) if failure.step == Step::Connect => last = Some(failure),
                Err(failure) => return Err(failure),
            }
        }
        Err(last.unwrap_or_else(|| failed(Step::Connect, "there is no address".to_owned())))
    }

    /// The addresses of the target, of which every one may be reached.
    async fn addresses(&self, target: &Target) -> Result<Vec<SocketAddr>, PostFailure> {
        let addresses = match target.host() {
            Host::Address(address) => vec![*address],
            Host::Name(name) => {
                let found = self.resolver.resolve(name).await;
                found.map_err(|error| failed(Step::Resolve, format!("the host {name} could not be resolved: {error}")))?
            }
        };
        // Which address it was is for the operator alone: an owner could learn a network's layout by it.
        self.rules.judge_all(target, &addresses).map_err(|refused| {
            tracing::warn!(host = %target.host(), %refused, "a webhook's target was refused");
            failed(Step::Guard, "the host does not resolve to public addresses only".to_owned())
        })?;
        Ok(addresses.into_iter().map(|address| SocketAddr::new(address, target.port())).collect())
    }
}

fn failed(step: Step, reason: String) -> PostFailure {
    PostFailure { step, reason, status: None, retry_after: None }
}

#[async_trait]
impl Poster for GuardedPoster {
    async fn post(&self, post: &Post) -> Result<Answered, PostFailure> {
        let progress = Progress::default();
        let outcome = tokio::time::timeout(post.within, self.attempt(post, &progress)).await;
        outcome.unwrap_or_else(|_| Err(progress.timed_out(post.within)))
    }
}

#[cfg(test)]
mod tests;
