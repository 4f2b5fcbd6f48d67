//! What a tenant's key may name in what it puts.
//!
//! What Stripe says of a customer or a payment is joined to whatever was put with its id. So ids of Stripe's are the operator's to give: whoever could name one
//! of somebody else's would be shown what it is about.

use serde_json::{Map, Value};

use super::{Api, Problem, key::Caller};
use crate::{
    form::FieldError,
    kind::{Owned, Served, state_of},
    ports::PortError,
    record::Record,
    records::{Customer, Invoice},
};

/// The fields that name something of Stripe's.
const OF_STRIPE: [&str; 2] = ["stripe_customer_id", "stripe_payment_intent_id"];
/// What ids of Stripe's begin with, by kind: a customer or an invoice that is put under one is Stripe's.
const STRIPE_IDS: [(&str, &str); 2] = [(Customer::KIND, "cus_"), (Invoice::KIND, "in_")];

/// Insists that a put with a tenant's key names nothing but what is the tenant's. What the operator has put there before may stay.
///
/// # Errors
/// A [`Problem`] with the fields, the same for what is somebody else's and for what there is not.
pub(super) async fn insist<K: Owned>(api: &Api, caller: &Caller, id: &str, fields: &Map<String, Value>) -> Result<(), Problem> {
    let Some(tenant) = caller.tenant() else { return Ok(()) };
    // Nothing is known of what is somebody else's.
    let known = read::<K>(api, id).await?.map(|record| state_of(&record)).filter(|known| known["tenant"] == tenant).unwrap_or_default();
    let mut errors = Vec::new();
    let mut wrong = |field: &str, message: &str| errors.push(FieldError { field: field.to_owned(), message: message.to_owned() });
    for field in OF_STRIPE {
        if fields.get(field).is_some_and(|named| !named.is_null() && *named != known[field]) {
            wrong(field, "is set with a key of the operator's");
        }
    }
    if STRIPE_IDS.into_iter().any(|(kind, prefix)| K::KIND == kind && id.starts_with(prefix)) && known["tenant"] != tenant {
        wrong("id", "is one of Stripe's: such a record is put with a key of the operator's");
    }
    if let Some(customer) = fields.get("customer_id").and_then(Value::as_str).filter(|_| K::FIELDS.contains(&"customer_id")) {
        let owner = read::<Customer>(api, customer).await?.filter(Served::is_served).map(|customer| state_of(&customer)["tenant"].clone());
        if owner.is_none_or(|owner| owner != tenant) && fields.get("customer_id") != Some(&known["customer_id"]) {
            wrong("customer_id", "is no customer of this tenant; put it first");
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(Problem::fields(errors)) }
}

async fn read<R: Record>(api: &Api, id: &str) -> Result<Option<R>, PortError> {
    api.store.get(&[R::key(id)]).await?.pop().flatten().as_ref().map(R::from_stored).transpose()
}
