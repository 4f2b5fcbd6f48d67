use std::net::SocketAddr;

use sluice_signature::Secret;

use super::{DEV_SECRET, Mode, Reader};
use crate::{
    ids::is_source,
    ingest::MAX_BODY,
    provider::{self, Provider},
    secrets::{DEFAULT_SOURCE, FixedSecrets},
};

/// What takes webhooks in.
#[derive(Clone, Debug)]
pub struct IngestSettings {
    /// The address under which the outside reaches Sluice, without a path or a slash at its end. On Lambda it may be empty: only providers that sign the URL
    /// need it.
    pub public_url: String,
    /// The largest raw body that is taken, bytes.
    pub max_body: usize,
    /// The signing secrets of each provider's sources.
    pub secrets: FixedSecrets,
}

impl IngestSettings {
    /// Reads what one machine needs, which listens on `listen`: the secrets of all providers.
    pub fn read(reader: &mut Reader<'_>, mode: Mode, listen: SocketAddr) -> Self {
        let public_url = read_public_url(reader).unwrap_or_else(|| format!("http://localhost:{}", listen.port()));
        Self { public_url, max_body: read_max_body(reader), secrets: read_secrets(reader, mode, provider::ALL.iter().copied()) }
    }

    /// Reads what the function of one provider needs, which is of no use without a secret.
    pub fn read_of(reader: &mut Reader<'_>, provider: &'static dyn Provider) -> Self {
        let secrets = read_secrets(reader, Mode::Lambda, [provider]);
        if secrets.sources(provider.name()).next().is_none() {
            reader.problem(
                provider.secret_setting(),
                "is missing: without it no webhook could be verified; set it to the secret, or to a reference to it",
            );
        }
        Self { public_url: read_public_url(reader).unwrap_or_default(), max_body: read_max_body(reader), secrets }
    }
}

fn read_max_body(reader: &mut Reader<'_>) -> usize {
    let max_body = reader.parsed("SLUICE_MAX_BODY", MAX_BODY, "a number of bytes, such as 4000000");
    if max_body == 0 || max_body > 100_000_000 {
        reader.problem("SLUICE_MAX_BODY", "must be between 1 and 100000000 bytes");
    }
    max_body
}

fn read_secrets(reader: &mut Reader<'_>, mode: Mode, providers: impl IntoIterator<Item = &'static dyn Provider>) -> FixedSecrets {
    let mut secrets = FixedSecrets::default();
    for provider in providers {
        let setting = provider.secret_setting();
        let mut found = reader.family(setting);
        if mode == Mode::Dev && !found.iter().any(|(source, ..)| source == DEFAULT_SOURCE) {
            found.push((DEFAULT_SOURCE.to_owned(), setting.to_owned(), vec![DEV_SECRET.to_owned()]));
        }
        for (source, setting, values) in found {
            if !is_source(&source) {
                reader.problem(&setting, "names a source that can't be one: after __ come 1 to 32 of A-Z, 0-9 and _");
            }
            if mode != Mode::Dev && values.iter().any(|value| value == DEV_SECRET) {
                reader.problem(&setting, "is the secret of dev, which everybody knows; take the one that the provider shows");
            }
            secrets.insert(provider.name(), &source, values.into_iter().map(Secret::new).collect());
        }
    }
    secrets
}

fn read_public_url(reader: &mut Reader<'_>) -> Option<String> {
    let url = reader.text("SLUICE_PUBLIC_URL")?.trim_end_matches('/');
    let fits = url.parse::<http::Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("https" | "http"))
            && uri.host().is_some()
            && uri.query().is_none()
            && matches!(uri.path(), "" | "/")
    });
    if !fits {
        reader.problem("SLUICE_PUBLIC_URL", "must be scheme and host alone, such as https://hooks.example.com");
    }
    Some(url.to_owned())
}
