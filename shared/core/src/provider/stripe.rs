use std::{borrow::Cow, time::Duration};

use http::StatusCode;
use serde::Deserialize;
use sluice_signature::{
    Message,
    explain::{Explained, Layout},
};

use super::{Answer, Fresh, Malformed, Named, Provider, RECEIVED, Renewal, Route, TwilioReplies, is_name};
use crate::{
    body::{self, Dictionary},
    settings::DEV_SECRET,
    time::Timestamp,
};

/// Stripe: <https://docs.stripe.com/webhooks>. The event's own id is its identity: each retry is signed anew.
pub struct Stripe;

static SCHEME: sluice_signature::Stripe = sluice_signature::Stripe::new();

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    created: Created<'a>,
    /// The connected account that it is about (<https://docs.stripe.com/connect/webhooks>).
    #[serde(borrow, default)]
    account: Option<Cow<'a, str>>,
    /// The same in thin events (<https://docs.stripe.com/context>).
    #[serde(borrow, default)]
    context: Option<Cow<'a, str>>,
}

/// Unix seconds in snapshot events, RFC 3339 in thin ones (<https://docs.stripe.com/api/v2/core/events/object>).
#[derive(Deserialize)]
#[serde(untagged)]
enum Created<'a> {
    Seconds(i64),
    Text(#[serde(borrow)] Cow<'a, str>),
}

impl Provider for Stripe {
    fn name(&self) -> &'static str {
        "stripe"
    }

    fn title(&self) -> &'static str {
        "Stripe"
    }

    fn secret_setting(&self) -> &'static str {
        "STRIPE_WEBHOOK_SECRET"
    }

    fn check_secret(&self, text: &str) -> Result<(), &'static str> {
        match text.strip_prefix("whsec_") {
            Some(rest) if !rest.is_empty() => Ok(()),
            Some(_) => Err("is no whole signing secret: whsec_ stands alone in it"),
            None if text.starts_with("sk_") || text.starts_with("rk_") => {
                Err("is an API key of Stripe's; the signing secret is shown at the webhook endpoint, and begins with whsec_")
            }
            None => Err("is no signing secret of Stripe's, which begin with whsec_"),
        }
    }

    fn dev_secret(&self) -> &'static str {
        DEV_SECRET
    }

    fn scheme(&self) -> &dyn Explained {
        &SCHEME
    }

    fn dictionary(&self) -> &'static Dictionary {
        &body::STRIPE
    }

    fn renewals(&self) -> &'static [Renewal] {
        const PLACES: &[Renewal] = &[Renewal::body("id", Fresh::Id("evt_1")), Renewal::body("created", Fresh::Now)];
        PLACES
    }

    fn scheme_within(&self, tolerance: Duration) -> Option<Box<dyn Explained>> {
        Some(Box::new(SCHEME.with_tolerance(tolerance)))
    }

    fn layout(&self) -> Layout {
        Layout::Stripe
    }

    fn name_event(&self, _: &Route<'_>, message: &Message<'_>) -> Result<Named, Malformed> {
        let event: Event<'_> = serde_json::from_slice(message.body).map_err(|error| Malformed(format!("not a Stripe event: {error}")))?;
        if !is_name(&event.id) || !is_name(&event.kind) {
            return Err(Malformed("not a Stripe event: its id or type is empty, too long, or not of ASCII letters".to_owned()));
        }
        let occurred_at = match event.created {
            Created::Seconds(seconds) => Timestamp::from_seconds(seconds),
            Created::Text(text) => text.parse().map_err(|error| Malformed(format!("not a Stripe event: created is {error}")))?,
        };
        let account = event.account.or(event.context).filter(|account| is_name(account)).map(Cow::into_owned);
        Ok(Named { key: event.id.into_owned(), kind: event.kind.into_owned(), occurred_at: Some(occurred_at), account })
    }

    fn kept_headers(&self) -> &'static [&'static str] {
        &["content-type", "user-agent"]
    }

    fn refused(&self) -> StatusCode {
        StatusCode::BAD_REQUEST
    }

    fn accepted(&self, _: &Route<'_>, _: &Message<'_>, _: &TwilioReplies) -> Answer {
        RECEIVED
    }
}
