use std::borrow::Cow;

use http::StatusCode;
use sluice_signature::{Message, explain::Layout};

use super::{Fresh, Malformed, Named, Profile, Provider, Renewal, Route, is_name};
use crate::{body, json::Value, settings::DEV_SECRET, time::Timestamp};

/// Stripe: <https://docs.stripe.com/webhooks>. The event's own id is its identity: each retry is signed anew.
pub struct Stripe;

static SCHEME: sluice_signature::Stripe = sluice_signature::Stripe::new();

static PROFILE: Profile = Profile {
    layout: Layout::Stripe,
    dictionary: &body::STRIPE,
    renewals: &[Renewal::body("id", Fresh::Id("evt_1")), Renewal::body("created", Fresh::Now)],
    refused: StatusCode::BAD_REQUEST,
    ..Profile::new("stripe", "Stripe", "STRIPE_WEBHOOK_SECRET", DEV_SECRET, &SCHEME)
};

/// What is read of an event: the connected account is `account` in snapshot events (<https://docs.stripe.com/connect/webhooks>), and `context` in thin ones
/// (<https://docs.stripe.com/context>).
const PLACES: [&str; 5] = ["id", "type", "created", "account", "context"];

/// Unix seconds in snapshot events, RFC 3339 in thin ones (<https://docs.stripe.com/api/v2/core/events/object>).
fn created(value: Value<'_>) -> Option<Timestamp> {
    value.integer().map(Timestamp::from_seconds).or_else(|| value.text()?.parse().ok())
}

impl Provider for Stripe {
    fn profile(&self) -> &'static Profile {
        &PROFILE
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

    fn name_event(&self, _: &Route<'_>, message: &Message<'_>) -> Result<Named, Malformed> {
        let [id, kind, at, account, context] = PROFILE.fields(message.body, PLACES)?;
        let (id, kind) = (PROFILE.text(id)?.unwrap_or_default(), PROFILE.text(kind)?.unwrap_or_default());
        let occurred_at = at.and_then(created).ok_or_else(|| PROFILE.malformed("created is no time"))?;
        let (account, context) = (PROFILE.text(account)?, PROFILE.text(context)?);
        let account = account.or(context).filter(|account| is_name(account)).map(Cow::into_owned);
        Ok(Named { occurred_at: Some(occurred_at), account, ..PROFILE.named(id, kind)? })
    }
}
