//! `sluice verify`: explains a signature.

use std::{fs, path::PathBuf, time::Duration};

use serde_json::json;
use sluice_core::{
    provider::{Provider, by_name},
    secrets::DEFAULT_SOURCE,
    time::Timestamp,
};
use sluice_signature::{
    Message, Secret,
    explain::{Explanation, Fit, explain},
};

use super::{Error, Exit, Surroundings, header, provider_names, secret_setting, source, usage};

/// The arguments of `sluice verify`.
#[derive(clap::Args)]
#[command(after_help = "Exit codes: 0 the signature is valid, 1 it is not, 2 the question was not understood.\n\
    A setting's secrets also appear in no list of processes: prefer it to --secret on shared machines.")]
pub struct Args {
    /// Who is said to have sent it
    #[arg(value_parser = provider_names())]
    pub provider: String,
    /// A signing secret; repeat it for each that may fit. Twilio's may name what they are for: AC…:TOKEN, or the id of a shared key, a
    /// colon and its secret [default: the provider's setting, such as STRIPE_WEBHOOK_SECRET]
    #[arg(long, value_name = "SECRET", allow_hyphen_values = true)]
    pub secret: Vec<String>,
    /// The source whose secrets are taken from the settings, such as `acme` for those of STRIPE_WEBHOOK_SECRET__ACME
    #[arg(long, value_name = "SOURCE", value_parser = source, conflicts_with = "secret")]
    pub source: Option<String>,
    /// A header of the request, as `Name: value`; repeat it for each that matters
    #[arg(long, value_name = "HEADER", value_parser = header)]
    pub header: Vec<(String, String)>,
    /// The file with the exact bytes of the body; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    pub body: PathBuf,
    /// The time to verify at, in Unix seconds [default: now]
    #[arg(long, value_name = "UNIX", allow_negative_numbers = true)]
    pub now: Option<i64>,
    /// The age to accept, in seconds, where the provider signs a time; 0 accepts any [default: the provider's]
    #[arg(long, value_name = "SECONDS")]
    pub tolerance: Option<u64>,
    /// The public URL of the request with its query, for providers that sign it (Twilio)
    #[arg(long, value_name = "URL", default_value = "", hide_default_value = true)]
    pub url: String,
    /// The method of the request, for providers that sign differently by it
    #[arg(long, value_name = "METHOD", default_value = "POST")]
    pub method: String,
    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
}

// Written by hand because the secrets stay out of it.
impl std::fmt::Debug for Args {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Args").field("provider", &self.provider).finish_non_exhaustive()
    }
}

/// Verifies, and says what it found.
///
/// # Errors
/// [`Error::Usage`] if there is no secret, a URL is signed and none is given, or the body cannot be read.
pub fn run(args: &Args, surroundings: &mut Surroundings<'_>) -> Result<Exit, Error> {
    let provider = by_name(&args.provider).ok_or_else(|| usage(format!("no provider is called {}", args.provider)))?;
    let secrets = secrets(args, provider, surroundings)?;
    if secrets.iter().all(|secret| secret.reveal().trim().is_empty()) {
        return Err(usage("the secret is empty; is the variable set that it comes from?"));
    }
    if provider.signs_url() {
        check_url(provider, &args.url)?;
    }
    let body = body(args, surroundings)?;
    let headers: Vec<(&str, &[u8])> = args.header.iter().map(|(name, value)| (&name[..], value.as_bytes())).collect();
    let method = args.method.to_ascii_uppercase();
    let message = Message { method: &method, url: &args.url, headers: &headers, body: &body };
    let other = args.tolerance.and_then(|tolerance| provider.scheme().within(Duration::from_secs(tolerance)));
    let scheme = other.as_deref().unwrap_or_else(|| provider.scheme());
    let now = args.now.unwrap_or_else(surroundings.now);
    let explanation = explain(scheme, &message, &secrets, now);
    let text = if args.json { as_json(&explanation) } else { as_text(&explanation, now) };
    surroundings.output.write_all(text.as_bytes())?;
    Ok(if explanation.verdict.is_ok() { Exit::Success } else { Exit::Failure })
}

/// Without what was signed nothing can be said of the signature.
fn check_url(provider: &dyn Provider, url: &str) -> Result<(), Error> {
    let starts = |scheme: &str| url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    let place = ["https://", "http://"].into_iter().find(|scheme| starts(scheme)).map(|scheme| &url[scheme.len()..]);
    if place.is_some_and(|place| !place.is_empty() && !place.starts_with(['/', '?', '#'])) {
        return Ok(());
    }
    let title = provider.title();
    let path = provider.paths(DEFAULT_SOURCE).into_iter().next().unwrap_or_default();
    let given = if url.is_empty() { "--url is missing" } else { "--url is no URL" };
    Err(usage(format!("{given}: {title} signs the URL that it was given, query and all, such as --url 'https://hooks.example.com{path}'")))
}

fn secrets(args: &Args, provider: &dyn Provider, surroundings: &Surroundings<'_>) -> Result<Vec<Secret>, Error> {
    if !args.secret.is_empty() {
        return Ok(args.secret.iter().map(|secret| provider.read_secret(secret)).collect());
    }
    let setting = secret_setting(provider, args.source.as_deref().unwrap_or(DEFAULT_SOURCE));
    let missing = || usage(format!("there is no secret: give --secret, set {setting}, or name with --source the source that has one"));
    let value = (surroundings.setting)(&setting).ok_or_else(missing)?;
    Ok(value.split(',').map(|secret| provider.read_secret(secret)).collect())
}

fn body(args: &Args, surroundings: &mut Surroundings<'_>) -> Result<Vec<u8>, Error> {
    if args.body.as_os_str() == "-" {
        let mut body = Vec::new();
        let read = surroundings.input.read_to_end(&mut body);
        return read.map(|_| body).map_err(|error| usage(format!("cannot read the body from standard input: {error}")));
    }
    fs::read(&args.body).map_err(|error| usage(format!("cannot read the body from {}: {error}", args.body.display())))
}

fn as_text(explanation: &Explanation, now: i64) -> String {
    let count = explanation.fits.len();
    let mut lines = vec![match &explanation.verdict {
        Ok(verified) => format!("Valid: secret {} of {count} fits.", verified.secret + 1),
        Err(invalid) => format!("Not valid ({}): {invalid}.", invalid.code()),
    }];
    if let Some(difference) = explanation.clock_difference {
        let time = Timestamp::from_seconds(now.saturating_sub(difference));
        lines.push(match difference {
            0 => format!("Signed at {time}, this very second."),
            1.. => format!("Signed at {time}, {difference} s ago."),
            _ => format!("Signed at {time}, {} s from now.", difference.saturating_neg()),
        });
    }
    if count > 1 {
        let fits = explanation.fits.iter().enumerate();
        lines.extend(fits.map(|(at, fit)| format!("Secret {}: {}.", at + 1, in_words(*fit))));
    }
    if explanation.verdict.is_err() {
        lines.extend(explanation.headers.iter().map(|(name, form)| format!("Header {name}: {form}")));
        lines.extend((1..).zip(&explanation.urls).map(|(number, url): (usize, _)| format!("URL {number}: {url}")));
    }
    lines.extend(explanation.findings.iter().map(|finding| format!("- {finding}")));
    lines.join("\n") + "\n"
}

const fn in_words(fit: Fit) -> &'static str {
    match fit {
        Fit::Fitted => "fits",
        Fit::FittedTooOld => "fits, but too long ago",
        Fit::FittedTooEarly => "fits, but too far in the future",
        Fit::NoFit => "does not fit",
        Fit::Blank => "is empty",
        Fit::Untried => "was not tried",
    }
}

fn as_json(explanation: &Explanation) -> String {
    let verdict = &explanation.verdict;
    let (code, message) = match verdict {
        Ok(_) => ("verified", None),
        Err(invalid) => (invalid.code(), Some(invalid.to_string())),
    };
    let timestamp = match verdict {
        Ok(verified) => verified.timestamp,
        Err(invalid) => invalid.timestamp(),
    };
    let secrets: Vec<_> =
        (1..).zip(&explanation.fits).map(|(position, fit): (usize, _)| json!({ "position": position, "fit": fit.code() })).collect();
    let findings: Vec<_> =
        explanation.findings.iter().map(|finding| json!({ "code": finding.code(), "text": finding.to_string() })).collect();
    let headers: Vec<_> = explanation.headers.iter().map(|(name, form)| json!({ "name": name, "form": form })).collect();
    let answer = json!({
        "valid": verdict.is_ok(),
        "code": code,
        "message": message,
        "secret": verdict.as_ref().ok().map(|verified| verified.secret + 1),
        "timestamp": timestamp,
        "clock_difference": explanation.clock_difference,
        "secrets": secrets,
        "headers": headers,
        "urls": explanation.urls,
        "findings": findings,
    });
    format!("{answer:#}\n")
}
