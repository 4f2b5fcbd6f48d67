use std::fmt;

/// Which service keeps a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    /// AWS Secrets Manager.
    SecretsManager,
    /// The Parameter Store of AWS Systems Manager.
    ParameterStore,
}

/// Where a value lies.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    /// The service that keeps it.
    pub service: Service,
    /// Its name or ARN, as the service takes it.
    pub name: String,
    /// The field of the JSON object that it is, if it is one.
    pub field: Option<String>,
}

/// A text that begins as a reference and is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no reference to a secret: write the ARN of a secret or parameter, secretsmanager:NAME or ssm:/path, with #FIELD behind it to pick one out of JSON")]
pub struct BadReference(String);

impl Reference {
    /// Reads a value of a setting; `None` if it is no reference but the value itself.
    ///
    /// # Errors
    /// [`BadReference`] for a text that begins as a reference and is none. No provider's secrets begin so.
    pub fn read(text: &str) -> Result<Option<Self>, BadReference> {
        let text = text.trim();
        let Some((service, rest)) = service_of(text) else {
            return if text.starts_with("arn:") { Err(BadReference(text.to_owned())) } else { Ok(None) };
        };
        let (name, field) = match rest.split_once('#') {
            Some((name, field)) => (name, Some(field)),
            None => (rest, None),
        };
        if name.is_empty() || field.is_some_and(str::is_empty) {
            return Err(BadReference(text.to_owned()));
        }
        Ok(Some(Self { service, name: name.to_owned(), field: field.map(str::to_owned) }))
    }
}

/// The service, and the name within it.
fn service_of(text: &str) -> Option<(Service, &str)> {
    if let Some(name) = text.strip_prefix("secretsmanager:") {
        return Some((Service::SecretsManager, name));
    }
    if text.starts_with("ssm:/") {
        return Some((Service::ParameterStore, &text["ssm:".len()..]));
    }
    // arn:PARTITION:SERVICE:REGION:ACCOUNT:TYPE and the name, behind a colon or a slash
    let mut parts = text.splitn(6, ':');
    let ("arn", Some(_), Some(service), Some(_), Some(_), Some(resource)) =
        (parts.next()?, parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    match service {
        "secretsmanager" if resource.strip_prefix("secret:").is_some_and(|name| !name.is_empty()) => Some((Service::SecretsManager, text)),
        "ssm" if resource.strip_prefix("parameter/").is_some_and(|name| !name.is_empty()) => Some((Service::ParameterStore, text)),
        _ => None,
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.name.starts_with("arn:") {
            f.write_str(match self.service {
                Service::SecretsManager => "secretsmanager:",
                Service::ParameterStore => "ssm:",
            })?;
        }
        f.write_str(&self.name)?;
        self.field.as_ref().map_or(Ok(()), |field| write!(f, "#{field}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:sluice/stripe-AbCdEf";
    const PARAMETER: &str = "arn:aws-us-gov:ssm:us-gov-west-1:123456789012:parameter/sluice/stripe";

    #[test]
    fn references_and_back() {
        let read = |text: &str| Reference::read(text).expect("fine").expect("a reference");
        for (text, service, name, field) in [
            (SECRET, Service::SecretsManager, SECRET, None),
            ("secretsmanager:sluice/stripe#signing", Service::SecretsManager, "sluice/stripe", Some("signing")),
            (PARAMETER, Service::ParameterStore, PARAMETER, None),
            ("ssm:/sluice/stripe", Service::ParameterStore, "/sluice/stripe", None),
        ] {
            let reference = read(text);
            assert_eq!((reference.service, reference.name.as_str(), reference.field.as_deref()), (service, name, field));
            assert_eq!(reference.to_string(), text);
        }
        assert_eq!(read(&format!(" {SECRET}#a ")).field.as_deref(), Some("a"));
    }

    #[test]
    fn values_are_no_references() {
        for value in ["whsec_abc", "", "sk_live_1", "ssm", "secret:a", "https://example.com/#a"] {
            assert_eq!(Reference::read(value), Ok(None), "{value:?}");
        }
    }

    #[test]
    fn what_begins_as_one_and_is_none() {
        for wrong in ["secretsmanager:", "ssm:/#", "secretsmanager:a#", "arn:aws:s3:::bucket", "arn:aws:ssm:us-east-1:1:document/x", "arn:"] {
            assert!(Reference::read(wrong).is_err(), "{wrong:?}");
        }
    }
}
