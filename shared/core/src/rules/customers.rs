//! Customers, tenants and subscriptions find each other here.
//!
//! What Stripe says of a customer lies under Stripe's id, and is copied to the customers and tenants that were put with it, in the commit of the
//! change. A subscription is the way from its id to its tenants and its customer.

use crate::{
    plan::{Stop, View},
    records::{Customer, PaymentMethod, StripeCustomer, Subscribed, Subscription, Tenant},
    time::Timestamp,
};

use super::waiting_invoices;

/// The customer as it is, or as it begins now that something is heard of it.
pub(super) fn customer_heard_of(view: &mut View<'_>, id: &str, at: Timestamp) -> Result<Customer, Stop> {
    let mut customer = customer_at(view, id, at)?;
    customer.heard.join(at);
    Ok(customer)
}

fn customer_at(view: &mut View<'_>, id: &str, at: Timestamp) -> Result<Customer, Stop> {
    Ok(view.read::<Customer>(id)?.unwrap_or_else(|| Customer::first_heard(id, at)))
}

/// The tenant as it is, or as it begins now that something is heard of it.
pub(super) fn tenant_heard_of(view: &mut View<'_>, id: &str, at: Timestamp) -> Result<Tenant, Stop> {
    let mut tenant = view.read::<Tenant>(id)?.unwrap_or_else(|| Tenant::first_heard(id, at));
    tenant.heard.join(at);
    Ok(tenant)
}

/// The subscription as it is, or as it begins now that something is heard of it.
pub(super) fn subscription_heard_of(view: &mut View<'_>, id: &str, at: Timestamp) -> Result<Subscription, Stop> {
    let mut subscription = view.read::<Subscription>(id)?.unwrap_or_else(|| Subscription::first_heard(id, at));
    subscription.heard.join(at);
    Ok(subscription)
}

/// Settles a Stripe customer that facts were joined to: those that were put with it copy them. Returns whether anybody knows whom it is.
pub(super) fn settle_stripe_customer(view: &mut View<'_>, customer: &Customer) -> Result<bool, Stop> {
    view.write(customer)?;
    let tells = view.tells::<Customer>(&customer.id);
    for id in customer.claimed_by.iter().filter(|id| **id != customer.id) {
        let mut copy = customer_at(view, id, customer.heard.last)?;
        if tells || copy.copied != customer.own {
            if tells {
                view.tell::<Customer>(id);
            }
            copy.copied = customer.own.clone();
            copy.heard.join(customer.heard.last);
            view.write(&copy)?;
        }
    }
    for id in &customer.tenants {
        let mut tenant = tenant_heard_of(view, id, customer.heard.last)?;
        if tenant.of_customer != customer.own.subscriptions {
            tenant.of_customer = customer.own.subscriptions.clone();
            view.write(&tenant)?;
        }
    }
    Ok(customer.is_known())
}

/// Has every payment method of a Stripe customer say whose it is, whether that is somebody who is known, and whether it is the default.
pub(super) fn settle_payment_methods(view: &mut View<'_>, customer: &Customer) -> Result<(), Stop> {
    let default = customer.own.default_method().map(|(id, _)| id);
    let owner = customer.claimed_by.first().unwrap_or(&customer.id);
    for id in customer.own.payment_methods.keys() {
        let Some(mut method) = view.read::<PaymentMethod>(id)? else { continue };
        let before = method.clone();
        method.is_default = default == Some(id);
        method.customer_id = Some(owner.clone());
        method.waits = !customer.is_known();
        if method != before {
            view.write(&method)?;
        }
    }
    Ok(())
}

/// Settles a customer that was put: the Stripe customer that it was put with knows of it, and its invoices can be matched.
pub(crate) fn settle_customer(view: &mut View<'_>, mut customer: Customer) -> Result<(), Stop> {
    let at = customer.heard.last;
    let claims = customer.stripe_id().filter(|id| *id != customer.id).map(str::to_owned);
    let claimed = std::mem::replace(&mut customer.claimed, claims.clone());
    let changed = claimed != claims;
    if changed {
        customer.copied = StripeCustomer::default();
    }
    view.write(&customer)?;
    // Of one that is put under Stripe's own id.
    settle_payment_methods(view, &customer)?;
    if changed {
        for (id, claims) in [(claimed, false), (claims, true)] {
            let Some(id) = id else { continue };
            let mut stripe = customer_at(view, &id, at)?;
            if claims {
                stripe.claimed_by.insert(customer.id.clone())
            } else {
                stripe.claimed_by.remove(&customer.id)
            };
            settle_stripe_customer(view, &stripe)?;
            settle_payment_methods(view, &stripe)?;
        }
    }
    if customer.stripe_id().is_none() {
        return Ok(());
    }
    waiting_invoices::take(view, &customer.id)
}

/// Settles a tenant that was put: the subscription and the Stripe customer that it was put with know of it.
pub(crate) fn settle_tenant(view: &mut View<'_>, mut tenant: Tenant) -> Result<(), Stop> {
    let at = tenant.heard.last;
    let put = tenant.put.as_ref().map(|put| &put.said);
    let subscription = put.and_then(|put| put.stripe_subscription_id.clone());
    let customer = put.and_then(|put| put.stripe_customer_id.clone());
    let had_subscription = std::mem::replace(&mut tenant.claimed_subscription, subscription.clone());
    let had_customer = std::mem::replace(&mut tenant.claimed_customer, customer.clone());
    if had_customer != customer {
        tenant.of_customer.clear();
    }
    view.write(&tenant)?;
    if had_subscription != subscription {
        if let Some(id) = had_subscription.filter(|id| !tenant.checkouts.contains_key(id)) {
            let mut subscription = subscription_heard_of(view, &id, at)?;
            subscription.tenants.remove(&tenant.id);
            view.write(&subscription)?;
            tenant.subscriptions.remove(&id);
            view.write(&tenant)?;
        }
        if let Some(id) = subscription {
            let mut subscription = subscription_heard_of(view, &id, at)?;
            subscription.tenants.insert(tenant.id.clone());
            settle_subscription(view, &subscription)?;
        }
    }
    if had_customer != customer {
        for (id, claims) in [(had_customer, false), (customer, true)] {
            let Some(id) = id else { continue };
            let mut customer = customer_at(view, &id, at)?;
            if claims {
                customer.tenants.insert(tenant.id.clone())
            } else {
                customer.tenants.remove(&tenant.id)
            };
            settle_stripe_customer(view, &customer)?;
            settle_payment_methods(view, &customer)?;
        }
    }
    Ok(())
}

/// Settles a subscription that facts were joined to: its tenants and its customer copy them. Returns whether anybody knows whose it is.
pub(super) fn settle_subscription(view: &mut View<'_>, subscription: &Subscription) -> Result<bool, Stop> {
    let at = subscription.heard.last;
    let tells = view.tells::<Subscription>(&subscription.id);
    view.write(subscription)?;
    let Some(subscribed) = subscription.subscribed() else { return Ok(!subscription.tenants.is_empty()) };
    for id in &subscription.tenants {
        let mut tenant = tenant_heard_of(view, id, at)?;
        if tenant.subscriptions.get(&subscription.id) != Some(&subscribed) {
            tenant.subscriptions.insert(subscription.id.clone(), subscribed.clone());
            view.write(&tenant)?;
        }
    }
    let customer = match &subscription.customer {
        Some(customer) => Some(customer_heard_of(view, &customer.what, at)?),
        None => None,
    };
    if tells {
        tell_subscribers(view, subscription, customer.as_ref())?;
    }
    let Some(mut customer) = customer else { return Ok(!subscription.tenants.is_empty()) };
    customer.own.subscriptions.insert(subscription.id.clone(), Subscribed { customer: None, ..subscribed });
    let known = settle_stripe_customer(view, &customer)?;
    Ok(known || !subscription.tenants.is_empty())
}

/// What an event says of a subscription it says of the customer and of the tenants that pay with it.
fn tell_subscribers(view: &mut View<'_>, subscription: &Subscription, customer: Option<&Customer>) -> Result<(), Stop> {
    if let Some(customer) = customer {
        view.tell::<Customer>(&customer.id);
    }
    let tenants = subscription.tenants.iter().chain(customer.into_iter().flat_map(|customer| &customer.tenants));
    for id in tenants {
        let tenant = tenant_heard_of(view, id, subscription.heard.last)?;
        view.tell::<Tenant>(id);
        view.write(&tenant)?;
    }
    Ok(())
}
