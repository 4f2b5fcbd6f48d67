use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Customer;
use crate::{
    form::{self, Form},
    kind::{Owned, put_record},
    plan::{Stop, View},
    records::{Word, keep_unsaid},
    rules,
    time::Timestamp,
};

/// The owner's word on a customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerPut {
    /// Stripe's id of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stripe_customer_id: Option<String>,
    /// The tenant that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Its phone, E.164.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// The owner's own notes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

impl Owned for Customer {
    type Put = CustomerPut;
    const FIELDS: &'static [&'static str] = &["stripe_customer_id", "tenant", "name", "email", "phone", "metadata"];

    fn read_put(form: &mut Form<'_>, _: Timestamp) -> CustomerPut {
        CustomerPut {
            stripe_customer_id: form.optional("stripe_customer_id", form::id),
            tenant: form.optional("tenant", form::id),
            name: form.optional("name", form::line(200)),
            email: form.optional("email", form::email),
            phone: form.optional("phone", form::phone),
            metadata: form.optional("metadata", form::metadata).unwrap_or_default(),
        }
    }

    put_record!();

    fn join_put(&mut self, at: Timestamp, mut put: CustomerPut) {
        self.heard.join(at);
        if let Some(known) = self.put.as_ref().map(|known| &known.said) {
            keep_unsaid(&mut put.stripe_customer_id, self.stripe_id(), known.stripe_customer_id.as_ref());
            keep_unsaid(&mut put.name, self.name(), known.name.as_ref());
            keep_unsaid(&mut put.email, self.email(), known.email.as_ref());
            keep_unsaid(&mut put.phone, self.phone(), known.phone.as_ref());
        }
        Word::join(&mut self.put, at, put);
    }

    fn settle(self, view: &mut View<'_>) -> Result<(), Stop> {
        rules::settle_customer(view, self)
    }
}
