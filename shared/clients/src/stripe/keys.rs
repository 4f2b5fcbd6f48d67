use std::collections::BTreeMap;

use http::HeaderValue;
use sluice_signature::Secret;

/// The keys of one source: those for live objects, and those for test objects.
#[derive(Default)]
struct Pair {
    live: Vec<HeaderValue>,
    test: Vec<HeaderValue>,
}

/// The keys of every source, as they stand in a request.
pub(super) struct Keys(BTreeMap<String, Pair>);

impl Keys {
    /// Tells the keys apart by their [prefixes](https://docs.stripe.com/keys): `rk_test_…` and `sk_test_…` see test objects only, all others live
    /// ones only.
    pub(super) fn new(keys: &BTreeMap<String, Vec<Secret>>) -> Self {
        let pair = |secrets: &Vec<Secret>| {
            let mut pair = Pair::default();
            for secret in secrets {
                let Ok(mut header) = HeaderValue::try_from(format!("Bearer {}", secret.reveal())) else { continue };
                header.set_sensitive(true);
                if secret.reveal().contains("_test_") { &mut pair.test } else { &mut pair.live }.push(header);
            }
            pair
        };
        Self(keys.iter().map(|(source, secrets)| (source.clone(), pair(secrets))).collect())
    }

    /// The keys to ask with. None of one account or mode serves for another.
    pub(super) fn of(&self, source: &str, livemode: bool) -> &[HeaderValue] {
        self.0.get(source).map_or(&[], |pair| if livemode { &pair.live } else { &pair.test })
    }
}
