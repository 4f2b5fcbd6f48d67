use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Tenant;
use crate::{
    form::{self, Form},
    kind::{Owned, put_record},
    plan::{Stop, View},
    records::{Word, keep_unsaid},
    rules,
    time::Timestamp,
};

/// The owner's word on a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantPut {
    /// Its name.
    pub name: String,
    /// Stripe's id of the customer that it pays as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stripe_customer_id: Option<String>,
    /// Stripe's id of the subscription that it pays for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stripe_subscription_id: Option<String>,
    /// The owner's own notes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

impl Owned for Tenant {
    type Put = TenantPut;
    const FIELDS: &'static [&'static str] = &["name", "stripe_customer_id", "stripe_subscription_id", "metadata"];

    fn read_put(form: &mut Form<'_>, _: Timestamp) -> TenantPut {
        TenantPut {
            name: form.required("name", form::line(200)),
            stripe_customer_id: form.optional("stripe_customer_id", form::id),
            stripe_subscription_id: form.optional("stripe_subscription_id", form::id),
            metadata: form.optional("metadata", form::metadata).unwrap_or_default(),
        }
    }

    put_record!();

    fn join_put(&mut self, at: Timestamp, mut put: TenantPut) {
        self.heard.join(at);
        if let Some(known) = self.put.as_ref().map(|known| &known.said) {
            keep_unsaid(&mut put.stripe_customer_id, self.stripe_customer_id(), known.stripe_customer_id.as_ref());
            keep_unsaid(&mut put.stripe_subscription_id, self.subscription_id(), known.stripe_subscription_id.as_ref());
        }
        Word::join(&mut self.put, at, put);
    }

    fn settle(self, view: &mut View<'_>) -> Result<(), Stop> {
        rules::settle_tenant(view, self)
    }
}
