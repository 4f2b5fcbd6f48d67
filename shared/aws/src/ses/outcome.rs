//! What a failed call means for the mail.

use aws_sdk_ses::{error::SdkError, operation::send_email::SendEmailError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use sluice_core::ports::SendFailure;

use crate::failure::{Failure, Fate};

pub(super) fn of(error: &SdkError<SendEmailError, HttpResponse>) -> SendFailure {
    judge(&Failure::of("SES", error))
}

/// Refused is only what SES has against this mail or its recipient. Everything else that it answers (a sender that is not verified, a paused account, the
/// sandbox, missing rights, a quota) an operator can mend, and the mail is still wanted then.
fn judge(failure: &Failure) -> SendFailure {
    let text = failure.to_string();
    match (failure.fate, failure.code.as_str()) {
        (Fate::NotTaken, _) => SendFailure::NotTaken(text),
        (Fate::Unknown, _) => SendFailure::Unknown(text),
        // In the sandbox, and for the sender everywhere, this is the code of an address that is not verified.
        (Fate::Refused, "MessageRejected") if text.contains("not verified") => SendFailure::NotTaken(text),
        (Fate::Refused, "MessageRejected" | "InvalidParameterValue") => SendFailure::Refused(text),
        (Fate::Refused, _) => SendFailure::NotTaken(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(fate: Fate, code: &str, message: &str) -> &'static str {
        match judge(&Failure::reported(fate, code, format!("SES: {code}: {message}"))) {
            SendFailure::Refused(_) | SendFailure::TextRefused { .. } => "refused",
            SendFailure::NotTaken(_) => "not taken",
            SendFailure::Unknown(_) => "unknown",
        }
    }

    #[test]
    fn outcomes() {
        assert_eq!(judged(Fate::Refused, "MessageRejected", "Address blacklisted."), "refused");
        assert_eq!(judged(Fate::Refused, "InvalidParameterValue", "Illegal address"), "refused");
        assert_eq!(judged(Fate::Refused, "MessageRejected", "Email address is not verified."), "not taken");
        for mendable in
            ["MailFromDomainNotVerifiedException", "ConfigurationSetDoesNotExist", "AccountSendingPausedException", "AccessDenied"]
        {
            assert_eq!(judged(Fate::Refused, mendable, ""), "not taken", "{mendable}");
        }
        assert_eq!(judged(Fate::NotTaken, "Throttling", "Maximum sending rate exceeded."), "not taken");
        assert_eq!(judged(Fate::Unknown, "", "no answer in time"), "unknown");
        assert_eq!(judged(Fate::Unknown, "InternalFailure", ""), "unknown");
    }
}
