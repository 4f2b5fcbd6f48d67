//! What Stripe's answers mean: <https://docs.stripe.com/api/errors>.

use std::time::Duration;

use http::StatusCode;
use serde::{Deserialize, de::IgnoredAny};

/// What one try came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// The object, as JSON.
    Found(Vec<u8>),
    /// There is no such object, or none that this account may see.
    NotThere,
    /// The key is wrong, or lacks the permission.
    Refused(String),
    /// May go through in a moment; Stripe may have said when.
    Again { reason: String, after: Option<Duration> },
    /// Will not go through in a moment.
    Failed(String),
}

impl Told {
    pub(super) fn again(reason: &str) -> Self {
        Self::Again { reason: format!("Stripe's API can't be asked: {reason}"), after: None }
    }
}

#[derive(Deserialize)]
struct Problem {
    error: StripeError,
}

/// [Stripe's error](https://docs.stripe.com/error-codes).
#[derive(Default, Deserialize)]
struct StripeError {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

/// What an answer means. `after`: when Stripe wants to be asked again.
pub(super) fn told(status: StatusCode, body: &[u8], after: Option<Duration>) -> Told {
    if status.is_success() {
        return match serde_json::from_slice::<IgnoredAny>(body) {
            Ok(_) => Told::Found(body.to_vec()),
            Err(error) => Told::again(&format!("the answer is no JSON: {error}")),
        };
    }
    let error = serde_json::from_slice::<Problem>(body).map(|problem| problem.error).unwrap_or_default();
    let reason = describe(status, &error);
    match (status.as_u16(), error.code.as_deref()) {
        (404, _) | (_, Some("resource_missing")) => Told::NotThere,
        // A connected account that has taken its leave; no other key would help.
        (_, Some("account_invalid")) => Told::NotThere,
        (401 | 403, _) => Told::Refused(reason),
        (409 | 424 | 429 | 500..=599, _) => Told::Again { reason, after },
        _ => Told::Failed(reason),
    }
}

/// Stripe's own texts quote a key only in part, its last four characters.
fn describe(status: StatusCode, error: &StripeError) -> String {
    let message = error.message.as_deref().unwrap_or("no reason given");
    let message: String = message.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect();
    let code = error.code.as_deref().map(|code| format!(" with {code}")).unwrap_or_default();
    let advice = match status.as_u16() {
        401 => "; check STRIPE_SECRET_KEY",
        403 => "; give the key in STRIPE_SECRET_KEY this permission",
        _ => "",
    };
    format!("Stripe answered {}{code}: {message}{advice}", status.as_u16())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, code: Option<&str>) -> Told {
        let body = serde_json::json!({ "error": { "type": "x", "code": code, "message": "why" } });
        told(StatusCode::from_u16(status).unwrap(), body.to_string().as_bytes(), None)
    }

    #[test]
    fn what_is_not_there() {
        assert_eq!(answered(404, Some("resource_missing")), Told::NotThere);
        assert_eq!(answered(400, Some("resource_missing")), Told::NotThere);
        assert_eq!(answered(403, Some("account_invalid")), Told::NotThere);
        assert_eq!(told(StatusCode::NOT_FOUND, b"<html>", None), Told::NotThere);
    }

    #[test]
    fn what_someone_must_mend() {
        assert_eq!(answered(401, None), Told::Refused("Stripe answered 401: why; check STRIPE_SECRET_KEY".into()));
        assert!(matches!(answered(403, Some("more_permissions_required")), Told::Refused(_)));
    }

    #[test]
    fn what_passes() {
        for status in [409, 429, 500, 502, 503, 504] {
            assert!(matches!(answered(status, Some("rate_limit")), Told::Again { .. }), "{status}");
        }
        assert!(matches!(told(StatusCode::OK, b"<html>", None), Told::Again { .. }));
    }

    #[test]
    fn what_asking_again_does_not_mend() {
        for status in [302, 400, 402] {
            assert!(matches!(answered(status, Some("parameter_unknown")), Told::Failed(_)), "{status}");
        }
    }
}
