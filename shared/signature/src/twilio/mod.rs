mod url;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::Mac;
use sha2::{Digest, Sha256};

use self::url::Spelling;
pub(crate) use self::url::spellings;
use crate::{CannotSign, Form, Header, Invalid, Message, Scheme, Secret, Signed, Verified, encoding, secret::filled};

/// Twilio's scheme: `X-Twilio-Signature: <base64>`, HMAC-SHA1 over the URL and the parameters of a form, keyed with the account's primary
/// auth token (<https://www.twilio.com/docs/usage/security#validating-requests>). Two more kinds of requests are signed otherwise:
/// - A body that is no form is not hashed into the signature; its SHA-256 stands in the URL as `bodySHA256`, and is compared as well.
/// - With a shared key, `X-Twilio-Webhooks-Signature-Settings: key=<id>,algorithm=HMAC_SHA256` says so, and the MAC is HMAC-SHA256, keyed
///   with that key's secret (<https://www.twilio.com/docs/usage/webhooks/webhook-shared-keys>).
///
/// **Secrets.** A [`Secret`] without a name is an auth token that may sign for any account. With an account as its name (`AC…`), it signs for
/// that account alone: not for messages that say another `AccountSid` among their parameters. Sub-accounts have tokens of their own, so a
/// gateway that serves several names each, and none can speak for another. (What JSON says of accounts is for its reader to compare.) With a
/// shared key's id as its name (`webhooks_sharedkey_…`), it is that key's secret. The settings header is not signed, so it only chooses: with
/// it, the shared key that it names is tried with SHA-256, without it the auth tokens with SHA-1, and never anything else.
/// [`Twilio::secret`] reads the names.
///
/// **The URL** is [`Message::url`], the public one, as Twilio was given it, with the path and the query as requested. Twilio isn't
/// consistent in how it writes a URL when it signs, so, like its libraries, this tries it without port and with it (the one given, else the
/// scheme's), and if neither fits, in the spelling of browsers and in that of Node's `querystring`, again with and without port.
/// User info belongs to it, and IPv6 addresses have their brackets. Dots in the path are not resolved, as Node's library does: the path
/// that was requested is the one that was signed.
///
/// **The parameters** are sorted by name, every different value of a name counts once, sorted, and empty ones count
/// ([`Form`]). Names and values stand together without anything between, so `a=bc` and `ab=c` are signed alike. That is Twilio's doing, and the
/// reason to insist on the parameters that an event must have.
///
/// Where Twilio's libraries differ, or leave a gap:
/// - Parameters count if there is a body and it is a form, or does not say what it is and the URL has no hash. So also where the URL still
///   has the `bodySHA256` of an earlier request, as Python's library has it; Node's refuses that.
/// - Any other body needs the hash, which fits in every place where it stands in the URL, in lower case. Without it the request is refused,
///   for nothing would vouch for the body.
/// - An empty body needs the hash of nothing, if there is one, but not for GET: such requests are sent with a hash that has been copied
///   along, and the URL vouches for all there is.
/// - Go takes the first of several values only; here all count, as for Node, Python and PHP.
/// - The algorithm is exactly `HMAC_SHA256`, as Twilio writes it. Python's and Node's libraries take small letters, and Python's `HMAC_SHA1`, which a
///   shared key never signs with.
///
/// No time is signed: a captured request stays valid for ever.
#[derive(Clone, Copy, Debug, Default)]
pub struct Twilio;

impl Twilio {
    /// The header that Twilio signs in.
    pub const HEADER: &'static str = "X-Twilio-Signature";
    /// The header that says which shared key signed.
    pub const SETTINGS_HEADER: &'static str = "X-Twilio-Webhooks-Signature-Settings";

    /// As Twilio signs.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }

    /// Reads a secret as it stands in settings: an auth token, `AC…:` and the token of that account, or `webhooks_sharedkey_…:` and the
    /// secret of that shared key.
    #[must_use]
    pub fn secret(text: &str) -> Secret {
        match text.split_once(':') {
            Some((name, secret)) if is_account(name) || is_shared_key(name) => Secret::named(name, secret),
            _ => Secret::new(text),
        }
    }

    /// The account that a message says it is of: what to look up secrets by. Nothing vouches for it before the message is verified with a
    /// secret of that account. `None` if it says none, or several.
    #[must_use]
    pub fn account(message: &Message<'_>) -> Option<String> {
        let content = Content::of(message).ok()?;
        let form = content.form(message).ok()?;
        let mut accounts = accounts(content, &form, message);
        let account = accounts.next()?;
        accounts.all(|other| other == account).then(|| String::from_utf8(account.to_vec()).ok()).flatten()
    }
}

fn is_account(name: &str) -> bool {
    name.strip_prefix("AC").is_some_and(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

fn is_shared_key(name: &str) -> bool {
    name.starts_with("webhooks_sharedkey_")
}

impl Scheme for Twilio {
    fn header(&self) -> &'static str {
        Self::HEADER
    }

    fn verify(&self, message: &Message<'_>, secrets: &[Secret], _: i64) -> Result<Verified, Invalid> {
        let value = message.needed(Self::HEADER)?;
        let key = shared_key(message)?;
        let signature = Signature::read(value, key.is_some())?;
        let content = Content::of(message)?;
        let secrets = filled(secrets)?;
        let form = content.form(message)?;
        let parameters = form.signed();
        let suitable = secrets.filter(|(_, secret)| match key {
            // The header names what it likes: an account's token is no shared key.
            Some(id) => is_shared_key(id) && secret.name() == Some(id),
            None => is_token_for(secret, accounts(content, &form, message)),
        });
        let count = suitable.clone().count();
        if count == 0 {
            return Err(Invalid::NoSuitableSecret {
                wanted: if key.is_some() { "the shared key that the request names" } else { "a token of the request's account" },
            });
        }
        let mut urls = 0;
        for spelling in spellings(message.url) {
            urls += 1;
            for (secret, text) in suitable.clone() {
                if signature.fits(text, &spelling, &parameters) {
                    content.check_hash(secret, message)?;
                    return Ok(Verified { secret, timestamp: None });
                }
            }
        }
        Err(Invalid::NoMatch { signatures: 1, secrets: count, urls, timestamp: None })
    }

    /// With the first auth token that may sign for the message's account, or the first shared key. A body that is no form gets its hash into
    /// the URL, unless it has one already.
    fn sign(&self, unsigned: &Message<'_>, secrets: &[Secret], _: i64) -> Result<Signed, CannotSign> {
        let hash = Content::of(unsigned).is_err().then(|| with_hash(unsigned));
        let message = Message { url: hash.as_deref().unwrap_or(unsigned.url), ..*unsigned };
        let content = Content::of(&message).map_err(|_| CannotSign::Body { problem: "nothing would vouch for it" })?;
        let mut form = Form::default();
        if content == Content::Form {
            form = Form::parse(message.body).map_err(|malformed| CannotSign::Body { problem: malformed.problem() })?;
        }
        let parameters = form.signed();
        let may_sign =
            |secret: &Secret| secret.name().is_some_and(is_shared_key) || is_token_for(secret, accounts(content, &form, &message));
        let (_, secret) = filled(secrets)?.find(|(_, secret)| may_sign(secret)).ok_or(CannotSign::NoSecret)?;
        let spelling = Spelling::read(without_fragment(message.url));
        let mut headers = Vec::new();
        match secret.name().filter(|name| is_shared_key(name)) {
            None => headers.push((Self::HEADER, STANDARD.encode(mac(secret.sha1(), &spelling, &parameters).finalize().into_bytes()))),
            Some(id) => {
                headers.push((Self::HEADER, STANDARD.encode(mac(secret.sha256(), &spelling, &parameters).finalize().into_bytes())));
                headers.push((Self::SETTINGS_HEADER, format!("key={id},algorithm={ALGORITHM}")));
            }
        }
        Ok(Signed { url: hash, headers })
    }
}

/// The one algorithm of shared keys.
const ALGORITHM: &str = "HMAC_SHA256";
const HASH: &str = "bodySHA256";

/// The id of the shared key that the message says it is signed with.
pub(crate) fn shared_key<'a>(message: &Message<'a>) -> Result<Option<&'a str>, Invalid> {
    let malformed = |problem| Invalid::MalformedHeader { header: Twilio::SETTINGS_HEADER, problem };
    let value = match message.header(Twilio::SETTINGS_HEADER) {
        Header::Absent => return Ok(None),
        Header::Once(value) => std::str::from_utf8(value).map_err(|_| malformed("it is no text"))?,
        Header::Repeated => return Err(malformed("it was sent more than once")),
    };
    let (mut key, mut algorithm) = (None, None);
    for item in value.split(',') {
        let (name, value) = item.split_once('=').ok_or_else(|| malformed("an item is not name=value"))?;
        let place = match name.trim() {
            "key" => &mut key,
            "algorithm" => &mut algorithm,
            // Twilio adds to what it sends without notice.
            _ => continue,
        };
        if place.replace(value.trim()).is_some() {
            return Err(malformed("it names more than one key or algorithm"));
        }
    }
    if algorithm != Some(ALGORITHM) {
        return Err(malformed("its algorithm is not HMAC_SHA256"));
    }
    key.filter(|key| !key.is_empty()).map(Some).ok_or_else(|| malformed("it names no key"))
}

/// A signature, of the length that its algorithm has.
enum Signature {
    Sha1([u8; 20]),
    Sha256([u8; 32]),
}

impl Signature {
    fn read(value: &[u8], by_shared_key: bool) -> Result<Self, Invalid> {
        let (signature, problem) = if by_shared_key {
            (encoding::base64(value).map(Self::Sha256), "it is not 32 bytes in padded base64, as with a shared key")
        } else {
            (encoding::base64(value).map(Self::Sha1), "it is not 20 bytes in padded base64")
        };
        signature.ok_or(Invalid::MalformedHeader { header: Twilio::HEADER, problem })
    }

    fn fits(&self, key: &Secret, url: &Spelling<'_>, parameters: &[u8]) -> bool {
        match self {
            Self::Sha1(signature) => mac(key.sha1(), url, parameters).verify_slice(signature).is_ok(),
            Self::Sha256(signature) => mac(key.sha256(), url, parameters).verify_slice(signature).is_ok(),
        }
    }
}

/// Goes on with a keyed hash over what is signed.
fn mac<M: Mac>(mut mac: M, url: &Spelling<'_>, parameters: &[u8]) -> M {
    for piece in url.pieces() {
        mac.update(piece);
    }
    mac.update(parameters);
    mac
}

/// What vouches for a message's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    /// Its parameters are signed.
    Form,
    /// Its hash stands in the URL, which is signed.
    Hashed,
    /// It needs none: the URL is all there is.
    Nothing,
}

impl Content {
    fn of(message: &Message<'_>) -> Result<Self, Invalid> {
        let has_hash = query_values(message.url, HASH).next().is_some();
        if message.body.is_empty() {
            return Ok(if has_hash && message.method != "GET" { Self::Hashed } else { Self::Nothing });
        }
        match (message.header("Content-Type"), has_hash) {
            (Header::Once(value), _) if is_form(value) => Ok(Self::Form),
            (Header::Absent, false) => Ok(Self::Form),
            (_, true) => Ok(Self::Hashed),
            (_, false) => Err(Invalid::UnsignedBody),
        }
    }

    fn form(self, message: &Message<'_>) -> Result<Form, Invalid> {
        match self {
            Self::Form => Form::parse(message.body).map_err(|malformed| Invalid::MalformedBody { problem: malformed.problem() }),
            Self::Hashed | Self::Nothing => Ok(Form::default()),
        }
    }

    /// Only asked once the URL is known to be Twilio's.
    fn check_hash(self, secret: usize, message: &Message<'_>) -> Result<(), Invalid> {
        if self != Self::Hashed {
            return Ok(());
        }
        let hash: [u8; 32] = Sha256::digest(message.body).into();
        let fits = query_values(message.url, HASH).all(|digits| encoding::hex(digits.as_bytes()) == Some(hash));
        if fits { Ok(()) } else { Err(Invalid::OtherBody { secret }) }
    }
}

fn is_form(content_type: &[u8]) -> bool {
    let kind = content_type.split(|byte| *byte == b';').next().unwrap_or_default();
    kind.trim_ascii().eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
}

/// Whether the secret is an auth token for a message of these accounts.
fn is_token_for<'a>(secret: &Secret, mut accounts: impl Iterator<Item = &'a [u8]>) -> bool {
    match secret.name() {
        None => true,
        Some(name) if is_shared_key(name) => false,
        Some(name) => accounts.all(|account| account == name.as_bytes()),
    }
}

/// The accounts that a message says it is of: in its parameters, or in the query where that is all it has.
fn accounts<'a>(content: Content, form: &'a Form, message: &Message<'a>) -> impl Iterator<Item = &'a [u8]> {
    const NAME: &str = "AccountSid";
    let in_query = (content != Content::Form).then(|| query_values(message.url, NAME).map(str::as_bytes));
    form.values(NAME).chain(in_query.into_iter().flatten())
}

/// The values of that name in the query, as they stand there.
fn query_values<'a>(url: &'a str, name: &'static str) -> impl Iterator<Item = &'a str> {
    let query = without_fragment(url).split_once('?').map_or("", |(_, query)| query);
    query.split('&').filter_map(|pair| pair.split_once('=')).filter(move |(found, _)| *found == name).map(|(_, value)| value)
}

/// The URL with the hash of the body, put where Twilio puts it.
pub(crate) fn with_hash(message: &Message<'_>) -> String {
    let url = without_fragment(message.url);
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}{HASH}={}", hex::encode(Sha256::digest(message.body)))
}

/// A fragment is never sent and never signed; Twilio takes its settings for connections from there.
fn without_fragment(url: &str) -> &str {
    url.split('#').next().unwrap_or_default()
}
