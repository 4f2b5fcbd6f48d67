//! What is known after a call to AWS failed.

use std::{error::Error, fmt};

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use sluice_core::ports::PortError;

/// What a failed call has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Surely nothing, and a later try may go through: it never left, or it was turned away for the moment (throttled, in conflict with another call).
    NotTaken,
    /// Nobody knows, and a later try may go through: timeout, connection lost, an error inside the service.
    Unknown,
    /// Surely nothing, and the same call will be answered in the same way until someone changes something.
    Refused,
}

/// Something that can be tried again, or not.
pub(crate) trait Failed {
    /// What the call has done.
    fn fate(&self) -> Fate;
    /// There was no time left to wait for the answer.
    fn out_of_time() -> Self;
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) fate: Fate,
    /// The service's own code of the error, such as `ValidationException`; empty if the service did not answer.
    pub(crate) code: String,
    text: String,
}

impl Failure {
    /// Reads what the SDK reports of a call to `service`.
    pub(crate) fn of<E>(service: &str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let silent = |fate, what: &str| Self { fate, code: String::new(), text: format!("{service}: {what}: {}", Chain(error)) };
        match error {
            SdkError::ConstructionFailure(_) => silent(Fate::NotTaken, "the request could not be made"),
            SdkError::DispatchFailure(failure) if never_connected(failure.as_connector_error()) => silent(Fate::NotTaken, "can't be reached"),
            SdkError::DispatchFailure(_) => silent(Fate::Unknown, "the connection was lost"),
            SdkError::TimeoutError(_) => silent(Fate::Unknown, "no answer in time"),
            SdkError::ServiceError(answer) => {
                let code = answer.err().code().unwrap_or("no code");
                let text = format!("{service}: {code}: {}", answer.err().message().unwrap_or("no message"));
                Self { fate: fate_of(code, answer.raw().status().as_u16()), code: code.to_owned(), text }
            }
            _ => silent(Fate::Unknown, "the answer can't be read"),
        }
    }

    /// A failure that the service reported in another way than by an error.
    pub(crate) fn reported(fate: Fate, code: &str, text: String) -> Self {
        Self { fate, code: code.to_owned(), text }
    }

    /// The failure as a port reports it. Only what the data itself causes (DynamoDB's `ValidationException` and its like) is permanent: everything else
    /// (rights, a missing table, a wrong endpoint) an operator can mend, and then the same call goes through.
    pub(crate) fn into_port_error(self) -> PortError {
        const OF_THE_DATA: [&str; 6] = [
            "ValidationException",
            "ValidationError",
            "ItemCollectionSizeLimitExceeded",
            "InvalidMessageContents",
            "InvalidParameterValue",
            "IdempotentParameterMismatchException",
        ];
        if self.fate == Fate::Refused && OF_THE_DATA.contains(&self.code.as_str()) {
            PortError::Permanent(self.text)
        } else {
            PortError::Temporary(self.text)
        }
    }
}

impl Failed for Failure {
    fn fate(&self) -> Fate {
        self.fate
    }

    fn out_of_time() -> Self {
        Self { fate: Fate::Unknown, code: String::new(), text: "no answer from AWS in the time left".to_owned() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// [The codes](https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html) by which the services turn a call away for the moment.
const BUSY: [&str; 14] = [
    "BandwidthLimitExceeded",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionConflictException",
    "TransactionInProgressException",
];

fn fate_of(code: &str, status: u16) -> Fate {
    if status == 429 || BUSY.contains(&code) {
        Fate::NotTaken
    } else if status >= 500 {
        Fate::Unknown
    } else {
        Fate::Refused
    }
}

/// Whether the error is one of connecting: looking up the name, TCP, TLS. Nothing of the request has left then.
fn never_connected(error: Option<&aws_smithy_runtime_api::client::result::ConnectorError>) -> bool {
    let mut next: Option<&(dyn Error + 'static)> = error.map(|error| error as _);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<hyper_util::client::legacy::Error>() {
            return error.is_connect();
        }
        next = error.source();
    }
    false
}

/// An error with its causes, outermost first.
struct Chain<'a>(&'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut next = Some(self.0);
        let mut before = String::new();
        while let Some(error) = next {
            let text = error.to_string();
            if text != before {
                write!(f, "{}{text}", if before.is_empty() { "" } else { ": " })?;
            }
            before = text;
            next = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fates() {
        assert_eq!(fate_of("ThrottlingException", 400), Fate::NotTaken);
        assert_eq!(fate_of("TransactionConflictException", 400), Fate::NotTaken);
        assert_eq!(fate_of("anything", 429), Fate::NotTaken);
        assert_eq!(fate_of("InternalServerError", 500), Fate::Unknown);
        assert_eq!(fate_of("ServiceUnavailable", 503), Fate::Unknown);
        assert_eq!(fate_of("ValidationException", 400), Fate::Refused);
        assert_eq!(fate_of("AccessDeniedException", 400), Fate::Refused);
    }

    #[test]
    fn only_what_the_data_causes_is_permanent() {
        let port_error = |code: &str, fate| Failure::reported(fate, code, String::new()).into_port_error();
        assert!(matches!(port_error("ValidationException", Fate::Refused), PortError::Permanent(_)));
        assert!(matches!(port_error("ResourceNotFoundException", Fate::Refused), PortError::Temporary(_)));
        assert!(matches!(port_error("AccessDeniedException", Fate::Refused), PortError::Temporary(_)));
        assert!(matches!(port_error("ValidationException", Fate::Unknown), PortError::Temporary(_)));
    }
}
