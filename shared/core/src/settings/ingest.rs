use std::net::{IpAddr, SocketAddr};

use super::{
    Mode, Reader,
    tenants::{insist_on_own_secrets, insist_on_sources, read_tenants},
};
use crate::{
    ids::is_source,
    ingest::{MAX_BODY, PublicUrl},
    provider::{self, BadReply, Provider, Providers, TwilioReplies},
    secrets::{DEFAULT_SOURCE, FixedSecrets, Secrets, SourceTenants},
};

/// What takes webhooks in.
#[derive(Clone, Debug)]
pub struct IngestSettings {
    /// Whose webhooks are taken in.
    pub providers: Providers,
    /// The address under which the outside reaches Sluice. On Lambda it may be empty: only providers that sign the URL need it.
    pub public_url: PublicUrl,
    /// The largest raw body that is taken, bytes.
    pub max_body: usize,
    /// The signing secrets of each provider's sources.
    pub secrets: FixedSecrets,
    /// Whose the sources are.
    pub tenants: SourceTenants,
    /// What Twilio is answered.
    pub replies: TwilioReplies,
}

impl IngestSettings {
    /// Reads what one machine needs, which listens on `listen`: the secrets of all providers.
    pub fn read(reader: &mut Reader<'_>, mode: Mode, listen: SocketAddr) -> Self {
        let public_url = read_public_url(reader).unwrap_or_else(|| PublicUrl::of_this_machine(listen.port()));
        let providers = provider::ALL;
        let secrets = read_secrets(reader, mode, providers);
        let tenants = read_tenants(reader);
        insist_on_sources(reader, &tenants, |source| {
            providers.iter().any(|provider| secrets.sources(provider.name()).any(|known| known == source))
        });
        insist_on_own_secrets(reader, &tenants, providers, &secrets);
        Self { providers, public_url, max_body: read_max_body(reader), secrets, tenants, replies: read_replies(reader) }
    }

    /// Reads what a function of `providers` needs, which is of no use without a secret of each.
    pub fn read_of(reader: &mut Reader<'_>, providers: Providers) -> Self {
        let secrets = read_secrets(reader, Mode::Lambda, providers);
        let public_url = read_public_url(reader);
        for provider in providers {
            if secrets.sources(provider.name()).next().is_none() {
                reader.problem(
                    provider.secret_setting(),
                    "is missing: without it no webhook could be verified; set it to the secret, or to a reference to it",
                );
            }
            if public_url.is_none() && provider.signs_url() {
                let title = provider.title();
                reader.problem(
                    "SLUICE_PUBLIC_URL",
                    format!("is missing: {title} signs the URL, so set it to the one that {title} was given"),
                );
            }
        }
        // Another function may have the secrets of a source that has none here.
        let tenants = read_tenants(reader);
        // Those that are kept elsewhere are looked at once they are fetched; here only whether they are kept in the same place.
        insist_on_own_secrets(reader, &tenants, providers, &secrets);
        Self {
            providers,
            public_url: public_url.unwrap_or_default(),
            max_body: read_max_body(reader),
            secrets,
            tenants,
            replies: read_replies(reader),
        }
    }
}

impl IngestSettings {
    /// What is odd about the address under which the outside reaches Sluice, where a provider is served that signs it: it would fit nothing.
    #[must_use]
    pub fn doubts(&self) -> Vec<String> {
        let signing =
            self.providers.iter().filter(|provider| provider.signs_url() && self.secrets.sources(provider.name()).next().is_some());
        let Some(doubt) = doubt(&self.public_url) else { return Vec::new() };
        let doubt = |provider: &&dyn Provider| {
            format!(
                "{} signs the URL that it was given, so SLUICE_PUBLIC_URL must be the one under which the outside reaches Sluice; it is {}, {doubt}",
                provider.title(),
                self.public_url
            )
        };
        signing.map(doubt).chain(self.doubted_secrets()).collect()
    }

    /// Secrets that don't look like what their provider gives. References to where one is kept are not looked into.
    fn doubted_secrets(&self) -> impl Iterator<Item = String> {
        self.providers.iter().flat_map(move |provider| {
            let sources = self.secrets.sources(provider.name()).collect::<Vec<_>>();
            sources.into_iter().flat_map(move |source| {
                let secrets = FixedSecrets::active(&self.secrets, provider.name(), source);
                let secrets: Vec<_> = secrets.iter().flat_map(|secrets| secrets.iter()).cloned().collect();
                (1..).zip(secrets).filter_map(move |(position, secret): (usize, _)| {
                    let kept_elsewhere = ["secretsmanager:", "ssm:", "arn:"].iter().any(|start| secret.reveal().starts_with(start));
                    let own = secret.reveal() == provider.read_secret(provider.dev_secret()).reveal();
                    let doubt = provider.scheme().doubt_secret(&secret).filter(|_| !kept_elsewhere && !own)?;
                    Some(format!("{}, source {source}, secret {position}: it {doubt}", provider.secret_setting()))
                })
            })
        })
    }
}

/// Why a URL can hardly be the one that a provider was given.
fn doubt(public_url: &PublicUrl) -> Option<&'static str> {
    let uri: http::Uri = public_url.reveal().parse().ok()?;
    let host = uri.host()?;
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
    let private = match address {
        Some(IpAddr::V4(address)) => address.is_loopback() || address.is_private() || address.is_link_local() || address.is_unspecified(),
        Some(IpAddr::V6(address)) => address.is_loopback() || address.is_unique_local() || address.is_unspecified(),
        None => host.eq_ignore_ascii_case("localhost") || !host.contains('.') || host.ends_with(".local") || host.ends_with(".internal"),
    };
    if private {
        Some("which leads nowhere from outside")
    } else if ["example.com", "example.org"].iter().any(|example| host == *example || host.ends_with(&format!(".{example}"))) {
        Some("which is the documentation's example")
    } else if uri.scheme_str() == Some("http") {
        Some("without TLS: behind a proxy that ends TLS the URL that was given begins with https all the same")
    } else {
        None
    }
}

fn read_max_body(reader: &mut Reader<'_>) -> usize {
    let max_body = reader.parsed("SLUICE_MAX_BODY", MAX_BODY, "a number of bytes, such as 4000000");
    if max_body == 0 || max_body > 100_000_000 {
        reader.problem("SLUICE_MAX_BODY", "must be between 1 and 100000000 bytes");
    }
    max_body
}

fn read_secrets(reader: &mut Reader<'_>, mode: Mode, providers: Providers) -> FixedSecrets {
    let mut secrets = FixedSecrets::default();
    for provider in providers {
        let setting = provider.secret_setting();
        let mut found = reader.family(setting);
        if mode == Mode::Dev && !found.iter().any(|(source, ..)| source == DEFAULT_SOURCE) {
            found.push((DEFAULT_SOURCE.to_owned(), setting.to_owned(), vec![provider.dev_secret().to_owned()]));
        }
        for (source, setting, values) in found {
            if values.is_empty() {
                reader.problem(&setting, "is set and holds no secret; set it to the secret, or leave it out");
            }
            // On Lambda they may be references to where the secret is kept.
            if mode != Mode::Lambda
                && let Some(problem) = values.iter().find_map(|value| provider.check_secret(value).err())
            {
                reader.problem(&setting, problem);
            }
            if !is_source(&source) {
                reader.problem(&setting, "names a source that can't be one: after __ come 1 to 32 of A-Z, 0-9 and _");
            }
            if mode != Mode::Dev && values.iter().any(|value| value == provider.dev_secret()) {
                reader.problem(&setting, "is the secret of dev, which everybody knows; take the one that the provider shows");
            }
            secrets.insert(provider.name(), &source, values.iter().map(|value| provider.read_secret(value)).collect());
        }
    }
    secrets
}

fn read_replies(reader: &mut Reader<'_>) -> TwilioReplies {
    let usual = TwilioReplies::default();
    TwilioReplies {
        sms: read_reply(reader, "SLUICE_TWILIO_SMS_REPLY", usual.sms, TwilioReplies::check_sms),
        voice: read_reply(reader, "SLUICE_TWILIO_VOICE_REPLY", usual.voice, TwilioReplies::check_voice),
        play: read_reply(reader, "SLUICE_TWILIO_VOICE_SOUND", usual.play, TwilioReplies::check_play),
        empty_status: reader.choice("SLUICE_TWILIO_STATUS_ANSWER", &[("json", false), ("empty", true)]).unwrap_or(usual.empty_status),
    }
}

fn read_reply(reader: &mut Reader<'_>, setting: &str, usual: Option<String>, check: fn(&str) -> Result<(), BadReply>) -> Option<String> {
    match reader.text(setting) {
        None => usual,
        Some("off") => None,
        Some(text) => {
            if let Err(problem) = check(text) {
                reader.problem(setting, problem.to_string());
            }
            Some(text.to_owned())
        }
    }
}

pub(super) fn read_public_url(reader: &mut Reader<'_>) -> Option<PublicUrl> {
    let read = PublicUrl::read(reader.text("SLUICE_PUBLIC_URL")?);
    if let Err(problem) = read {
        reader.problem("SLUICE_PUBLIC_URL", problem.to_string());
    }
    Some(read.unwrap_or_default())
}
