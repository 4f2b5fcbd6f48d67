use std::collections::BTreeMap;

use sluice_signature::Secret;

use super::{Mode, Reader};

/// How Stripe's API is asked.
#[derive(Clone, Debug, Default)]
pub struct StripeApiSettings {
    /// The keys of each source. Empty: nobody is asked.
    pub keys: BTreeMap<String, Vec<Secret>>,
    /// Where the API is; Stripe's own unless set.
    pub base_url: Option<String>,
}

impl StripeApiSettings {
    /// Reads them.
    pub fn read(reader: &mut Reader<'_>, mode: Mode) -> Self {
        let mut keys = BTreeMap::new();
        for (source, setting, values) in reader.family("STRIPE_SECRET_KEY") {
            if let Some(problem) = values.iter().find_map(|value| problem(value, mode)) {
                reader.problem(&setting, problem);
            }
            keys.insert(source, values.into_iter().map(Secret::new).collect());
        }
        Self { keys, base_url: reader.text("SLUICE_STRIPE_API_URL").map(str::to_owned) }
    }
}

/// Why a text is no API key, where that shows. On Lambda a deployment's secret begins with a value that is none: Stripe refuses that one, and says so.
fn problem(key: &str, mode: Mode) -> Option<&'static str> {
    if key.starts_with("whsec_") {
        Some("is a signing secret, which belongs into STRIPE_WEBHOOK_SECRET; API keys begin with rk_ or sk_")
    } else if key.starts_with("pk_") {
        Some("is a publishable key, which may read nothing; make a restricted key (rk_…) in Stripe's dashboard")
    } else if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        Some("holds characters that no API key of Stripe's has")
    } else if mode != Mode::Lambda && !["sk_", "rk_"].iter().any(|start| key.starts_with(start)) {
        Some("is no API key of Stripe's: they begin with rk_ or sk_; copy it from Stripe's dashboard")
    } else {
        None
    }
}
