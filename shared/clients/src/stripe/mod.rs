//! What [Stripe's API](https://docs.stripe.com/api) says of an object. Nothing is written there: each call is a GET, and may be repeated.

mod answer;
mod keys;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Request,
    header::{AUTHORIZATION, RETRY_AFTER},
};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use sluice_core::{
    ports::{Clock, LookupError, StripeAnswer, StripeApi, StripeLookup},
    settings::StripeApiSettings,
};
use tokio::sync::Semaphore;

use self::{answer::Told, keys::Keys};
use crate::https::{base_url, connector, with_sources};

/// Where Stripe's API is.
pub const API: &str = "https://api.stripe.com";
/// The [version](https://docs.stripe.com/api/versioning) in which answers are asked for, whatever the account's own is.
pub const VERSION: &str = "2026-10-28.endive";

/// The most calls at the same time, and so the most connections. Stripe lets an account read 100 objects a second.
const MOST: usize = 8;
/// How long a connection that nobody uses is kept.
const IDLE: Duration = Duration::from_secs(30);
/// How long one try may take: a connection that was cut unnoticed must not use up all the time there is.
const TRY: Duration = Duration::from_secs(4);
/// The wait before the second try; it doubles with each further one.
const PAUSE: Duration = Duration::from_millis(500);
/// As much of an answer as is read, bytes. A list of 100 invoice payments has about 70 KB.
const LONGEST_ANSWER: usize = 1 << 20;

/// Asks Stripe's API.
pub struct StripeClient {
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    base_url: String,
    keys: Keys,
    turns: Semaphore,
    clock: Arc<dyn Clock>,
}

impl StripeClient {
    /// The client that the settings ask for; `None` if there is no key. Nothing is asked yet.
    ///
    /// # Errors
    /// Every setting that can't be right, by name.
    pub fn from_settings(settings: &StripeApiSettings, clock: Arc<dyn Clock>) -> Result<Option<Self>, Vec<String>> {
        let base = settings.base_url.as_deref().unwrap_or(API);
        let base =
            base_url(base).ok_or_else(|| vec!["SLUICE_STRIPE_API_URL: must be https://… (http:// only on this machine)".to_owned()])?;
        if settings.keys.is_empty() {
            return Ok(None);
        }
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MOST)
            .build(connector());
        let keys = Keys::new(&settings.keys);
        Ok(Some(Self { client, base_url: base.to_owned(), keys, turns: Semaphore::new(MOST), clock }))
    }

    /// Asks once, with this key.
    async fn ask(&self, url: &str, lookup: &StripeLookup, key: &HeaderValue) -> Told {
        let Ok(_turn) = self.turns.acquire().await else { return Told::again("nobody may ask any more") };
        let mut request = match Request::get(url).body(Empty::new()) {
            Ok(request) => request,
            Err(error) => return Told::Failed(format!("{url} is no address: {error}")),
        };
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, key.clone());
        headers.insert("stripe-version", HeaderValue::from_static(VERSION));
        if let Some((name, account)) = lookup.account.as_deref().and_then(|account| account_header(url, account)) {
            headers.insert(name, account);
        }
        let (head, body) = match self.client.request(request).await {
            Ok(answer) => answer.into_parts(),
            Err(error) => return Told::again(&with_sources(&error)),
        };
        let retry_after = head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok()).map(Duration::from_secs);
        match Limited::new(body, LONGEST_ANSWER).collect().await {
            Ok(body) => answer::told(head.status, &body.to_bytes(), retry_after),
            Err(error) => Told::again(&format!("the answer broke off: {error}")),
        }
    }

    async fn ask_in_time(&self, url: &str, lookup: &StripeLookup, key: &HeaderValue, left: Duration) -> Told {
        let at_most = left.min(TRY);
        let asked = tokio::time::timeout(at_most, self.ask(url, lookup, key)).await;
        asked.unwrap_or_else(|_| Told::again(&format!("no answer from Stripe within {at_most:?}")))
    }
}

/// Whose object it is. Thin events name a [context](https://docs.stripe.com/context), which is also what the API's second version goes by;
/// snapshot events name a [connected account](https://docs.stripe.com/connect/authentication).
fn account_header(url: &str, account: &str) -> Option<(HeaderName, HeaderValue)> {
    let plain = account.starts_with("acct_") && !url.contains("/v2/");
    let name = if plain { "stripe-account" } else { "stripe-context" };
    Some((HeaderName::from_static(name), HeaderValue::try_from(account).ok()?))
}

#[async_trait]
impl StripeApi for StripeClient {
    async fn look_up(&self, lookup: &StripeLookup, within: Duration) -> Result<StripeAnswer, LookupError> {
        let Some(path) = lookup.object.path() else { return Ok(StripeAnswer::NotThere) };
        let mut keys = self.keys.of(&lookup.source, lookup.livemode).iter();
        let Some(mut key) = keys.next() else { return Ok(StripeAnswer::NotKnown) };
        let url = format!("{}{path}", self.base_url);
        let deadline = self.clock.now() + within;
        let mut pause = PAUSE;
        loop {
            match self.ask_in_time(&url, lookup, key, deadline.since(self.clock.now())).await {
                Told::Found(json) => return Ok(StripeAnswer::Found(json)),
                Told::NotThere => return Ok(StripeAnswer::NotThere),
                Told::Failed(reason) => return Err(LookupError::Temporary(reason)),
                // While a key is rotated both may be set.
                Told::Refused(reason) => key = keys.next().ok_or(LookupError::Refused(reason))?,
                Told::Again { reason, after } => {
                    let wait = pause.max(after.unwrap_or_default());
                    if self.clock.now() + wait >= deadline {
                        return Err(LookupError::Temporary(reason));
                    }
                    tracing::debug!(reason, ?wait, "Stripe's API is asked again");
                    self.clock.sleep(wait).await;
                    pause *= 2;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
