//! What the clients share: connections, where they may lead, and how a failure is told.

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;

/// Connections by TLS with the roots of Mozilla's programme, or plain ones where the address says so.
pub(crate) fn connector() -> HttpsConnector<HttpConnector> {
    let tls = HttpsConnectorBuilder::new().with_provider_and_webpki_roots(rustls::crypto::ring::default_provider());
    tls.expect("ring has the default versions").https_or_http().enable_http1().build()
}

/// The address of an API without a slash at its end: `https`, or `http` to this machine. `None` if it is none.
pub(crate) fn base_url(text: &str) -> Option<&str> {
    let base: Uri = text.parse().ok()?;
    let secure = match base.scheme_str()? {
        "https" => true,
        "http" => matches!(base.host()?, "localhost" | "127.0.0.1" | "[::1]"),
        _ => false,
    };
    (secure && base.query().is_none()).then(|| text.trim_end_matches('/'))
}

/// An error with all that caused it: the client's own texts say only where it happened.
pub(crate) fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
