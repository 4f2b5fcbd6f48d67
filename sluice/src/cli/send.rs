//! `sluice send`: signs a sample and posts it, or shows it.

use std::{borrow::Cow, net::IpAddr};

use clap::ValueEnum;
use http::Uri;
use sluice_core::{
    ingest::source_in,
    provider::{Provider, by_name},
    secrets::DEFAULT_SOURCE,
};
use sluice_signature::{Message, Secret};

use super::{Error, Exit, Surroundings, client::own_address, header, post, print, provider_names, secret_setting, source, usage};
use crate::{
    draft::Draft,
    renew::New,
    samples::{Request, SAMPLES, Sample},
};

/// The arguments of `sluice send`.
#[derive(clap::Args)]
#[command(after_help = "Each event sent is a new one, with an id and a time of its own, unless --set or --header says otherwise.\n\
    Exit codes: 0 every answer was 2xx, 1 one was not, 2 nothing was sent, also because\n\
    nothing listens there.")]
pub struct Args {
    /// Who is to appear to send it
    #[arg(value_parser = provider_names(), required_unless_present = "list")]
    pub provider: Option<String>,
    /// The sample, such as payment_intent.succeeded
    #[arg(required_unless_present = "list")]
    pub sample: Option<String>,
    /// Where to; without a path, the sample's own is added. Twilio signs this URL, or for this machine SLUICE_PUBLIC_URL, which without a
    /// setting is http://localhost:PORT as in `sluice dev` [default: this machine at SLUICE_LISTEN, else http://127.0.0.1:3000]
    #[arg(long, value_name = "URL")]
    pub to: Option<Uri>,
    /// The signing secret [default: the first of the source's setting, such as STRIPE_WEBHOOK_SECRET, else, to this machine
    /// only, the one of `sluice dev`]
    #[arg(long, value_name = "SECRET", allow_hyphen_values = true)]
    pub secret: Option<String>,
    /// The source whose secret is taken from the settings, such as `acme` for the one of STRIPE_WEBHOOK_SECRET__ACME, and to whose path
    /// it is sent if --to has none [default: the one in that path, if it has a secret, else the provider's own]
    #[arg(long, value_name = "SOURCE", value_parser = source, conflicts_with = "secret")]
    pub source: Option<String>,
    /// Change the body: a path of keys and a value, as JSON or text, such as data.object.metadata.booking_id=12345; in a form a parameter
    /// and a text, such as Body=Hello; repeatable
    #[arg(long, value_name = "PATH=VALUE", value_parser = path_and_value)]
    pub set: Vec<(String, String)>,
    /// Change a header, as `Name: value`, such as an id, to send the same event again; repeatable
    #[arg(long, value_name = "HEADER", value_parser = header)]
    pub header: Vec<(String, String)>,
    /// How many events to send
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub count: u32,
    /// How many of them at the same time
    #[arg(long, value_name = "C", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub concurrency: u16,
    /// Show the signed request instead of sending it
    #[arg(long, value_name = "AS", conflicts_with_all = ["count", "concurrency"])]
    pub print: Option<Shape>,
    /// List the provider's samples, or everybody's
    #[arg(long, conflicts_with_all = ["sample", "print", "count"])]
    pub list: bool,
}

// Written by hand because the secret stays out of it.
impl std::fmt::Debug for Args {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Args").field("provider", &self.provider).field("sample", &self.sample).finish_non_exhaustive()
    }
}

/// How a request is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shape {
    /// As it goes over the wire
    Request,
    /// As a command to paste into a shell
    Curl,
    /// As the event that API Gateway makes of it, for `sam local invoke -e -`
    ApiGateway,
}

fn path_and_value(text: &str) -> Result<(String, String), &'static str> {
    let (path, value) = text.split_once('=').ok_or("write it as PATH=VALUE, such as data.object.amount=6000")?;
    Ok((path.to_owned(), value.to_owned()))
}

/// Sends, or shows what would be sent.
///
/// # Errors
/// [`Error::Usage`] if there is no such sample, no secret that may be used, or a change that cannot be made.
pub fn run(args: &Args, surroundings: &mut Surroundings<'_>) -> Result<Exit, Error> {
    let provider = match &args.provider {
        Some(name) => by_name(name).ok_or_else(|| usage(format!("no provider is called {name}")))?,
        None => {
            for sample in SAMPLES {
                writeln!(surroundings.output, "{} {}", sample.provider, sample.name)?;
            }
            return Ok(Exit::Success);
        }
    };
    let Some(name) = args.sample.as_deref().filter(|_| !args.list) else {
        for sample in Sample::of(provider.name()) {
            writeln!(surroundings.output, "{}", sample.name)?;
        }
        return Ok(Exit::Success);
    };
    let sample = Sample::find(provider.name(), name).ok_or_else(|| {
        let names: Vec<&str> = Sample::of(provider.name()).map(|sample| sample.name).collect();
        usage(format!("{} has no sample {name}: there are {}", provider.name(), names.join(", ")))
    })?;
    let request = sample.request();
    let path = path_of_source(&request.path, args.source.as_deref());
    let target = match &args.to {
        Some(to) => Target::new(to, &path)?,
        None => Target::new(&own_address(surroundings)?.parse().map_err(|_| usage("SLUICE_LISTEN can't be sent to: give --to"))?, &path)?,
    };
    let sender = Sender {
        provider,
        secret: secret(args, provider, &target, surroundings)?,
        draft: Draft::read(&request).ok_or_else(|| usage("the sample's body is neither JSON nor a form"))?,
        method: request.method,
        signed_url: target.signed_url((surroundings.setting)("SLUICE_PUBLIC_URL").as_deref()),
        target,
        changes: args,
    };
    // Made once before anything is sent: a change that cannot be made is a mistake of the command line, not of one event.
    let first = sender.make(surroundings)?;
    for (path, _) in args.set.iter().filter(|(path, _)| !sender.draft.has(path)) {
        writeln!(surroundings.remarks, "note: the sample has nothing at {path}, and --set adds it; is the path right?")?;
    }
    if let Some(shape) = args.print {
        write!(surroundings.output, "{}", print::show(shape, &first, &sender.target, (surroundings.now)()))?;
        return Ok(Exit::Success);
    }
    post::all(&sender, first, args.count, args.concurrency, surroundings)
}

/// The path of a sample, whose source is the default one, for the source that was asked for.
fn path_of_source<'a>(path: &'a str, source: Option<&str>) -> Cow<'a, str> {
    match source {
        Some(source) if source != DEFAULT_SOURCE => {
            let (path, query) = path.split_at(path.find('?').unwrap_or(path.len()));
            // Of senders that are all told apart by a source the default one is named.
            Cow::Owned(format!("{}/{source}{query}", path.strip_suffix("/default").unwrap_or(path)))
        }
        _ => Cow::Borrowed(path),
    }
}

/// Where requests go.
#[derive(Debug)]
pub(super) struct Target {
    /// The whole URL.
    pub(super) url: Uri,
    /// Host and port as the `Host` header names them.
    pub(super) authority: String,
    /// The host alone.
    pub(super) host: String,
    is_loopback: bool,
}

impl Target {
    fn new(to: &Uri, path: &str) -> Result<Self, Error> {
        let whole = || usage(format!("{to} is no URL to post to: write http://host:port or https://host"));
        let (Some("http" | "https"), Some(authority)) = (to.scheme_str(), to.authority()) else {
            return Err(whole());
        };
        if authority.as_str().contains('@') {
            return Err(usage("the URL has a user name in it, which is not sent: leave it out"));
        }
        let path = match to.path_and_query().map(http::uri::PathAndQuery::as_str) {
            None | Some("" | "/") => path,
            Some(own) => own,
        };
        let host = authority.host().trim_matches(['[', ']']);
        Ok(Self {
            url: Uri::builder()
                .scheme(to.scheme_str().unwrap_or("http"))
                .authority(authority.clone())
                .path_and_query(path)
                .build()
                .map_err(|_| whole())?,
            authority: authority.to_string(),
            host: host.to_owned(),
            is_loopback: host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|address: IpAddr| address.is_loopback()),
        })
    }
}

impl Target {
    /// The URL that the provider was given. This machine was not given to it under its address: there it is what the gateway takes for its own.
    fn signed_url(&self, public_url: Option<&str>) -> String {
        if !self.is_loopback {
            return self.url.to_string();
        }
        let path = self.url.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        if let Some(public_url) = public_url {
            return format!("{}{path}", public_url.trim_end_matches('/'));
        }
        let port = self.url.port_u16().map_or_else(String::new, |port| format!(":{port}"));
        format!("{}://localhost{port}{path}", self.url.scheme_str().unwrap_or("http"))
    }
}

/// Never another machine's secret by accident: the public one goes to this machine alone.
fn secret(args: &Args, provider: &dyn Provider, target: &Target, surroundings: &Surroundings<'_>) -> Result<Secret, Error> {
    let (setting, found) = match &args.source {
        Some(source) => {
            let setting = secret_setting(provider, source);
            let found = (surroundings.setting)(&setting);
            if found.is_none() && source != DEFAULT_SOURCE {
                return Err(usage(format!("no secret to sign with as the source {source}: set {setting}, or give --secret")));
            }
            (setting, found)
        }
        None => {
            // An address that names a source which has no secret here is signed for as ever: it may be another machine's.
            let in_path = source_in(provider, target.url.path()).map(|source| secret_setting(provider, source));
            let own = in_path.and_then(|setting| Some((setting.clone(), (surroundings.setting)(&setting)?)));
            match own {
                Some((setting, found)) => (setting, Some(found)),
                None => (provider.secret_setting().to_owned(), (surroundings.setting)(provider.secret_setting())),
            }
        }
    };
    let secret = match (&args.secret, found) {
        (Some(given), _) => provider.read_secret(given),
        (None, Some(list)) => provider.read_secret(list.split(',').next().unwrap_or_default().trim()),
        (None, None) if target.is_loopback => provider.read_secret(provider.dev_secret()),
        (None, None) => {
            return Err(usage(format!(
                "no secret to sign for {} with: give --secret, or set {setting} (the secret of `sluice dev` is for this machine only)",
                target.authority
            )));
        }
    };
    if secret.is_blank() {
        return Err(usage(format!("the secret is empty: correct --secret or {setting}, or leave both out for `sluice dev`")));
    }
    Ok(secret)
}

/// A sample that is ready to be sent, many times.
pub(super) struct Sender<'a> {
    provider: &'static dyn Provider,
    secret: Secret,
    method: String,
    draft: Draft,
    changes: &'a Args,
    signed_url: String,
    pub(super) target: Target,
}

impl Sender<'_> {
    /// A new event, signed now.
    pub(super) fn make(&self, surroundings: &Surroundings<'_>) -> Result<Request, Error> {
        let now = (surroundings.now)();
        let new = New { random: (surroundings.random)(), now };
        let mut draft = self.draft.clone();
        new.renew(&mut draft, self.provider.renewals()).map_err(|error| usage(error.to_string()))?;
        for (path, value) in &self.changes.set {
            draft.set_typed(path, value).map_err(|error| usage(format!("--set: {error}")))?;
        }
        for (name, value) in &self.changes.header {
            draft.set_header(name, value);
        }
        let body = draft.body(self.provider.layout());
        let headers: Vec<(&str, &[u8])> = draft.headers.iter().map(|(name, value)| (&name[..], value.as_bytes())).collect();
        let unsigned = Message { method: &self.method, url: &self.signed_url, headers: &headers, body: body.as_bytes() };
        let signed =
            self.provider.scheme().sign(&unsigned, std::slice::from_ref(&self.secret), now).map_err(|error| usage(error.to_string()))?;
        let path = match signed.url.as_deref().map(str::parse::<Uri>) {
            Some(Ok(url)) => url.path_and_query().map(ToString::to_string),
            _ => self.target.url.path_and_query().map(ToString::to_string),
        };
        let mut request = Request { method: self.method.clone(), path: path.unwrap_or_default(), headers: draft.headers, body };
        for (name, value) in signed.headers {
            // A header that was given stands: also a wrong signature can be sent.
            if !request.headers.keys().any(|given| given.eq_ignore_ascii_case(name)) {
                request.headers.insert(name.to_owned(), value);
            }
        }
        Ok(request)
    }
}
