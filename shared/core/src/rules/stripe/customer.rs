//! <https://docs.stripe.com/api/customers/object>, <https://docs.stripe.com/api/subscriptions/object>,
//! <https://docs.stripe.com/api/checkout/sessions/object> and <https://docs.stripe.com/api/setup_intents/object>

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{
    Envelope,
    shape::{Kind, List, Metadata, Named, Reference, id, id_of, lenient, occurred_at, short},
};
use crate::{
    address,
    ids::record_id,
    plan::{Event, Stop, View},
    ports::StripeObject,
    records::{self, Card, PaymentMethod, SavedMethod, Tenant, Told, Version, Versions},
    rules::customers::{
        customer_heard_of, settle_payment_methods, settle_stripe_customer, settle_subscription, subscription_heard_of, tenant_heard_of,
    },
};

#[derive(Deserialize)]
pub(super) struct Customer {
    #[serde(default, rename = "object")]
    _kind: Kind<Customer>,
    #[serde(deserialize_with = "id")]
    id: String,
    #[serde(default, deserialize_with = "short")]
    name: Option<String>,
    #[serde(default, deserialize_with = "short")]
    email: Option<String>,
    #[serde(default, deserialize_with = "short")]
    phone: Option<String>,
}

impl Named for Customer {
    const NAME: &'static str = "customer";
}

/// What is said of a customer, now or before.
fn contact(name: Option<&str>, email: Option<&str>, phone: Option<&str>) -> BTreeMap<String, Value> {
    let phone = phone.map(|phone| address::phone(phone).unwrap_or_else(|| phone.to_owned()));
    let fields = [("name", name.map(str::to_owned)), ("email", email.map(str::to_owned)), ("phone", phone)];
    fields.into_iter().filter_map(|(field, value)| Some((field.to_owned(), Value::String(value?)))).collect()
}

/// A customer of Stripe's was made or changed.
pub(super) fn told(event: &Event<'_>, body: &Envelope<Customer>, view: &mut View<'_>) -> Result<(), Stop> {
    let said = &body.data.object;
    let fields = contact(said.name.as_deref(), said.email.as_deref(), said.phone.as_deref());
    let before = body.data.previous_attributes.as_ref();
    let was = |field: &str| before.and_then(|before| before.get(field)).filter(|value| !value.is_null());
    let text = |field: &str| was(field).and_then(Value::as_str);
    let mut previous = contact(text("name"), text("email"), text("phone"));
    // What was not there before is told as null.
    for field in ["name", "email", "phone"] {
        if before.and_then(|before| before.get(field)).is_some_and(Value::is_null) {
            previous.insert(field.to_owned(), Value::Null);
        }
    }
    let mut customer = customer_heard_of(view, &said.id, event.received_at)?;
    view.tell::<records::Customer>(&said.id);
    Versions::join(&mut customer.own.contact, occurred_at(event)?, &body.id, Version { fields, previous });
    if !settle_stripe_customer(view, &customer)? {
        view.mark_unmatched();
    }
    view.summarize(format!("{} of customer {}", if event.kind.ends_with("created") { "mail, phone and name" } else { "changes" }, said.id));
    Ok(())
}

#[derive(Deserialize)]
pub(super) struct Subscription {
    #[serde(default, rename = "object")]
    _kind: Kind<Subscription>,
    #[serde(deserialize_with = "id")]
    id: String,
    #[serde(default, deserialize_with = "lenient")]
    customer: Option<Reference>,
    #[serde(flatten)]
    state: State,
}

impl Named for Subscription {
    const NAME: &'static str = "subscription";
}

/// What changes of a subscription.
#[derive(Default, Deserialize)]
struct State {
    #[serde(default, deserialize_with = "short")]
    status: Option<String>,
    #[serde(flatten)]
    period: Period,
    #[serde(default, deserialize_with = "lenient")]
    items: Option<List<Period>>,
}

/// The period that is paid for. On the subscription until March 2025, on its items since then.
#[derive(Clone, Debug, Default, Deserialize)]
struct Period {
    #[serde(default, deserialize_with = "lenient")]
    current_period_start: Option<i64>,
    #[serde(default, deserialize_with = "lenient")]
    current_period_end: Option<i64>,
}

fn state(said: &State) -> BTreeMap<String, Value> {
    let State { status, period, items } = said;
    let items = items.as_ref().map(|items| items.data.as_slice()).unwrap_or_default();
    let start = items.iter().filter_map(|item| item.current_period_start).min().or(period.current_period_start);
    let end = items.iter().filter_map(|item| item.current_period_end).max().or(period.current_period_end);
    let fields =
        [("status", status.as_deref().map(Value::from)), ("period_start", start.map(Value::from)), ("period_end", end.map(Value::from))];
    fields.into_iter().filter_map(|(field, value)| Some((field.to_owned(), value?))).collect()
}

/// A subscription was made, changed or deleted.
pub(super) fn subscription(event: &Event<'_>, body: &Envelope<Subscription>, view: &mut View<'_>) -> Result<(), Stop> {
    let said = &body.data.object;
    let at = occurred_at(event)?;
    let fields = state(&said.state);
    let before = body.data.previous_attributes.clone().unwrap_or_default();
    let previous: State = serde_json::from_value(Value::Object(before)).unwrap_or_default();
    let previous = state(&previous);
    let mut subscription = subscription_heard_of(view, &said.id, event.received_at)?;
    view.tell::<records::Subscription>(&said.id);
    Versions::join(&mut subscription.state, at, &body.id, Version { fields, previous });
    if event.kind.ends_with("deleted") {
        Told::first(&mut subscription.deleted, Told { at, event: body.id.clone(), what: () });
    }
    if let Some(what) = id_of(said.customer.as_ref()) {
        Told::first(&mut subscription.customer, Told { at, event: body.id.clone(), what });
    }
    if !settle_subscription(view, &subscription)? {
        view.mark_unmatched();
    }
    view.summarize(format!("subscription {} is {}", said.id, said.state.status.as_deref().unwrap_or("in a state that is not said")));
    Ok(())
}

#[derive(Deserialize)]
pub(super) struct CheckoutSession {
    #[serde(default, rename = "object")]
    _kind: Kind<CheckoutSession>,
    #[serde(deserialize_with = "id")]
    id: String,
    #[serde(default, deserialize_with = "lenient")]
    client_reference_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    metadata: Option<Metadata>,
    #[serde(default, deserialize_with = "lenient")]
    subscription: Option<Reference>,
    #[serde(default, deserialize_with = "lenient")]
    customer: Option<Reference>,
    #[serde(default, deserialize_with = "lenient")]
    payment_status: Option<String>,
}

impl Named for CheckoutSession {
    const NAME: &'static str = "checkout.session";
}

/// A checkout was completed, or its payment came or failed later: the subscription that was bought is the tenant's once it is paid.
pub(super) fn checkout(event: &Event<'_>, body: &Envelope<CheckoutSession>, view: &mut View<'_>) -> Result<(), Stop> {
    let said = &body.data.object;
    let at = occurred_at(event)?;
    match event.kind {
        "checkout.session.async_payment_failed" => {
            view.summarize(format!("the payment of checkout {} failed", said.id));
            return Ok(());
        }
        "checkout.session.completed" if said.payment_status.as_deref() == Some("unpaid") => {
            view.summarize(format!("checkout {} is completed and waits for its payment", said.id));
            return Ok(());
        }
        _ => {}
    }
    let Some(subscription) = id_of(said.subscription.as_ref()) else {
        view.summarize(format!("checkout {} is paid; it bought no subscription", said.id));
        return Ok(());
    };
    let reference = said.client_reference_id.clone().filter(|id| record_id(id).is_ok());
    let Some(tenant) = reference.or_else(|| Metadata::tenant_id(said.metadata.as_ref())) else {
        view.mark_unmatched();
        view.summarize(format!("checkout {} bought subscription {subscription}, and names no tenant", said.id));
        return Ok(());
    };
    let customer = id_of(said.customer.as_ref());
    let mut found = tenant_heard_of(view, &tenant, event.received_at)?;
    let told = Told { at, event: body.id.clone(), what: customer.clone() };
    let known = found.checkouts.entry(subscription.clone()).or_insert_with(|| told.clone());
    *known = told.min(known.clone());
    let unmatched = found.put.is_none();
    view.tell::<Tenant>(&tenant);
    view.write(&found)?;
    let mut bought = subscription_heard_of(view, &subscription, event.received_at)?;
    bought.tenants.insert(tenant.clone());
    if let Some(what) = customer {
        Told::first(&mut bought.customer, Told { at, event: body.id.clone(), what });
    }
    settle_subscription(view, &bought)?;
    if unmatched {
        view.mark_unmatched();
    }
    view.summarize(format!("tenant {tenant} bought subscription {subscription}"));
    Ok(())
}

#[derive(Deserialize)]
pub(super) struct SetupIntent {
    #[serde(default, rename = "object")]
    _kind: Kind<SetupIntent>,
    #[serde(default, deserialize_with = "lenient")]
    customer: Option<Reference>,
    #[serde(default, deserialize_with = "lenient")]
    payment_method: Option<Reference>,
}

impl Named for SetupIntent {
    const NAME: &'static str = "setup_intent";
}

/// What a payment method says: <https://docs.stripe.com/api/payment_methods/object>.
#[derive(Default, Deserialize)]
struct Method {
    #[serde(default, deserialize_with = "lenient")]
    customer: Option<Reference>,
    #[serde(default, deserialize_with = "lenient")]
    card: Option<Card>,
    #[serde(default, deserialize_with = "lenient")]
    card_present: Option<Card>,
}

/// A payment method was set up for later payments. The customer's first one is the default.
pub(super) fn setup(event: &Event<'_>, body: &Envelope<SetupIntent>, view: &mut View<'_>) -> Result<(), Stop> {
    let said = &body.data.object;
    let at = occurred_at(event)?;
    let Some(id) = id_of(said.payment_method.as_ref()) else {
        view.mark_unmatched();
        view.summarize("a setup that names no payment method");
        return Ok(());
    };
    let method = match said.payment_method.as_ref().and_then(Reference::object) {
        Some(object) => serde_json::from_value(object.clone()).unwrap_or_default(),
        None => view.look_up(event.in_stripe(body.livemode, StripeObject::PaymentMethod(id.clone())))?.found().unwrap_or_default(),
    };
    let Method { customer: owner, card, card_present } = method;
    let told = |what| Told { at, event: body.id.clone(), what };
    let mut method = view.read::<PaymentMethod>(&id)?.unwrap_or_else(|| PaymentMethod::first_heard(&id, event.received_at));
    method.heard.join(event.received_at);
    view.tell::<PaymentMethod>(&id);
    Told::first(&mut method.saved, Told { at, event: body.id.clone(), what: () });
    if let Some(customer) = id_of(said.customer.as_ref()).or_else(|| id_of(owner.as_ref())) {
        Told::first(&mut method.customer, told(customer));
    }
    if let Some(card) = card.or(card_present) {
        Told::latest(&mut method.card, Told { at, event: body.id.clone(), what: card });
    }
    view.write(&method)?;
    view.summarize(format!("payment method {id} was set up"));
    let Some(customer) = &method.customer else {
        view.mark_unmatched();
        return Ok(());
    };
    let mut customer = customer_heard_of(view, &customer.what, event.received_at)?;
    view.tell::<records::Customer>(&customer.id);
    let saved =
        SavedMethod { at: method.saved.as_ref().map_or(at, |saved| saved.at), card: method.card.as_ref().map(|card| card.what.clone()) };
    customer.own.payment_methods.insert(id, saved);
    if !settle_stripe_customer(view, &customer)? {
        view.mark_unmatched();
    }
    settle_payment_methods(view, &customer)
}
