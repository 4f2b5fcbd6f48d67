//! What an attempt's outcome means for the delivery, and for the endpoint.

use std::time::Duration;

use super::schedule::retry_after;
use crate::{
    ports::{Answered, PostFailure, Step},
    time::Timestamp,
};

/// What an attempt came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is delivered.
    Delivered,
    /// It is to be tried again.
    Failed {
        /// How long the receiver wants to be left alone.
        hint: Option<Duration>,
        /// What that says of the endpoint.
        endpoint: Strain,
    },
    /// The receiver wants nothing more, ever.
    Gone,
}

/// What a failure says of the endpoint and its other deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strain {
    /// Nothing: it answers, and refuses this delivery.
    None,
    /// It does not answer, and what is sent there takes long to fail.
    Unreachable,
    /// It has too much to do.
    Overloaded,
}

/// Judges an attempt that ended at `now`.
///
/// Only 2xx is success: a redirect is never followed, and so delivers nothing. 410 is how a receiver takes its leave. 429 and what stands in
/// front of a receiver that can't keep up (502, 503, 504) concern all that goes there (Standard Webhooks, "Responding to webhooks"). They are in the head
/// of the answer: a body that breaks off or never ends takes nothing back of it.
#[must_use]
pub fn judge(outcome: &Result<Answered, PostFailure>, now: Timestamp) -> Verdict {
    let hint = |text: &Option<String>| text.as_deref().and_then(|text| retry_after(text, now));
    match outcome {
        Ok(answered) => match answered.status {
            200..=299 => Verdict::Delivered,
            GONE => Verdict::Gone,
            status => {
                let endpoint = if is_overloaded(status) { Strain::Overloaded } else { Strain::None };
                Verdict::Failed { hint: hint(&answered.retry_after), endpoint }
            }
        },
        Err(failure) => match failure.status {
            Some(GONE) => Verdict::Gone,
            Some(status) if is_overloaded(status) => Verdict::Failed { hint: hint(&failure.retry_after), endpoint: Strain::Overloaded },
            _ => {
                let refused_here = failure.step == Step::Guard;
                let endpoint = if refused_here { Strain::None } else { Strain::Unreachable };
                Verdict::Failed { hint: hint(&failure.retry_after), endpoint }
            }
        },
    }
}

/// How a receiver takes its leave.
const GONE: u16 = 410;

fn is_overloaded(status: u16) -> bool {
    matches!(status, 429 | 502..=504)
}

/// What the log of attempts says of a failure, for the owner; `None` for a success.
#[must_use]
pub fn error_text(outcome: &Result<Answered, PostFailure>) -> Option<String> {
    match outcome {
        Ok(answered) => match answered.status {
            200..=299 => None,
            300..=399 => Some(format!("the receiver answered {}; redirects are not followed", answered.status)),
            GONE => Some("the receiver answered 410: it wants no more webhooks".to_owned()),
            status => Some(format!("the receiver answered {status}")),
        },
        Err(failure) => Some(match failure.step {
            Step::Guard => format!("not sent: {}", failure.reason),
            _ => match failure.status {
                Some(status) => format!("the receiver answered {status}; {}", failure.reason),
                None => failure.reason.clone(),
            },
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, retry_after: Option<&str>) -> Verdict {
        judge(&Ok(Answered { status, retry_after: retry_after.map(str::to_owned), excerpt: Vec::new() }), Timestamp::from_seconds(0))
    }

    #[test]
    fn by_status() {
        for status in [200, 201, 204, 299] {
            assert_eq!(judged(status, None), Verdict::Delivered);
        }
        for status in [301, 304, 400, 401, 404, 500, 501] {
            assert_eq!(judged(status, None), Verdict::Failed { hint: None, endpoint: Strain::None }, "{status}");
        }
        for status in [429, 502, 503, 504] {
            assert_eq!(judged(status, None), Verdict::Failed { hint: None, endpoint: Strain::Overloaded }, "{status}");
        }
        assert_eq!(judged(410, None), Verdict::Gone);
        let hint = Some(Duration::from_secs(30));
        assert_eq!(judged(500, Some("30")), Verdict::Failed { hint, endpoint: Strain::None });
        assert_eq!(judged(429, Some("30")), Verdict::Failed { hint, endpoint: Strain::Overloaded });
    }

    #[test]
    fn an_answer_that_broke_off_is_no_success() {
        let broken = Err(PostFailure { step: Step::Body, reason: "the answer broke off".to_owned(), status: Some(200), retry_after: None });
        assert_eq!(judge(&broken, Timestamp::from_seconds(0)), Verdict::Failed { hint: None, endpoint: Strain::Unreachable });
        assert_eq!(error_text(&broken).as_deref(), Some("the receiver answered 200; the answer broke off"));
    }

    #[test]
    fn what_the_head_said_stands_though_the_body_broke_off() {
        let broken = |status| {
            let (reason, retry_after) = ("the answer broke off".to_owned(), Some("600".to_owned()));
            judge(&Err(PostFailure { step: Step::Body, reason, status: Some(status), retry_after }), Timestamp::from_seconds(0))
        };
        assert_eq!(broken(410), Verdict::Gone);
        let hint = Some(Duration::from_secs(600));
        for status in [429, 502, 503, 504] {
            assert_eq!(broken(status), Verdict::Failed { hint, endpoint: Strain::Overloaded }, "{status}");
        }
        // One that never ends takes as long to fail as no answer.
        assert_eq!(broken(500), Verdict::Failed { hint, endpoint: Strain::Unreachable });
    }
}
